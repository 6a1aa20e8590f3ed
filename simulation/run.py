"""Run one seed, from its plan to the final checks."""

import traceback
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chalicelib.members import removal_limit
from chalicelib.messages import Parts
from chalicelib.store.guild import GuildMemory
from local.memory.clock import START
from local.memory.sqs import Chaos
from local.simulated import GUILD
from simulation.actors import Actors
from simulation.conditions import DAY
from simulation.final_checks import FinalChecks
from simulation.harness import Harness
from simulation.invariants import Note
from simulation.plan import make
from simulation.report_checks import ReportChecks

MAX_DRAIN = 36 * 3600.0  # seconds until the queues must be empty, after an outage of a day
TRACE_LINES = 60  # lines of the trace


@dataclass
class Result:
    """The result of a seed; it passed if there are no breaches."""

    seed: int
    breaches: list[str]
    conditions: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    trace: list[Note] = field(default_factory=list)

    def shown(self, lines: int = TRACE_LINES) -> str:
        """The end of the trace, as text."""
        return "\n".join(line(note) for note in self.trace[max(0, len(self.trace) - lines) :])


def line(note: Note) -> str:
    """One line of the trace."""
    more = " ".join(f"{name}={value}" for name, value in note.more.items())
    return f"{note.at - START:10.3f}  {note.who:8} {note.what} {more}"


def run(seed: int, *, only: Collection[str] | None = None) -> Result:
    """Run a seed. Never raises: a crash counts as a breach. `only`: exactly these conditions."""
    world = Harness(make(seed, only=only))
    try:
        actors = Actors(world)
        with _removal_limit(world.plan.conditions.removal_limit):
            _play(world, actors)
    except Exception:  # noqa: BLE001 - the next seed is played all the same
        world.invariants.breach("crash", traceback.format_exc())
    world.faults.over = True
    counts = Counter(
        requests=len(world.counts.requests),
        invocations=world.counts.invocations,
        created=world.invariants.created,
        store_calls=sum(world.dynamodb.counts.values()),
    )
    counts.update({f"ended {end}": number for end, number in world.invariants.ends.items()})
    return Result(
        seed,
        world.invariants.breaches,
        world.plan.conditions.names,
        world.faults.counts,
        counts,
        list(world.invariants.trace),
    )


@contextmanager
def _removal_limit(members: int | None) -> Iterator[None]:
    """Hold removals of more than so many members: no run has 25, from which on they are held in life."""
    kept = removal_limit.MIN_REMOVALS
    removal_limit.MIN_REMOVALS = kept if members is None else members
    try:
        yield
    finally:
        removal_limit.MIN_REMOVALS = kept


def _play(world: Harness, actors: Actors) -> None:
    actors.schedule()
    world.run(seconds=world.plan.seconds)
    actors.cast.ended = True
    _calm(world)
    if world.plan.redrive:
        world.redrive()
        world.run(seconds=MAX_DRAIN)
    final_checks = FinalChecks(actors.cast)
    final_checks.limited()
    final_checks.converged()
    _sweep(world)
    if world.plan.conditions.grace_days:  # what the last sweep found to be absent, and what waits for its day
        world.clock.advance(world.plan.conditions.grace_days * DAY + 1)
        _sweep(world)
    final_checks.judge()
    final_checks.swept()
    ReportChecks(actors.cast).check()


def _calm(world: Harness) -> None:
    """Stop all faults, and run until the queues are empty."""
    world.faults.calm = True
    world.sqs.chaos = Chaos()
    world.guild.clear_faults()
    world.refuse_for_good()
    outages_end = max((outage.ends for outage in world.outages.all), default=0.0)
    world.run(seconds=max(0.0, outages_end - world.clock.now()))
    world.clock.move_to(outages_end)
    world.lift_halts()
    world.run(seconds=MAX_DRAIN)


def _sweep(world: Harness) -> None:
    creation = GuildMemory(int(GUILD)).role_creation
    stops = [creation.limit_until(), *(refused.until for refused in creation.refused().values())]
    if max(stops) > world.clock.now():  # refused roles are tried again after an hour
        world.clock.move_to(max(stops) + 1)
    world.clock.advance(world.plan.index_lag)  # what was written last is in the index then
    world.invariants.note("operator", "the last sweep")
    world.sweep(Parts.ALL, force=True)
    world.run(seconds=MAX_DRAIN)
