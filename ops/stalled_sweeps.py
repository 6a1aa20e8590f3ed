"""Sweeps that make no step. A sweep goes on by messages: where one is lost, or nobody reads them, it just stands still.

While it repairs it makes a step every half a minute, and a page of its survey takes seconds. A step that was lost
comes again after six minutes; after half an hour another sweep may give this one up, and begin.
"""

from chalicelib.store.sweeps import STALE_AFTER, UNDER_WAY, Sweep
from ops.console import Screen
from ops.formatting import span
from ops.stage import Stage

STALLED_AFTER = 600  # seconds without a step that are too many
REMIND_AFTER = 300  # seconds after which whoever follows a sweep is told once more


def stalled_for(sweep: Sweep | None, now: float) -> float:
    """The seconds for which a sweep that runs has made no step, once they are too many; else 0."""
    if sweep is None or sweep.state not in UNDER_WAY:
        return 0.0
    idle = now - sweep.updated_at
    return idle if idle > STALLED_AFTER else 0.0


def where_to_look(stage: Stage) -> str:
    """What keeps a sweep from its next step, and what becomes of it."""
    return (
        f"the function sync_bulk makes the steps, and its log says what keeps it: {stage.log_of('sync_bulk')} "
        f"(once a sweep has stood still for {span(STALE_AFTER)}, the next one takes its place)"
    )


class StallWarning:
    """Tells whoever follows a sweep, now and then, that nothing moves."""

    def __init__(self, stage: Stage, screen: Screen) -> None:
        self._stage = stage
        self._screen = screen
        self._told_at = float("-inf")

    def look(self, moved_at: float) -> None:
        """It moved last at `moved_at` (epoch seconds)."""
        now = self._stage.now()
        if now - moved_at > STALLED_AFTER and now - self._told_at > REMIND_AFTER:
            self._told_at = now
            self._screen.aside(f"No step for {span(now - moved_at)}.", "yellow")
            self._screen.aside(f"→ {self._stage.command('doctor')}; {where_to_look(self._stage)}", "cyan")
