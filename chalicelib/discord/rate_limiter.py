"""Spending Discord's rate limits: the shared budget of `rate_limit.py`, applied to requests.

A request names its route; which bucket that is, and how large, Discord's answers tell. What was learnt is shared by
all workers through a `RateLimitStore` (DynamoDB in Lambda); each process remembers for a moment what it was told last.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from chalicelib.clock import Clock
from chalicelib.discord import rate_limit
from chalicelib.discord.rate_limit import Bucket, Kind, Lane, Seen
from chalicelib.errors import CallsHalted, RateLimitDeferred, Ticket

PATIENCE = 2.0  # seconds that a worker sleeps at most for its turn; longer waits cost more asleep than queued
# Routes that count as one until an answer says which bucket each has: too careful, should they not share it.
SHARED = {"DELETE member role": "PUT member role", "PUT member role": "DELETE member role"}
GLOBAL_BUCKET = "global"  # for routes without a bucket of their own
SHARED_STATE_AGE = 30.0  # seconds that a process believes what it read of halts and routes
SAFE_INVALID = 5000  # invalid requests in ten minutes after which work pauses; Cloudflare bans an address at 10,000
INVALID_WINDOW = 600  # seconds
SWAP_TRIES = 5  # each failed one means that another worker got ahead, so work was done
FIRST_FEW = 3  # requests that tell how large a bucket is, before many are planned on it
FIRST_ANSWER_NAP = 0.2  # seconds
FIRST_ANSWER = 1.0  # seconds in which it should have come; after that, whoever waits for it comes again later
MIN_NAP = 0.01  # seconds
MIN_TURN = 0.2  # seconds; nobody is sent away for less
SHORT_WAIT = 0.5  # seconds
BAN_PAUSE = 900.0  # seconds without any call after Cloudflare's page


@dataclass(frozen=True, slots=True)
class SharedState:
    """What all workers must know: which bucket each route has, and whether all calls have stopped.

    `halted_token` is the fingerprint of a bot token that Discord refused; `blocked_until` epoch seconds.
    """

    buckets: dict[str, str] = field(default_factory=dict)
    halted_token: str = ""
    blocked_until: float = 0.0
    blocked_why: str = ""


@dataclass(frozen=True, slots=True)
class Reservation:
    """One request's place in window `number` of the bucket `key`, good until `closes_at` (epoch seconds)."""

    key: str
    lane: Lane
    number: int
    closes_at: float


class RateLimitStore(Protocol):
    """Where the budgets of all workers are kept. Every method is one call of the store, or two."""

    def shared_state(self) -> SharedState:
        """What stands there now; an empty one where nothing does."""
        ...

    def name_bucket(self, route: str, key: str) -> None:
        """Requests of `route` count against the bucket `key` from now on."""
        ...

    def halt(self, token: str) -> None:
        """Stop all calls with the token of this fingerprint."""
        ...

    def block(self, until: float, why: str) -> None:
        """Stop all calls until then; never shortens a longer stop."""
        ...

    def count_invalid(self, now: float) -> int:
        """Count one invalid request; gives the number in the last ten minutes."""
        ...

    def get(self, key: str) -> Bucket:
        """The bucket; one that nobody has seen where none is stored."""
        ...

    def acquire(self, key: str, lane: Lane, *, now: float, ticketed: bool) -> Bucket | None:
        """Take a place in the open window where that is plainly possible: the bucket as it is then, else None."""
        ...

    def open(self, known: Bucket, lane: Lane, *, now: float, ticketed: bool) -> Bucket | None:
        """Open the next window and take its first place, where that is plainly possible: the bucket then, else None.

        `known`: the bucket as it was seen last; its size is taken to be still so.
        """
        ...

    def swap(self, old: Bucket, new: Bucket, *, alone: bool) -> bool:
        """Store what differs, if the window is still `old`'s; with `alone`, only if nobody entered meanwhile."""
        ...

    def take_slots(self, key: str, lane: Lane, count: int, *, at_least: int) -> int:
        """The first of `count` slots in a row that are nobody else's, none below `at_least`."""
        ...


