"""What limits of functions at once change: 1,000 changes, and a sweep's repairs, with few functions and with many.

In virtual time over the real code. docs/explanation/costs.md shows the table.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.figures import Figure
from bench.guilds import STORE_LATENCY, drift_one_role, is_right, linked_world
from local.simulated import World

TABLE = Path(__file__).parent / "CONCURRENCY.md"
GROUPS = ["Member", "Extra"]  # what everybody is given
OUTAGE = 20 * 60  # seconds without Lambda
BEGUN = 30  # seconds after a sweep begins: it is under way
LONGEST = 20_000.0  # virtual seconds
LOOK = 0.1  # seconds between two looks at how many functions work
HEAD = """\
# What limits of functions at once change

Written by `make bench`, from the simulated world, where a request to Discord takes 80 ms and one to DynamoDB 5 ms.
Nobody got a 429, and nothing was lost.

| work | functions at most | seconds | requests | calls of DynamoDB | functions at once |
|---|---:|---:|---:|---:|---:|
"""


@dataclass(frozen=True, slots=True)
class Work:
    """What is done, with at most so many functions on each queue."""

    name: str
    members: int
    workers: int
    queue: str
    outage: float = 0.0


def changes(members: int, workers: int) -> Work:
    """So many changes at once, each of which gives a role."""
    return Work(f"{members:,} changes at once, each gives a role", members, workers, "jobs")


def repairs(members: int, workers: int, outage: float = 0.0) -> Work:
    """A sweep of a guild in which everybody differs; with an `outage` of Lambda in the middle of it."""
    after = f", after {outage / 60:.0f} minutes without Lambda" if outage else ""
    return Work(f"a sweep that repairs {members:,} members{after}", members, workers, "bulk", outage)


ALL = (
    *(changes(1000, workers) for workers in (4, 10, 50)),
    *(repairs(1000, workers) for workers in (3, 200)),
    *(repairs(1000, workers, OUTAGE) for workers in (3, 200)),
    *(repairs(4000, workers, OUTAGE) for workers in (3, 200)),
)


def line(work: Work) -> str:
    """The line of the table. Raises RuntimeError where something was lost, or Discord answered 429."""
    world, ids = linked_world(work.members, workers=work.workers)
    seen = Seen(world, work.queue)
    began, before = world.clock.now(), len(world.counts.requests)
    if work.queue == "jobs":
        for discord_id in ids:
            world.site.groups(f"user-{discord_id}", GROUPS)
    else:
        drift_one_role(world, ids)
        world.sweep(force=True)
    if work.outage:
        world.run(seconds=BEGUN)
        world.outages.begin("lambda", work.outage)
    world.run(seconds=LONGEST)
    _check(world, ids, work)
    written = [one.at for one in world.guild.received() if one.method in ("PUT", "PATCH", "DELETE")]
    requests = len(world.counts.requests) - before
    return (
        f"| {work.name} | {work.workers} | {max(written) - began:,.0f} | {requests:,} | {seen.calls:,} | {seen.most} |"
    )


class Seen:
    """What is seen of a world while it runs: calls of DynamoDB, and how many functions worked at once, at most."""

    def __init__(self, world: World, queue: str) -> None:
        self.calls = self.most = 0
        self._world, self._queue = world, queue
        world.dynamodb.before = self._called
        world.scheduler.spawn(self._watch)

    def _called(self, *_: object) -> None:
        self.calls += 1
        self.most = max(self.most, self._world._busy[self._queue])
        self._world.clock.sleep(STORE_LATENCY)

    def _watch(self) -> None:
        for _ in range(int(3600 / LOOK)):
            self._world.clock.sleep(LOOK)
            self.most = max(self.most, self._world._busy[self._queue])


def _check(world: World, ids: list[str], work: Work) -> None:
    wrong = [one for one in ids if world.roles(one) != set(GROUPS)] if work.queue == "jobs" else []
    limited = [one for one in world.counts.requests if one.status == 429]
    if wrong or limited or list(world.dead_letters()) or (work.queue == "bulk" and not is_right(world, ids)):
        raise RuntimeError(f"{work}: {len(wrong)} wrong, {len(limited)} were answered 429")


def concurrency(works: Sequence[Work] = ALL, *, write: bool = True) -> list[Figure]:
    """All lines, written into bench/CONCURRENCY.md."""
    lines = [line(work) for work in works]
    if write:
        TABLE.write_text(HEAD + "\n".join(lines) + "\n")
    return [_figure(one) for one in lines]


def _figure(line: str) -> Figure:
    name, most, seconds, requests, calls, _ = (one.strip() for one in line.strip("| ").split("|"))
    return Figure(
        f"{name}: seconds with {most} functions", seconds, note=f"{requests} requests, {calls} calls of DynamoDB"
    )
