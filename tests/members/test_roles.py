"""Which role stands for which group."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.discord.models import Guild, Role
from chalicelib.members.roles import Match, MatchedBy, RolePolicy, RoleRules, WhyNot, merge_role_ids

POLICY = RolePolicy(frozenset({"staff"}), frozenset({777}))
BOT = Role(90, "Bot", 50, managed=True)
EVERYONE = Role(1, "@everyone", 0)
NAMES = ("Member", "Blue", "Logistics", "Old", "Bot")


def guild(*roles: Role) -> Guild:
    return Guild(1, "Guild", 2, (EVERYONE, BOT, *roles), frozenset({BOT.id}))


@pytest.mark.parametrize(
    ("group", "name"),
    [
        pytest.param("Member", "Member", id="as it is"),
        pytest.param("  Member\t", "Member", id="trimmed"),
        pytest.param("x" * 101, "x" * 100, id="cut"),
        pytest.param("x" * 99 + " y", "x" * 99, id="cut at a blank"),
        pytest.param("   ", None, id="nothing left"),
    ],
)
def test_a_groups_name_as_a_roles_name(group: str, name: str | None) -> None:
    assert RoleRules(guild(), POLICY).name_of(group) == name


def test_wanted_names_are_each_there_once_in_order_and_never_empty() -> None:
    assert POLICY.names_of(["B", "A ", "", "B", " A", "b"]) == ("B", "A", "b")


@pytest.mark.parametrize(
    ("role", "ours"),
    [
        pytest.param(Role(5, "Member", 10), True, id="below the bot"),
        pytest.param(Role(5, "Member", 50), False, id="at the bot's position, older: above it"),
        pytest.param(Role(95, "Member", 50), True, id="at the bot's position, younger: below it"),
        pytest.param(Role(5, "Member", 51), False, id="above the bot"),
        pytest.param(Role(5, "Member", 10, managed=True), False, id="managed"),
        pytest.param(Role(5, " STAFF ", 10), False, id="reserved in any case"),
        pytest.param(Role(1, "@everyone", 0), False, id="everyone"),
        pytest.param(BOT, False, id="the bot's own"),
    ],
)
def test_which_roles_the_auth_site_decides(role: Role, ours: bool) -> None:
    assert POLICY.within(guild(role)).owns(role) is ours


def test_protected_members_are_known_by_their_id() -> None:
    assert [RoleRules(guild(), POLICY).protects(number) for number in (777, 778)] == [True, False]


@pytest.mark.parametrize(
    ("names", "roles", "known_role_ids", "match"),
    [
        pytest.param(["Member"], [Role(5, "Member", 1)], {}, Match({"Member": 5}), id="by name"),
        pytest.param(["Member"], [Role(5, "member", 1)], {}, Match({}, ("Member",)), id="case counts"),
        pytest.param(["Member"], [Role(5, "Member ", 1)], {}, Match({"Member": 5}), id="white space does not"),
        pytest.param(["A"], [Role(6, "A", 1), Role(5, "A", 2)], {}, Match({"A": 5}), id="the oldest twin"),
        pytest.param(["A"], [Role(6, "A", 1), Role(5, "A", 2)], {"A": 6}, Match({"A": 6}), id="the twin remembered"),
        pytest.param(["A"], [Role(5, "A", 99), Role(6, "A", 2)], {}, Match({"A": 6}), id="the twin in reach"),
        pytest.param(["A"], [Role(5, "A", 99)], {}, Match({}, (), ("A",)), id="out of reach"),
        pytest.param(["A"], [Role(5, "A", 9, managed=True)], {}, Match({}, (), ("A",)), id="managed"),
        pytest.param(["Staff", "@everyone"], [Role(5, "Staff", 1)], {}, Match({}), id="reserved, everyone"),
        pytest.param(["A"], [Role(5, "Z", 1)], {"A": 5}, Match({"A": 5}), id="renamed"),
        pytest.param(["A"], [Role(5, "Z", 99)], {"A": 5}, Match({}, ("A",)), id="renamed and out of reach"),
        pytest.param(["A"], [Role(5, "Staff", 1)], {"A": 5}, Match({}, ("A",)), id="renamed to a reserved name"),
        pytest.param(["A"], [Role(5, "B", 1)], {"A": 5, "B": 6}, Match({}, ("A",)), id="renamed to another group's"),
        pytest.param(["A", "B"], [Role(5, "B", 1)], {"A": 5}, Match({"B": 5}, ("A",)), id="and that is wanted too"),
        pytest.param(["A"], [Role(6, "A", 1), Role(5, "Z", 1)], {"A": 5}, Match({"A": 6}), id="the name goes first"),
        pytest.param(["A"], [], {"A": 5}, Match({}, ("A",)), id="the role is gone"),
        pytest.param(["Z", "B"], [Role(5, "B", 1)], {"Z": 5}, Match({"B": 5}, ("Z",)), id="renamed, to a lesser name"),
        pytest.param(["1st Fleet"], [Role(5, "1st Fleet", 1)], {}, Match({"1st Fleet": 5}), id="it sorts before @"),
    ],
)
def test_what_becomes_of_each_name(
    names: list[str], roles: list[Role], known_role_ids: dict[str, int], match: Match
) -> None:
    assert POLICY.within(guild(*roles), known_role_ids).match(names) == match


@pytest.mark.parametrize(
    ("groups", "roles", "role_map", "match"),
    [
        pytest.param(["A"], [Role(5, "Z", 1)], {"A": 5}, Match({"A": 5}), id="another name"),
        pytest.param(["A"], [Role(5, "Z", 1), Role(6, "A", 1)], {"A": 5}, Match({"A": 5}), id="the map goes first"),
        pytest.param(
            ["A", "B"], [Role(5, "Z", 1)], {"A": 5, "B": 5}, Match({"A": 5, "B": 5}), id="two groups, one role"
        ),
        pytest.param(["A", "Z"], [Role(5, "Z", 1)], {"A": 5}, Match({"A": 5, "Z": 5}), id="and that of its own name"),
        pytest.param([" A\t"], [Role(5, "Z", 1)], {"A": 5}, Match({"A": 5}), id="white space does not count"),
        pytest.param(["A"], [Role(6, "A", 1)], {"A": 5}, Match({}, (), ("A",)), id="the mapped role is gone"),
        pytest.param(["A"], [Role(5, "Z", 99)], {"A": 5}, Match({}, (), ("A",)), id="it moved above the bot"),
        pytest.param(["A"], [Role(5, "Z", 1, managed=True)], {"A": 5}, Match({}, (), ("A",)), id="it is managed"),
        pytest.param(["A"], [Role(5, "Staff", 1)], {"A": 5}, Match({}), id="it became reserved"),
        pytest.param(["staff"], [Role(5, "Z", 1)], {"staff": 5}, Match({"staff": 5}), id="a reserved name, mapped"),
        pytest.param(["Old"], [Role(5, "Z", 1)], {"Old": 5}, Match({}), id="excluded"),
        pytest.param(["B"], [Role(5, "Z", 1)], {"A": 5, "remembered": 0}, Match({}, ("B",)), id="another's, not mine"),
    ],
)
def test_the_map_ties_groups_to_roles_by_id(
    groups: list[str], roles: list[Role], role_map: dict[str, int], match: Match
) -> None:
    policy = RolePolicy(frozenset({"staff"}), excluded=frozenset({"old"}))
    assert policy.within(guild(*roles), {"B": 5}, role_map=role_map).match(groups) == match


@pytest.mark.parametrize(
    ("name", "role", "role_map", "how"),
    [
        ("A", Role(5, "Z", 1), {"A": 5}, MatchedBy.MAP),
        ("A", Role(5, "A ", 1), {}, MatchedBy.NAME),
        ("A", Role(5, "Z", 1), {}, MatchedBy.RENAMED),
        ("A", Role(5, "0", 1), {}, MatchedBy.RENAMED),
    ],
)
def test_how_a_role_was_found_is_told(name: str, role: Role, role_map: dict[str, int], how: MatchedBy) -> None:
    assert RolePolicy().within(guild(role), {"A": 5}, role_map=role_map).matched_by(name, role.id) is how


@pytest.mark.parametrize(
    ("name", "role_map", "why"),
    [
        pytest.param("Director", {}, WhyNot.ABOVE_BOT, id="by name"),
        pytest.param("Nitro", {}, WhyNot.MANAGED, id="by name, another"),
        pytest.param("Officer", {"Officer": 5}, WhyNot.ABOVE_BOT, id="mapped"),
        pytest.param("Nitro", {"Nitro": 5}, WhyNot.ABOVE_BOT, id="mapped, whatever role has the name"),
        pytest.param("Director", {"Director": 99}, None, id="mapped to a role that is gone"),
    ],
)
def test_why_a_groups_role_cannot_be_given_is_told_of_that_role(
    name: str, role_map: dict[str, int], why: WhyNot | None
) -> None:
    there = guild(Role(4, "Blue", 1), Role(5, " Director", 99), Role(6, "Nitro ", 1, managed=True), Role(7, "Old", 1))
    rules = POLICY.within(there, role_map=role_map)
    assert rules.match([name]).out_of_reach == (name,)
    assert rules.why_unreached(name) is why


def test_the_highest_role_of_a_bot_without_a_managed_one_is_out_of_reach() -> None:
    """An administrator may have taken the integration's role from the bot, and given it another."""
    lead = Role(60, "Lead", 40)
    there = Guild(1, "Guild", 2, (EVERYONE, lead, Role(5, "Member", 39)), frozenset({lead.id}))
    rules = POLICY.within(there)
    assert rules.why_not(lead) is WhyNot.ABOVE_BOT
    assert rules.match(["Lead", "Member"]) == Match({"Member": 5}, (), ("Lead",))


