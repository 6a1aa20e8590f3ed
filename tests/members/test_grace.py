"""Removal as a choice: kicked or left without roles, at once or after some days, and back again within them."""

import json
from typing import Any

import pytest

from local.simulated import World
from tests.members.support import Meter, crowd, let_sweeps_take, linked, stored

DAY = 86_400.0


def world_with(**settings: str) -> World:
    world = World({f"DISCORD_EXPIRE_{name}": value for name, value in settings.items()})
    let_sweeps_take(world)
    world.link("1", "anna", groups=["Member"])
    world.run(seconds=600)
    world.clock.advance(600)
    world.site.notices()
    return world


def told(world: World) -> list[tuple[str, str | None]]:
    return [(one["kind"], one["reason"]) for one in world.site.notices()]


def sweep(world: World) -> None:
    world.sweep()
    world.run(seconds=3600)


def days(world: World, number: float) -> None:
    """So many days with a sweep on each."""
    end = world.clock.now() + number * DAY
    while world.clock.now() < end:
        sweep(world)
        world.clock.move_to(min(end, world.clock.now() + DAY / 2))
    sweep(world)


def state(world: World) -> tuple[bool, set[str] | None]:
    return linked(world, "1"), world.roles("anna")


# --- without grace days --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "field"), [("remove_roles", None), ("kick", "remove_roles")], ids=["by setting", "by message"]
)
def test_who_is_to_stay_loses_the_roles_and_the_link(setting: str, field: str | None) -> None:
    world = world_with(BEHAVIOR=setting)
    world.site.delete("1", notify=True, **({"expire_behavior": field} if field else {}))
    world.run()
    assert state(world) == (False, set())
    assert told(world) == [("unlinked", "asked")]


def test_a_message_may_ask_for_a_kick_where_the_setting_says_otherwise() -> None:
    world = world_with(BEHAVIOR="remove_roles", GRACE_DAYS="3")
    world.site.delete("1", expire_behavior="kick", grace_days=0)
    world.run()
    assert state(world) == (False, None)


def test_who_unlinks_stays_without_roles() -> None:
    world = world_with(BEHAVIOR="remove_roles")
    world.http.linking.unlink(world.site.token("1", "unlink"))
    assert state(world) == (False, set())
    world.run()
    assert told(world) == [("unlinked", "asked")]


def test_the_old_account_stays_without_roles() -> None:
    world = world_with(BEHAVIOR="remove_roles")
    world.link("1", "ben", groups=["Member"])
    world.run()
    assert (world.roles("anna"), world.roles("ben")) == (set(), {"Member"})


# --- with grace days -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dated", [False, True])
@pytest.mark.parametrize("behavior", ["kick", "remove_roles"])
def test_the_roles_go_at_once_and_the_rest_when_the_days_are_over(behavior: str, dated: bool) -> None:
    world = world_with(BEHAVIOR=behavior, GRACE_DAYS="3")
    more: dict[str, Any] = {"changed_at": world.site.stamp()} if dated else {}
    world.site.delete("1", notify=True, **more)
    world.run()
    assert state(world) == (True, set())
    days(world, 2.5)
    assert state(world) == (True, set())
    assert told(world) == []
    days(world, 1)
    assert state(world) == (False, None if behavior == "kick" else set())
    assert told(world) == [("unlinked", "asked")]
    days(world, 3)
    assert told(world) == []


def test_a_sweep_makes_no_request_for_who_is_leaving() -> None:
    world = world_with(GRACE_DAYS="3")
    world.site.delete("1")
    world.run()
    meter = Meter(world)
    sweep(world)
    assert meter.writes == []
    assert meter.routes.count("GET member") == 1, "the bot itself"


@pytest.mark.parametrize("dated", [False, True])
def test_something_newer_cancels_the_removal(dated: bool) -> None:
    world = world_with(GRACE_DAYS="3")
    more: dict[str, Any] = {"changed_at": world.site.stamp()} if dated else {}
    world.site.delete("1", notify=True, **more)
    world.run()
    world.clock.advance(DAY)
    world.site.groups("1", ["Member", "Scout"])
    world.run()
    assert state(world) == (True, {"Member", "Scout"})
    days(world, 4)
    assert state(world) == (True, {"Member", "Scout"})
    assert told(world) == []


