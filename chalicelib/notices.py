"""The notices to the auth site, in the contract's format."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from chalicelib.queues import Queues

DiscordId = Annotated[
    str,
    Meta(
        pattern="^[0-9]{1,20}$",
        description="The Discord account's id, as text: it exceeds what JavaScript's numbers hold exactly.",
        examples=["80351110224678912"],
    ),
]
Moment = Annotated[
    int,
    Meta(
        description="A moment, in milliseconds since 1970 (UTC).",
        examples=[1767225600000],
        extra_json_schema={"format": "int64"},
    ),
]


class Unlinked(StrEnum):
    """Why a link is gone."""

    ASKED = "asked"
    LEFT_SERVER = "left_server"
    ACCOUNT_DELETED = "account_deleted"


class Kind(StrEnum):
    """What a notice is about."""

    LINKED = "linked"
    UNLINKED = "unlinked"
    USERNAME_CHANGED = "username_changed"
    SYNC_FAILED = "sync_failed"
    ABSENT = "absent"
    REMOVALS_HELD = "removals_held"


class Notice(msgspec.Struct, frozen=True):
    """Something that the auth site should know. A notice may come twice; fields and kinds may be added."""

    kind: Kind
    user_id: Annotated[
        str,
        Meta(description="The user's id on the auth site. Empty: the notice is about a sweep.", examples=["101"]),
    ]
    discord_id: Annotated[DiscordId | None, Meta(description="The Discord account's id. Null: about no account.")]
    username: Annotated[str | None, Meta(description="The Discord username as it is shown.", examples=["@kira"])]
    reason: Annotated[str | None, Meta(description="Why, where the kind has a reason; else null.")]
    at: Annotated[Moment, Meta(description="When it happened, in milliseconds since 1970 (UTC).")]


class Notices:
    """Sends notices to the auth site."""

    def __init__(self, queues: Queues) -> None:
        self._queues = queues

    def linked(self, user_id: str, discord_id: int, username: str, *, now: float) -> None:
        """The user's Discord account was linked."""
        self._send(Kind.LINKED, user_id, discord_id, username, None, now)

    def unlinked(self, user_id: str, discord_id: int, username: str, reason: Unlinked, *, now: float) -> None:
        """The link was ended."""
        self._send(Kind.UNLINKED, user_id, discord_id, username, reason, now)

    def username_changed(self, user_id: str, discord_id: int, username: str, *, now: float) -> None:
        """The account has a new name."""
        self._send(Kind.USERNAME_CHANGED, user_id, discord_id, username, None, now)

    def absent(self, user_id: str, discord_id: int, username: str, *, now: float) -> None:
        """The member left the server; the link is kept for the grace days."""
        self._send(Kind.ABSENT, user_id, discord_id, username, None, now)

    def sync_failed(
        self, user_id: str, discord_id: int | None, username: str | None, reason: str, *, now: float
    ) -> None:
        """The user could not be synced, for this `reason`. For a sweep the user id is empty."""
        self._send(Kind.SYNC_FAILED, user_id, discord_id, username, reason, now)

    def removals_held(self, reason: str, *, now: float) -> None:
        """The removal limit was reached: nobody loses anything until an operator answers. The user id is empty."""
        self._send(Kind.REMOVALS_HELD, "", None, None, reason, now)

    def _send(
        self, kind: Kind, user_id: str, discord_id: int | None, username: str | None, reason: str | None, now: float
    ) -> None:
        shown = None if discord_id is None else str(discord_id)
        self._queues.notice(msgspec.json.encode(Notice(kind, user_id, shown, username, reason, int(now * 1000))))