@pytest.mark.parametrize(
    ("held", "keeps"), [({5}, True), ({6}, False), ({6, 5}, True), (set(), False), ({404}, False), ({404, 5}, True)]
)
def test_a_nickname_is_kept_by_who_holds_an_exempt_role_and_by_nobody_else(held: set[int], keeps: bool) -> None:
    policy = RolePolicy(nickname_exempt=frozenset({"diplomat"}))
    rules = policy.within(guild(Role(5, " DIPLOMAT ", 1), Role(6, "Member", 1)))
    assert rules.keeps_nickname(held) is keeps
    assert RolePolicy().within(rules.guild).keeps_nickname(held) is False


def test_a_role_that_stands_for_another_group_now_is_remembered_for_that_one_alone() -> None:
    assert merge_role_ids({"Old": 5, "Kept": 6}, {"New": 5, "Fresh": 7}) == {"Kept": 6, "New": 5, "Fresh": 7}
    assert merge_role_ids({"Moved": 5}, {"Moved": 6}) == {"Moved": 6}
    assert merge_role_ids({"Kept": 6}, {}) == {"Kept": 6}


def test_excluded_groups_have_no_role_in_any_case() -> None:
    policy = RolePolicy(excluded=frozenset({"secret"}))
    assert policy.names_of(["Member", " SECRET "]) == ("Member",)
    assert policy.within(guild(Role(5, "Secret", 1))).match(["Secret"]) == Match({})