@pytest.mark.parametrize("dated", [False, True])
def test_a_deletion_that_arrives_after_something_newer_takes_nothing(dated: bool) -> None:
    world = world_with(GRACE_DAYS="3")
    more: dict[str, Any] = {"changed_at": world.site.stamp()} if dated else {}
    since = {"since": {"DataType": "String", "StringValue": f"{world.clock.now():.3f}"}}
    world.clock.advance(10)
    world.site.groups("1", ["Member", "Scout"])
    world.run()
    body = json.dumps({"kind": "delete_user", "user_id": "1", "notify": True, **more})
    world.sqs.send_message(QueueUrl=world.queue_url("jobs"), MessageBody=body, MessageAttributes=since)
    world.run()
    assert state(world) == (True, {"Member", "Scout"})
    days(world, 4)
    assert state(world) == (True, {"Member", "Scout"})


def test_something_older_does_not_cancel_the_removal() -> None:
    world = world_with(GRACE_DAYS="3")
    older = world.site.stamp()
    world.site.delete("1", changed_at=world.site.stamp())
    world.run()
    world.site.groups("1", ["Member", "Scout"], changed_at=older)
    world.run()
    assert state(world) == (True, set())


def test_linking_again_cancels_the_removal() -> None:
    world = world_with(GRACE_DAYS="3")
    world.site.delete("1", changed_at=world.site.stamp())
    world.run()
    world.clock.advance(100)
    world.link("1", "anna", groups=["Member"])
    days(world, 4)
    assert state(world) == (True, {"Member"})


def test_a_deletion_that_is_repeated_does_not_prolong_the_days() -> None:
    world = world_with(GRACE_DAYS="3")
    for _ in range(4):
        world.site.delete("1", changed_at=world.site.stamp())
        days(world, 1)
    assert state(world) == (False, None)


def test_a_deletion_that_is_repeated_without_grace_is_carried_out() -> None:
    world = world_with(GRACE_DAYS="3")
    world.site.delete("1", changed_at=world.site.stamp())
    world.run()
    world.site.delete("1", changed_at=world.site.stamp(), grace_days=0)
    world.run()
    assert state(world) == (False, None)


def test_who_unlinks_is_kicked_when_the_days_are_over() -> None:
    world = world_with(GRACE_DAYS="3")
    world.http.linking.unlink(world.site.token("1", "unlink"))
    assert state(world) == (False, set())
    assert told(world) == [("unlinked", "asked")]
    days(world, 2.5)
    assert state(world) == (False, set())
    days(world, 1)
    assert state(world) == (False, None)


def test_who_unlinks_and_links_again_within_the_days_stays() -> None:
    world = world_with(GRACE_DAYS="3")
    world.http.linking.unlink(world.site.token("1", "unlink"))
    world.run()
    world.link("1", "anna", groups=["Member"])
    days(world, 5)
    assert state(world) == (True, {"Member"})


def test_the_old_account_is_kicked_when_the_days_are_over() -> None:
    world = world_with(GRACE_DAYS="3")
    world.link("1", "ben", groups=["Member"])
    world.run()
    assert (world.roles("anna"), world.roles("ben")) == (set(), {"Member"})
    days(world, 3.5)
    assert (world.roles("anna"), world.roles("ben")) == (None, {"Member"})


# --- who left by themselves ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seen_by", ["sweep", "message"])
def test_the_link_of_who_left_is_kept_for_the_days(seen_by: str) -> None:
    world = world_with(GRACE_DAYS="3")
    world.guild.leave("anna")
    if seen_by == "message":
        world.site.post({"kind": "update_all", "user_id": "1"})
        world.run()
    sweep(world)
    user = stored(world, "1")
    assert user is not None
    assert user.absent is not None
    assert told(world) == [("absent", None)]
    days(world, 2.5)
    assert (linked(world, "1"), told(world)) == (True, [])
    days(world, 1)
    assert (linked(world, "1"), told(world)) == (False, [("unlinked", "left_server")])


