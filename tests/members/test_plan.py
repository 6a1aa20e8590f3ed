"""What must change for a member: decided without doing anything."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

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
from chalicelib.members.plan import (
    MAX_UNDONE,
    NICKNAME_NOT_PERMITTED,
    NICKNAME_REFUSED,
    ROLE_OUT_OF_REACH,
    ROLE_UNCHANGED,
    Change,
    Desired,
    Rules,
    nickname_of,
    plan_change,
    standing,
)
from chalicelib.members.roles import RolePolicy
from chalicelib.messages import Parts
from chalicelib.problems import Problem

EVERYONE, BOT = Role(1, "@everyone", 0), Role(90, "Bot", 50, managed=True)
MEMBER, BLUE, NITRO = Role(10, "Member", 5), Role(11, "Blue", 6), Role(12, "Nitro", 7, managed=True)
STAFF, DIRECTOR = Role(13, "Staff", 8), Role(14, "Director", 60)
OWNER = 2
GUILD = Guild(1, "Guild", OWNER, (EVERYONE, BOT, MEMBER, BLUE, NITRO, STAFF, DIRECTOR), frozenset({90}))
POLICY = RolePolicy(frozenset({"staff"}), frozenset({777}))
RULES = Rules(POLICY.within(GUILD), sync_names=True)


def a_member(*roles: Role, nick: str | None = None, number: int = 100) -> Member:
    return Member(Account(number, "kira"), nick, frozenset(role.id for role in roles))


@pytest.mark.parametrize(
    ("everyone", "own", "renames"),
    [
        pytest.param(0, MANAGE_NICKNAMES, True, id="by its role"),
        pytest.param(MANAGE_NICKNAMES, 0, True, id="by @everyone"),
        pytest.param(0, ADMINISTRATOR, True, id="administrator"),
        pytest.param(0, 1 << 28, False, id="not at all"),
        pytest.param(0, None, True, id="nobody knows"),
        pytest.param(0, 0, True, id="nothing at all is said"),
    ],
)
def test_nobody_is_renamed_by_a_bot_that_may_not(everyone: int, own: int | None, renames: bool) -> None:
    roles = (Role(1, "@everyone", 0, permissions=everyone), Role(2, "Bot", 9, permissions=own))
    guild = Guild(1, "Guild", 7, roles, frozenset({2}))
    change = plan_change(a_member(), Desired(None, "Kira"), Rules(POLICY.within(guild), sync_names=True))
    assert change.nickname == ("Kira" if renames else None)
    assert change.problems == (set() if renames else {NICKNAME_NOT_PERMITTED})


@pytest.mark.parametrize(
    ("member", "desired", "give", "take", "nickname"),
    [
        pytest.param(a_member(), Desired(("Member",)), {10}, set(), None, id="give"),
        pytest.param(a_member(MEMBER, BLUE), Desired(("Member",)), set(), {11}, None, id="take"),
        pytest.param(a_member(BLUE), Desired(("Member",)), {10}, {11}, None, id="swap"),
        pytest.param(a_member(MEMBER), Desired(("Member",)), set(), set(), None, id="nothing"),
        pytest.param(a_member(MEMBER, NITRO, STAFF, DIRECTOR), Desired(()), set(), {10}, None, id="not ours stay"),
        pytest.param(a_member(MEMBER, BLUE), Desired(None), set(), set(), None, id="never told"),
        pytest.param(a_member(), Desired((), "Kira"), set(), set(), "Kira", id="nickname"),
        pytest.param(a_member(nick="Kira"), Desired((), " Kira "), set(), set(), None, id="nickname as it is stored"),
        pytest.param(a_member(nick="Kira"), Desired((), None), set(), set(), None, id="no nickname known"),
        pytest.param(a_member(number=777), Desired(("Member",), "Kira"), set(), set(), None, id="protected"),
    ],
)
def test_the_difference(member: Member, desired: Desired, give: set[int], take: set[int], nickname: str | None) -> None:
    change = plan_change(member, desired, RULES)
    assert (set(change.give), set(change.take), change.nickname, change.create) == (give, take, nickname, ())
    assert not change.problems
    assert bool(change) == bool(give or take or nickname)


@pytest.mark.parametrize(
    ("parts", "give", "nickname"),
    [(Parts.GROUPS, {10}, None), (Parts.NICKNAME, set(), "Kira"), (Parts.USERNAME, set(), None)],
    ids=str,
)
def test_only_the_parts_that_were_asked_for(parts: Parts, give: set[int], nickname: str | None) -> None:
    change = plan_change(a_member(), Desired(("Member",), "Kira"), RULES, parts=parts)
    assert (set(change.give), change.nickname) == (give, nickname)


@pytest.mark.parametrize(
    ("member", "desired", "problems"),
    [
        pytest.param(a_member(number=OWNER), Desired((), "Boss"), {NICKNAME_NOT_PERMITTED}, id="the owner"),
        pytest.param(a_member(DIRECTOR), Desired((), "Boss"), {NICKNAME_NOT_PERMITTED}, id="ranked above the bot"),
        pytest.param(a_member(BOT), Desired((), "Boss"), {NICKNAME_NOT_PERMITTED}, id="ranked as the bot"),
        pytest.param(a_member(DIRECTOR, nick="Boss"), Desired((), "Boss"), set(), id="but named as wanted"),
        pytest.param(a_member(), Desired(("Director",)), {ROLE_OUT_OF_REACH}, id="a role above the bot"),
        pytest.param(a_member(), Desired(("Nitro",)), {ROLE_OUT_OF_REACH}, id="a managed role"),
        pytest.param(a_member(), Desired(("Staff",)), set(), id="a reserved name is no problem"),
    ],
)
def test_problems_that_no_retry_fixes(member: Member, desired: Desired, problems: set[Problem]) -> None:
    assert plan_change(member, desired, RULES).problems == problems


def test_missing_roles_are_to_be_created_unless_that_is_off() -> None:
    desired = Desired(("Member", "Fresh"))
    assert plan_change(a_member(), desired, RULES).create == ("Fresh",)
    assert plan_change(a_member(), desired, replace(RULES, create_roles=False)).create == ()


def test_roles_that_the_list_lacks_are_told_and_not_kept() -> None:
    member = replace(a_member(BLUE), roles=frozenset({11, 999}))
    change = plan_change(member, Desired(("Member",)), RULES)
    assert change.unknown == {999}
    assert change.roles_after(member) == {10}


@pytest.mark.parametrize(
    ("change", "only"),
    [
        (Change(give=frozenset({5})), (5, True)),
        (Change(take=frozenset({5})), (5, False)),
        (Change(give=frozenset({5}), take=frozenset({6})), None),
        (Change(give=frozenset({5, 6})), None),
        (Change(give=frozenset({5}), nickname="x"), None),
        (Change(), None),
        pytest.param(Change(frozenset({1, 2}), frozenset({3, 4, 5})), None, id="two and three"),
    ],
)
def test_one_role_alone_is_told_apart(change: Change, only: tuple[int, bool] | None) -> None:
    assert change.only_role == only


@pytest.mark.parametrize(
    ("name", "nick"),
    [
        (None, None),
        ("", None),
        (" \t ", None),
        ("Kira", "Kira"),
        (" Kira \n Vex ", "Kira Vex"),
        ("x" * 33, "x" * 32),
        ("x" * 31 + "  y", "x" * 31),
    ],
)
def test_nicknames_as_discord_stores_them(name: str | None, nick: str | None) -> None:
    assert nickname_of(name) == nick


@given(st.text(max_size=80))
def test_a_nickname_read_back_is_the_same_again(name: str) -> None:
    once = nickname_of(name)
    assert nickname_of(once) == once
    assert once is None or 0 < len(once) <= 32


@pytest.mark.parametrize(
    ("member", "groups", "nickname"),
    [
        pytest.param(a_member(STAFF), ("Member",), None, id="held"),
        pytest.param(a_member(), ("Blue",), None, id="to be given"),
        pytest.param(a_member(BLUE), (), None, id="held until now"),
        pytest.param(a_member(MEMBER), ("Member",), "Kira", id="another role"),
    ],
)
def test_holders_of_exempt_roles_keep_their_nickname(
    member: Member, groups: tuple[str, ...], nickname: str | None
) -> None:
    policy = replace(POLICY, nickname_exempt=frozenset({"staff", "blue"}))
    change = plan_change(member, Desired(groups, "Kira"), Rules(policy.within(GUILD), sync_names=True))
    assert change.nickname == nickname


NAMES = st.sampled_from(["Member", "Blue", "Old", "Staff", "Nitro", "Other"])
ROLES = st.lists(
    st.builds(Role, st.integers(3, 89), NAMES, st.integers(1, 70), st.booleans()), max_size=8, unique_by=lambda r: r.id
)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Member, Desired, Rules]:
    """Any member, any wishes, any guild."""
    roles = (EVERYONE, BOT, *draw(ROLES))
    guild = Guild(1, "Guild", OWNER, roles, frozenset({90}))
    ids = [role.id for role in roles if role.id != 1]
    held = draw(st.frozensets(st.sampled_from([*ids, 999])))
    member = Member(
        Account(draw(st.sampled_from([OWNER, 100])), "kira"), draw(st.sampled_from([None, "Kira", "X"])), held
    )
    desired = Desired(
        draw(st.none() | st.lists(NAMES, max_size=5).map(tuple)), draw(st.sampled_from([None, "Kira", " Vex "]))
    )
    sync_names, create_roles = draw(st.booleans()), draw(st.booleans())
    policy = RolePolicy(draw(st.sampled_from([frozenset(), frozenset({"staff"})])))
    known_role_ids = draw(st.dictionaries(NAMES, st.integers(3, 89), max_size=3))
    return member, desired, Rules(policy.within(guild, known_role_ids), sync_names, create_roles)


@given(situations())
def test_once_done_nothing_is_left_to_do(situation: tuple[Member, Desired, Rules]) -> None:
    member, desired, rules = situation
    change = plan_change(member, desired, rules)
    assume(not change.create)
    after = replace(member, roles=change.roles_after(member), nick=change.nickname or member.nick)
    known = {**rules.roles.known_role_ids, **change.role_by_group}
    again = plan_change(after, desired, replace(rules, roles=replace(rules.roles, known_role_ids=known)))
    assert not again
    assert again.problems == change.problems


@given(situations())
def test_roles_that_are_not_the_auth_sites_are_neither_given_nor_taken(
    situation: tuple[Member, Desired, Rules],
) -> None:
    member, desired, rules = situation
    change = plan_change(member, desired, rules)
    touched = change.give | change.take
    assert all(rules.roles.owns(rules.roles.guild.by_id[role_id]) for role_id in touched)
    assert not change.give & member.roles
    assert change.take <= member.roles


def test_two_problems_of_one_member_are_both_reported() -> None:
    change = plan_change(a_member(DIRECTOR), Desired(("Nitro",), "Kira"), RULES)
    assert change.problems == {NICKNAME_NOT_PERMITTED, ROLE_OUT_OF_REACH}


def test_nobody_is_renamed_unless_the_operator_wants_it() -> None:
    assert not plan_change(a_member(), Desired((), "Kira"), Rules(POLICY.within(GUILD)))


def test_only_the_owner_is_the_owner() -> None:
    """Ids of members are compared for nothing but equality: an older account than the owner's is renamed too."""
    assert plan_change(a_member(number=OWNER - 1), Desired((), "Kira"), RULES).nickname == "Kira"
    assert plan_change(a_member(number=OWNER), Desired((), "Kira"), RULES).problems == {NICKNAME_NOT_PERMITTED}


