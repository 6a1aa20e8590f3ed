"""Planning many requests ahead: how many have their turn soon, how long each takes, tickets for them."""

from collections.abc import Iterable

from chalicelib.clock import Clock
from chalicelib.discord import rate_limit
from chalicelib.discord.buckets import Buckets
from chalicelib.discord.rate_limit import Kind, Lane
from chalicelib.errors import Ticket

BUSY_FOR = 1.0  # seconds beyond its window for which many requests count as a moment ago
FIRST_FEW = 3  # requests that tell how large a bucket is, before more are planned on it


class RequestScheduler:
    """Plans by what this process read of the buckets last: `refresh` before, where that may be old."""

    def __init__(self, buckets: Buckets, clock: Clock) -> None:
        self._buckets = buckets
        self._clock = clock

    def refresh(self, routes: Iterable[str]) -> None:
        """Read the buckets of these routes, for `forecast`, `seconds_each` and `is_known`."""
        for key in sorted({self._buckets.names.current_bucket_of(route) for route in routes}):
            self._buckets.read(key)

    def bucket_of(self, route: str) -> str:
        """The key of the bucket that `route` counts against, by what is known."""
        return self._buckets.names.bucket_of(route)

    def forecast(self, route: str, lane: Lane, *, most: int, horizon: float) -> int:
        """How many of up to `most` requests on `route` would have their turn within `horizon` seconds."""
        bucket = self._buckets.get(self.bucket_of(route))
        if not bucket.is_known:
            return min(most, max(FIRST_FEW, bucket.limit))  # a whole window of them tells of which kind it is
        now = self._clock.now()
        start = max(bucket.tickets[lane], rate_limit.earliest_slot(bucket, lane, now=now))
        return sum(rate_limit.due(bucket, slot, now=now) <= now + horizon for slot in range(start, start + most))

    def seconds_each(self, route: str) -> float:
        """Seconds that each request on `route` takes where there are many; 0 where that was not learnt yet."""
        bucket = self._buckets.get(self.bucket_of(route))
        return bucket.period / bucket.limit if bucket.is_known else 0.0

    def is_known(self, route: str) -> bool:
        """Was it learnt how large the bucket of `route` is?"""
        return self._buckets.get(self.bucket_of(route)).is_known

    def is_busy(self, route: str, lane: Lane, requests: int) -> bool:
        """Were so many requests of the lane made on `route` a moment ago, by what this process saw of it last?"""
        bucket = self._buckets.known(self.bucket_of(route))
        if bucket is None or bucket.kind is Kind.UNSEEN:
            return False
        return bucket.used[lane] >= requests and self._clock.now() < bucket.opened_at + bucket.window + BUSY_FOR

    def tickets(self, route: str, lane: Lane, count: int) -> list[tuple[Ticket, float]]:
        """`count` tickets for requests on `route`, each with the time (epoch s) at which to come."""
        if count == 0:
            return []
        key = self.bucket_of(route)
        if self._buckets.get(key).kind is Kind.UNSEEN:
            return [(Ticket(key, 0), self._clock.now())] * count  # the first answer is near, and tells more
        first = self._buckets.take_slots(key, lane, count)
        bucket, now = self._buckets.get(key), self._clock.now()
        return [(Ticket(key, slot), rate_limit.due(bucket, slot, now=now)) for slot in range(first, first + count)]