def test_who_is_absent_costs_a_sweep_no_request() -> None:
    world = world_with(GRACE_DAYS="3")
    world.guild.leave("anna")
    sweep(world)
    meter = Meter(world)
    sweep(world)
    assert meter.writes == []
    assert meter.routes.count("GET member") == 1, "the bot itself"


@pytest.mark.parametrize("noticed_by", ["sweep", "message"])
def test_who_comes_back_has_the_roles_again(noticed_by: str) -> None:
    world = world_with(GRACE_DAYS="3")
    world.guild.leave("anna")
    sweep(world)
    world.clock.advance(DAY)
    world.guild.add_member("anna")
    if noticed_by == "sweep":
        sweep(world)
    else:
        world.site.post({"kind": "update_all", "user_id": "1"})
        world.run()
    assert state(world) == (True, {"Member"})
    user = stored(world, "1")
    assert user is not None
    assert user.absent is None
    days(world, 4)
    assert state(world) == (True, {"Member"})
    assert told(world) == [("absent", None)]


def test_who_comes_back_and_is_as_they_should_be_is_seen_to_be_back() -> None:
    world = world_with(GRACE_DAYS="3")
    world.site.groups("1", [])
    world.run()
    world.guild.leave("anna")
    sweep(world)
    world.guild.add_member("anna")
    sweep(world)
    days(world, 4)
    assert state(world) == (True, set())


def test_who_is_leaving_and_leaves_is_leaving_still() -> None:
    world = world_with(GRACE_DAYS="3")
    world.site.delete("1", notify=True)
    world.run()
    world.guild.leave("anna")
    days(world, 2)
    assert (linked(world, "1"), told(world)) == (True, [])
    days(world, 2)
    assert (linked(world, "1"), told(world)) == (False, [("unlinked", "asked")])


@pytest.mark.parametrize("notify", [True, False])
def test_a_message_that_finds_them_gone_after_the_days_tells_what_the_deletion_asked_for(*, notify: bool) -> None:
    world = world_with(GRACE_DAYS="3")
    world.site.delete("1", notify=notify)
    world.run()
    world.guild.leave("anna")
    world.clock.advance(4 * DAY)
    world.site.post({"kind": "update_username", "user_id": "1"})
    world.run(seconds=60)
    assert (linked(world, "1"), told(world)) == (False, [("unlinked", "asked")] if notify else [])


def test_without_grace_days_the_link_of_who_left_ends_as_ever() -> None:
    world = world_with()
    world.guild.leave("anna")
    sweep(world)
    assert (linked(world, "1"), told(world)) == (False, [("unlinked", "left_server")])


def test_a_dry_run_shows_who_would_go() -> None:
    world = world_with(GRACE_DAYS="3")
    world.site.delete("1")
    world.run()
    world.clock.advance(4 * DAY)
    shown = world.sweep(dry_run=True)
    assert [(one["user_id"], one.get("goes")) for one in shown["would_change"]] == [("1", True)]
    assert linked(world, "1")


def test_many_leave_at_once_when_their_days_are_over() -> None:
    world = world_with(GRACE_DAYS="3")
    world.guild.create_role("Scout")
    for user_id in crowd(world, 12, roles=["Scout"], groups=["Scout"], imported=False):
        world.site.delete(user_id)
    days(world, 3.5)
    assert len(world.guild.state().members) == 2 + 1


def test_without_grace_days_clocks_that_differ_put_nothing_off() -> None:
    world = world_with()
    ahead = {"since": {"DataType": "String", "StringValue": f"{world.clock.now() + 5:.3f}"}}
    body = '{"kind": "delete_user", "user_id": "1"}'
    world.sqs.send_message(QueueUrl=world.queue_url("jobs"), MessageBody=body, MessageAttributes=ahead)
    world.run(seconds=1)
    assert state(world) == (False, None)