@pytest.mark.parametrize(
    ("known_role_ids", "role_map", "ever_known", "why_not"),
    [
        pytest.param({}, {}, set(), WhyNot.NOT_KNOWN, id="it never stood for a group"),
        pytest.param({"Member": 5}, {}, set(), None, id="it stands for one"),
        pytest.param({}, {"Pilot": 5}, set(), None, id="it is mapped"),
        pytest.param({}, {}, {5}, None, id="it once stood for one"),
    ],
)
def test_with_known_roles_only_the_rest_is_the_servers(
    known_role_ids: dict[str, int], role_map: dict[str, int], ever_known: set[int], why_not: WhyNot | None
) -> None:
    role = Role(5, "Member", 1)
    rules = RolePolicy(known_only=True).within(
        guild(role), known_role_ids, role_map=role_map, ever_known=frozenset(ever_known)
    )
    assert rules.why_not(role) is why_not
    assert rules.owns(role) is (why_not is None)
    assert rules.match(["Member"]) == Match({"Member": 5}), "a group that is stated gets its role all the same"


@pytest.mark.parametrize(
    ("role", "why_not"),
    [
        (Role(1, "@everyone", 0), WhyNot.EVERYONE),
        (Role(5, "Nitro", 1, managed=True), WhyNot.MANAGED),
        (Role(5, "STAFF", 1), WhyNot.RESERVED),
        (Role(5, "Director", 99), WhyNot.ABOVE_BOT),
        (Role(5, "Member", 1), None),
    ],
)
def test_why_a_role_is_not_the_auth_sites(role: Role, why_not: WhyNot | None) -> None:
    assert POLICY.within(guild(role)).why_not(role) is why_not


ROLES = st.lists(
    st.builds(Role, st.integers(2, 80), st.sampled_from(NAMES), st.integers(1, 60), st.booleans()),
    max_size=8,
    unique_by=lambda role: role.id,
)
REMEMBERED = st.dictionaries(st.sampled_from(NAMES), st.integers(2, 80), max_size=4)


@given(st.lists(st.sampled_from(NAMES), unique=True), ROLES, REMEMBERED, st.randoms(use_true_random=False))
def test_the_match_is_the_same_whatever_order_things_come_in(
    names: list[str], roles: list[Role], known_role_ids: dict[str, int], chance: random.Random
) -> None:
    before = RolePolicy().within(guild(*roles), known_role_ids).match(names)
    chance.shuffle(names)
    chance.shuffle(roles)
    known_role_ids = dict(chance.sample(sorted(known_role_ids.items()), len(known_role_ids)))
    after = RolePolicy().within(guild(*roles), known_role_ids).match(names)
    assert before.ids == after.ids
    assert set(before.missing) == set(after.missing)
    assert set(before.out_of_reach) == set(after.out_of_reach)


@given(st.lists(st.sampled_from(NAMES), unique=True), ROLES, REMEMBERED)
def test_every_name_is_matched_missing_or_out_of_reach_and_no_role_stands_for_two(
    names: list[str], roles: list[Role], known_role_ids: dict[str, int]
) -> None:
    there = guild(*roles)
    rules = RolePolicy(frozenset({"old"})).within(there, known_role_ids)
    match = rules.match(names)
    assert sorted([*match.ids, *match.missing, *match.out_of_reach]) == sorted(set(names) - {"Old"})
    assert all(rules.owns(there.by_id[role_id]) for role_id in match.ids.values())
    by_name = [name for name, role_id in match.ids.items() if there.by_id[role_id].name == name]
    renamed = [role_id for name, role_id in match.ids.items() if name not in by_name]
    assert not set(renamed) & {match.ids[name] for name in by_name}
