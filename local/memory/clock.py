"""A clock that moves only when it is told."""

from collections.abc import Callable
from datetime import UTC, datetime

START = datetime(2026, 1, 5, 12, 0, tzinfo=UTC).timestamp()  # a Monday noon, the same in every run


class VirtualClock:
    """Simulated seconds since the epoch. Implements `chalicelib.clock.Clock`.

    `on_sleep` is called in place of sleeping, with the seconds: a scheduler lets others run there, and moves the clock
    itself. Without one, to sleep is to move the clock.
    """

    def __init__(self, start: float = START, *, on_sleep: Callable[[float], None] | None = None) -> None:
        self._now = start
        self.on_sleep = on_sleep
        self.slept = 0.0  # seconds, total of all callers

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Sleep that many seconds."""
        self.slept += seconds
        if self.on_sleep:
            self.on_sleep(seconds)
        else:
            self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Move the clock forward. Raises ValueError for a negative number."""
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds} s")
        self._now += seconds

    def move_to(self, moment: float) -> None:
        """Move the clock to that time, unless it is in the past."""
        self._now = max(self._now, moment)


class SkewedClock:
    """Another clock that is `ahead` seconds ahead of `clock`, or behind it. Sleeping is the same on both."""

    def __init__(self, clock: VirtualClock, ahead: float) -> None:
        self._clock = clock
        self._ahead = ahead

    def now(self) -> float:
        """Seconds since the epoch, as this clock shows them."""
        return self._clock.now() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Sleep that many seconds."""
        self._clock.sleep(seconds)


def skewed(clock: VirtualClock, ahead: float) -> VirtualClock | SkewedClock:
    """`clock` itself, or another one that is `ahead` seconds ahead of it."""
    return SkewedClock(clock, ahead) if ahead else clock
