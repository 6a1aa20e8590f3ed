"""Each request's turn: within the shared buckets of `buckets.py`, by the arithmetic of `rate_limit.py`."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.clock import Clock
from chalicelib.discord import rate_limit
from chalicelib.discord.buckets import Buckets
from chalicelib.discord.halts import Halts
from chalicelib.discord.rate_limit import Bucket, Kind, Lane
from chalicelib.discord.routes import MEMBER_GET, MEMBER_PATCH
from chalicelib.errors import RateLimitDeferred, Ticket

PATIENCE = 2.0  # seconds that a worker sleeps at most for its turn; longer waits cost more asleep than queued
FIRST_ANSWER_NAP = 0.2  # seconds
FIRST_ANSWER = 1.0  # seconds in which it should have come; after that, whoever waits for it comes again later
MIN_NAP = 0.01  # seconds
MIN_TURN = 0.2  # seconds; nobody is sent away for less
SHORT_WAIT = 0.5  # seconds
MAX_BLOCK = 4  # places that are taken at once: as many as the jobs of a batch use within a second


@dataclass(frozen=True, slots=True)
class Reservation:
    """One request's place in window `number` of the bucket `key`, good until `closes_at` (epoch seconds)."""

    key: str
    lane: Lane
    number: int
    closes_at: float


class Block:
    """Places that were taken together with another, for further messages of the same batch.

    A place is good until its window closes, and for some seconds at most (`Reservation`); one that is not used lapses.
    """

    def __init__(self, buckets: Buckets, clock: Clock) -> None:
        self._buckets = buckets
        self._clock = clock
        self._expected: Counter[str] = Counter()  # tickets of messages that were not begun, by bucket
        self._kept: dict[str, list[Reservation]] = {}

    def expect(self, tickets: Iterable[Ticket]) -> None:
        """A batch of messages begins, some of which have these tickets."""
        self._expected = Counter(ticket.bucket for ticket in tickets)

    def begin(self, ticket: Ticket | None) -> None:
        """The message with this ticket begins."""
        if ticket is not None:
            self._expected[ticket.bucket] -= 1

    def wanted(self, key: str, lane: Lane) -> int:
        """How many places to take now for requests that messages with tickets of that bucket make.

        The one that is needed is included. Only bulk work takes more than that.
        """
        return 1 + max(0, min(self._expected[key], MAX_BLOCK - 1)) if lane is Lane.BULK else 1

    def keep(self, reservation: Reservation, count: int) -> None:
        """A place was used, and `count` more were taken with it."""
        if count:
            self._kept[reservation.key] = [reservation] * count

    def take(self, key: str, lane: Lane) -> Reservation | None:
        """One of the places that are kept, unless there is none that is still good."""
        kept, bucket = self._kept.get(key), self._buckets.known(key)
        if not kept or bucket is None or kept[-1].lane is not lane:
            return None
        one = kept[-1]
        if self._clock.now() >= one.closes_at or bucket.number != one.number or bucket.refused:
            del self._kept[key]
            return None
        return kept.pop()


