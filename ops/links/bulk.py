"""Stores many links at a time.

A link is two rows: the user's, and the one that reserves the Discord account for that user. Both are written together,
50 links in a transaction, on the condition that neither conflicts with a stored link. Desired state is not changed.
"""

import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pynamodb.connection import Connection
from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.store.accounts import may_belong_to
from chalicelib.store.rows import AccountRow, UserRow
from ops.formatting import moment
from ops.links.table import Record

AT_ONCE = 50  # links; DynamoDB takes 100 items in a transaction
MAX_ATTEMPTS = 6  # each failed one means that somebody else wrote one of the rows, or that DynamoDB was busy
BUSY = {"ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded"}
OVERTAKEN = {"ConditionalCheckFailed", "TransactionConflict"}
MAX_NAP = 5.0  # seconds


class Outcome(StrEnum):
    """What happened to a line of the file."""

    NEW = "imported"
    SAME = "already there"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happened to one record, and why if it was refused."""

    record: Record
    outcome: Outcome
    why: str = ""


class Importer:
    """Stores links of one guild. Safe to call from several threads."""

    def __init__(
        self, connection: Connection, guild_id: int, *, now: float, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._connection = connection
        self._guild_id = guild_id
        self._now = now
        self._sleep = sleep

    def put(self, records: Sequence[Record], *, dry_run: bool = False) -> list[Verdict]:
        """Store those of `records` (at most AT_ONCE) that conflict with nothing; return what happened to each."""
        verdicts: list[Verdict] = []
        todo = list(records)
        for attempt in range(MAX_ATTEMPTS):
            known = self._look(todo)
            judged = [self._judge(record, known) for record in todo]
            verdicts += [verdict for verdict in judged if verdict.outcome is not Outcome.NEW]
            todo = [verdict.record for verdict in judged if verdict.outcome is Outcome.NEW]
            if not todo or dry_run or self._write(todo, known):
                return verdicts + [Verdict(record, Outcome.NEW) for record in todo]
            self._sleep(min(MAX_NAP, 0.1 * 2**attempt) * (0.5 + random.random()))  # noqa: S311 - a pause
        return verdicts + [
            Verdict(record, Outcome.REFUSED, "was being changed all the time; run it again") for record in todo
        ]

    def _look(self, records: list[Record]) -> "_Known":
        users = UserRow.batch_get([record.user_id for record in records], consistent_read=True)
        accounts = AccountRow.batch_get([record.discord_id for record in records], consistent_read=True)
        return _Known(
            {row.user_id: row for row in users}, {int(row.discord_id): row.user_id for row in accounts if row.user_id}
        )

    def _judge(self, record: Record, known: "_Known") -> Verdict:
        row, owner = known.users.get(record.user_id), known.owners.get(record.discord_id)
        linked = int(row.discord_id) if row is not None and row.discord_id is not None else None
        if owner == record.user_id and linked == record.discord_id:
            return Verdict(record, Outcome.SAME)
        if owner not in (None, record.user_id):
            return Verdict(record, Outcome.REFUSED, f"Discord id {record.discord_id} is linked to user {owner} already")
        if linked is not None:
            return Verdict(record, Outcome.REFUSED, f"user {record.user_id} is linked to Discord id {linked} already")
        if row is not None and row.deleted_at is not None and not self._expired(row):
            when = moment(float(row.deleted_at))
            return Verdict(record, Outcome.REFUSED, f"the auth site deleted user {record.user_id} at {when}")
        return Verdict(record, Outcome.NEW)

    def _write(self, records: list[Record], known: "_Known") -> bool:
        """Store all of them or none; return False if they must be compared again."""
        try:
            with TransactWrite(connection=self._connection) as write:
                for record in records:
                    mine = may_belong_to(record.user_id, now=self._now)
                    write.save(AccountRow(record.discord_id, user_id=record.user_id), condition=mine)
                    row = known.users.get(record.user_id)
                    write.update(UserRow(record.user_id), actions=self._actions(record, row), condition=_unmoved(row))
        except TransactWriteError as error:
            codes = {reason.code for reason in error.cancellation_reasons if reason} or {
                error.cause_response_code or ""
            }
            if not codes & (OVERTAKEN | BUSY):
                raise
            return False
        return True

    def _actions(self, record: Record, row: UserRow | None) -> list[Action]:
        activated = int(self._now) if record.activated_at is None else record.activated_at
        actions: list[Action] = [
            UserRow.version.set((UserRow.version | 0) + 1),
            UserRow.guild_id.set(str(self._guild_id)),
            UserRow.discord_id.set(record.discord_id),
            UserRow.username.set(record.username),
            UserRow.discriminator.set(record.discriminator),
            UserRow.activated_at.set(activated),
            UserRow.imported_at.set(max(1, int(self._now))),
            UserRow.deleted_at.remove(),
            UserRow.deleted_sent.remove(),
            UserRow.leaving.remove(),
            UserRow.expires_at.remove(),
        ]
        if row is not None and self._expired(row):  # its time is over; DynamoDB has not come round to it
            stated = (UserRow.groups, UserRow.groups_at, UserRow.nickname, UserRow.nickname_at)
            sent = (UserRow.groups_sent, UserRow.nickname_sent, UserRow.barred_tokens, UserRow.barred_clicks)
            actions += [column.remove() for column in (*stated, *sent)]
        return actions

    def _expired(self, row: UserRow) -> bool:
        return row.expires_at is not None and row.expires_at <= self._now


@dataclass(frozen=True, slots=True)
class _Known:
    """Return the stored rows: users by id, owners by Discord id."""

    users: dict[str, UserRow]
    owners: dict[int, str]


def _unmoved(row: UserRow | None) -> Condition:
    unlinked: Condition = UserRow.discord_id.does_not_exist()
    same: Condition = UserRow.user_id.does_not_exist() if row is None else UserRow.version == row.version
    both: Condition = unlinked & same
    return both
