"""Tries every schedule, and reduces those that fail."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from simulation.explorer.checks import check
from simulation.explorer.interleaving import MODES, Call, Inner, Point, Schedule, play
from simulation.explorer.operations import BASES, OPERATIONS


@dataclass(frozen=True)
class Failure:
    """A schedule after which something does not hold."""

    schedule: Schedule
    breaches: tuple[str, ...]
    call: str = ""

    def __str__(self) -> str:
        lines = [f"{self.schedule}"]
        if self.schedule.point:
            point = self.schedule.point
            lines.append(f"    {self.schedule.outer}: at call {point.call} ({self.call}), {point.mode}")
            lines.append(f"    meanwhile: {self.schedule.inner or 'nothing'}")
        return "\n".join(lines + [f"    {breach}" for breach in self.breaches])


def attempt(schedule: Schedule) -> tuple[Failure | None, list[Call]]:
    """Run a schedule and check it; a crash is a failure too."""
    try:
        case, calls = play(schedule)
        breaches = tuple(check(case))
    except Exception as error:  # noqa: BLE001 - the next schedule is tried all the same
        return Failure(schedule, (f"(crash) {type(error).__name__}: {error}",)), []
    if not breaches:
        return None, calls
    call = calls[schedule.point.call - 1] if schedule.point and schedule.point.call <= len(calls) else None
    return Failure(schedule, breaches, f"{call.service} {call.what}" if call else ""), calls


@cache
def points(base: str, outer: str) -> tuple[Point, ...]:
    """Every point at which this operation can be interrupted."""
    _, calls = play(Schedule(base, outer))
    return tuple(_points(calls))


def _points(calls: list[Call]) -> Iterator[Point]:
    for number, call in enumerate(calls, start=1):
        for mode in MODES:
            if mode.startswith("effect") and call.service != "discord":
                continue  # botocore's clients give up later than the services do
            if mode == "before" or not call.only_reads:
                yield Point(number, mode)


def pairs(bases: list[str] | None = None, outers: list[str] | None = None) -> Iterator[Schedule]:
    """Every operation inside every other one, at every point of it; and each point with nothing inside."""
    for base in bases or list(BASES):
        for outer in outers or [name for name, one in OPERATIONS.items() if not one.alone]:
            for point in points(base, outer):
                yield Schedule(base, outer, point)
                for inner in OPERATIONS:
                    yield Schedule(base, outer, point, inner)


def triples(count: int, seed: int = 0) -> Iterator[Schedule]:
    """A sample of schedules of three operations, one inside another inside a third."""
    rng = random.Random(f"triples {seed}")
    interruptible = [name for name, one in OPERATIONS.items() if not one.alone]
    for _ in range(count):
        base, outer, middle = rng.choice(list(BASES)), rng.choice(interruptible), rng.choice(interruptible)
        if not points(base, outer) or not points(base, middle):
            continue
        inner = Inner(middle, rng.choice(points(base, middle)), rng.choice(list(OPERATIONS)))
        yield Schedule(base, outer, rng.choice(points(base, outer)), inner)


def reduced(failure: Failure) -> Failure:
    """A simpler schedule that fails in the same way, if there is one: fewer operations, a simpler end of the call."""
    rules = {breach[:3] for breach in failure.breaches}
    for simpler in _simpler(failure.schedule):
        found, _ = attempt(simpler)
        if found and rules & {breach[:3] for breach in found.breaches}:
            return reduced(found)
    return failure


def _simpler(schedule: Schedule) -> Iterator[Schedule]:
    if schedule.point is None:
        return
    inner = schedule.inner
    if isinstance(inner, Inner):
        yield replace(schedule, inner=inner.outer)
        yield replace(schedule, inner=inner.inner)
        yield Schedule(schedule.base, inner.outer, inner.point, inner.inner)
    if inner is not None:
        yield replace(schedule, inner=None)
    yield Schedule(schedule.base, schedule.outer)
    if schedule.point.mode != "before":
        yield replace(schedule, point=Point(schedule.point.call, "before"))
