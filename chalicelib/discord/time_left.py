"""How long requests may take: a function must end in time to settle what it began."""

from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.clock import Clock
from chalicelib.settings import Settings

SETTLING = 4.0  # seconds that are kept for what follows a request: two more calls of the store, and one of SQS
MIN_TIMEOUT = 0.5  # seconds, to connect and to wait together


class TimeLeft:
    """The time in which requests may be made."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._ends_at = float("inf")

    @contextmanager
    def until(self, moment: float) -> Iterator[None]:
        """Requests that are made meanwhile are given up soon enough for what follows to be done by `moment` (epoch s).

        A function that is killed in the middle of a request can settle nothing any more.
        """
        before, self._ends_at = self._ends_at, min(self._ends_at, moment - SETTLING)
        try:
            yield
        finally:
            self._ends_at = before

    @property
    def left(self) -> float:
        """In which requests may be made: no end of them outside of `until`."""
        return self._ends_at - self._clock.now()

    def timeouts(self, connect: float = float("inf"), read: float = float("inf")) -> tuple[float, float]:
        """Seconds to connect, and to wait for an answer: what the settings say, but no more than these, or are left."""
        left = max(self.left, MIN_TIMEOUT)
        connect = min(connect, self._settings.timeout_connect, left / 8)  # it is done in a moment or not at all
        return connect, min(read, self._settings.timeout_read, left - connect)