class RateLimiter:
    """Turns for the requests of one process, within what all processes share."""

    def __init__(self, buckets: Buckets, halts: Halts, clock: Clock) -> None:
        self.buckets = buckets
        self.halts = halts
        self._clock = clock
        self._reserved: set[Reservation] = set()
        self.block = Block(buckets, clock)
        self.slept = 0.0  # seconds, and
        self.naps = 0  # how often, for the benchmark

    def acquire(
        self, route: str, lane: Lane, ticket: Ticket | None = None, *, patience: float = PATIENCE
    ) -> Reservation:
        """Return its reservation when one request may be made on `route`, perhaps after a short sleep.

        Raises RateLimitDeferred, with a ticket, where the turn is more than `patience` seconds away; CallsHalted.
        """
        self.halts.check()
        key = self.buckets.names.current_bucket_of(route)
        slot = ticket.slot if ticket and ticket.bucket == key else None
        deadline, napped = self._clock.now() + patience, False
        if reservation := self.block.take(key, lane):
            return reservation
        # A job with a ticket for the change of a member looks at the member first.
        tickets_of = self.bucket_of(MEMBER_PATCH) if route == MEMBER_GET else key
        wanted = self.block.wanted(tickets_of, lane)
        while not (places := self.buckets.enter(key, lane, ticketed=slot is not None, places=wanted)):
            now, bucket = self._clock.now(), self.buckets.get(key)
            if bucket.kind is Kind.UNSEEN:
                key = self._after_first_answer(route, bucket, lane, deadline)
                continue
            if slot is None and not napped and now < bucket.reopens_at <= min(deadline, now + SHORT_WAIT):
                napped = True  # too short a wait for an appointment
                self._sleep(bucket.reopens_at - now)
                continue
            if slot is None or rate_limit.due(bucket, slot, now=now) <= now:
                slot = self.buckets.take_slots(key, lane, 1)
            comes = max(rate_limit.due(bucket, slot, now=now), now + MIN_NAP)
            if comes > deadline:
                if ticket and slot == ticket.slot and _never_issued(self.buckets, key, slot):
                    ticket = slot = None
                    continue
                raise _deferred(key, slot, lane, comes - now)
            self._sleep(comes - now)
        entered = self.buckets.get(key)
        reservation = Reservation(key, lane, entered.number, rate_limit.holds_until(entered, now=self._clock.now()))
        self.block.keep(reservation, places - 1)
        return reservation

    def _after_first_answer(self, route: str, bucket: Bucket, lane: Lane, deadline: float) -> str:
        """The first request of the bucket is under way, and its answer tells everything: the bucket's key after a nap.

        Raises RateLimitDeferred where that answer is late. It takes no slot: how many there are is not known yet.
        """
        now = self._clock.now()
        if now >= min(deadline, bucket.opened_at + FIRST_ANSWER):
            comes = max(bucket.reopens_at, now + FIRST_ANSWER_NAP)
            if comes > deadline:
                raise _deferred(bucket.key, 0, lane, comes - now)
            self._sleep(comes - now)
        else:
            self._sleep(FIRST_ANSWER_NAP)
        self.buckets.names.forget()
        return self.bucket_of(route)

    def reserve(
        self, route: str, lane: Lane, ticket: Ticket | None = None, *, patience: float = PATIENCE
    ) -> Reservation:
        """The same as `acquire`, for a request that is made somewhat later: `use` the place, or `release` it."""
        reservation = self.acquire(route, lane, ticket, patience=patience)
        self._reserved.add(reservation)
        return reservation

    def use(self, reservation: Reservation, route: str) -> bool:
        """May a request on `route` be made on this reservation? Once only, and not when its window is over."""
        if (
            reservation not in self._reserved
            or reservation.key != self.bucket_of(route)
            or self._clock.now() >= reservation.closes_at
        ):
            return False
        self._reserved.remove(reservation)
        return True

    def release(self, reservation: Reservation) -> None:
        """No request was made on this reservation: its place is free again. Without effect once it was used."""
        if reservation in self._reserved:
            self._reserved.remove(reservation)
            self.buckets.leave(reservation.key, reservation.lane, reservation.number)

    def unanswered(self, reservation: Reservation) -> None:
        """The request on this reservation failed on its way; where it was a bucket's first, another may try now."""
        if self.buckets.get(reservation.key).kind is Kind.UNSEEN:
            self.buckets.leave(reservation.key, reservation.lane, reservation.number)

    def bucket_of(self, route: str) -> str:
        """The key of the bucket that `route` counts against, by what is known; until an answer tells, its own."""
        return self.buckets.names.bucket_of(route)

    def is_far_off(self, route: str, lane: Lane) -> bool:
        """Would a request on `route` have to wait long, by what this process knows of it?"""
        return _far_off(self.buckets.known(self.bucket_of(route)), lane, self._clock.now())

    def expected_wait(self, route: str, lane: Lane) -> float:
        """Seconds until a request on `route` would have its turn, by what is stored of it."""
        bucket = self.buckets.read(self.bucket_of(route))
        return 0.0 if bucket.kind is Kind.UNSEEN else rate_limit.backlog(bucket, lane, now=self._clock.now())

    def defer_if_far_off(self, route: str, lane: Lane) -> None:
        """Raise RateLimitDeferred where a request on `route` would have to wait long, by what is stored of it."""
        if not self.is_far_off(route, lane):
            return
        key = self.bucket_of(route)
        bucket = self.buckets.read(key)
        if _far_off(bucket, lane, self._clock.now()):
            slot = self.buckets.take_slots(key, lane, 1)
            now = self._clock.now()
            raise _deferred(key, slot, lane, rate_limit.due(bucket, slot, now=now) - now)

    def _sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)
        self.slept += seconds
        self.naps += 1


def _never_issued(buckets: Buckets, key: str, slot: int) -> bool:
    """Was the slot never issued by this bucket? Its row was lost since and learnt anew, with low numbers.

    The holder would wait for hours until those come up to it. A slot is issued only once the row says so, so that
    after a fresh read no valid ticket is forgotten.
    """
    if slot >= max(buckets.get(key).tickets):
        buckets.read(key)  # others may have issued it since it was read
    return slot >= max(buckets.get(key).tickets)


def _far_off(bucket: Bucket | None, lane: Lane, now: float) -> bool:
    if bucket is None or bucket.kind is Kind.UNSEEN:
        return False
    return rate_limit.backlog(bucket, lane, now=now) > PATIENCE


def _deferred(key: str, slot: int, lane: Lane, wait: float) -> RateLimitDeferred:
    return RateLimitDeferred(Ticket(key, slot, lane is Lane.URGENT), retry_after=max(wait, MIN_TURN))
