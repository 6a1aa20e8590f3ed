"""Why a member has what they have, step by step."""

from dataclasses import replace

import pytest

from chalicelib.discord.models import (
    ADMINISTRATOR,
    MANAGE_NICKNAMES,
    Account,
    Answers,
    Guild,
    Member,
    NicknameAnswer,
    Role,
)
from chalicelib.members.explain import GroupVerdict, NicknameVerdict, RoleVerdict, Situation, explain
from chalicelib.members.explain_words import group_in_words, nickname_in_words, role_in_words
from chalicelib.members.plan import MAX_UNDONE, Desired, Rules
from chalicelib.members.roles import RolePolicy
from chalicelib.problems import Problem, ProblemKind

EVERYONE, BOT = Role(1, "@everyone", 0), Role(90, "Bot", 50, managed=True)
MEMBER, BLUE, NITRO = Role(10, "Member", 5), Role(11, "Blue", 6), Role(12, "Nitro", 7, managed=True)
STAFF, DIRECTOR, AZURE = Role(13, "Staff", 8), Role(14, "Director", 60), Role(15, "Azure", 9)
GUILD = Guild(1, "Guild", 2, (EVERYONE, BOT, MEMBER, BLUE, NITRO, STAFF, DIRECTOR, AZURE), frozenset({90}))
POLICY = RolePolicy(frozenset({"staff"}), frozenset({777}), frozenset({"secret"}), frozenset({"nitro"}))
ROLES = POLICY.within(GUILD, {"Old": 15}, role_map={"Pilot": 11, "Lost": 99})
RULES = Rules(ROLES, sync_names=True)
LINKED = Situation()


def a_member(*roles: Role, nick: str | None = None, number: int = 100) -> Member:
    return Member(Account(number, "kira"), nick, frozenset(role.id for role in roles))


@pytest.mark.parametrize(
    ("group", "verdict", "words"),
    [
        ("Member", GroupVerdict.ROLE, "role Member (by its name)"),
        ("Pilot", GroupVerdict.ROLE, "role Blue (by the role map)"),
        ("Old", GroupVerdict.ROLE, "role Azure (it stood for the group before it was renamed)"),
        ("Lost", GroupVerdict.GONE, "it is mapped to a role that does not exist any more"),
        ("Secret", GroupVerdict.EXCLUDED, "no role: it is in DISCORD_EXCLUDED_GROUPS"),
        ("Staff", GroupVerdict.RESERVED, "no role: its name is in DISCORD_RESERVED_ROLES"),
        ("Director", GroupVerdict.OUT_OF_REACH, "cannot be given or taken: it is not below the bot's highest role"),
        ("Nitro", GroupVerdict.OUT_OF_REACH, "it belongs to an integration"),
        ("Fresh", GroupVerdict.TO_CREATE, "will be created"),
        (" ", GroupVerdict.NO_NAME, "the name is empty"),
    ],
)
def test_what_stands_for_each_group(group: str, verdict: GroupVerdict, words: str) -> None:
    found = explain(Desired((group,)), a_member(), RULES, LINKED)
    assert found.groups
    assert found.groups[0].verdict is verdict
    assert words in group_in_words(found.groups[0])


def test_a_group_without_a_role_where_none_is_created() -> None:
    found = explain(Desired(("Fresh",)), None, replace(RULES, create_roles=False), LINKED)
    assert found.groups
    assert found.groups[0].verdict is GroupVerdict.NO_ROLE


@pytest.mark.parametrize(
    ("role", "desired", "verdict", "words"),
    [
        (MEMBER, Desired(("Member",)), RoleVerdict.KEEP, "kept: by group Member"),
        (BLUE, Desired(("Pilot", "Blue")), RoleVerdict.KEEP, "kept: by group Pilot, Blue"),
        (BLUE, Desired(()), RoleVerdict.TAKE, "to be taken: no group gives it"),
        (BLUE, Desired(None), RoleVerdict.LEAVE, "left alone"),
        (STAFF, Desired(()), RoleVerdict.LEAVE, "left alone: it is in DISCORD_RESERVED_ROLES"),
        (NITRO, Desired(()), RoleVerdict.LEAVE, "left alone: it belongs to an integration"),
        (BLUE, Desired((), answers=Answers(undone={11: MAX_UNDONE})), RoleVerdict.STUCK, "did not make it"),
    ],
)
def test_what_becomes_of_each_role(role: Role, desired: Desired, verdict: RoleVerdict, words: str) -> None:
    (line,) = explain(desired, a_member(role), RULES, LINKED).roles
    assert (line.role, line.held, line.verdict) == (role.name, True, verdict)
    assert words in role_in_words(line)


def test_a_role_to_be_given_is_listed_with_its_group() -> None:
    found = explain(Desired(("Pilot",)), a_member(), RULES, LINKED)
    (line,) = found.roles
    assert (line.held, line.verdict, role_in_words(line)) == (False, RoleVerdict.GIVE, "to be given: by group Pilot")
    assert found.would == ("give Blue",)


