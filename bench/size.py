"""Sweeps of a thousand to a million linked members, to their end: requests, time, money, and the memory of a step.

In virtual time over the real code. Lambda-seconds are what the functions wait for Discord, DynamoDB and their turn;
computing a page takes less than the pause until the next one may be asked for (`CPU`). Memory is what a step allocates
at its peak beyond what was there when it began. DynamoDB is counted in capacity units, from the sizes of the rows.
"""

import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from math import ceil
from pathlib import Path

from bench.costs import LINE, MEMORY
from bench.figures import Figure, Result, at_most
from bench.guilds import LATENCY, Cost, cost_of_sweep, drift_one_role, linked
from bench.prices import AS_OF, Usage
from bench.report import commit
from bench.size_runs import REGION, KeptRuns, Run
from bench.svg import Chart, Curves, number
from chalicelib.delivery.delivery import Delivery
from chalicelib.errors import Ticket
from chalicelib.members.context import Outcome
from chalicelib.messages import ComparePage, RepairPage
from chalicelib.services import Services
from chalicelib.sweeps.sweeper import Sweeper
from local.simulated import World

TABLE = Path(__file__).parent / "SIZES.md"
KEPT = Path(__file__).parent / "sizes.json"
SIZES = (1000, 10_000, 100_000, 1_000_000)
ONE_IN = 100  # members differs, in the second sweep of each size: every other one lacks a role or holds one too many
WORKERS = 10  # functions that read a queue at once
MAX_GROWTH = 1.2  # times the memory of a step among few members that fill one
FULL_STEP = 50  # pages; more than a step compares in its half minute
FILLING = 2500  # members: all drifted, they are more than a quarter of an hour's work
SAMPLED = 4  # one in so many steps between the first and the last is traced
COLUMNS = (
    "linked members",
    "drifted",
    "requests",
    "until all is right",
    "Lambda-seconds",
    "read units",
    "write units",
    "a sweep, $",
    "hourly, $ a month",
    "memory of a step, MB",
)


class SteppedWorld(World):
    """A world that measures the memory of steps of a sweep, while `traces`."""

    def __init__(self) -> None:
        self.traces = False
        self.peaks: list[float] = []
        self.last_page = 0
        super().__init__({"DISCORD_SYNC_NAMES": "True"}, workers=WORKERS, latency=LATENCY)

    def delivery(self, services: Services) -> Delivery:
        made = super().delivery(services)
        made.sweeper = MeasuredSweeper(services, made, self)
        return made


class MeasuredSweeper(Sweeper):
    """Notes how many bytes steps took at the peak: of comparisons the first, the last, and some between."""

    def __init__(self, services: Services, delivery: Delivery, world: SteppedWorld) -> None:
        super().__init__(services, delivery.view)
        self._world = world

    def compare(self, job: ComparePage, *, redelivered: bool, ticket: Ticket | None = None) -> Outcome:
        page, last = job.page, self._world.last_page
        sampled = page < FULL_STEP or page > last - 2 * FULL_STEP or page // FULL_STEP % SAMPLED == 0
        with self._measured(sampled=sampled):
            return super().compare(job, redelivered=redelivered, ticket=ticket)

    def repair(self, job: RepairPage, *, redelivered: bool) -> Outcome:
        with self._measured():
            return super().repair(job, redelivered=redelivered)

    @contextmanager
    def _measured(self, *, sampled: bool = True) -> Iterator[None]:
        if not (self._world.traces and sampled) or tracemalloc.is_tracing():
            yield
            return
        tracemalloc.start()  # only here: everything takes twice as long meanwhile
        try:
            yield
            self._world.peaks.append(float(tracemalloc.get_traced_memory()[1]))
        finally:
            tracemalloc.stop()


