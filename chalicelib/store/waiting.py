"""Changes of single users that wait to be compared with listed members, and who drives that.

Both are in the table of sweeps. A mark (`waiting#<Discord id>#<unique>`) is the promise that the user will be compared
after it was stored; marks sort as Discord lists members. The row `waiting` says when a mark was last announced, and
which message begins the next comparison: its lease ends where that message seems to be lost.
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from typing import Any

from pynamodb.expressions.update import Action

from chalicelib.store.rows import SweepRow, stored, written

RETENTION = 30 * 86_400  # seconds
STATE = "waiting"
MARK = "waiting#"
ID_DIGITS = 20  # of a Discord id in a key, so that keys sort as ids do


@dataclass(frozen=True, slots=True)
class Mark:
    """One user who waits. `since`: epoch seconds."""

    key: str
    user_id: str
    discord_id: int
    since: float


@dataclass(frozen=True, slots=True)
class Driver:
    """Who begins the next comparison. Times are epoch seconds.

    `token`: of the message that was sent for that, "" if there is none; it is given up for lost after `lease`.
    `announced_at`: when a mark was last announced. `no_list_until`: until then Discord is known not to list members.
    """

    token: str = ""
    lease: float = 0.0
    announced_at: float = 0.0
    no_list_until: float = 0.0


class WaitingStore:
    """The marks of one guild, and their driver."""

    def __init__(self, guild_id: int) -> None:
        self._guild = str(guild_id)

    # --- marks ---

    def add(self, user_id: str, discord_id: int, *, now: float) -> None:
        """Mark the user as waiting."""
        key = f"{_key(discord_id)}#{uuid.uuid4().hex[:12]}"
        data = {"user_id": user_id}
        SweepRow(self._guild, key, data=data, updated_at=now, expires_at=int(now) + RETENTION).save()

    def first_after(self, discord_id: int) -> Mark | None:
        """The first mark above that id, by Discord id."""
        return next(iter(self.between(discord_id, 10**ID_DIGITS - 1, most=1)), None)

    def between(self, after: int, upto: int, *, most: int | None = None) -> list[Mark]:
        """The marks above `after`, up to `upto`, ascending by Discord id."""
        # "$" sorts right after "#", which parts the id from what makes the key unique.
        span = SweepRow.sweep_id.between(_key(after + 1), f"{_key(upto)}$")
        rows = SweepRow.query(self._guild, span, consistent_read=True, limit=most)
        return [_mark(row) for row in rows if row.data]

    def remove(self, marks: Iterable[Mark]) -> None:
        """Delete these marks: what they promise is done, or promised by something else that is stored."""
        with SweepRow.batch_write() as batch:
            for mark in marks:
                batch.delete(SweepRow(self._guild, mark.key))

    # --- the driver ---

    def driver(self) -> Driver:
        """The driver as stored now."""
        row = stored(SweepRow, self._guild, STATE)
        return _driver(row) if row else Driver()

    def announce(self, *, now: float) -> Driver:
        """Say that a mark was stored; return the driver."""
        row = SweepRow(self._guild, STATE)
        row.update([SweepRow.updated_at.set(now)])
        return _driver(row)

    def name_driver(self, token: str, *, lease: float, seen: Driver | None = None) -> None:
        """Name the message that begins the next comparison; call it when that was sent.

        `seen`: only if the driver is still that one.
        """
        actions: list[Action] = [SweepRow.data.set({"token": token}), SweepRow.expires_at.set(ceil(lease))]
        row = SweepRow(self._guild, STATE)
        if seen is None:
            row.update(actions)
            return
        data = SweepRow.data
        condition = data == {"token": seen.token} if seen.token else data.does_not_exist()
        written(lambda: row.update(actions, condition=condition))

    def dismiss_driver(self, seen: Driver) -> bool:
        """Forget the driver; return False if a mark was announced, or another driver named, since `seen` was read."""
        if not seen.token and not seen.announced_at:
            return True
        condition = (
            SweepRow.updated_at == seen.announced_at if seen.announced_at else SweepRow.updated_at.does_not_exist()
        )
        if seen.token:
            condition &= SweepRow.data == {"token": seen.token}
        removed: list[Action] = [SweepRow.data.remove(), SweepRow.expires_at.remove()]
        return written(lambda: SweepRow(self._guild, STATE).update(removed, condition=condition))

    def note_no_list(self, *, until: float) -> None:
        """Remember that Discord does not list members."""
        SweepRow(self._guild, STATE).update([SweepRow.held_since.set(until)])


def _key(discord_id: int) -> str:
    return f"{MARK}{discord_id:0{ID_DIGITS}}"


def _mark(row: SweepRow) -> Mark:
    data: dict[str, Any] = row.data or {}
    discord_id = int(row.sweep_id[len(MARK) : len(MARK) + ID_DIGITS])
    return Mark(row.sweep_id, str(data.get("user_id", "")), discord_id, float(row.updated_at or 0))


def _driver(row: SweepRow) -> Driver:
    return Driver(
        token=str((row.data or {}).get("token", "")),
        lease=float(row.expires_at or 0),
        announced_at=float(row.updated_at or 0),
        no_list_until=float(row.held_since or 0),
    )
