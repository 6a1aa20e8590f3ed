"""Which role stands for which group."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.discord.models import Guild, Role
from chalicelib.members.roles import Match, RolePolicy, RoleRules

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
    ],
)
def test_what_becomes_of_each_name(
    names: list[str], roles: list[Role], known_role_ids: dict[str, int], match: Match
) -> None:
    assert POLICY.within(guild(*roles), known_role_ids).match(names) == match


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
