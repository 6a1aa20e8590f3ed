"""Storms: many changes at once cost what a list of members costs, and delay nothing that cannot wait."""

from collections import Counter
from dataclasses import replace

import pytest

from chalicelib.messages import Parts, StartSweep, encode
from chalicelib.queues import Progress
from chalicelib.store.sweeps import STALE_AFTER, Difference, Sweeps
from chalicelib.store.waiting import Driver
from chalicelib.sweeps.start import new_sweep
from local.simulated import GUILD, World
from tests.members.support import Meter, crowd, deliver, fault, let_sweeps_take, linked, removals, stored, waiting
from tests.sweeps.storms import MEMBERS, STORE, all_settled, name_of, settled_crowd, state_all
from tests.sweeps.support import latest

LIST, GET, PATCH = "GET members", "GET member", "PATCH member"


def seconds_until(world: World, who: str, roles: set[str]) -> float:
    began = world.clock.now()
    world.run(seconds=600, until=lambda: world.roles(who) == roles)
    assert world.roles(who) == roles
    return world.clock.now() - began


def test_statements_for_many_who_are_right_already_cost_a_list_of_them(world: World) -> None:
    user_ids = settled_crowd(world)
    meter = Meter(world)
    state_all(world, user_ids)
    world.run(seconds=60)
    assert set(meter.routes) == {LIST}
    assert len(meter.routes) <= 2
    assert all_settled(world, user_ids)
    assert STORE.first_after(0) is None
    assert waiting(world, "jobs") == waiting(world, "bulk") == []


def test_the_first_statements_after_an_import_cost_a_list_too(world: World) -> None:
    world.guild.create_role("Member")
    user_ids = crowd(world, MEMBERS, roles=["Member"])
    world.sweep()
    world.run()
    meter = Meter(world)
    state_all(world, user_ids)
    world.run(seconds=60)
    assert Counter(meter.routes)[GET] == 0
    assert len(meter.routes) <= 2
    assert all_settled(world, user_ids)
    assert not any(user.imported_at for one in user_ids if (user := stored(world, one)))


@pytest.mark.parametrize("kind", ["update_groups", "update_nickname", "update_username", "update_all"])
def test_messages_that_state_nothing_are_no_change_either(world: World, kind: str) -> None:
    user_ids = settled_crowd(world)
    meter = Meter(world)
    for user_id in user_ids:
        world.site.post({"kind": kind, "user_id": user_id})
    world.run(seconds=60)
    assert set(meter.routes) == {LIST}


def test_new_usernames_are_seen_in_the_list(world: World) -> None:
    user_ids = settled_crowd(world)
    world.guild.change_person(name_of(user_ids[7]), username="renamed")
    for user_id in user_ids:
        world.site.post({"kind": "update_username", "user_id": user_id})
    world.run(seconds=60)
    user = stored(world, user_ids[7])
    assert user is not None
    assert user.link is not None
    assert user.link.account.username == "renamed"


def test_those_of_a_storm_who_differ_get_what_they_lack_and_lose_what_is_not_theirs(world: World) -> None:
    user_ids = settled_crowd(world)
    let_sweeps_take(world)
    world.guild.change_member(name_of(user_ids[3]), take=["Member"])
    world.guild.change_member(name_of(user_ids[4]), give=["Old"])
    world.guild.change_member(name_of(user_ids[5]), roles=["Old", "Blue"])
    meter = Meter(world)
    state_all(world, user_ids)
    world.run(seconds=120)
    assert {frozenset(world.roles(name_of(one)) or ()) for one in user_ids} == {frozenset({"Member"})}
    assert sorted(meter.writes) == ["DELETE member role", PATCH, "PUT member role"]
    assert all_settled(world, user_ids)


def test_a_change_alone_is_made_at_once(world: World) -> None:
    (user_id, *_) = settled_crowd(world)
    meter = Meter(world)
    world.site.groups(user_id, ["Member", "Blue"])
    assert seconds_until(world, name_of(user_id), {"Member", "Blue"}) < 1
    assert LIST not in meter.routes
    assert STORE.first_after(0) is None


