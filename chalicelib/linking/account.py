"""What the auth site's own page shows of a linked user."""

from typing import Annotated, Any

from msgspec import Meta, Struct, to_builtins

from chalicelib.linking.context import JOIN_OPTIONS
from chalicelib.members.guild import GuildView
from chalicelib.messages import UserId
from chalicelib.notices import DiscordId, Moment
from chalicelib.services import Services
from chalicelib.store import users


class LinkedAccount(Struct, frozen=True, kw_only=True):
    """A user's linked Discord account. Times are milliseconds since 1970 (UTC). Fields may be added."""

    user_id: UserId
    discord_id: DiscordId
    username: Annotated[
        str,
        Meta(
            description="The Discord username as it is shown. Empty for an imported link until the first look.",
            examples=["@kira"],
        ),
    ]
    activated_at: Annotated[Moment, Meta(description="When the account was linked, in milliseconds since 1970 (UTC).")]
    synced_at: Annotated[
        Moment | None,
        Meta(
            description="When the member last was as the auth site wants, in milliseconds since 1970 (UTC), or null.",
            examples=[1767225612000],
        ),
    ]
    last_error: Annotated[
        str | None, Meta(description="What could not be done for this member. Null: nothing is in the way.")
    ]
    server_name: Annotated[
        str, Meta(description="The Discord server's name. Empty where Discord does not say.", examples=["Ours"])
    ]


def account_of(services: Services, view: GuildView, user_id: str) -> dict[str, Any] | None:
    """The answer to `GET /discord/users/{user_id}`; None if the user has no link. Times are epoch milliseconds."""
    user = users.get(user_id, now=services.now())
    if user is None or user.link is None or not view.is_its_own(user.link):
        return None
    account = LinkedAccount(
        user_id=user.user_id,
        discord_id=str(user.link.account.id),
        username=user.link.account.shown,
        activated_at=user.link.activated_at * 1000,
        synced_at=None if user.synced_at is None else user.synced_at * 1000,
        last_error=user.last_error,
        server_name=view.name(JOIN_OPTIONS),
    )
    found: dict[str, Any] = to_builtins(account)
    return found
