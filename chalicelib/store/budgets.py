"""The rate-limit budgets that all workers share. Implements `chalicelib.discord.spending.Ledger`."""

from dataclasses import asdict, replace
from typing import Any

from pynamodb.attributes import NumberAttribute
from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.discord import budget
from chalicelib.discord.budget import Bucket, Kind, Lane, Seen
from chalicelib.discord.spending import GLOBAL_BUCKET, INVALID_WINDOW, Noticeboard
from chalicelib.store.rows import BudgetRow, read_as, written

BOARD = "noticeboard"
KEPT = 86_400  # seconds; what was learnt of a bucket is learnt anew after a day without use
USED = (BudgetRow.used_0, BudgetRow.used_1, BudgetRow.used_2)
TICKETS = (BudgetRow.ticket_0, BudgetRow.ticket_1, BudgetRow.ticket_2)
NAMING_TRIES = 5  # each failed one means that another route was named; the next answer would name this one again
MINUTE = 60  # seconds; invalid requests are counted by the minute


class DynamoLedger:
    """The ledger in DynamoDB. `guild_id` is the major parameter of every bucket used here."""

    def __init__(self, guild_id: int) -> None:
        self._prefix = f"{guild_id}:"

    # --- the noticeboard ---

    def noticeboard(self) -> Noticeboard:
        row = self._row(BOARD)
        if row is None:
            return Noticeboard()
        return Noticeboard(
            dict(row.buckets or {}), row.halted_token or "", float(row.blocked_until or 0), row.blocked_why or ""
        )

    def name_bucket(self, route: str, key: str) -> None:
        for _ in range(NAMING_TRIES):  # others name their routes in the same map
            row = self._row(BOARD)
            named = row.buckets if row else None
            as_read = BudgetRow.buckets.does_not_exist() if named is None else BudgetRow.buckets == named
            if self._update(BOARD, [BudgetRow.buckets.set((named or {}) | {route: key})], as_read):
                return

    def halt(self, token: str) -> None:
        BudgetRow(self._key(BOARD)).update([BudgetRow.halted_token.set(token)])

    def block(self, until: float, why: str) -> None:
        later = BudgetRow.blocked_until.does_not_exist() | (BudgetRow.blocked_until < until)
        self._update(BOARD, [BudgetRow.blocked_until.set(until), BudgetRow.blocked_why.set(why)], later)

    def count_invalid(self, now: float) -> int:
        minute = int(now // MINUTE)
        row = BudgetRow(self._key(f"invalid:{minute}"))
        row.update([BudgetRow.counted.add(1), BudgetRow.expires_at.set(int(now) + 2 * INVALID_WINDOW)])
        earlier = [self._key(f"invalid:{minute - back}") for back in range(1, INVALID_WINDOW // MINUTE)]
        return int(row.counted or 0) + sum(int(other.counted or 0) for other in BudgetRow.batch_get(earlier))

    # --- buckets ---

    def get(self, key: str) -> Bucket:
        row = self._row(key)
        return self._new(key) if row is None or row.limit is None else _bucket(key, row)

    def enter(self, key: str, lane: Lane, *, now: float, ticketed: bool) -> Bucket | None:
        room = (BudgetRow.closes_at > now) & (BudgetRow.used < BudgetRow.limit)
        condition = _nobody_ahead(room, lane, ticketed, BudgetRow.first_slot)
        row = self._update(key, [BudgetRow.used.add(1), USED[lane].add(1)], condition)
        return _bucket(key, row) if row else None

    def open(self, known: Bucket, lane: Lane, *, now: float, ticketed: bool) -> Bucket | None:
        # Sums are made here: what DynamoDB adds up is not the same float again when it is compared.
        opened = replace(known, opened_at=now)
        actions: list[Action] = [
            BudgetRow.number.set(BudgetRow.number + 1),
            BudgetRow.first_slot.set(BudgetRow.next_slot),
            BudgetRow.next_slot.set(BudgetRow.next_slot + known.limit),
            BudgetRow.opened_at.set(now),
            BudgetRow.closes_at.set(opened.closes_at),
            BudgetRow.reopens_at.set(now + opened.shut_for),
            BudgetRow.expires_at.set(int(now + opened.shut_for) + KEPT),
            BudgetRow.used.set(1),
            *(column.set(int(other == lane)) for other, column in enumerate(USED)),
        ]
        same_size = (BudgetRow.window == known.window) & (BudgetRow.limit == known.limit)
        condition = _nobody_ahead(same_size & (BudgetRow.reopens_at <= now), lane, ticketed, BudgetRow.next_slot)
        row = self._update(known.key, actions, condition)
        return _bucket(known.key, row) if row else None

    def swap(self, old: Bucket, new: Bucket, *, alone: bool) -> bool:
        before, after = _columns(old), _columns(new)
        actions: list[Action] = [
            getattr(BudgetRow, name).remove() if value is None else getattr(BudgetRow, name).set(value)
            for name, value in after.items()
            if value != before[name] or old.opened_at == 0
        ]
        if old.opened_at == 0:  # nobody stored this one yet
            condition: Condition = BudgetRow.limit.does_not_exist()
        else:
            guarded = ("number", "kind", "limit", "window", "reopens_at", *(("used",) if alone else ()))
            condition = BudgetRow.key.exists()
            for name in guarded:
                condition &= getattr(BudgetRow, name) == before[name]
        actions.append(BudgetRow.expires_at.set(int(new.reopens_at) + KEPT))
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

    def _new(self, key: str) -> Bucket:
        return budget.everything(key) if key == GLOBAL_BUCKET else Bucket(key)

    def _key(self, key: str) -> str:
        return self._prefix + key

    def _row(self, key: str) -> BudgetRow | None:
        try:
            return BudgetRow.get(self._key(key), consistent_read=True)
        except DoesNotExist:
            return None

    def _update(self, key: str, actions: list[Action], condition: Condition) -> BudgetRow | None:
        row = BudgetRow(self._key(key))
        return row if written(lambda: row.update(actions, condition=condition)) else None


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


def _bucket(key: str, row: BudgetRow) -> Bucket:
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
