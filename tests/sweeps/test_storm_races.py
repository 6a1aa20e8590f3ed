"""Storms: what happens meanwhile, and what a process leaves behind that dies, is not lost and delays no removal."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.discord.client import PAGE
from chalicelib.messages import Parts, StartSweep
from chalicelib.store import users
from chalicelib.store.sweeps import STALE_AFTER, Difference, Sweeps, SweepState
from chalicelib.store.users import User
from chalicelib.store.waiting import Mark
from chalicelib.sweeps.compare import LAST_ID
from chalicelib.sweeps.start import new_sweep
from chalicelib.sweeps.waiting_compare import MAX_MARKS, of_one_page
from local.discord.messages import Answer, Request
from local.simulated import GUILD, World
from tests.members.support import crowd, deliver, fault, let_sweeps_take, stored, waiting
from tests.sweeps.storms import STORE, all_settled, name_of, settled_crowd, state_all
from tests.test_metrics import values


def linked_user(world: World, user_id: str) -> tuple[User, int]:
    user = stored(world, user_id)
    assert user is not None
    assert user.link is not None
    return user, user.link.account.id


def mark(world: World, user_id: str) -> None:
    STORE.add(user_id, linked_user(world, user_id)[1], now=world.clock.now())


def when_listed(world: World, then: Callable[[], object]) -> None:
    """Do something right after Discord listed members for the next time, before the worker sees the list."""
    plain, waiting = world.discord.handle, [then]

    def handle(request: Request) -> Answer:
        answer = plain(request)
        if waiting and request.method == "GET" and request.path.split("?")[0].endswith("/members"):
            waiting.pop()()
        return answer

    world.discord.handle = handle  # type: ignore[method-assign]


def when_stored(world: World, then: Callable[[], object]) -> None:
    """Do something right before the next statement is stored."""
    waiting = [then]

    def before(operation: str, given: dict[str, Any]) -> None:
        if waiting and operation == "UpdateItem" and given["TableName"].endswith("users"):
            waiting.pop()()

    world.dynamodb.before = before


# --- while a page is compared ---


def test_who_is_handed_over_while_the_list_is_under_way_is_compared_with_a_later_one(world: World) -> None:
    user_ids = settled_crowd(world)
    who = user_ids[7]

    def meanwhile() -> None:
        world.guild.change_member(name_of(who), take=["Member"])
        mark(world, who)

    when_listed(world, meanwhile)
    state_all(world, user_ids)
    world.run(seconds=120)
    assert world.roles(name_of(who)) == {"Member"}


def test_a_list_answers_no_statement_that_was_stored_after_it(world: World) -> None:
    """The member is listed with the role; it is taken, given again, and that waits for its turn, all before the page
    is compared.
    """
    user_ids = settled_crowd(world)
    who, site = user_ids[7], world.site
    first, second = site.stamp() + 1, site.stamp() + 2

    def meanwhile() -> None:
        now = world.clock.now()
        users.record_groups(who, (), first, now=now)
        world.guild.change_member(name_of(who), take=["Member"])
        user, _ = linked_user(world, who)
        assert users.mark_synced(user, now=now)
        users.record_groups(who, ("Member",), second, now=now)

    mark(world, user_ids[0])
    state_all(world, user_ids[:3])
    deliver(world, world.http)
    site.groups(who, ["Member"], second)
    mark(world, who)
    when_listed(world, meanwhile)
    world.clock.advance(2)
    deliver(world, world.http, "bulk")  # the sweep begins
    deliver(world, world.http, "bulk")  # and compares
    deliver(world, world.http)  # the message about the second statement has its turn
    assert world.roles(name_of(who)) == {"Member"}


# --- statements at the same moment ---


def test_a_removal_that_is_stored_between_reading_and_storing_is_not_handed_over(world: World) -> None:
    """Two functions at once; the one that stores the removal dies then."""
    user_ids = settled_crowd(world)
    who, stamp = user_ids[0], world.site.stamp() + 1
    when_stored(world, lambda: users.record_groups(who, (), stamp, now=world.clock.now()))
    for kind in ("update_nickname", "update_nickname", "update_nickname"):
        world.site.post({"kind": kind, "user_id": who, "nickname": None, "changed_at": stamp})
    deliver(world, world.http)
    assert world.roles(name_of(who)) == set()


def test_a_removal_of_the_same_moment_as_what_is_stored_does_not_wait(world: World) -> None:
    user_ids = settled_crowd(world)
    stamp = world.site.stamp()
    for user_id in user_ids[:3]:
        world.site.groups(user_id, ["Member", "Blue"], stamp)
    world.run()
    for user_id in user_ids[:3]:
        world.site.groups(user_id, ["Member"], stamp)
    deliver(world, world.http)
    assert STORE.first_after(0) is None
    assert {frozenset(world.roles(name_of(one)) or ()) for one in user_ids} == {frozenset({"Member"})}


def test_the_first_groups_of_a_link_that_was_not_imported_do_not_wait(world: World) -> None:
    world.guild.create_role("Member")
    user_ids = crowd(world, 3, roles=["Member"], imported=False)
    for user_id in user_ids:
        user, _ = linked_user(world, user_id)
        assert users.mark_synced(user, now=world.clock.now())
    state_all(world, user_ids, [])
    deliver(world, world.http)
    assert STORE.first_after(0) is None
    assert {frozenset(world.roles(name_of(one)) or ()) for one in user_ids} == {frozenset()}


# --- what a process leaves behind ---


def test_a_sweep_whose_first_step_was_never_sent_is_woken(world: World) -> None:
    user_ids = settled_crowd(world)
    lost = new_sweep(Parts.ALL, now=world.clock.now(), narrow=True)
    assert Sweeps(int(GUILD)).begin(lost) is None
    state_all(world, user_ids)
    world.run(seconds=300)
    assert all_settled(world, user_ids)
    assert STORE.first_after(0) is None


def test_a_sweep_that_repairs_does_not_keep_another_from_beginning(world: World) -> None:
    """Its worker died before it made room; or a function of an older version took it for a sweep of the guild."""
    user_ids = settled_crowd(world)
    sweeps, lost = Sweeps(int(GUILD)), new_sweep(Parts.ALL, now=world.clock.now(), narrow=True)
    assert sweeps.begin(lost) is None
    assert sweeps.advance(replace(lost, step=1, pages=1, state=SweepState.REPAIRING))
    state_all(world, user_ids)
    world.run(seconds=60)
    assert all_settled(world, user_ids)


def test_whom_a_failed_sweep_found_is_marked_again_whatever_the_clocks_say(world: World) -> None:
    user_ids = settled_crowd(world, 3)
    user, discord_id = linked_user(world, user_ids[1])
    world.guild.change_member(name_of(user_ids[1]), take=["Member"])
    sweeps, began = Sweeps(int(GUILD)), world.clock.now()
    lost = new_sweep(Parts.ALL, now=began, narrow=True)
    assert sweeps.begin(lost) is None
    sweeps.keep_page(lost.sweep_id, 7, [Difference(user.user_id, discord_id, user.version)], now=began)
    assert sweeps.advance(replace(lost, step=1, pages_found=(7,), updated_at=began + 1))
    world.http.delivery.sweeper.fail(lost.sweep_id, "a step cannot be done")
    world.run(seconds=120)
    assert world.roles(name_of(user_ids[1])) == {"Member"}


def test_a_sweep_that_makes_no_step_for_long_is_given_up(world: World) -> None:
    user_ids = settled_crowd(world)
    lost = new_sweep(Parts.ALL, now=world.clock.now(), narrow=True)
    assert Sweeps(int(GUILD)).begin(lost) is None
    world.clock.advance(STALE_AFTER + 60)
    state_all(world, user_ids)
    world.run(seconds=60)
    assert all_settled(world, user_ids)


def test_whom_a_sweep_found_that_is_given_up_is_repaired_all_the_same(world: World) -> None:
    user_ids = settled_crowd(world)
    user, discord_id = linked_user(world, user_ids[1])
    world.guild.change_member(name_of(user_ids[1]), take=["Member"])
    sweeps, began = Sweeps(int(GUILD)), world.clock.now()
    lost = new_sweep(Parts.ALL, now=began, narrow=True)
    assert sweeps.begin(lost) is None
    sweeps.keep_page(lost.sweep_id, 0, [Difference(user.user_id, discord_id, user.version)], now=began)
    assert sweeps.advance(replace(lost, step=1, pages=1, pages_found=(0,)))
    world.clock.advance(STALE_AFTER + 60)
    mark(world, user_ids[5])
    world.http.delivery.sweeper.start_later(StartSweep(parts=Parts.ALL.value, waiting="d", began=world.clock.now()))
    world.run(seconds=300)
    assert world.roles(name_of(user_ids[1])) == {"Member"}


def test_who_was_compared_since_is_not_recorded_again(world: World) -> None:
    """A worker that did not get through a page in time leaves less of it to the next."""
    user_ids = settled_crowd(world)
    state_all(world, user_ids)
    world.run(seconds=60)
    looked = [linked_user(world, one)[0].looked for one in user_ids]
    written = list[str]()
    for user_id in user_ids:
        STORE.add(user_id, linked_user(world, user_id)[1], now=world.clock.now() - 120)
    state_all(world, user_ids[:3])
    world.dynamodb.before = lambda operation, given: written.append(f"{operation} {given.get('TableName', '')}")
    world.run(seconds=60)
    assert STORE.first_after(0) is None
    assert len([one for one in written if one.startswith("UpdateItem") and one.endswith("users")]) == 2 * 3
    assert [linked_user(world, one)[0].looked for one in user_ids[3:]] == looked[3:]


# --- how much one step holds ---


def marks_of(count: int, each: int) -> list[Mark]:
    return [Mark(f"{one}#{number}", str(one), one, 0.0) for one in range(1, count + 1) for number in range(each)]


@pytest.mark.parametrize(
    ("marks", "users_of_page", "last"),
    [
        (marks_of(PAGE, 1), PAGE, LAST_ID),
        (marks_of(PAGE + 1, 1), PAGE, PAGE),
        (marks_of(10, 3), 10, LAST_ID),
        (marks_of(2, MAX_MARKS)[:MAX_MARKS], 1, 1),
        ([], 0, LAST_ID),
    ],
    ids=["a whole page", "one user more", "several of each user", "all of one user", "none"],
)
def test_a_page_holds_no_more_users_than_can_be_stored_as_differing(
    marks: list[Mark], users_of_page: int, last: int
) -> None:
    chosen, upto = of_one_page(marks)
    assert len({one.user_id for one in chosen}) == users_of_page
    assert upto == last
    assert chosen == [one for one in marks if one.discord_id <= last]


# --- what an alarm sees ---


def test_while_no_list_can_be_read_those_who_wait_grow_older_for_the_alarm(world: World) -> None:
    user_ids = settled_crowd(world)
    let_sweeps_take(world)
    world.guild.inject(fault(method="GET", path="/members$", status=401, code=0, times=None))
    state_all(world, user_ids)
    world.run(seconds=3600)
    assert max(values(world, "ChangeAge")) > 1800, "an alarm's threshold"


def test_while_the_bot_is_not_in_the_server_each_message_ends_as_it_would_alone(world: World) -> None:
    user_ids = settled_crowd(world)
    world.clock.advance(7200)  # what is known of the guild is too old
    world.guild.turn(bot_in_guild=False)
    state_all(world, user_ids)
    world.run(seconds=3600)
    assert STORE.first_after(0) is None
    assert all(linked_user(world, one)[0].problems for one in user_ids)
    assert waiting(world, "jobs") == waiting(world, "bulk") == []
