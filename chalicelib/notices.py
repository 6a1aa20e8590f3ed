"""What the auth site must hear, as the contract words it."""

from enum import StrEnum

import msgspec

from chalicelib.queues import Queues


class Unlinked(StrEnum):
    """Why a link is gone."""

    ASKED = "asked"
    LEFT_SERVER = "left_server"
    ACCOUNT_DELETED = "account_deleted"


class Notice(msgspec.Struct, frozen=True):
    """One notice. `at` is epoch milliseconds; `reason` is null where the kind needs none."""

    kind: str
    user_id: str
    discord_id: str | None
    username: str | None
    reason: str | None
    at: int


class Notices:
    """Tells the auth site."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def linked(self, user_id: str, discord_id: int, username: str, *, now: float) -> None:
        """The user's Discord account was linked."""
        self._send("linked", user_id, discord_id, username, None, now)

    def unlinked(self, user_id: str, discord_id: int, username: str, reason: Unlinked, *, now: float) -> None:
        """The link is gone."""
        self._send("unlinked", user_id, discord_id, username, reason, now)

    def username_changed(self, user_id: str, discord_id: int, username: str, *, now: float) -> None:
        """The account has a new name."""
        self._send("username_changed", user_id, discord_id, username, None, now)

    def sync_failed(
        self, user_id: str, discord_id: int | None, username: str | None, reason: str, *, now: float
    ) -> None:
        """The user could not be made right; `reason` says why. Also of sweeps, whose user id is empty."""
        self._send("sync_failed", user_id, discord_id, username, reason, now)

    def _send(
        self, kind: str, user_id: str, discord_id: int | None, username: str | None, reason: str | None, now: float
    ) -> None:
        shown = None if discord_id is None else str(discord_id)
        self._queues.notice(msgspec.json.encode(Notice(kind, user_id, shown, username, reason, int(now * 1000))))
