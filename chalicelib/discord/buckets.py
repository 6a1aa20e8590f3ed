"""The guild's rate-limit buckets as one process knows them: which one each route counts against, and how it stands.

A request names its route; which bucket that is, and how large, Discord's answers tell. What was learnt is shared by
all workers through a `RateLimitStore` (DynamoDB in Lambda); each process remembers for a moment what it read last.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from chalicelib.clock import Clock
from chalicelib.discord import rate_limit
from chalicelib.discord.rate_limit import Bucket, Kind, Lane, Seen

# Routes that count as one until an answer says which bucket each has: too careful, should they not share it.
SHARED = {"DELETE member role": "PUT member role", "PUT member role": "DELETE member role"}
GLOBAL_BUCKET = "global"  # for routes without a bucket of their own; it is the bot's, not the guild's
CACHE_TTL = 30.0  # seconds that a process believes what it read of routes
MAX_SWAPS = 5  # attempts to store a change; each failed one means that another worker got ahead, so work was done


class RateLimitStore(Protocol):
    """Where the buckets of all workers are kept. Every method is one call of the store, or two."""

    def bucket_names(self) -> dict[str, str]:
        """The key of each route's bucket, as far as answers have told."""
        ...

    def name_bucket(self, route: str, key: str) -> dict[str, str]:
        """Requests of `route` count against the bucket `key` from now on. Returns all names, as they are then."""
        ...

    def get(self, key: str) -> Bucket:
        """The bucket; an unseen one where none is stored."""
        ...

    def acquire(
        self, key: str, lane: Lane, *, now: float, ticketed: bool, places: int = 1, limit: int = 1
    ) -> Bucket | None:
        """Take places in the open window where that is plainly possible: the bucket as it is then, else None.

        `limit`: that of the bucket; it needs to be known only where several places are taken.
        """
        ...

    def open(
        self, known: Bucket, lane: Lane, *, now: float, ticketed: bool, places: int = 1, early: bool = False
    ) -> Bucket | None:
        """Open the next window and take places in it, where that is plainly possible: the bucket then, else None.

        `known`: the bucket as it was seen last; its size is taken to be still so. `early`: in the pause before the next
        window may open, if this one was used by half at most, with what it was used for (see `rate_limit.admit`).
        """
        ...

    def swap(self, old: Bucket, new: Bucket, *, alone: bool) -> bool:
        """Store what differs, if the window is still `old`'s; with `alone`, only if nobody entered meanwhile."""
        ...

    def take_slots(self, key: str, lane: Lane, count: int, *, at_least: int) -> int:
        """The first of `count` slots in a row that are nobody else's, none below `at_least`."""
        ...


