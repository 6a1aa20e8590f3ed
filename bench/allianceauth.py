"""Beside Alliance Auth's Discord service: `update_all` of the same guild of 200 members, requests and seconds.

Alliance Auth's figures are not measured here: they are from runs of its real Celery tasks (allianceauth 5.5.0, one
worker with one thread, as it is set up by default) against a Discord that answers in 50 ms. Rolecall's are in virtual
time, against one that answers in 80 ms.
"""

from dataclasses import dataclass

from bench.figures import Result, at_most
from bench.guilds import cost_of_sweep, drift_much, is_right, linked_world
from bench.svg import Bars

MEMBERS = 200
OURS, THEIRS = "Rolecall", "Alliance Auth’s service"
IDLE, DRIFTED = "nobody drifted", "everybody drifted"


@dataclass(frozen=True, slots=True)
class Run:
    """What one `update_all` of MEMBERS took."""

    requests: int
    seconds: float


MEASURED_THERE = {IDLE: Run(601, 757), DRIFTED: Run(999, 1261)}  # 3 requests a member; 5 for one who drifted


def beside_alliance_auth() -> list[Result]:
    """Requests and seconds of both, nobody and everybody drifted; in each Rolecall must need fewer."""
    ours = _measured_here()
    figures: list[Result] = []
    for name, theirs in MEASURED_THERE.items():
        what, note = f"{MEMBERS} members, {name}", f"{THEIRS} took {theirs.requests:,} and {theirs.seconds:,.0f} s"
        figures.append(at_most(f"requests, {what}", ours[name].requests, theirs.requests, shown="{:,.0f}", note=note))
        figures.append(at_most("— seconds", ours[name].seconds, theirs.seconds, shown="{:,.1f}"))
    return [*figures, *_charts(ours)]


def _measured_here() -> dict[str, Run]:
    world, ids = linked_world(MEMBERS)
    still = cost_of_sweep(world)
    drift_much(world, ids)
    drifted = cost_of_sweep(world)
    if not is_right(world, ids):
        raise RuntimeError("the sweep did not make the guild right")
    return {
        IDLE: Run(still.all_requests, still.virtual_seconds),
        DRIFTED: Run(drifted.all_requests, drifted.virtual_seconds),
    }


def _charts(ours: dict[str, Run]) -> list[Bars]:
    note = "Alliance Auth 5.5.0 as measured at 50 ms a request, Rolecall at 80 ms"
    groups = [(name, (ours[name], theirs)) for name, theirs in MEASURED_THERE.items()]
    return [
        Bars(
            f"allianceauth-{unit}",
            f"update_all of {MEMBERS} members: {title}",
            (OURS, THEIRS),
            tuple((name, tuple(float(getattr(run, unit)) for run in runs)) for name, runs in groups),
            note=note,
        )
        for unit, title in (("requests", "requests to Discord"), ("seconds", "seconds until all is right"))
    ]
