"""The rate-limit buckets that all workers share. Implements `chalicelib.discord.buckets.RateLimitStore`."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from pynamodb.attributes import NumberAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.discord import rate_limit
from chalicelib.discord.buckets import GLOBAL_BUCKET
from chalicelib.discord.rate_limit import Bucket, Kind, Lane, Seen
from chalicelib.store.rows import RateLimitRow, read_as, stored, written

BUCKET_NAMES = "noticeboard"  # the row that says which bucket each route counts against
RETENTION = 86_400  # seconds; what was learnt of a bucket is learnt anew after a day without use
USED = (RateLimitRow.used_0, RateLimitRow.used_1, RateLimitRow.used_2)
TICKETS = (RateLimitRow.ticket_0, RateLimitRow.ticket_1, RateLimitRow.ticket_2)
MAX_NAMING_ATTEMPTS = 5  # each failed one means that another route was named; the next answer would name this one again


class DynamoRateLimitStore:
    """The buckets in DynamoDB. They are the guild's, but for the global one, which is the bot's (`app_id`).

    Every method but four is one of `RateLimitStore`, which is as wide as what a bucket can do. The names of buckets
    stay in the row that once held the halts too, so that an upgrade forgets none.
    """

    def __init__(self, guild_id: int, app_id: int) -> None:
        self._guild = f"{guild_id}:"
        self._bot = bot_prefix(app_id)

    # --- names ---

    def bucket_names(self) -> dict[str, str]:
        row = self._row(BUCKET_NAMES)
        return dict(row.buckets or {}) if row else {}

    def name_bucket(self, route: str, key: str) -> dict[str, str]:
        names = {}
        for _ in range(MAX_NAMING_ATTEMPTS):  # others name their routes in the same map
            row = self._row(BUCKET_NAMES)
            named = row.buckets if row else None
            names = dict(named or {}) | {route: key}
            as_read = RateLimitRow.buckets.does_not_exist() if named is None else RateLimitRow.buckets == named
            if self._update(BUCKET_NAMES, [RateLimitRow.buckets.set(names)], as_read):
                break
        return names

    # --- buckets ---

    def get(self, key: str) -> Bucket:
        row = self._row(key)
        return _unseen(key) if row is None or row.limit is None else _bucket(key, row)

    def several(self, keys: Iterable[str]) -> dict[str, Bucket]:
        """These buckets as stored, by their keys; one call for each hundred. Who only looks needs no newer ones."""
        named = {self._key(key): key for key in keys}
        rows = {named[row.key]: row for row in RateLimitRow.batch_get(list(named))}
        return {key: _bucket(key, row) for key, row in rows.items() if row.limit is not None}

    def acquire(
        self, key: str, lane: Lane, *, now: float, ticketed: bool, places: int = 1, limit: int = 1
    ) -> Bucket | None:
        room = RateLimitRow.used < RateLimitRow.limit
        if places > 1:
            room = (RateLimitRow.limit == limit) & (RateLimitRow.used <= limit - places)
        condition = _nobody_ahead((RateLimitRow.closes_at > now) & room, lane, ticketed, RateLimitRow.first_slot)
        row = self._update(key, [RateLimitRow.used.add(places), USED[lane].add(places)], condition)
        return _bucket(key, row) if row else None

    def open(
        self, known: Bucket, lane: Lane, *, now: float, ticketed: bool, places: int = 1, early: bool = False
    ) -> Bucket | None:
        # Sums are made here: what DynamoDB adds up is not the same float again when it is compared.
        opened = replace(known, opened_at=now)
        actions: list[Action] = [
            RateLimitRow.number.set(RateLimitRow.number + 1),
            RateLimitRow.first_slot.set(RateLimitRow.next_slot),
            RateLimitRow.next_slot.set(RateLimitRow.next_slot + known.limit),
            RateLimitRow.opened_at.set(now),
            RateLimitRow.closes_at.set(opened.closes_at),
            RateLimitRow.reopens_at.set(now + opened.reopens_after),
            RateLimitRow.expires_at.set(int(now + opened.reopens_after) + RETENTION),
        ]
        if early:
            over = (RateLimitRow.closes_at <= now) & (RateLimitRow.used <= min(known.limit // 2, known.limit - places))
            actions += [column.set(column + places) for column in (RateLimitRow.used, USED[lane])]
        else:
            over = RateLimitRow.reopens_at <= now
            actions += [column.set(places * (other == lane)) for other, column in enumerate(USED)]
            actions.append(RateLimitRow.used.set(places))
        same_size = (RateLimitRow.window == known.window) & (RateLimitRow.limit == known.limit)
        condition = _nobody_ahead(same_size & over, lane, ticketed, RateLimitRow.next_slot)
        row = self._update(known.key, actions, condition)
        return _bucket(known.key, row) if row else None

    def swap(self, old: Bucket, new: Bucket, *, alone: bool) -> bool:
        before, after = _columns(old), _columns(new)
        actions: list[Action] = [
            getattr(RateLimitRow, name).remove() if value is None else getattr(RateLimitRow, name).set(value)
            for name, value in after.items()
            if value != before[name] or old.opened_at == 0
        ]
        if old.opened_at == 0:  # nobody stored this one yet
            condition: Condition = RateLimitRow.limit.does_not_exist()
        else:
            guarded = ("number", "kind", "limit", "window", "reopens_at", *(("used",) if alone else ()))
            condition = RateLimitRow.key.exists()
            for name in guarded:
                condition &= getattr(RateLimitRow, name) == before[name]
        actions.append(RateLimitRow.expires_at.set(int(new.reopens_at) + RETENTION))
        return self._update(new.key, actions, condition) is not None

    def take_slots(self, key: str, lane: Lane, count: int, *, at_least: int) -> int:
        tickets = TICKETS[lane]
        while True:
            row = self._update(key, [tickets.set(tickets + count)], tickets >= at_least)
            row = row or self._update(
                key, [tickets.set(at_least + count)], tickets.does_not_exist() | (tickets < at_least)
            )
            if row:
                return int(getattr(row, f"ticket_{int(lane)}")) - count

    # --- rows ---

    def _key(self, key: str) -> str:
        return (self._bot if key == GLOBAL_BUCKET else self._guild) + key

    def _row(self, key: str) -> RateLimitRow | None:
        return stored(RateLimitRow, self._key(key))

    def _update(self, key: str, actions: list[Action], condition: Condition) -> RateLimitRow | None:
        row = RateLimitRow(self._key(key))
        return row if written(lambda: row.update(actions, condition=condition)) else None


def bot_prefix(app_id: int) -> str:
    """What keys begin with that belong to the bot, whatever the guild."""
    return f"bot-{app_id}:"


def _unseen(key: str) -> Bucket:
    return rate_limit.global_bucket(key) if key == GLOBAL_BUCKET else Bucket(key)


def _nobody_ahead(condition: Condition, lane: Lane, ticketed: bool, slot: NumberAttribute) -> Condition:
    """Nobody who goes first holds a ticket for `slot` or a later one. Where somebody does, arithmetic must decide."""
    for tickets in TICKETS[: lane if ticketed else lane + 1]:
        condition &= tickets <= slot
    return condition


def _columns(bucket: Bucket) -> dict[str, Any]:
    return {
        "limit": bucket.limit,
        "window": bucket.window,
        "kind": bucket.kind.value,
        "last": asdict(bucket.last) if bucket.last else None,
        "number": bucket.number,
        "first_slot": bucket.first_slot,
        "next_slot": bucket.first_slot + bucket.limit,
        "opened_at": bucket.opened_at,
        "closes_at": bucket.closes_at,
        "reopens_at": bucket.reopens_at,
        "used": sum(bucket.used),
        **{f"used_{lane}": used for lane, used in enumerate(bucket.used)},
        **{f"ticket_{lane}": slot for lane, slot in enumerate(bucket.tickets)},
    }


def _bucket(key: str, row: RateLimitRow) -> Bucket:
    return Bucket(
        key=key,
        limit=int(row.limit or 1),
        window=float(row.window or 0),
        kind=Kind(row.kind or Kind.UNSEEN),
        last=read_as(Seen, row.last) if row.last else None,
        number=int(row.number or 0),
        opened_at=float(row.opened_at or 0),
        reopens_at=float(row.reopens_at or 0),
        used=(int(row.used_0 or 0), int(row.used_1 or 0), int(row.used_2 or 0)),
        tickets=(int(row.ticket_0 or 0), int(row.ticket_1 or 0), int(row.ticket_2 or 0)),
    )