class BucketNames:
    """Which bucket each route counts against."""

    def __init__(self, store: RateLimitStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._names: dict[str, str] = {}
        self._read_at = float("-inf")

    def bucket_of(self, route: str) -> str:
        """The key of the bucket that `route` counts against, by what is known; until an answer tells, its own."""
        return self._find(route) or min(route, SHARED.get(route, route))

    def current_bucket_of(self, route: str) -> str:
        """The same, read anew where the name was not known: no request must slip past what was learnt since."""
        if self._find(route) is None and self._clock.now() > self._read_at:
            self.forget()
        return self.bucket_of(route)

    def name(self, route: str, key: str) -> None:
        """An answer said that `route` counts against the bucket `key`."""
        if self._read().get(route) != key:
            self.learn(self._store.name_bucket(route, key))

    def learn(self, names: dict[str, str]) -> None:
        """Somebody else just read the names, as they are stored now."""
        self._names, self._read_at = names, self._clock.now()

    def forget(self) -> None:
        """Read the names anew before they are used again."""
        self._read_at = float("-inf")

    def _find(self, route: str) -> str | None:
        names = self._read()
        return names.get(route) or names.get(SHARED.get(route, route))

    def _read(self) -> dict[str, str]:
        if self._clock.now() >= self._read_at + CACHE_TTL:
            self.learn(self._store.bucket_names())
        return self._names


class Buckets:
    """The buckets themselves, as this process read or changed them last."""

    def __init__(self, store: RateLimitStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.names = BucketNames(store, clock)
        self._known: dict[str, Bucket] = {}
        self._seen: dict[str, Seen] = {}  # the last answer that this process got, by bucket

    def known(self, key: str) -> Bucket | None:
        """As this process saw it last; None where it never did."""
        return self._known.get(key)

    def get(self, key: str) -> Bucket:
        """As this process saw it last; read where it never did, as a route may have got its name since."""
        return self._known.get(key) or self.read(key)

    def read(self, key: str) -> Bucket:
        """As it is stored now."""
        bucket = self._known[key] = self._store.get(key)
        return bucket

    def enter(self, key: str, lane: Lane, *, ticketed: bool, places: int = 1) -> int:
        """Try for places in the open window, or open the next. Afterwards `get` returns the bucket as it now is.

        Returns how many were taken: at most `places`, 0 where none is to be had now.
        """
        now, known = self._clock.now(), self._known.get(key)
        if known and known.kind is not Kind.UNSEEN and now < known.reopens_at and sum(known.used) >= known.limit:
            return 0  # a window that is full stays so, but for a place that is released now and then
        if known and known.kind is not Kind.UNSEEN:
            free = known.limit - (sum(known.used) if now < known.reopens_at else 0)
            places = min(places, free)
            acquired = self._take(known, lane, now=now, ticketed=ticketed, places=places)
            if acquired:
                self._known[key] = acquired
                return places
        return int(self._enter_by_swap(key, lane, now=now, ticketed=ticketed))

    def _take(self, known: Bucket, lane: Lane, *, now: float, ticketed: bool, places: int) -> Bucket | None:
        """Take places by one conditional update; by two if another worker opened a window since `known` was read."""
        if known.closes_at <= now < known.reopens_at:
            if not rate_limit.may_open_early(known):
                return None
            return self._store.open(known, lane, now=now, ticketed=ticketed, places=places, early=True)
        over = now >= known.reopens_at
        opened = self._store.open(known, lane, now=now, ticketed=ticketed, places=places) if over else None
        return opened or self._store.acquire(
            known.key, lane, now=now, ticketed=ticketed, places=places, limit=known.limit
        )

    def _enter_by_swap(self, key: str, lane: Lane, *, now: float, ticketed: bool) -> bool:
        for _ in range(MAX_SWAPS):
            bucket = self.read(key)
            admitted = rate_limit.admit(bucket, lane, now=now, ticketed=ticketed)
            if admitted is None:
                return False
            if self._store.swap(bucket, admitted, alone=True):
                self._known[key] = admitted
                return True
        return False

    def leave(self, key: str, lane: Lane, number: int) -> None:
        """Release a place in window `number` on which no request was made, or none that Discord counted."""
        self._amend(key, None, lambda bucket: rate_limit.released(bucket, lane, number))

    def take_slots(self, key: str, lane: Lane, count: int) -> int:
        """The first of `count` new slots in a row."""
        first = rate_limit.earliest_slot(self.get(key), lane, now=self._clock.now())
        return self._store.take_slots(key, lane, count, at_least=first)

    def answered(self, route: str, key: str, name: str | None, seen: Seen | None) -> None:
        """Learn from an answer. `key` is the bucket that was entered, `name` X-RateLimit-Bucket, None without it."""
        name = name if name and seen else GLOBAL_BUCKET
        self.names.name(route, name)
        if seen:
            known = self._known.get(name) if name == key else None
            before, self._seen[name] = self._seen.get(name), seen
            self._amend(name, known, lambda bucket: _learnt(bucket, before, seen))

    def limited(self, route: str, name: str, wait: float) -> None:
        """A 429 of the bucket `name` holds for `wait` seconds."""
        now = self._clock.now()
        self.names.name(route, name)
        self._amend(name, None, lambda bucket: rate_limit.refused(bucket, now=now, wait=wait))

    def _amend(self, key: str, known: Bucket | None, change: Callable[[Bucket], Bucket]) -> None:
        for _ in range(MAX_SWAPS):
            old = known or self._store.get(key)
            new = change(old)
            if new is old:
                return
            if self._store.swap(old, new, alone=new.used != old.used):
                self._known[key] = new
                return
            known = None


def _learnt(bucket: Bucket, before: Seen | None, seen: Seen) -> Bucket:
    """The bucket with what an answer says of it, and what it says beside the one `before` it; the same if nothing."""
    newer = before is not None and bucket.last is not None and before.at > bucket.last.at
    newer = newer and bucket.window <= rate_limit.SHORT_WINDOW  # of others, every answer is in the store
    basis = replace(bucket, last=before) if newer else bucket
    learnt = rate_limit.learn(basis, seen)
    return bucket if learnt is basis else learnt