@pytest.mark.parametrize(
    ("member", "desired", "verdict"),
    [
        (a_member(nick="Kira"), Desired((), "Kira"), NicknameVerdict.AS_WANTED),
        (a_member(), Desired((), "Kira"), NicknameVerdict.SET),
        (a_member(), Desired(()), NicknameVerdict.NOT_STATED),
        (a_member(NITRO), Desired((), "Kira"), NicknameVerdict.EXEMPT),
        (a_member(DIRECTOR), Desired((), "Kira"), NicknameVerdict.NOT_PERMITTED),
        (a_member(), Desired((), "Kira", Answers(NicknameAnswer("Kira", refused=True))), NicknameVerdict.REFUSED),
        (a_member(), Desired((), "Kira", Answers(NicknameAnswer("Kira"))), NicknameVerdict.AS_DISCORD_STORES_IT),
    ],
)
def test_what_becomes_of_the_nickname(member: Member, desired: Desired, verdict: NicknameVerdict) -> None:
    line = explain(desired, member, RULES, LINKED).nickname
    assert line
    assert line.verdict is verdict
    assert nickname_in_words(line)


def nickname_verdict(member: Member, rules: Rules = RULES, answers: Answers | None = None) -> NicknameVerdict:
    line = explain(Desired((), "Kira", answers or Answers()), member, rules, LINKED).nickname
    assert line
    return line.verdict


REFUSED = Answers(NicknameAnswer("Kira", refused=True))


def test_the_owner_and_who_stands_as_high_as_the_bot_keep_their_nickname() -> None:
    verdicts = {
        number: nickname_verdict(a_member(number=number), answers=REFUSED)
        for number in (GUILD.owner_id - 1, GUILD.owner_id, GUILD.owner_id + 1)
    }
    assert verdicts == {
        1: NicknameVerdict.REFUSED,
        2: NicknameVerdict.NOT_PERMITTED,
        3: NicknameVerdict.REFUSED,
    }
    assert nickname_verdict(a_member(BOT), answers=REFUSED) is NicknameVerdict.NOT_PERMITTED
    assert nickname_verdict(a_member(AZURE), answers=REFUSED) is NicknameVerdict.REFUSED


@pytest.mark.parametrize(
    ("permissions", "verdict"),
    [
        (~(MANAGE_NICKNAMES | ADMINISTRATOR), NicknameVerdict.NOT_PERMITTED),
        (MANAGE_NICKNAMES, NicknameVerdict.REFUSED),
    ],
)
def test_a_nickname_needs_a_permission_of_the_bot(permissions: int, verdict: NicknameVerdict) -> None:
    guild = replace(GUILD, roles=(replace(EVERYONE, permissions=0), replace(BOT, permissions=permissions), MEMBER))
    assert nickname_verdict(a_member(), Rules(POLICY.within(guild), sync_names=True), REFUSED) is verdict


def test_roles_are_listed_from_the_highest_down_each_with_its_own_groups() -> None:
    found = explain(Desired(("Pilot", "Member", "Old")), a_member(MEMBER, NITRO, BLUE), RULES, LINKED)
    assert [(line.role, line.groups, line.held) for line in found.roles] == [
        ("Azure", ("Old",), False),
        ("Nitro", (), True),
        ("Blue", ("Pilot",), True),
        ("Member", ("Member",), True),
    ]


def test_a_group_without_a_role_is_held_by_nobody() -> None:
    found = explain(Desired(("Fresh", "Secret", "Member", "Blue")), a_member(MEMBER), RULES, LINKED)
    assert found.groups
    assert [line.held for line in found.groups] == [False, False, True, False]


@pytest.mark.parametrize(
    ("desired", "member", "situation", "codes"),
    [
        (Desired(()), a_member(), LINKED, []),
        (Desired(None), a_member(), LINKED, ["groups_not_stated"]),
        (Desired(()), a_member(number=777), LINKED, ["protected"]),
        (Desired(()), None, LINKED, ["not_in_server"]),
        (Desired(()), None, Situation(joining=True), ["joining"]),
        (Desired(()), None, Situation(linked=False), ["not_linked"]),
        (Desired(()), a_member(), Situation(deleted=True), ["deleted"]),
        (
            Desired(()),
            a_member(),
            Situation(problems=frozenset({Problem(ProblemKind.ROLE_UNCHANGED)})),
            ["role_unchanged"],
        ),
    ],
)
def test_what_holds_a_change_back(
    desired: Desired, member: Member | None, situation: Situation, codes: list[str]
) -> None:
    obstacles = explain(desired, member, RULES, situation).obstacles
    assert [obstacle.code for obstacle in obstacles] == codes
    assert all(obstacle.text for obstacle in obstacles)


def test_protected_members_keep_everything() -> None:
    found = explain(Desired(("Blue",), "Kira"), a_member(MEMBER, number=777), RULES, LINKED)
    assert [line.verdict for line in found.roles] == [RoleVerdict.LEAVE]
    assert found.would == ()
