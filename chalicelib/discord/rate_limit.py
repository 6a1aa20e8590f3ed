"""The arithmetic of Discord's rate limits. Pure: the time is handed in, nothing is stored here.

Discord counts requests by *bucket* (`X-RateLimit-Bucket` + guild): `limit` of them in `window` seconds. There are two
kinds, and the headers do not say which (discord-api-docs#7680): most buckets *slide* (they refill evenly, Reset-After
is the time to a full one), the one of single roles is a *fixed window* that opens with its first request. One rule
satisfies both: requests are made in windows of our own, at most `limit` in each, and the next window opens only when
Discord has said that the bucket is whole again, that is after every Reset-After seen (`reopens_at`).

Two things keep any number of workers within it:

- *Admission* is exact. A request is made only after `used` was raised in the stored bucket, on the condition that the
  window is open and has room. No interleaving of workers can exceed a bucket, and a worker that dies costs one place.
- *Tickets* say when to come, so that no worker wakes up before its turn. A ticket is a number in an endless row of
  slots, `limit` to a window; `due` turns it into a time, by what is known of the windows when it is asked. Slots are
  spread over the first half of a window, so that a late comer (SQS counts whole seconds) still falls into it. A
  ticket whose holder dies is a time at which nobody comes; nothing waits for it.

Three lanes share a bucket. A lane's tickets make the lanes below it yield: what a person waits for and every removal
of access (URGENT), single changes (NORMAL), whole-guild repairs (BULK).
"""

from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from math import ceil

SPREAD = 0.5  # of a window over which its slots are spread; the rest is slack for those who come late
CLOSING = 0.05  # of a window before its end in which no request is begun: it may arrive after the end
MARGIN = 0.01  # of a window between the end of one and the opening of the next; window edges are loose (#5144)
SLACK = 0.05  # seconds at least between them, and before the end: what a request may be under way
MAX_PAUSE = 5.0  # seconds of either at most: a window of two days (new roles) needs no pause of hours
ROUND_TRIP = 0.02  # seconds that an answer and the next request take at least: so much later, a reset is no news
SLIP = 0.03  # of a window that openings come late on average; foreseen in appointments, corrected by headers
SHORT_WINDOW = 2.0  # seconds
MIN_WINDOW = 0.001  # seconds
HELD = 3.0  # seconds for which a place may be held at most before its request is made
UNSEEN_WINDOW = 5.0  # seconds until a bucket that nobody has seen, and whose first request died, is tried again


class Lane(IntEnum):
    """Who goes first. A lower number goes before a higher one."""

    URGENT = 0
    NORMAL = 1
    BULK = 2


class Kind(StrEnum):
    """How a bucket refills. Until two answers of one stretch were compared, nobody knows."""

    UNSEEN = "unseen"  # no answer yet: one request in flight
    UNKNOWN = "unknown"  # one answer: either kind
    SLIDING = "sliding"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Seen:
    """The rate-limit headers of one answer, got at `at` (epoch s by our clock).

    `reset` is X-RateLimit-Reset (epoch s by Discord's clock: compared only with itself), `reset_after` seconds.
    """

    limit: int
    remaining: int
    reset: float
    reset_after: float
    at: float

    @property
    def full_at(self) -> float:
        """When the bucket is whole again, by our clock."""
        return self.at + self.reset_after

    @property
    def spent(self) -> int:
        """Requests that count against the bucket now; at least the one that was answered."""
        return max(1, self.limit - self.remaining)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One bucket as all workers share it. Times are epoch seconds.

    `number` counts windows; slot s lies in window s // limit. `used` is what was admitted to the open window, in each
    lane; `tickets` the next free slot of each lane. `last` is kept only until the kind is known.
    """

    key: str
    limit: int = 1
    window: float = UNSEEN_WINDOW
    kind: Kind = Kind.UNSEEN
    last: Seen | None = None
    number: int = 0
    opened_at: float = 0.0
    reopens_at: float = 0.0
    used: tuple[int, int, int] = (0, 0, 0)
    tickets: tuple[int, int, int] = (0, 0, 0)

    @property
    def is_known(self) -> bool:
        """Was it learnt how large the bucket is?"""
        return self.kind in (Kind.SLIDING, Kind.FIXED)

    @property
    def first_slot(self) -> int:
        """The first slot of the open window."""
        return self.number * self.limit

    @property
    def admits_for(self) -> float:
        """Seconds from a window's opening in which requests are begun; not after that, until the next window."""
        return self.window - max(min(self.window * CLOSING, MAX_PAUSE), min(SLACK, self.window / 2))

    @property
    def reopens_after(self) -> float:
        """Seconds from a window's opening until the next may open, unless answers say that it is later."""
        return self.window + max(min(self.window * MARGIN, MAX_PAUSE), SLACK)

    @property
    def closes_at(self) -> float:
        """No request is begun after this, until the next window."""
        return self.opened_at + self.admits_for

    @property
    def refused(self) -> bool:
        """Was the open window closed by a 429? Whatever is answered in it was asked before."""
        return sum(self.used) > self.limit

    @property
    def spacing(self) -> float:
        """Seconds between the slots of one window."""
        return self.window * SPREAD / self.limit

    @property
    def period(self) -> float:
        """Seconds from one window to the next, as foreseen."""
        return self.reopens_after + self.window * SLIP


