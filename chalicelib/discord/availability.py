"""Whether Discord answers at all: since when it does not is told to all workers, for people to read.

Nothing is decided by it. A request that fails is a sign that Discord is away, and any answer that is not a 5xx that it
is there. The record stands in a row that is read with the halts anyway. Each process that meets the outage writes it
once a minute at most, and the first that gets an answer deletes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalicelib.clock import Clock

INTERVAL = 60.0  # seconds between two writes of one process; for half of it, it believes what it read of the store


@dataclass(frozen=True, slots=True)
class Away:
    """Discord has answered nobody from `since` to `at`, the last try on record (epoch seconds). `why`: what came."""

    since: float
    at: float
    why: str


class AwayStore(Protocol):
    """Where the outage is kept. Neither method raises anything: a record for people must not break a job."""

    def away(self, away: Away) -> None:
        """Record that Discord is away; since earlier, where that is on record."""
        ...

    def back(self, *, now: float) -> None:
        """Delete the record, unless Discord was away after `now`."""
        ...


class Availability:
    """What one process sees. `known` returns what it read of the store last."""

    def __init__(self, store: AwayStore, clock: Clock, known: Callable[[], Away | None]) -> None:
        self._store = store
        self._clock = clock
        self._known = known
        self._since: float | None = None  # the first failure after the last answer
        self._on_record = False  # by this process
        self._written_at = self._deleted_at = float("-inf")

    def failed(self, why: str) -> None:
        """A request was not answered, or with a 5xx."""
        now = self._clock.now()
        self._since = now if self._since is None else self._since
        if now - self._written_at >= INTERVAL:
            self._store.away(Away(self._since, now, why))
            self._written_at, self._on_record = now, True

    def answered(self) -> None:
        """Discord answered a request, whatever it said."""
        self._since, now = None, self._clock.now()
        if self._on_record or (self._known() and now - self._deleted_at >= INTERVAL):
            self._store.back(now=now)
            self._deleted_at, self._on_record = now, False
