"""One seed, from its plan to its verdict."""

import traceback
from collections import Counter
from dataclasses import dataclass, field

from chalicelib.messages import Parts
from chalicelib.store.guild import GuildMemory
from local.memory.clock import START
from local.memory.sqs import Chaos
from local.simulated import GUILD
from simulation.cast import Cast
from simulation.plan import make
from simulation.storm import Storm
from simulation.verdict import Verdict
from simulation.watch import Note

MAX_DRAIN = 12 * 3600.0  # seconds until the queues must be empty
TRACE_LINES = 60  # lines of the trace


@dataclass
class Result:
    """What became of a seed. No breaches: it passed."""

    seed: int
    breaches: list[str]
    faults: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    trace: list[Note] = field(default_factory=list)

    def told(self, lines: int = TRACE_LINES) -> str:
        """The end of the trace, for a person."""
        return "\n".join(line(note) for note in self.trace[max(0, len(self.trace) - lines) :])


def line(note: Note) -> str:
    """One line of the trace."""
    more = " ".join(f"{name}={value}" for name, value in note.more.items())
    return f"{note.at - START:10.3f}  {note.who:8} {note.what} {more}"


def run(seed: int) -> Result:
    """Play a seed. Never raises: a crash is a breach too."""
    world = Storm(make(seed))
    try:
        cast = Cast(world)
        _play(world, cast)
    except Exception:  # noqa: BLE001 - the next seed is played all the same
        world.watch.breach("crash", traceback.format_exc())
    world.weather.over = True
    counts = Counter(
        requests=len(world.counts.requests),
        invocations=world.counts.invocations,
        created=world.watch.created,
        store_calls=sum(world.dynamodb.counts.values()),
    )
    counts.update({f"ended {end}": number for end, number in world.watch.ends.items()})
    return Result(seed, world.watch.breaches, world.weather.counts, counts, list(world.watch.trace))


def _play(world: Storm, cast: Cast) -> None:
    cast.schedule()
    world.run(seconds=world.plan.seconds)
    cast.ended = True
    _calm(world)
    if world.plan.redrive:
        world.redrive()
        world.run(seconds=MAX_DRAIN)
    verdict = Verdict(cast)
    verdict.converged()
    _sweep(world)
    verdict.judge()
    verdict.swept()


def _calm(world: Storm) -> None:
    """Faults stop; what was begun ends."""
    world.weather.calm = True
    world.sqs.chaos = Chaos()
    world.guild.clear_faults()
    world.lift_stops()
    world.run(seconds=MAX_DRAIN)


def _sweep(world: Storm) -> None:
    memory = GuildMemory(int(GUILD))
    limit, refused = memory.flag("no_new_roles") or {}, memory.flag("refused_roles") or {}
    stops = [limit.get("until", 0.0), *(until for until, _ in refused.values())]
    if max(stops) > world.clock.now():  # Discord seemed to let a role not be created; it is tried again after an hour
        world.clock.move_to(max(stops) + 1)
    world.watch.note("story", "the last sweep")
    world.sweep(Parts.ALL, force=True)
    world.run(seconds=MAX_DRAIN)
