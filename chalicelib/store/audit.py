"""The audit trail: every change made to a member, who asked for it, and the values before and after."""

import re
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from chalicelib.store.rows import AuditRow

DAY = 86_400  # seconds
THE_SERVER = "(server)"  # stands in place of a user where an entry is about none of them
MAX_READ = 500  # entries that one search looks through; a page of them is some 150 KB
MAX_MONTHS = 4  # that one search looks through; audit_days is 90 unless somebody chose otherwise
PLACE = re.compile(r"\d{4}-\d{2}([-T:.+0-9]{1,26}#[0-9a-f]{8})?")  # where a search goes on: a range key, or a month


class Kind(StrEnum):
    """What entries are about, for searches."""

    ROLES = "roles"
    NICKNAME = "nickname"
    JOINED = "joined"
    REMOVED = "removed"
    UNLINKED = "unlinked"
    ABSENT = "absent"
    ANSWERED = "answered"  # a person released or dropped what was withheld
    SERVER = "server"  # what officers did that is not about one member


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


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries are searched for; what is empty lets all pass. `role` and `by` are parts of a name."""

    user_id: str = ""
    role: str = ""
    by: str = ""
    kind: Kind | None = None

    def fits(self, entry: dict[str, Any]) -> bool:
        """Whether the entry is one of them, for any user."""
        roles = [*entry.get("given", ()), *entry.get("taken", ())]
        return (
            (not self.role or any(self.role.casefold() in role.casefold() for role in roles))
            and self.by.casefold() in str(entry.get("cause", "")).casefold()
            and (self.kind is None or self.kind in kinds_of(entry))
        )


@dataclass(frozen=True, slots=True)
class Trail:
    """What a search found, newest first. `older`: where it goes on; empty at the end of what is kept."""

    entries: tuple[dict[str, Any], ...]
    older: str = ""


def kinds_of(entry: dict[str, Any]) -> set[Kind]:
    """What the entry is about."""
    what = str(entry.get("what", "changed"))
    if entry.get("user_id") == THE_SERVER:
        return {Kind.SERVER}
    kinds = {kind for kind in (Kind.JOINED, Kind.UNLINKED, Kind.ABSENT) if what.startswith(kind.value)}
    kinds |= {Kind.JOINED} if what == "perhaps joined" else set()
    kinds |= {Kind.REMOVED} if what == "removed" else set()
    kinds |= {Kind.ANSWERED} if what.startswith("removal ") else set()
    kinds |= {Kind.ROLES} if entry.get("given") or entry.get("taken") else set()
    return kinds | ({Kind.NICKNAME} if "nickname_to" in entry else set())


def search(wanted: Wanted, *, now: float, before: str = "", most: int = 30, keep_days: int = 90) -> Trail:
    """The newest entries that are wanted, of all users. `before`: go on where an earlier search stopped.

    It reads MAX_READ entries and MAX_MONTHS months at most, so it may find less than there is: `older` says where to go
    on. Entries that were written before there was an index of months are found by their user only.
    """
    before = before if PLACE.fullmatch(before) else ""
    found: list[dict[str, Any]] = []
    place = ""
    for number, row in enumerate(_rows(wanted, before, now, keep_days), start=1):
        if row.expires_at > now and wanted.fits(row.data):
            found.append(dict(row.data))
        place = row.at
        if len(found) == most or number == MAX_READ:
            return Trail(tuple(found), place)
    return Trail(tuple(found), _month_after(wanted, before, now, keep_days))


def _rows(wanted: Wanted, before: str, now: float, keep_days: int) -> Iterator[AuditRow]:
    earlier = (AuditRow.at < before) if before else None
    if wanted.user_id:
        yield from AuditRow.query(wanted.user_id, earlier, scan_index_forward=False, page_size=100)
        return
    for month in _months(before, now, keep_days)[:MAX_MONTHS]:
        yield from AuditRow.by_month.query(month, earlier, scan_index_forward=False, page_size=100)


def _months(before: str, now: float, keep_days: int) -> list[str]:
    """The months that may hold entries, newest first, from that of `before` on."""
    moment, oldest = datetime.fromtimestamp(now, UTC), datetime.fromtimestamp(now - keep_days * DAY, UTC)
    months = []
    year, month = moment.year, moment.month
    if before:
        year, month = min((year, month), (int(before[:4]), int(before[5:7])))
    while (year, month) >= (oldest.year, oldest.month):
        months.append(f"{year:04}-{month:02}")
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return months


def _month_after(wanted: Wanted, before: str, now: float, keep_days: int) -> str:
    """Where a search goes on that has looked through all the months it may; empty if there are no more.

    A month's name comes before all moments of that month: from the name of the last one on, the next one is read.
    """
    months = [] if wanted.user_id else _months(before, now, keep_days)
    return months[MAX_MONTHS - 1] if len(months) > MAX_MONTHS else ""


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
        month=moment[:7],
        data=data | {"at": moment, "discord_id": str(entry.discord_id)},
        expires_at=int(entry.at) + entry.keep_days * DAY,
    )
