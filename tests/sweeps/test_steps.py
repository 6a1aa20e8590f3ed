"""The steps of a sweep: crashes, duplicates, delays, lost messages."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.members.context import Outcome
from chalicelib.messages import ComparePage, RepairPage, encode
from chalicelib.outages import MIN_PAUSE
from chalicelib.queues import Message, message_of
from chalicelib.store.sweeps import STALE_AFTER
from local.discord.faults import Fault
from local.simulated import STAGE, World
from tests.members.support import (
    Meter,
    crowd,
    let_sweeps_take,
    swept,
    waiting,
)
from tests.sweeps.support import LIST, latest, losers, names, roles_of_all


def bulk(world: World, job: ComparePage | RepairPage, *, received: int = 1) -> None:
    """Deliver a step, for the `received`th time."""
    body = encode(job).decode()
    message = Message(body, "id", "handle", f"rolecall-{STAGE}-bulk", world.clock.now(), {}, received)
    world.container().delivery.batch([message], bulk=True, seconds_left=lambda: 60.0)


@pytest.mark.parametrize("received", [1, 2], ids=["duplicate", "delivered again"])
@pytest.mark.parametrize("moment", [0.5, 3.0, 200.0], ids=["early", "half-way", "when all is done"])
def test_a_first_step_that_comes_again_does_no_harm(world: World, moment: float, received: int) -> None:
    losers(world, 20, of=40)
    let_sweeps_take(world)
    sweep_id = world.sweep()["sweep_id"]
    world.run(seconds=moment)
    bulk(world, ComparePage(sweep_id=sweep_id), received=received)
    world.run()
    assert roles_of_all(world, "loser") == roles_of_all(world) == {frozenset({"Member"})}
    assert latest(world).state == "done"
    assert "already_running" not in world.sweep()


class Killed(BaseException):
    """The process of the function was killed."""


def steps(world: World) -> int:
    """How many calls of store and queues a whole sweep makes, those that its jobs make left out."""
    calls = 0

    def count(*_: Any) -> None:
        nonlocal calls
        calls += 1

    world.dynamodb.before = count
    world.sqs.before = count
    run_steps(world)
    return calls


def run_steps(world: World) -> None:
    """Deliver the bulk queue's steps, one process each, until it is empty; those that died come again."""
    queue, again = f"rolecall-{STAGE}-bulk", 0
    while (at := world.sqs.next_event_at(queue)) is not None:
        world.clock.move_to(at)
        for record in world.sqs.receive(queue, most=1):
            try:
                world.container().delivery.batch([message_of(record)], bulk=True, seconds_left=lambda: 60.0)
            except Killed:
                again += 1
                assert again < 20
            else:
                world.sqs.delete_all([record])


def small_guild(page_size: int) -> World:
    world = World({"DISCORD_SYNC_NAMES": "True"})
    world.guild.turn(member_page=page_size)
    losers(world, 2, of=3)
    let_sweeps_take(world)
    return world


@pytest.mark.parametrize("page_size", [1000, 1], ids=["one page", "several pages in one invocation"])
def test_a_worker_killed_at_any_call_of_a_sweep_leaves_a_sweep_that_ends(page_size: int) -> None:
    first = small_guild(page_size)
    first.sweep()
    total = steps(first)
    assert total > 30
    for fatal in range(total):
        world = small_guild(page_size)
        world.sweep()
        left = fatal

        def kill(*_: Any) -> None:
            nonlocal left
            left -= 1
            if left == -1:
                raise Killed

        world.dynamodb.before = kill
        world.sqs.before = kill
        run_steps(world)
        world.dynamodb.before = world.sqs.before = None
        assert roles_of_all(world, "loser") == {frozenset({"Member"})}, f"killed at call {fatal}"
        assert "already_running" not in world.sweep(), f"killed at call {fatal}"


def test_a_sweep_whose_messages_were_lost_makes_room_after_half_an_hour(world: World) -> None:
    losers(world, 2, of=3)
    let_sweeps_take(world)
    world.sweep()
    for record in world.sqs.receive(f"rolecall-{STAGE}-bulk"):
        world.sqs.delete_all([record])
    world.clock.advance(STALE_AFTER + 1)
    swept(world)
    assert roles_of_all(world, "loser") == {frozenset({"Member"})}


def test_a_page_that_comes_again_does_not_begin_the_repair_again(world: World) -> None:
    losers(world, 150, of=160)
    sweep_id = world.sweep(force=True)["sweep_id"]
    world.run(until=lambda: latest(world).sent > 0)
    under_way = latest(world)
    assert (under_way.state, 0 < under_way.sent < 150) == ("repairing", True)
    assert world.http.delivery.sweeper.compare(ComparePage(sweep_id=sweep_id), redelivered=True) is Outcome.NOTHING
    world.run()
    assert (latest(world).state, latest(world).sent) == ("done", 150)


def test_a_step_of_a_repair_that_comes_again_late_or_too_early_sends_nothing(world: World) -> None:
    losers(world, 150, of=160)
    sweep_id = world.sweep(force=True)["sweep_id"]
    world.run(until=lambda: latest(world).sent > 0 and latest(world).position is not None)
    step, sent = latest(world).step, len(waiting(world, "bulk"))
    repair = world.http.delivery.sweeper.repair
    assert repair(RepairPage(sweep_id=sweep_id, step=step - 1), redelivered=False) is Outcome.NOTHING
    assert repair(RepairPage(sweep_id=sweep_id, step=step + 1), redelivered=False) is Outcome.NOTHING
    assert repair(RepairPage(sweep_id=sweep_id, step=step + 1), redelivered=True) is Outcome.NOTHING
    assert (latest(world).step, len(waiting(world, "bulk"))) == (step, sent)


