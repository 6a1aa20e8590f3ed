"""What the auth site's own page shows of a linked user."""

from typing import Any

from chalicelib.linking.context import JOIN_OPTIONS
from chalicelib.members.guild import GuildView
from chalicelib.services import Services
from chalicelib.store import users


def account_of(services: Services, view: GuildView, user_id: str) -> dict[str, Any] | None:
    """The answer to `GET /discord/users/{user_id}`; None if the user has no link. Times are epoch milliseconds."""
    user = users.get(user_id, now=services.now())
    if user is None or user.link is None:
        return None
    return {
        "user_id": user.user_id,
        "discord_id": str(user.link.account.id),
        "username": user.link.account.shown,
        "activated_at": user.link.activated_at * 1000,
        "synced_at": None if user.synced_at is None else user.synced_at * 1000,
        "last_error": user.last_error,
        "server_name": view.name(JOIN_OPTIONS),
    }
