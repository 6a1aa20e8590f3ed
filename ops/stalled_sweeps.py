"""Sweeps that make no progress. Each step of a sweep is a message: if one is lost or not read, the sweep stalls.

A repairing sweep makes a step every half a minute, and comparing a page takes seconds. A lost step is delivered again
after six minutes; after half an hour another sweep may take over.
"""

from chalicelib.store.sweeps import STALE_AFTER, UNDER_WAY, Sweep
from ops.console import Screen
from ops.formatting import span
from ops.stage import Stage

STALLED_AFTER = 600  # seconds without a step that are too many
REMIND_AFTER = 300  # seconds after which whoever follows a sweep is told once more


def stalled_for(sweep: Sweep | None, now: float) -> float:
    """Return for how many seconds a running sweep has made no step, or 0 if that is not too long."""
    if sweep is None or sweep.state not in UNDER_WAY:
        return 0.0
    idle = now - sweep.updated_at
    return idle if idle > STALLED_AFTER else 0.0


def where_to_look(stage: Stage) -> str:
    """Say where to see what keeps a sweep from its next step, and what will happen to it."""
    return (
        f"the function sync_bulk makes the steps, and its log says what keeps it: {stage.log_of('sync_bulk')} "
        f"(once a sweep has stood still for {span(STALE_AFTER)}, the next one takes its place)"
    )


class StallWarning:
    """Warns a person who watches a sweep, from time to time, that it makes no progress."""

    def __init__(self, stage: Stage, screen: Screen) -> None:
        self._stage = stage
        self._screen = screen
        self._told_at = float("-inf")

    def look(self, moved_at: float) -> None:
        """Warn if the last progress, at `moved_at` (epoch seconds), is too long ago."""
        now = self._stage.now()
        if now - moved_at > STALLED_AFTER and now - self._told_at > REMIND_AFTER:
            self._told_at = now
            self._screen.aside(f"No step for {span(now - moved_at)}.", "yellow")
            self._screen.aside(f"→ {self._stage.command('doctor')}; {where_to_look(self._stage)}", "cyan")