# --- admission ---------------------------------------------------------------------------------------------


def admit(bucket: Bucket, lane: Lane, *, now: float, ticketed: bool = False) -> Bucket | None:
    """The bucket with one request of `lane` admitted to the open window, or to the next one; None where none may be.

    With a ticket there is room as long as the window has any that no higher lane holds a ticket for; without one,
    the tickets of the own lane come first too. Where a window could have been open for a whole period and nobody came,
    the holders of its tickets are dead, or gave up: they are waited for no longer. Nor are they where nobody has seen
    the bucket: the first answer comes before all appointments.
    """
    forsaken = bucket.kind is Kind.UNSEEN or now >= bucket.reopens_at + bucket.period
    if now >= bucket.reopens_at:
        bucket = _next_window(bucket, now)
    elif now >= bucket.closes_at:
        if not may_open_early(bucket):
            return None
        # Of a short window the pause is a large part: begin the next at once, with what this one was used for.
        bucket = replace(_next_window(bucket, now), used=bucket.used)
    ahead = lane if ticketed else lane + 1
    promised = 0 if forsaken else min(max(0, *bucket.tickets[:ahead], 0) - bucket.first_slot, bucket.limit)
    if max(promised, sum(bucket.used[:lane])) + sum(bucket.used[lane:]) >= bucket.limit:
        return None
    urgent, normal, bulk = (n + (other == lane) for other, n in enumerate(bucket.used))
    return replace(bucket, used=(urgent, normal, bulk))


def may_open_early(bucket: Bucket) -> bool:
    """May the next window open in the pause before it, with what this one was used for?"""
    return bucket.window <= SHORT_WINDOW and 2 * sum(bucket.used) <= bucket.limit


def holds_until(bucket: Bucket, *, now: float) -> float:
    """No request is begun after this on a place that is taken now: its window may be over.

    While the kind is not known, the window may turn out to be as short as one answer lets suppose. A window that is
    short anyway stays open even then (`_second_answer`).
    """
    may_shrink = bucket.kind is Kind.UNKNOWN and bucket.window > SHORT_WINDOW
    shortest = bucket.last.reset_after if may_shrink and bucket.last else bucket.window
    return min(replace(bucket, window=min(shortest, bucket.window)).closes_at, now + HELD)


def released(bucket: Bucket, lane: Lane, number: int) -> Bucket:
    """The bucket without one place in window `number`, for which no request was made, or none that Discord counted.

    The same object where that window is over, or a 429 closed it. While nobody has seen the bucket, the next may try at
    once.
    """
    if bucket.number != number or not bucket.used[lane] or bucket.refused:
        return bucket
    urgent, normal, bulk = (n - (other == lane) for other, n in enumerate(bucket.used))
    again = bucket.kind is Kind.UNSEEN and urgent + normal + bulk == 0
    return replace(bucket, used=(urgent, normal, bulk), reopens_at=bucket.opened_at if again else bucket.reopens_at)


def _next_window(bucket: Bucket, now: float) -> Bucket:
    return replace(
        bucket, number=bucket.number + 1, opened_at=now, reopens_at=now + bucket.reopens_after, used=(0, 0, 0)
    )


# --- tickets -----------------------------------------------------------------------------------------------


def earliest_slot(bucket: Bucket, lane: Lane, *, now: float) -> int:
    """The first slot that a new ticket of `lane` may name: not past, not used up, behind the lanes above."""
    above = max(bucket.tickets[:lane], default=0)
    index = bucket.limit
    if now < bucket.reopens_at:
        index = min(index, max(ceil((now - bucket.opened_at) / bucket.spacing), sum(bucket.used)))
    return max(above, bucket.first_slot + index)


def due(bucket: Bucket, slot: int, *, now: float) -> float:
    """When the holder of `slot` should come, by what is known now. In the past where its window is over."""
    number, index = divmod(slot, bucket.limit)
    ahead = number - bucket.number
    if ahead <= 0:
        opens = bucket.opened_at + ahead * bucket.period
    else:
        opens = max(bucket.reopens_at, now) + (ahead - 1) * bucket.period
    return opens + index * bucket.spacing


def backlog(bucket: Bucket, lane: Lane, *, now: float) -> float:
    """Seconds until one more request of `lane` has its turn: at once if the open window has room for it, else when a
    new ticket would be due.
    """
    if admit(bucket, lane, now=now):
        return 0.0
    slot = max(bucket.tickets[lane], earliest_slot(bucket, lane, now=now))
    return max(0.0, due(bucket, slot, now=now) - now)


# --- learning from headers ----------------------------------------------------------------------------------


