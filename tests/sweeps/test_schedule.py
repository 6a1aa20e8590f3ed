"""The jobs of a repair: each is sent once, and mended on the bucket that its ticket is for."""

from typing import Any

import pytest

from chalicelib.messages import Parts
from chalicelib.queues import message_of
from chalicelib.store.sweeps import Difference, Sweep, SweepState
from chalicelib.sweeps.schedule import (
    FIRST_ANSWERS,
    FIRST_HORIZON,
    FIRST_INTERVAL,
    INTERVAL,
    SPILL_AFTER,
    schedule_repairs,
)
from local.simulated import STAGE, World
from tests.members.support import Meter, crowd, let_sweeps_take, stored, waiting

TAKE, PATCH = "DELETE member role", "PATCH member"


def losers(world: World, count: int) -> list[str]:
    """So many linked members who are to lose the role Old; the user ids."""
    world.guild.create_role("Member")
    world.guild.create_role("Old")
    return crowd(world, count, roles=["Member", "Old"], groups=["Member"])


def have_old(world: World) -> int:
    """How many members have the role Old."""
    return sum("Old" in member.roles for member in world.guild.state().members)


def receive(world: World) -> dict[str, Any]:
    """The one message that waits in the bulk queue."""
    (record,) = world.sqs.receive(f"rolecall-{STAGE}-bulk")
    return record


def deliver(world: World, record: dict[str, Any], *, received: int = 1) -> None:
    """A message to a process of its own, for the `received`th time."""
    record["attributes"]["ApproximateReceiveCount"] = str(received)
    world.container().delivery.batch([message_of(record)], bulk=True, seconds_left=lambda: 60.0)
    world.sqs.delete_all([record])


@pytest.mark.parametrize(
    ("received", "seconds"),
    [
        pytest.param(1, 0.0, id="a second copy, at once"),
        pytest.param(1, 0.5, id="a second copy, late"),
        pytest.param(2, 0.5, id="delivered again, before the next step"),
    ],
)
def test_a_step_of_the_repair_that_comes_twice_sends_its_jobs_once(world: World, received: int, seconds: float) -> None:
    losers(world, 75)
    meter = Meter(world)
    world.sweep(force=True)
    deliver(world, receive(world))  # the survey
    step = receive(world)
    deliver(world, step)
    if seconds:
        world.run(seconds=seconds)
    assert any('"repair"' in body for body in waiting(world, "bulk")), "further steps are to come"
    before = waiting(world, "bulk")
    deliver(world, step, received=received)
    if received == 1:
        assert waiting(world, "bulk") == before
    world.run()
    assert have_old(world) == 0
    writes = meter.routes.count(TAKE) + meter.routes.count(PATCH)
    assert writes == 75, "one request for each"


def know_both_buckets(world: World) -> None:
    """Two requests on each, one right after the other, tell how large it is."""
    let_sweeps_take(world)
    for user_id in losers(world, 2):
        world.site.post({"kind": "update_all", "user_id": user_id})
    for user_id in crowd(world, 2, roles=["Old"], groups=["Member"]):
        world.site.post({"kind": "update_all", "user_id": user_id})
    world.run()


def found_to_differ(world: World, user_ids: list[str]) -> list[Difference]:
    """What a sweep's page says of those who are to lose the role Old, and nothing else."""
    old = world.guild.state().role("Old")
    assert old
    found = []
    for user_id in user_ids:
        user = stored(world, user_id)
        assert user
        assert user.link
        found.append(Difference(user_id, user.link.account.id, user.version, take=1, role=int(old.id)))
    return found


@pytest.mark.parametrize(
    ("singles", "patched", "seconds"),
    [pytest.param(200, 15, 20.0, id="much work"), pytest.param(30, 0, 35.0, id="little work")],
)
def test_much_work_of_single_roles_is_shared_by_patch_on_tickets_of_its_own(
    world: World, singles: int, patched: int, seconds: float
) -> None:
    """Whoever holds such a ticket uses it: the bucket of single roles has no room for them as well."""
    know_both_buckets(world)
    found = found_to_differ(world, crowd(world, 30, roles=["Member", "Old"], groups=["Member"]))
    let_sweeps_take(world)
    now, services = world.clock.now(), world.http.services
    sweep = Sweep("2-sweep", Parts.ALL.value, SweepState.REPAIRING, now, now, singles=singles)
    assert (singles * services.discord.scheduler.seconds_each(TAKE) > SPILL_AFTER) is (patched > 0)
    meter = Meter(world)
    batch = schedule_repairs(services, sweep, found, counted=True)
    assert batch.count == 30
    services.queues.bulk_many(batch.jobs)
    world.run(until=lambda: have_old(world) == 0)
    took = world.clock.now() - now
    world.run()
    assert (meter.routes.count(PATCH), meter.routes.count(TAKE)) == (patched, 30 - patched)
    assert meter.routes.count("GET member") == patched, "a whole list of roles is written only after a look"
    assert took < seconds
    assert set(meter.statuses(PATCH) + meter.statuses(TAKE)) <= {200, 204}, "nobody came in vain"


def test_more_is_sent_soon_only_while_nothing_is_known_of_a_bucket(world: World) -> None:
    found = found_to_differ(world, losers(world, 200))
    now, services = world.clock.now(), world.http.services
    sweep = Sweep("2-sweep", Parts.ALL.value, SweepState.REPAIRING, now, now, singles=200)
    pauses = [schedule_repairs(services, sweep, found, counted=True).pause]
    world.site.post({"kind": "update_all", "user_id": found[0].user_id})
    world.site.post({"kind": "update_all", "user_id": found[1].user_id})
    let_sweeps_take(world)
    world.run()
    batch = schedule_repairs(services, sweep, found, counted=True)
    pauses.append(batch.pause)
    assert batch.count < 1.2 * FIRST_HORIZON, "one a second: PATCH will share the work in a moment"
    know_both_buckets(world)
    pauses.append(schedule_repairs(services, sweep, found, counted=True).pause)
    assert pauses == [FIRST_ANSWERS, FIRST_INTERVAL, INTERVAL]
