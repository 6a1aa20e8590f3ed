"""Sweeps without the list of members: role counts tell beforehand whether too many would lose something."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.discord.models import Account, Guild, Member, Role
from chalicelib.members.plan import Desired, Rules, plan_change
from chalicelib.members.removal_limit import MIN_REMOVALS
from chalicelib.members.roles import RolePolicy
from chalicelib.messages import ComparePage, Parts, encode
from chalicelib.queues import Message
from chalicelib.store.users import Link, User
from chalicelib.sweeps.census import expectation, surplus
from local.simulated import STAGE, World
from tests.members.support import Meter, crowd, fault, let_sweeps_take, removals, swept
from tests.sweeps.support import latest, losers, names, roles_of_all

COUNTS = "GET role member-counts"
TOO_MANY = MIN_REMOVALS + 1

# --- the arithmetic ---

EVERYONE, BOT, STAFF = Role(1, "@everyone", 0), Role(9, "Bot", 50, managed=True), Role(8, "Staff", 3)
OURS = [Role(10 + number, f"Group {number}", 1) for number in range(3)]
GUILD = Guild(1, "Guild", 2, (EVERYONE, BOT, STAFF, *OURS), frozenset({9}))
RULES = RolePolicy(frozenset({"staff"}), frozenset({777})).within(GUILD)
PROTECTED = 777


def a_user(discord_id: int, groups: tuple[str, ...] | None, *, kept: bool = False) -> User:
    link = Link(Account(discord_id, "kira"), 1)
    return User(f"u-{discord_id}", groups=groups, link=link, kept_version=0 if kept else None)


def at_least(users: list[User], members: list[Member]) -> int:
    counts = {role.id: sum(role.id in member.roles for member in members) for role in GUILD.roles}
    expected, keepers = expectation(users, RULES, lambda user: user.kept or _is_protected(user))
    return max(surplus(counts, expected, keepers, RULES).values(), default=0)


def _is_protected(user: User) -> bool:
    return user.link is not None and RULES.protects(user.link.account.id)


def test_holders_beyond_those_who_should_hold_a_role_lose_it() -> None:
    users = [a_user(100, ("Group 0",)), a_user(101, ("Group 1",)), a_user(102, ())]
    members = [Member(Account(one, "kira"), None, frozenset({10})) for one in (100, 101, 102)]
    assert at_least(users, members) == 2


@pytest.mark.parametrize(
    "keeper",
    [
        pytest.param(a_user(100, None), id="never stated"),
        pytest.param(a_user(PROTECTED, ()), id="protected"),
        pytest.param(a_user(100, (), kept=True), id="an operator let them keep it"),
    ],
)
def test_who_keeps_what_they_hold_is_no_loss(keeper: User) -> None:
    assert keeper.link
    held = Member(keeper.link.account, None, frozenset({10, 8}))
    assert at_least([keeper], [held]) == 0
    assert at_least([], [held]) == 1, "of somebody who is not linked, too: that is learnt from the census before"


def test_roles_of_the_server_are_not_counted() -> None:
    assert surplus({8: 5, 9: 1, 1: 7}, {}, 0, RULES) == {}


groups_of_one = st.none() | st.lists(st.sampled_from(["Group 0", "Group 1", "Group 2", "Staff"]), max_size=3).map(tuple)
roles_of_one = st.frozensets(st.sampled_from([8, 10, 11, 12]))


@given(st.lists(st.tuples(groups_of_one, roles_of_one, st.booleans(), st.booleans()), max_size=12))
def test_a_census_never_says_more_than_a_look_at_each_member(
    people: list[tuple[tuple[str, ...] | None, frozenset[int], bool, bool]],
) -> None:
    """Whoever is linked may have left, and may keep what they hold; none of that makes the count too high."""
    users = [a_user(100 + number, groups, kept=kept) for number, (groups, _, kept, _) in enumerate(people)]
    members = {
        100 + number: Member(Account(100 + number, "kira"), None, roles)
        for number, (_, roles, _, here) in enumerate(people)
        if here
    }
    losing = 0
    for user in users:
        member = members.get(user.link.account.id) if user.link else None
        if member and not user.kept:
            losing += bool(plan_change(member, Desired(user.wanted), Rules(RULES), parts=Parts.GROUPS).take)
    assert at_least(users, list(members.values())) <= losing


# --- sweeps ---


@pytest.fixture
def unlisted(world: World) -> World:
    """Discord lists no members; imported ones were released."""
    world.guild.turn(member_intent=False)
    let_sweeps_take(world)
    return world


def test_where_too_many_would_lose_a_role_nobody_loses_one(unlisted: World) -> None:
    losers(unlisted, TOO_MANY, of=60)
    unlisted.guild.change_member(names(unlisted)[0], take=["Member"])
    told = swept(unlisted)
    assert roles_of_all(unlisted, "loser") == {frozenset({"Member", "Old"})}
    assert roles_of_all(unlisted) == {frozenset({"Member"})}, "who lacks a role gets it"
    assert latest(unlisted).state == "held"
    assert f"{TOO_MANY} or more" in latest(unlisted).note
    assert [n["kind"] for n in told] == ["removals_held", "sync_failed"]
    assert len(list(removals(unlisted).all())) == TOO_MANY
    for _ in range(3):
        swept(unlisted)
    assert roles_of_all(unlisted, "loser") == {frozenset({"Member", "Old"})}, "nor does any later sweep take"


def test_a_census_is_one_request_and_where_few_lose_something_they_lose_it(unlisted: World) -> None:
    losers(unlisted, MIN_REMOVALS, of=60)
    meter = Meter(unlisted)
    assert swept(unlisted) == []
    assert roles_of_all(unlisted, "loser") == {frozenset({"Member"})}
    assert meter.routes.count(COUNTS) == 1
    assert meter.routes.count("GET members") == 1


def test_what_a_person_releases_is_taken(unlisted: World) -> None:
    losers(unlisted, TOO_MANY, of=60)
    swept(unlisted)
    held = removals(unlisted)
    held.release(held.all(), by="the operator")
    unlisted.run()
    assert roles_of_all(unlisted, "loser") == {frozenset({"Member"})}
    swept(unlisted)
    assert latest(unlisted).state == "done"


def test_a_forced_sweep_asks_no_census(unlisted: World) -> None:
    losers(unlisted, TOO_MANY, of=60)
    assert swept(unlisted, force=True) == []
    assert roles_of_all(unlisted, "loser") == {frozenset({"Member"})}


def test_members_without_a_link_who_hold_a_role_hold_up_one_sweep_at_most(unlisted: World) -> None:
    losers(unlisted, 0, of=0)
    crowd(unlisted, 60, roles=["Member"], groups=["Member"], prefix="linked")
    unlisted.guild.add_members(200, roles=["Old"])
    swept(unlisted)
    assert latest(unlisted).state == "held"
    swept(unlisted)
    assert latest(unlisted).state == "done"
    for name in names(unlisted, "linked")[:TOO_MANY]:
        unlisted.guild.change_member(name, give=["Old"])
    swept(unlisted)
    assert latest(unlisted).state == "held", "more hold it than the last time"
    assert roles_of_all(unlisted, "linked") == {frozenset({"Member"}), frozenset({"Member", "Old"})}


def test_members_without_a_link_whom_a_sweep_has_seen_hold_up_none(world: World) -> None:
    losers(world, 0, of=0)
    crowd(world, 60, roles=["Member"], groups=["Member"], prefix="linked")
    world.guild.add_members(200, roles=["Old"])
    crowd(world, 1, roles=["Member"], groups=["Member"], prefix="linked-late")  # so that the list goes so far
    let_sweeps_take(world)
    swept(world)
    world.guild.turn(member_intent=False)
    for name in names(world, "linked")[:MIN_REMOVALS]:
        world.guild.change_member(name, give=["Old"])
    swept(world)
    assert latest(world).state == "done"
    assert roles_of_all(world, "linked") == {frozenset({"Member"})}


@pytest.mark.parametrize("status", [403, 404, 500])
def test_a_sweep_does_without_a_census_that_discord_refuses(unlisted: World, status: int) -> None:
    losers(unlisted, 2, of=60)
    unlisted.guild.inject(fault(path="/member-counts$", status=status, times=None))
    swept(unlisted)
    assert roles_of_all(unlisted, "loser") == {frozenset({"Member"})}


def test_a_sweep_that_does_not_look_at_roles_takes_no_census(unlisted: World) -> None:
    losers(unlisted, TOO_MANY, of=60)
    meter = Meter(unlisted)
    swept(unlisted, parts=Parts.NICKNAME)
    assert COUNTS not in meter.routes
    assert latest(unlisted).state == "done"


def test_a_dry_run_says_how_many_would_lose_a_role_and_changes_nothing(unlisted: World) -> None:
    losers(unlisted, TOO_MANY, of=60)
    for _ in range(2):
        shown = unlisted.sweep(dry_run=True)
        assert (shown["would_lose_at_least"], shown["may_take"]) == (TOO_MANY, False)
    unlisted.clock.advance(1)  # sweeps of one second are in no order
    swept(unlisted)
    assert latest(unlisted).state == "held", "the dry runs did not count as censuses"


class Killed(BaseException):
    """The process of the function was killed."""


def test_a_worker_killed_at_any_call_of_the_survey_does_not_make_the_census_forget(world: World) -> None:
    calls, fatal = 0, 0

    def kill(*_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == fatal:
            raise Killed

    while calls >= fatal:
        world = World({"DISCORD_SYNC_NAMES": "True"})
        world.guild.turn(member_intent=False)
        let_sweeps_take(world)
        losers(world, TOO_MANY, of=30)
        body = encode(ComparePage(sweep_id=world.sweep()["sweep_id"])).decode()
        calls, fatal = 0, fatal + 1
        world.dynamodb.before = world.sqs.before = kill
        message = Message(body, "id", "handle", f"rolecall-{STAGE}-bulk", world.clock.now(), {})
        for received in (1, 2):
            try:
                again = replace(message, received=received)
                world.container().delivery.batch([again], bulk=True, seconds_left=lambda: 60.0)
                break
            except Killed:
                continue
        world.dynamodb.before = world.sqs.before = None
        world.run()
        assert roles_of_all(world, "loser") == {frozenset({"Member", "Old"})}, f"killed at call {fatal}"
    assert fatal > 10