def test_a_halt_of_a_day_does_not_pile_up_sweeps(world: World) -> None:
    losers(world, 2, of=3)
    let_sweeps_take(world)
    world.guild.turn(bot_token="the new token")
    for _ in range(24):
        world.sweep()
        world.run(seconds=3600)
    world.settings = replace(world.settings, bot_token="the new token")
    world.http = world.container()
    world._idle = {"jobs": [], "bulk": []}
    meter = Meter(world)
    world.run(seconds=2 * 3600)
    assert roles_of_all(world, "loser") == {frozenset({"Member"})}
    assert meter.routes.count("GET members") <= 2


def test_a_sweep_whose_step_breaks_for_good_has_failed_and_says_so(world: World) -> None:
    crowd(world, 1, groups=["Member"])

    def broken(operation: str, given: dict[str, Any]) -> None:
        if operation == "PutItem" and "#000000" in str(given["Item"].get("sweep_id")):
            raise ConnectionError("no answer")

    world.dynamodb.before = broken
    told = swept(world)
    assert latest(world).state == "failed"
    assert [n["reason"] for n in told] == ["sweep failed: internal error: ConnectionError"]
    world.dynamodb.before = None
    assert world.sweep().get("already_running") is None


def test_of_two_workers_at_one_page_only_what_the_one_found_is_repaired_who_goes_on(world: World) -> None:
    """The verdict is about that; what the other found meanwhile may be more than the brake allows."""
    losers(world, 5, of=100)
    let_sweeps_take(world)
    job = ComparePage(sweep_id=world.sweep()["sweep_id"])
    first, second = (world.container().delivery.sweeper for _ in range(2))
    late = second.sweeps.current(job.sweep_id)
    first.compare(job, redelivered=False)
    for name in names(world):
        world.guild.change_member(name, give=["Old"])
    second.sweeps.current = lambda _: late  # type: ignore[method-assign,assignment]  # read before the first went on
    assert second.compare(job, redelivered=False) is Outcome.NOTHING
    world.run(seconds=1800)
    assert sum("Old" in member.roles for member in world.guild.state().members) == 95


def ended_at(world: World, pages: list[float], *, seconds: float = 60.0) -> int:
    """Deliver the first step of a new sweep; return how many pages were compared, each of which takes that long."""
    took = iter(pages)
    world.dynamodb.before = lambda operation, given: (
        world.clock.advance(next(took, 0.0)) if operation == "PutItem" and given["Item"].get("step") else None
    )
    body = encode(ComparePage(sweep_id=world.sweep()["sweep_id"])).decode()
    ends = world.clock.now() + seconds
    message = Message(body, "id", "handle", f"rolecall-{STAGE}-bulk", world.clock.now(), {})
    world.container().delivery.batch([message], bulk=True, seconds_left=lambda: ends - world.clock.now())
    world.dynamodb.before = None
    return latest(world).pages


@pytest.mark.parametrize(
    ("each", "seconds", "compared"),
    [
        pytest.param(1.0, 60.0, 8, id="all of them"),
        pytest.param(11.0, 60.0, 3, id="until half a minute is over"),
        pytest.param(5.0, 35.0, 3, id="until little time is left of the invocation"),
    ],
)
def test_one_invocation_compares_pages_as_long_as_it_has_time(
    world: World, each: float, seconds: float, compared: int
) -> None:
    losers(world, 3, of=8)
    world.guild.turn(member_page=1)
    let_sweeps_take(world)
    assert ended_at(world, [each] * 8, seconds=seconds) == compared
    world.run()
    assert roles_of_all(world, "loser") == roles_of_all(world) == {frozenset({"Member"})}
    assert latest(world).state == "done"


def test_a_page_that_cannot_be_compared_is_left_to_a_message_of_its_own(world: World) -> None:
    losers(world, 2, of=5)
    world.guild.turn(member_page=1)
    let_sweeps_take(world)
    world.sweep()
    world.guild.inject(Fault(kind="answer", path=LIST, skip=2, status=503))
    world.run()
    steps_sent = [json.loads(sent.body) for sent in world.sqs.sent if '"survey"' in sent.body]
    assert [step["page"] for step in steps_sent] == [0, 2]
    assert roles_of_all(world, "loser") == {frozenset({"Member"})}


def test_a_survey_goes_on_after_an_outage_that_hid_how_a_page_ended(world: World) -> None:
    """The message is put back as a new one, and names a page that was stored already."""
    losers(world, 2, of=5)
    let_sweeps_take(world)
    sweep_id = world.sweep()["sweep_id"]
    bulk(world, ComparePage(sweep_id=sweep_id))
    for record in world.sqs.receive(f"rolecall-{STAGE}-bulk"):
        world.sqs.delete_all([record])  # the next step was never sent
    bulk(world, ComparePage(sweep_id=sweep_id))
    assert waiting(world, "bulk") == [], "somebody may be at work on it"
    world.clock.advance(MIN_PAUSE)
    bulk(world, ComparePage(sweep_id=sweep_id))
    world.run()
    assert roles_of_all(world, "loser") == {frozenset({"Member"})}