@pytest.mark.parametrize("groups", [["Member", "Blue"], []], ids=["gives", "takes"])
def test_a_change_in_the_middle_of_a_storm_is_made_at_once(world: World, groups: list[str]) -> None:
    *others, user_id = settled_crowd(world, 200)
    state_all(world, others[:100])
    world.site.groups(user_id, groups)
    state_all(world, others[100:])
    assert seconds_until(world, name_of(user_id), set(groups)) < 2


def test_a_statement_that_takes_a_group_away_never_waits_for_a_list(world: World) -> None:
    user_ids = settled_crowd(world)
    state_all(world, user_ids, [])
    world.run(seconds=2)
    assert STORE.first_after(0) is None


def test_what_is_given_to_many_waits_for_a_list_once_its_turn_is_far_off(world: World) -> None:
    user_ids = settled_crowd(world)
    meter = Meter(world)
    state_all(world, user_ids, ["Member", "Blue"])
    world.run(seconds=600)
    assert {frozenset(world.roles(name_of(one)) or ()) for one in user_ids} == {frozenset({"Member", "Blue"})}
    assert len(meter.writes) == MEMBERS
    assert Counter(meter.routes)[GET] < MEMBERS / 2


def test_a_user_who_waits_may_be_stated_again(world: World) -> None:
    user_ids = settled_crowd(world)
    for number in range(3):
        state_all(world, user_ids)
        for user_id in user_ids:
            world.site.nickname(user_id, f"Pilot {number}")
    meter = Meter(world)
    world.run(seconds=600)
    assert {world.nick(name_of(one)) for one in user_ids} == {"Pilot 2"}
    assert all_settled(world, user_ids)
    assert STORE.first_after(0) is None
    assert Counter(meter.routes)[PATCH] <= MEMBERS + 12, "nobody is written twice, but for those of the first window"


def test_few_who_wait_in_a_large_guild_cost_a_page_each_at_most(world: World) -> None:
    user_ids = settled_crowd(world, 40)
    world.guild.turn(member_page=4)
    meter = Meter(world)
    for user_id in (user_ids[0], user_ids[20], user_ids[39]):
        world.site.post({"kind": "update_all", "user_id": user_id})
    world.run(seconds=60)
    assert set(meter.routes) <= {LIST, GET}
    assert len(meter.routes) <= 3


def test_without_the_list_of_members_everybody_is_read_as_before(world: World) -> None:
    user_ids = settled_crowd(world)
    world.guild.turn(member_intent=False)
    meter = Meter(world)
    for lacking in (user_ids[1], user_ids[2]):
        world.guild.change_member(name_of(lacking), take=["Member"])
    state_all(world, user_ids)
    world.run(seconds=120)
    assert {frozenset(world.roles(name_of(one)) or ()) for one in user_ids} == {frozenset({"Member"})}
    assert all_settled(world, user_ids)
    state_all(world, user_ids)
    lists = Counter(meter.routes)[LIST]
    world.run(seconds=120)
    assert lists <= 2
    assert Counter(meter.routes)[LIST] == lists, "it is not asked again for a while"
    assert all_settled(world, user_ids)


def test_a_sweep_that_fails_reads_those_who_wait_one_by_one(world: World) -> None:
    user_ids = settled_crowd(world, 10)
    world.guild.change_member(name_of(user_ids[1]), take=["Member"])
    world.guild.inject(fault(method="GET", path="/members$", status=400, code=50035, times=None))
    state_all(world, user_ids)
    world.run(seconds=120)
    assert world.roles(name_of(user_ids[1])) == {"Member"}
    assert all_settled(world, user_ids)
    assert STORE.first_after(0) is None