class RateLimiter:
    """The budget as one process uses it. `token` is the bot token's fingerprint."""

    def __init__(self, rate_limit_store: RateLimitStore, clock: Clock, *, token: str) -> None:
        self._store = rate_limit_store
        self._clock = clock
        self._token = token
        self._shared = SharedState()
        self._shared_read_at = float("-inf")
        self._known: dict[str, Bucket] = {}
        self._reserved: set[Reservation] = set()
        self.slept = 0.0  # seconds, for the benchmark

    # --- before a request ---

    def check(self) -> None:
        """Raise Halted where no call may be made at all."""
        board, now = self._read_shared(), self._clock.now()
        if board.halted_token == self._token:
            raise CallsHalted("token_refused", retry_after=BAN_PAUSE)
        if board.blocked_until > now:
            raise CallsHalted(board.blocked_why, retry_after=board.blocked_until - now)

    def acquire(
        self, route: str, lane: Lane, ticket: Ticket | None = None, *, patience: float = PATIENCE
    ) -> Reservation:
        """Return when one request may be made on `route`, perhaps after a short sleep; gives its place.

        Raises TurnLater, with a ticket, where the turn is more than `patience` seconds away; Halted.
        """
        self.check()
        key = self._up_to_date(route)
        slot = ticket.slot if ticket and ticket.bucket == key else None
        deadline, napped = self._clock.now() + patience, False
        while not self._acquired(key, lane, ticketed=slot is not None):
            now, bucket = self._clock.now(), self._known[key]
            if bucket.kind is Kind.UNSEEN:
                key = self._after_first_answer(route, bucket, lane, deadline)
                continue
            if slot is None and not napped and now < bucket.reopens_at <= min(deadline, now + SHORT_WAIT):
                napped = True  # too short a wait for an appointment
                self._sleep(bucket.reopens_at - now)
                continue
            if slot is None or rate_limit.due(bucket, slot, now=now) <= now:
                slot = self.take_slots(key, lane, 1)
            comes = max(rate_limit.due(bucket, slot, now=now), now + MIN_NAP)
            if comes > deadline:
                if ticket and slot == ticket.slot and self._never_gave(key, slot):
                    ticket = slot = None
                    continue
                raise _turn_later(key, slot, lane, comes - now)
            self._sleep(comes - now)
        acquired = self._known[key]
        return Reservation(key, lane, acquired.number, rate_limit.holds_until(acquired, now=self._clock.now()))

    def _never_gave(self, key: str, slot: int) -> bool:
        """Is the slot none of this bucket's? Its row was lost since then and the bucket learnt anew, with low numbers.

        The holder would wait for hours until those come up to it. A slot is given out only once the row says so, hence
        by a fresh look nobody's valid ticket is forgotten.
        """
        if slot >= max(self._known[key].tickets):
            self._known[key] = self._store.get(key)  # others may have given it out since it was read
        return slot >= max(self._known[key].tickets)

    def _after_first_answer(self, route: str, bucket: Bucket, lane: Lane, deadline: float) -> str:
        """Somebody's first request is under way, and its answer tells everything: the key of the bucket after a nap.

        Raises TurnLater where that answer is late. It takes no slot: how many there are, nobody knows yet.
        """
        now = self._clock.now()
        if now >= min(deadline, bucket.opened_at + FIRST_ANSWER):
            comes = max(bucket.reopens_at, now + FIRST_ANSWER_NAP)
            if comes > deadline:
                raise _turn_later(bucket.key, 0, lane, comes - now)
            self._sleep(comes - now)
        else:
            self._sleep(FIRST_ANSWER_NAP)
        self._shared_read_at = float("-inf")
        return self.bucket_of(route)

    # --- a place taken ahead of its request ---

    def reserve(
        self, route: str, lane: Lane, ticket: Ticket | None = None, *, patience: float = PATIENCE
    ) -> Reservation:
        """The same as `acquire`, for a request that is made somewhat later: `use` the place, or `release`."""
        reservation = self.acquire(route, lane, ticket, patience=patience)
        self._reserved.add(reservation)
        return reservation

    def use(self, reservation: Reservation, route: str) -> bool:
        """May a request on `route` be made on this place? Once only, and not when its window is over."""
        if (
            reservation not in self._reserved
            or reservation.key != self.bucket_of(route)
            or self._clock.now() >= reservation.closes_at
        ):
            return False
        self._reserved.remove(reservation)
        return True

    def release(self, reservation: Reservation) -> None:
        """No request was made on this place: somebody else may have it. Without effect once it was redeemed."""
        if reservation in self._reserved:
            self._reserved.remove(reservation)
            self._amend(
                reservation.key, None, lambda bucket: rate_limit.released(bucket, reservation.lane, reservation.number)
            )

    def unanswered(self, reservation: Reservation) -> None:
        """The request on this place failed on its way; where it was a bucket's first, another may be tried now."""
        if self._known[reservation.key].kind is Kind.UNSEEN:
            self._amend(
                reservation.key, None, lambda bucket: rate_limit.released(bucket, reservation.lane, reservation.number)
            )

    def _acquired(self, key: str, lane: Lane, *, ticketed: bool) -> bool:
        """Try for a place in the open window, or open the next. Leaves the bucket as it now is in `_known`."""
        now, known = self._clock.now(), self._known.get(key)
        if known and known.kind is not Kind.UNSEEN and now < known.reopens_at and sum(known.used) >= known.limit:
            return False  # a window that is full stays so, but for a place that is given back now and then
        closing = known is not None and known.closes_at <= now < known.reopens_at
        if known and known.kind is not Kind.UNSEEN and not closing:
            over = now >= known.reopens_at
            acquired = self._store.open(known, lane, now=now, ticketed=ticketed) if over else None
            acquired = acquired or self._store.acquire(key, lane, now=now, ticketed=ticketed)
            if acquired:
                self._known[key] = acquired
                return True
        for _ in range(SWAP_TRIES):
            bucket = self._known[key] = self._store.get(key)
            admitted = rate_limit.admit(bucket, lane, now=now, ticketed=ticketed)
            if admitted is None:
                return False
            if self._store.swap(bucket, admitted, alone=True):
                self._known[key] = admitted
                return True
        return False

    def bucket_of(self, route: str) -> str:
        """The key of the bucket that `route` counts against, by what is known; until an answer tells, its own."""
        return self._bucket_by_route(route) or min(route, SHARED.get(route, route))

    def _bucket_by_route(self, route: str) -> str | None:
        buckets = self._read_shared().buckets
        return buckets.get(route) or buckets.get(SHARED.get(route, route))

    def _up_to_date(self, route: str) -> str:
        """The same, sure to be up to date where nobody knew before: no request must slip past what was learnt since."""
        if self._bucket_by_route(route) is None and self._clock.now() > self._shared_read_at:
            self._shared_read_at = float("-inf")
        return self.bucket_of(route)

    def defer_if_far_off(self, route: str, lane: Lane) -> None:
        """Raise TurnLater where a request on `route` would have to wait long, by what this process knows of it."""
        key = self.bucket_of(route)
        if not self._far_off(self._known.get(key), lane):
            return
        bucket = self._known[key] = self._store.get(key)
        if self._far_off(bucket, lane):
            slot = self.take_slots(key, lane, 1)
            now = self._clock.now()
            raise _turn_later(key, slot, lane, rate_limit.due(bucket, slot, now=now) - now)

    def is_far_off(self, route: str, lane: Lane) -> bool:
        """Would a request on `route` have to wait long, by what this process knows of it?"""
        return self._far_off(self._known.get(self.bucket_of(route)), lane)

    def _far_off(self, bucket: Bucket | None, lane: Lane) -> bool:
        if bucket is None or bucket.kind is Kind.UNSEEN:
            return False
        return rate_limit.backlog(bucket, lane, now=self._clock.now()) > PATIENCE

    # --- appointments ---

    def take_slots(self, key: str, lane: Lane, count: int) -> int:
        """The first of `count` new slots in a row."""
        first = rate_limit.earliest_slot(self._bucket(key), lane, now=self._clock.now())
        return self._store.take_slots(key, lane, count, at_least=first)

    def refresh(self, routes: Iterable[str]) -> None:
        """Read the buckets of these routes, for `forecast`, `seconds_each` and `is_known`."""
        for key in sorted({self._up_to_date(route) for route in routes}):
            self._known[key] = self._store.get(key)

    def forecast(self, route: str, lane: Lane, *, most: int, horizon: float) -> int:
        """How many of up to `most` requests on `route` would have their turn within `horizon` seconds."""
        bucket = self._bucket(self.bucket_of(route))
        if not bucket.is_known:
            return min(most, FIRST_FEW)
        now = self._clock.now()
        start = max(bucket.tickets[lane], rate_limit.earliest_slot(bucket, lane, now=now))
        return sum(rate_limit.due(bucket, slot, now=now) <= now + horizon for slot in range(start, start + most))

    def seconds_each(self, route: str) -> float:
        """Seconds that each request on `route` takes where there are many; 0 where nobody knows yet."""
        bucket = self._bucket(self.bucket_of(route))
        return bucket.period / bucket.limit if bucket.is_known else 0.0

    def is_known(self, route: str) -> bool:
        """Was it learnt how large the bucket of `route` is?"""
        return self._bucket(self.bucket_of(route)).is_known

    def tickets(self, route: str, lane: Lane, count: int) -> list[tuple[Ticket, float]]:
        """`count` tickets for requests on `route`, each with the time (epoch s) at which to come."""
        if count == 0:
            return []
        key = self.bucket_of(route)
        if self._bucket(key).kind is Kind.UNSEEN:
            return [(Ticket(key, 0), self._clock.now())] * count  # the first answer is near, and tells more
        first = self.take_slots(key, lane, count)
        bucket, now = self._known[key], self._clock.now()
        return [(Ticket(key, slot), rate_limit.due(bucket, slot, now=now)) for slot in range(first, first + count)]

    def _bucket(self, key: str) -> Bucket:
        """As this process read it last. A route may have got its name since the last `refresh`: then it is read now."""
        if key not in self._known:
            self._known[key] = self._store.get(key)
        return self._known[key]

    # --- after an answer ---

    def answered(self, route: str, key: str, name: str | None, seen: Seen | None) -> None:
        """Learn from an answer. `key` is what `acquire` gave, `name` what X-RateLimit-Bucket says, None without it."""
        name = name if name and seen else GLOBAL_BUCKET
        self._name(route, name)
        if seen:
            self._amend(
                name, self._known.get(name) if name == key else None, lambda bucket: rate_limit.learn(bucket, seen)
            )

    def limited(self, route: str, name: str, wait: float) -> None:
        """A 429 of the bucket `name` holds for `wait` seconds."""
        now = self._clock.now()
        self._name(route, name)
        self._amend(name, None, lambda bucket: rate_limit.refused(bucket, now=now, wait=wait))

    def _name(self, route: str, name: str) -> None:
        if self._read_shared().buckets.get(route) != name:
            self._store.name_bucket(route, name)
            self._shared_read_at = float("-inf")

    def blocked(self, wait: float, why: str) -> None:
        """All calls wait that long (a global limit, a ban of the address)."""
        self._store.block(self._clock.now() + wait, why)
        self._shared_read_at = float("-inf")

    def token_refused(self) -> None:
        """Discord answered 401: no further call with this token, by anybody."""
        self._store.halt(self._token)
        self._shared_read_at = float("-inf")

    def invalid(self) -> None:
        """Count an answer that counts towards Cloudflare's ban (401, 403, 429 but `shared`)."""
        if self._store.count_invalid(self._clock.now()) >= SAFE_INVALID:
            self.blocked(INVALID_WINDOW, "too_many_invalid")

    def _amend(self, key: str, known: Bucket | None, change: Callable[[Bucket], Bucket]) -> None:
        for _ in range(SWAP_TRIES):
            old = known or self._store.get(key)
            new = change(old)
            if new is old:
                return
            if self._store.swap(old, new, alone=new.used != old.used):
                self._known[key] = new
                return
            known = None

    def _read_shared(self) -> SharedState:
        if self._clock.now() >= self._shared_read_at + SHARED_STATE_AGE:
            self._shared = self._store.shared_state()
            self._shared_read_at = self._clock.now()
        return self._shared

    def _sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)
        self.slept += seconds


def _turn_later(key: str, slot: int, lane: Lane, wait: float) -> RateLimitDeferred:
    return RateLimitDeferred(Ticket(key, slot, lane is Lane.URGENT), retry_after=max(wait, MIN_TURN))