@pytest.mark.parametrize(("times", "stuck"), [(MAX_UNDONE - 1, False), (MAX_UNDONE, True), (MAX_UNDONE + 1, True)])
def test_a_role_that_discord_never_changes_is_given_up_and_stays_so(times: int, stuck: bool) -> None:
    desired = Desired(("Member",), answers=Answers(undone={10: times, 11: times}))
    change = plan_change(a_member(BLUE), desired, RULES)
    assert change.give == (set() if stuck else {10})
    assert change.take == (set() if stuck else {11})
    assert change.stuck == ({10, 11} if stuck else set())
    assert change.problems == ({ROLE_UNCHANGED} if stuck else set())


@pytest.mark.parametrize("refused_before", ["Anna", "Zoe"])
def test_a_refusal_is_about_the_nickname_that_was_refused(refused_before: str) -> None:
    answers = Answers(NicknameAnswer(refused_before, refused=True))
    assert plan_change(a_member(), Desired((), "Kira", answers), RULES).nickname == "Kira"
    assert plan_change(a_member(), Desired((), refused_before, answers), RULES).problems == {NICKNAME_REFUSED}


def test_a_nickname_that_the_bot_may_not_set_is_told_apart_from_one_that_discord_refuses() -> None:
    then = standing(a_member(MEMBER), GUILD)
    answers = Answers(NicknameAnswer("Kira", refused=True, standing=then))
    change = plan_change(a_member(MEMBER), Desired(None, "Kira", answers), RULES)
    assert change.nickname is None
    assert change.problems == {NICKNAME_NOT_PERMITTED}
    assert plan_change(a_member(BLUE), Desired(None, "Kira", answers), RULES).nickname == "Kira", "they rank otherwise"


def test_how_a_member_and_the_bot_rank_is_told_by_positions() -> None:
    """A role of the same position in place of another changes nothing for the bot."""
    assert standing(a_member(MEMBER, BLUE), GUILD) == "6/50"
    assert standing(a_member(), GUILD) == "0/50"


def test_what_is_to_be_taken_and_is_gone_already_is_not_given() -> None:
    change = Change(give=frozenset({10}), take=frozenset({11}), unknown=frozenset({12}))
    assert change.roles_after(a_member(STAFF)) == {13, 10}
    assert change.roles_after(a_member(STAFF, BLUE, NITRO)) == {13, 10}