def learn(bucket: Bucket, seen: Seen) -> Bucket:
    """The bucket with what an answer says of it; the same object where it says nothing new.

    How long a window is, no header says. For a sliding bucket, u requests of L need u/L of the window to refill; for a
    fixed one Reset-After never exceeds the window. The longer reading is believed until a second answer of the same
    stretch tells the kind: a request moves X-RateLimit-Reset of a sliding bucket, and leaves that of a fixed one.

    An answer that comes after a 429 was asked before it. It opens nothing that the 429 closed: what it says of a bucket
    of unknown size, the next answer says too.
    """
    if bucket.kind == Kind.UNSEEN or seen.limit != bucket.limit:
        return bucket if bucket.refused else _first_answer(bucket, seen)
    if bucket.kind == Kind.UNKNOWN:
        bucket = _second_answer(bucket, seen)
    longer = replace(bucket, window=max(bucket.window, _window(bucket.kind, seen)))
    grew = longer.window > bucket.window * (1 + MARGIN)
    reopens_at = max(bucket.reopens_at, seen.full_at, longer.opened_at + longer.reopens_after if grew else 0.0)
    unseen = max(0, min(seen.spent, bucket.limit) - sum(bucket.used))  # requests that were not admitted here
    if not grew and reopens_at <= bucket.reopens_at + ROUND_TRIP and not unseen:
        return bucket
    urgent, normal, bulk = bucket.used
    return replace(longer, reopens_at=reopens_at, used=(urgent + unseen, normal, bulk))


def _window(kind: Kind, seen: Seen) -> float:
    return seen.reset_after if kind == Kind.FIXED else seen.reset_after * seen.limit / seen.spent


def _first_answer(bucket: Bucket, seen: Seen) -> Bucket:
    window = max(_window(Kind.UNKNOWN, seen), MIN_WINDOW)
    return replace(
        _resized(bucket, seen.limit),
        window=window,
        kind=Kind.UNKNOWN,
        last=seen,
        opened_at=seen.at,
        reopens_at=seen.at + window,
        used=(max(seen.spent, min(sum(bucket.used), seen.limit)), 0, 0),
    )


def _resized(bucket: Bucket, limit: int) -> Bucket:
    """Return the bucket with that limit, in a window after all that were counted by the old limit.

    Reservations and slots of those windows are over, so that none of them can be counted by mistake.
    """
    taken = max(bucket.first_slot + bucket.limit, *bucket.tickets)
    return replace(bucket, limit=limit, number=max(bucket.number + 1, ceil(taken / limit)))


def _second_answer(bucket: Bucket, seen: Seen) -> Bucket:
    """The kind, if `seen` and the answer before it tell; else what the next answer is to be compared with."""
    last = bucket.last
    if last is None or seen.at >= last.full_at or seen.remaining >= last.remaining:
        # Where the bucket was whole before, there is nothing to compare; at that pace the kind makes no difference.
        # Of a short window each process compares its own answers: writing them down would cost more than it tells.
        return bucket if seen.spent == 1 or bucket.window <= SHORT_WINDOW else replace(bucket, last=seen)
    per_request = last.reset_after / last.spent
    kind = Kind.SLIDING if seen.reset - last.reset > per_request / 2 else Kind.FIXED
    known = replace(bucket, kind=kind, last=None, window=max(_window(kind, last), _window(kind, seen)))
    reopens_at = known.opened_at + known.reopens_after
    # Places in a short window are held until it closes as it was to: the next one waits for them.
    return replace(
        known, reopens_at=max(reopens_at, bucket.reopens_at) if bucket.window <= SHORT_WINDOW else reopens_at
    )


def refused(bucket: Bucket, *, now: float, wait: float) -> Bucket:
    """The bucket after a 429 that holds for `wait` seconds: the window is used up, the next opens after that.

    What one answer let suppose of the window is forgotten: of a fixed window of two days it may be that it lasts
    five hundred. A fixed window opens when the last 429 says so; a sliding one is not whole by then. Who holds a place
    does not know of the 429, so that the next window waits for them, too.
    """
    closed_until = bucket.reopens_at if bucket.kind is Kind.SLIDING or bucket.refused else 0.0
    held_until = min(bucket.closes_at, now + HELD)
    if bucket.kind is Kind.UNKNOWN:
        bucket = replace(bucket, kind=Kind.UNSEEN, limit=1, window=UNSEEN_WINDOW, last=None)
    return replace(
        bucket,
        opened_at=bucket.opened_at or now,
        used=(2 * bucket.limit, 0, 0),  # more than ever go in: `refused`
        reopens_at=max(closed_until, held_until, now + wait),
    )


def global_bucket(key: str) -> Bucket:
    """The bucket of all of a bot's requests together: 50 a second, which no header says.

    https://discord.com/developers/docs/topics/rate-limits#global-rate-limit
    """
    return Bucket(key, limit=50, window=1.0, kind=Kind.FIXED)
