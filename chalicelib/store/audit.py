"""The audit trail: every change made to a member, who asked for it, and the values before and after."""

import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.store.rows import AuditRow

DAY = 86_400  # seconds
THE_SERVER = "(server)"  # stands in place of a user where an entry is about none of them


@dataclass(frozen=True, slots=True)
class Entry:
    """One change. `cause` is who asked for it, for example `message from the auth site`, `sweep <id>` or `link`.

    `trace` is the id of that request, `at` epoch seconds. Roles are given by the names that they had then.
    """

    user_id: str
    discord_id: int
    at: float
    cause: str
    trace: str
    given: tuple[str, ...] = ()
    taken: tuple[str, ...] = ()
    nickname_from: str | None = None
    nickname_to: str | None = None
    what: str = "changed"  # or joined, perhaps joined, removed, unlinked: <why>
    keep_days: int = 90


def keep(entry: Entry) -> None:
    """Record one change."""
    row(entry).save()


def of_user(user_id: str, *, now: float, most: int = 50) -> list[dict[str, Any]]:
    """The user's newest changes, newest first, as plain data."""
    rows = AuditRow.query(user_id, scan_index_forward=False, limit=most)
    return [dict(found.data) for found in rows if found.expires_at > now]


def row(entry: Entry) -> AuditRow:
    """The entry as a row, to be written in a transaction with other rows."""
    moment = datetime.fromtimestamp(entry.at, UTC).isoformat(timespec="microseconds")
    data = {name: value for name, value in asdict(entry).items() if value not in (None, ()) and name != "keep_days"}
    return AuditRow(
        entry.user_id,
        f"{moment}#{uuid.uuid4().hex[:8]}",
        data=data | {"at": moment, "discord_id": str(entry.discord_id)},
        expires_at=int(entry.at) + entry.keep_days * DAY,
    )