def test_a_driver_that_was_lost_is_replaced_by_the_next_sweep_of_the_guild(world: World) -> None:
    user_ids = settled_crowd(world, 3)
    user = stored(world, user_ids[0])
    assert user is not None
    assert user.link is not None
    world.guild.change_member(name_of(user_ids[1]), take=["Member"])
    STORE.add(user.user_id, user.link.account.id, now=world.clock.now())
    world.run(seconds=600)
    assert STORE.first_after(0), "nobody knows of it"
    world.sweep(parts=Parts.USERNAME)
    world.run(seconds=600)
    assert STORE.first_after(0) is None


def test_a_second_message_of_the_driver_does_nothing(world: World) -> None:
    user_ids = settled_crowd(world)
    state_all(world, user_ids)
    deliver(world, world.http)
    driver = STORE.driver()
    assert driver.token
    stray = StartSweep(parts=Parts.ALL.value, waiting="another", began=world.clock.now())
    world.http.services.queues.bulk(encode(stray), Progress("stray", world.clock.now()))
    meter = Meter(world)
    deliver(world, world.http, "bulk")
    assert meter.routes == []
    assert STORE.driver() == driver


def test_a_driver_is_dismissed_only_if_nothing_was_announced_since() -> None:
    World()
    STORE.name_driver("mine", lease=100.0)
    seen = STORE.driver()
    announced = STORE.announce(now=5.0)
    assert not STORE.dismiss_driver(seen)
    assert STORE.dismiss_driver(announced)
    assert STORE.driver() == Driver(announced_at=5.0)


def test_a_new_driver_is_named_only_in_place_of_the_one_that_was_seen() -> None:
    World()
    seen = STORE.announce(now=5.0)
    STORE.name_driver("first", lease=100.0, seen=seen)
    STORE.name_driver("second", lease=100.0, seen=seen)
    assert STORE.driver().token == "first"


def test_those_whom_an_abandoned_sweep_found_to_differ_are_compared_again(world: World) -> None:
    user_ids = settled_crowd(world, 3)
    user = stored(world, user_ids[1])
    assert user is not None
    assert user.link is not None
    world.guild.change_member(name_of(user_ids[1]), take=["Member"])
    sweeps, began = Sweeps(int(GUILD)), world.clock.now()
    lost = new_sweep(Parts.ALL, now=began, narrow=True)
    assert sweeps.begin(lost) is None
    sweeps.keep_page(lost.sweep_id, 7, [Difference(user.user_id, user.link.account.id, user.version)], now=began)
    assert sweeps.advance(replace(lost, step=1, pages_found=(7,)))
    world.clock.advance(STALE_AFTER + 60)
    state_all(world, [user_ids[0]] * 3)
    world.run(seconds=120)
    assert world.roles(name_of(user_ids[1])) == {"Member"}


def test_a_member_who_is_not_listed_is_read_before_the_link_ends(world: World) -> None:
    user_ids = settled_crowd(world)
    world.guild.leave(name_of(user_ids[9]))
    meter = Meter(world)
    state_all(world, user_ids)
    world.run(seconds=60)
    assert not linked(world, user_ids[9])
    assert meter.statuses(GET) == [404]


def test_what_a_storm_takes_counts_in_the_removal_limit_member_by_member(world: World) -> None:
    user_ids = settled_crowd(world)
    for user_id in user_ids[:40]:
        world.guild.change_member(name_of(user_id), give=["Old"])
    state_all(world, user_ids)
    world.run(seconds=3600)
    kept = sum("Old" in (world.roles(name_of(one)) or ()) for one in user_ids)
    assert kept == 40 - 25
    assert len(list(removals(world).all())) == kept


def test_a_sweep_of_the_guild_runs_beside_one_of_those_who_wait(world: World) -> None:
    user_ids = settled_crowd(world)
    state_all(world, user_ids)
    deliver(world, world.http)
    deliver(world, world.http)
    world.clock.advance(2)
    deliver(world, world.http, "bulk")  # the narrow sweep begins
    started = world.sweep()
    assert "already_running" not in started
    world.run(seconds=600)
    assert latest(world).sweep_id == started["sweep_id"], "narrow sweeps are not among those that people ask for"
    assert latest(world).state == "done"
    assert all_settled(world, user_ids)