def size(sizes: Sequence[int], *, write: bool) -> list[Result]:
    """Sweeps of guilds of these sizes: nobody drifted, and one in a hundred.

    With `write` each size is kept as soon as it is measured, and those of other sizes that are kept are shown, too.
    """
    kept, here = KeptRuns(KEPT), commit()
    found: list[Run] = []
    for members in sizes:
        found += (measured := _two_sweeps(members))
        if write:
            kept.keep(measured, here)
            found = kept.runs()
            TABLE.write_text(markdown(found))
    return [*figures(found, filling(), here), *charts(found)]


def runs(sizes: Sequence[int]) -> list[Run]:
    """Two sweeps of each size."""
    return [run for members in sizes for run in _two_sweeps(members)]


def filling() -> Run:
    """A sweep of few members whose steps are full: all differ, so that one sends the jobs of a quarter of an hour."""
    return _two_sweeps(FILLING, one_in=1)[-1]


def _two_sweeps(members: int, one_in: int = ONE_IN) -> list[Run]:
    """The sweep where nobody drifted, and the one that repairs."""
    world, ids = linked(SteppedWorld(), members)
    drifted = ids[::one_in]
    with _without_old_garbage():
        still = _run(world, members, 0)
        drift_one_role(world, drifted)
        world.traces, world.last_page = True, ceil(members / 1000)
        repaired = _run(world, members, len(drifted))
    if any(world.roles(discord_id) != {"Member"} for discord_id in drifted):
        raise RuntimeError("the sweep did not make the guild right")
    return [still, repaired]


def _run(world: SteppedWorld, members: int, drifted: int) -> Run:
    world.peaks.clear()
    world.counts.longest_chain = 0
    counted = _counting(world)
    began = time.process_time()
    cost = cost_of_sweep(world)
    return Run(
        members,
        drifted,
        cost,
        _used(counted(), cost, drifted),
        world.counts.longest_chain,
        tuple(world.peaks),
        time.process_time() - began,
    )


def _counting(world: World) -> Callable[[], Usage]:
    """Returns what says how much of AWS was used since: all but what follows from a `Cost`."""
    reads, writes = world.dynamodb.consumed.reads, world.dynamodb.consumed.writes
    invocations, sends = world.counts.invocations, _sends(world)

    def used() -> Usage:
        calls = world.counts.invocations - invocations
        return Usage(
            lambda_calls=calls,
            sqs_requests=_sends(world) - sends + 2 * calls,  # Lambda receives and deletes what each gets
            dynamodb_reads=world.dynamodb.consumed.reads - reads,
            dynamodb_writes=world.dynamodb.consumed.writes - writes,
        )

    return used


def _sends(world: World) -> int:
    return sum(times for (operation, _), times in world.sqs.counts.items() if operation.startswith("SendMessage"))


def _used(counted: Usage, cost: Cost, drifted: int) -> Usage:
    log = LINE * (counted.lambda_calls * 3 + drifted * 4) / 1e9
    return replace(counted, lambda_gb_seconds=cost.lambda_seconds * MEMORY, log_gb=log)


@contextmanager
def _without_old_garbage() -> Iterator[None]:
    """A million members are not looked through again and again for garbage, and none of it is left of another world."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def figures(runs: Sequence[Run], full: Run, here: str = "") -> list[Figure]:
    """What was measured, beside what was to be. `full`: see `filling`. `here`: the commit; others are named."""
    found: list[Figure] = []
    for run in runs:
        pages, cost = ceil(run.linked / 1000), run.cost
        who = f"{run.drifted:,} drifted by one role" if run.drifted else "nothing drifted"
        name = f"sweep to its end: requests, {run.linked:,} linked, {who}"
        elsewhere = f"measured at {run.commit}" if run.commit and run.commit != here else ""
        found += [
            at_most(name, cost.all_requests, pages + 2 + _most_to_repair(run), shown="{:,.0f}", note=elsewhere),
            Figure("— until all is right", duration(cost.virtual_seconds)),
            Figure("— Lambda-seconds", f"{cost.lambda_seconds:,.1f}", note=f"longest chain {run.chain} invocations"),
            Figure("— dollars, if nothing is free", f"{run.dollars:.5f}", note=_units(run)),
        ]
        if not run.drifted:
            note = "of one core, the simulated Discord and DynamoDB included"
            found.append(Figure("— CPU ms a page", f"{run.cpu * 1000 / pages:.0f}", note=note))
    return [*found, _growth([run for run in runs if run.peaks], full)]


def _most_to_repair(run: Run) -> int:
    """Requests that repairs may take: each a read and a write at most, and each worker the guild's facts every hour."""
    return 2 * run.drifted + WORKERS * int(run.cost.virtual_seconds / 3600)


