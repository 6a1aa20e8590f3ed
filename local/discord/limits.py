"""The arithmetic of rate limits: pure, the time is passed in. All durations are seconds.

Two kinds of bucket, which Discord's headers do not tell apart (discord-api-docs#7680):

- *Sliding* (leaky), most routes. Each request fills the bucket by one, and it drains evenly. `reset_after` is the time
  until it is quite empty again, `retry_after` the time until one more request fits. As one number: the moment at which
  it is empty (the generic cell rate algorithm).
- *Fixed*: the first request opens a window; when it ends, all of it is there again.

And the global limit: never more than so many in any stretch of its window.
A request that is refused fills nothing.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal, Protocol

TOLERANCE = 1e-5  # seconds; an epoch time held as a float is exact to a quarter of a microsecond


@dataclass(frozen=True, slots=True)
class Limit:
    """`requests` in `window` seconds. Limits of the same name share their buckets."""

    name: str
    requests: int
    window: float
    kind: Literal["sliding", "fixed"] = "sliding"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a request may pass, and what the headers say about it."""

    allowed: bool
    limit: int
    remaining: int
    reset_after: float
    retry_after: float = 0.0


class Bucket(Protocol):
    """One bucket: `take` counts a request, `look` reads the state without counting."""

    def take(self, now: float) -> Verdict: ...

    def look(self, now: float) -> Verdict: ...


class SlidingBucket:
    """A leaky bucket, empty at first."""

    def __init__(self, requests: int, window: float) -> None:
        self._requests = requests
        self._window = window
        self._step = window / requests
        self._empty_at = -math.inf

    def take(self, now: float) -> Verdict:
        if self._retry_after(now) > 0:
            return self.look(now)
        self._empty_at = max(self._empty_at, now) + self._step
        return self._verdict(now, allowed=True)

    def look(self, now: float) -> Verdict:
        return self._verdict(now, allowed=self._retry_after(now) <= 0)

    def _retry_after(self, now: float) -> float:
        wait = self._empty_at + self._step - self._window - now
        return wait if wait > TOLERANCE else 0.0

    def _verdict(self, now: float, *, allowed: bool) -> Verdict:
        reset_after = max(self._empty_at - now, 0.0)
        remaining = math.floor((self._window - reset_after + TOLERANCE) / self._step)
        retry_after = 0.0 if allowed else self._retry_after(now)
        return Verdict(allowed, self._requests, max(remaining, 0), reset_after, retry_after)


class FixedBucket:
    """A window that the first request opens."""

    def __init__(self, requests: int, window: float) -> None:
        self._requests = requests
        self._window = window
        self._ends_at = -math.inf
        self._used = 0

    def take(self, now: float) -> Verdict:
        if now >= self._ends_at - TOLERANCE:
            self._ends_at = now + self._window
            self._used = 0
        if self._used >= self._requests:
            return self.look(now)
        self._used += 1
        return Verdict(True, self._requests, self._requests - self._used, self._ends_at - now)

    def look(self, now: float) -> Verdict:
        if now >= self._ends_at - TOLERANCE:
            return Verdict(True, self._requests, self._requests, 0.0)
        left = self._ends_at - now
        free = self._requests - self._used
        return Verdict(free > 0, self._requests, free, left, 0.0 if free > 0 else left)


class RollingBucket:
    """At most `requests` in any period of `window` seconds: the strictest reading of the global limit."""

    def __init__(self, requests: int, window: float) -> None:
        self._requests = requests
        self._window = window
        self._taken: deque[float] = deque()

    def take(self, now: float) -> Verdict:
        verdict = self.look(now)
        if verdict.allowed:
            self._taken.append(now)
        return verdict

    def look(self, now: float) -> Verdict:
        while self._taken and self._taken[0] <= now - self._window + TOLERANCE:
            self._taken.popleft()
        free = self._requests - len(self._taken)
        wait = 0.0 if free > 0 else self._taken[0] + self._window - now
        return Verdict(free > 0, self._requests, max(free, 0), wait, wait)


def bucket_for(limit: Limit, scale: float) -> Bucket:
    """A new bucket for `limit`, its window `scale` times shorter."""
    kind = SlidingBucket if limit.kind == "sliding" else FixedBucket
    return kind(limit.requests, limit.window / scale)


def up_to_milliseconds(seconds: float) -> float:
    """`seconds` rounded up to three decimals, so that waiting that long is always enough."""
    return math.ceil(seconds * 1000 - 1e-3) / 1000
