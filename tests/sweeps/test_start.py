"""Several sweeps at once: one runs, one waits."""

from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.messages import Parts, RepairPage, StartSweep, encode, read_job
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from local.recursion import MAX_INVOCATIONS
from local.simulated import GUILD, World
from tests.members.support import (
    Meter,
    crowd,
    let_sweeps_take,
    waiting,
)
from tests.sweeps.support import losers, roles_of_all


def test_a_sweep_asked_for_while_one_has_looked_at_nobody_is_that_one(world: World) -> None:
    losers(world, 0, of=3)
    first = world.sweep()
    second = world.sweep(parts=Parts.GROUPS)
    assert (second["sweep_id"], second["already_running"], second["queued"]) == (first["sweep_id"], True, False)
    meter = Meter(world)
    world.run()
    assert meter.routes.count("GET members") == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"parts": Parts.USERNAME}, {"parts": Parts.ALL}, id="it looks at less"),
        pytest.param({}, {"force": True}, id="it may do less"),
    ],
)
def test_a_sweep_that_does_less_is_no_substitute(world: World, first: dict[str, Any], second: dict[str, Any]) -> None:
    losers(world, 2, of=3)
    world.sweep(**first)
    assert world.sweep(**({"force": True} | second))["queued"]
    world.run()
    assert roles_of_all(world, "loser") == {frozenset({"Member"})}


def test_many_that_wait_for_one_become_one(world: World) -> None:
    losers(world, 20, of=40)
    let_sweeps_take(world)
    world.sweep()
    world.run(seconds=2)
    meter = Meter(world)
    for _ in range(6):
        world.sweep()
    world.run(seconds=6 * 3600)
    assert meter.routes.count("GET members") <= 3
    assert waiting(world, "bulk") == []


def test_a_dry_run_needs_not_wait_for_a_sweep(world: World) -> None:
    losers(world, 0, of=3)
    world.sweep()
    assert world.sweep(dry_run=True)["state"] == "dry_run"


def test_of_many_sweeps_asked_for_while_one_runs_one_follows(world: World) -> None:
    for name in ("Member", "Old"):
        world.guild.create_role(name)
    crowd(world, 300, groups=["Member", "Old"])
    let_sweeps_take(world)
    for _ in range(5):
        assert world.sweep()["state"] in ("surveying", "repairing")
        world.run(seconds=40)
    meter = Meter(world)
    world.run(seconds=3600)
    assert meter.routes.count("GET members") == 1
    assert world.sweep(dry_run=True)["differing"] == 0


def test_the_sweeps_of_another_guild_are_another_matter() -> None:
    World()
    Sweeps(7).begin(Sweep("2-other", Parts.ALL.value, SweepState.SURVEYING, 1.0, 1.0))
    assert Sweeps(int(GUILD)).running() is None


@pytest.mark.parametrize(("minutes", "renewed"), [(20, False), (60, True)])
def test_a_sweep_that_runs_for_long_goes_on_in_a_new_chain_when_another_is_asked_for(
    world: World, minutes: int, renewed: bool
) -> None:
    """Lambda counts invocations of a chain; the one who asks is no part of it."""
    losers(world, 1, of=2)
    sweeps, now = Sweeps(int(GUILD)), world.clock.now()
    running = Sweep("2-long", Parts.ALL.value, SweepState.REPAIRING, now - minutes * 60, now - 300, step=7, pages=1)
    sweeps.begin(replace(running, position=(1, 0, 0)))
    world.sweep()
    sent = [body for body in waiting(world, "bulk") if '"repair"' in body]
    assert sent == ([encode(RepairPage(sweep_id="2-long", step=7, phase=1)).decode()] if renewed else [])
    assert len(waiting(world, "bulk")) == len(sent) + 1, "and the new one waits"
    world.run(seconds=60)
    ended = sweeps.get("2-long")
    assert ended
    assert ended.state == (SweepState.DONE if renewed else SweepState.REPAIRING)


def start_later(world: World, job: StartSweep) -> str:
    """Deliver the message of a sweep that waits; return the id of the sweep that runs then, empty without one."""
    world.container().delivery.sweeper.start_later(job)
    running = Sweeps(int(GUILD)).running()
    return running.sweep_id if running else ""


def queued(world: World) -> list[StartSweep]:
    """The messages of sweeps that wait for another."""
    found = [read_job(body, now=world.clock.now(), own=True) for body in waiting(world, "bulk")]
    return [job for job in found if isinstance(job, StartSweep)]


def test_a_sweep_that_waits_gives_way_to_one_that_is_asked_for_later(world: World) -> None:
    """The later one is in a new chain of invocations."""
    losers(world, 0, of=3)
    sweeps, now = Sweeps(int(GUILD)), world.clock.now()
    sweeps.begin(running := Sweep("2-runs", Parts.ALL.value, SweepState.REPAIRING, now, now))
    world.sweep()
    world.sweep()
    first, second = queued(world)
    sweeps.finish(running)
    assert start_later(world, first) == ""
    assert start_later(world, second) != ""


def test_a_sweep_that_an_older_version_queued_starts(world: World) -> None:
    losers(world, 0, of=3)
    world.http.services.memory.sweeps.claim_queue("waiting", Parts.ALL.value, force=False, now=world.clock.now())
    assert start_later(world, StartSweep(parts=Parts.ALL.value, tries=3)) != ""


def test_a_sweep_is_queued_though_one_before_it_never_was(world: World) -> None:
    losers(world, 0, of=3)
    now = world.clock.now()
    Sweeps(int(GUILD)).begin(Sweep("2-runs", Parts.ALL.value, SweepState.REPAIRING, now, now))
    world.outages.begin("sqs", 60.0)
    with pytest.raises(EndpointConnectionError):
        world.sweep()
    world.clock.advance(60.0)
    world.sweep()
    assert len(queued(world)) == 1


def test_a_sweep_that_waits_tries_ever_less_often(world: World) -> None:
    losers(world, 0, of=3)
    now = world.clock.now()
    Sweeps(int(GUILD)).begin(Sweep("2-runs", Parts.ALL.value, SweepState.REPAIRING, now, now + 86_400.0))
    world.sweep()
    world.run(seconds=3600.0)
    tries = [sent for sent in world.sqs.sent if '"start_sweep"' in sent.body]
    assert len(tries) <= MAX_INVOCATIONS - 2, "in the hour until the schedule begins a new chain"
    assert [sent.delay for sent in tries[:4]] == [2, 6, 18, 54]