def _units(run: Run) -> str:
    return f"{run.used.dynamodb_reads:,.0f} read units, {run.used.dynamodb_writes:,.0f} write units"


def _growth(runs: Sequence[Run], full: Run) -> Figure:
    """The memory of the largest guild's steps, beside that of few members' full ones."""
    large = runs[-1]
    note = ", ".join(f"{run.linked:,}: {run.megabytes:.1f} MB in {len(run.peaks)} steps" for run in (full, *runs))
    name = f"peak memory of any step, {large.linked:,} linked ÷ {full.linked:,} of whom all drifted"
    return at_most(name, large.megabytes / full.megabytes, MAX_GROWTH, shown="{:.2f}", note=note)


def markdown(runs: Sequence[Run]) -> str:
    """The table for people."""
    lines = [
        "# What a sweep costs, by size",
        "",
        f"Written by `make bench`, or `python -m bench --only size` alone, with AWS's prices of {AS_OF} in {REGION}.",
        f"In virtual time over the real code; where members drifted, it is one in {ONE_IN}, by one role.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---:" * len(COLUMNS) + "|",
    ]
    for run in runs:
        cells = [
            f"{run.linked:,}",
            f"{run.drifted:,}",
            f"{run.cost.all_requests:,}",
            duration(run.cost.virtual_seconds),
            number(round(run.cost.lambda_seconds, 1)),
            f"{run.used.dynamodb_reads:,.0f}",
            f"{run.used.dynamodb_writes:,.0f}",
            f"{run.dollars:.5f}",
            "" if run.drifted else f"{run.dollars_a_month:.2f}",
            f"{run.megabytes:.1f}" if run.peaks else "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def duration(seconds: float) -> str:
    """Seconds for people, in the unit that suits."""
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{number(round(seconds / length, 1))} {unit}"
    return f"{number(round(seconds, 1))} s"


def charts(runs: Sequence[Run]) -> list[Chart]:
    """Curves of each, over the members."""

    def curve(value: Callable[[Run], float], *, drifts: bool) -> tuple[tuple[float, float], ...]:
        return tuple((float(run.linked), value(run)) for run in runs if bool(run.drifted) is drifts)

    def chart(name: str, title: str, up: str, value: Callable[[Run], float], note: str = "") -> Chart:
        named = [(drifts, f"one in {ONE_IN} drifted" if drifts else "nobody drifted") for drifts in (False, True)]
        curves = tuple((shown, curve(value, drifts=drifts)) for drifts, shown in named)
        return Curves(f"sweep-{name}", f"A sweep: {title}", "linked members", up, curves, note)

    priced = f"AWS’s prices of {AS_OF}, {REGION}"
    return [
        chart("requests", "requests to Discord", "requests", lambda run: run.cost.all_requests),
        chart("seconds", "Lambda-seconds", "seconds", lambda run: run.cost.lambda_seconds),
        chart("dollars", "dollars, if nothing is free", "dollars", lambda run: run.dollars, priced),
        Curves(
            "sweep-memory",
            "A sweep: memory of its largest step",
            "linked members",
            "MB",
            ((f"one in {ONE_IN} drifted", curve(lambda run: run.megabytes, drifts=True)),),
        ),
    ]
