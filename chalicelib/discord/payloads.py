"""Discord's JSON, as far as Rolecall reads it, and what it means in `models`.

What is missing has the default that Discord documents; a type that is not Discord's is an error, not a guess. Names are
held to a length (`texts.py`).
"""

import re
from datetime import datetime
from typing import Annotated, Any

import msgspec

from chalicelib.discord.models import Account, Guild, Member, Role
from chalicelib.discord.texts import held

Snowflake = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,19}$")]
PERMISSIONS = re.compile("[0-9]{1,19}")
Moment = Annotated[datetime, msgspec.Meta(tz=True)]  # without a zone it would be no moment, but some local time


class UserPayload(msgspec.Struct):
    """https://discord.com/developers/docs/resources/user#user-object"""

    id: Snowflake
    username: str
    discriminator: str = "0"
    bot: bool = False


class RolePayload(msgspec.Struct):
    """https://discord.com/developers/docs/topics/permissions#role-object"""

    id: Snowflake
    name: str
    position: int = 0
    managed: bool = False
    tags: dict[str, Any] | None = None
    permissions: str | None = None


class MemberPayload(msgspec.Struct):
    """https://discord.com/developers/docs/resources/guild#guild-member-object"""

    user: UserPayload
    roles: list[Snowflake]
    joined_at: Moment | None = None
    nick: str | None = None


class GuildPayload(msgspec.Struct):
    """https://discord.com/developers/docs/resources/guild#guild-object"""

    id: Snowflake
    name: str
    owner_id: Snowflake | None = None  # null where nobody owns it
    roles: list[RolePayload] | None = None


# A tag whose value is null counts by being present. https://discord.com/developers/docs/topics/permissions#role-object
MANAGED_TAGS = frozenset({"bot_id", "integration_id", "premium_subscriber", "guild_connections"})


def role_of(found: RolePayload) -> Role:
    """The role; `managed` also where only its tags say so."""
    managed = found.managed or bool(MANAGED_TAGS & set(found.tags or {}))
    told = found.permissions or ""
    permissions = int(told) if PERMISSIONS.fullmatch(told) else None
    return Role(int(found.id), held(found.name), found.position, managed, permissions)


def user_of(found: UserPayload) -> Account:
    """The account."""
    return Account(int(found.id), held(found.username), held(found.discriminator))


def member_of(found: MemberPayload) -> Member:
    """The member; an empty nickname is none."""
    joined_at = found.joined_at.timestamp() if found.joined_at else None
    roles = frozenset(map(int, found.roles))
    return Member(user_of(found.user), held(found.nick or "") or None, roles, found.user.bot, joined_at)


def member_in(content: bytes) -> Member | None:
    """The member that an answer's body describes; None where it describes none."""
    try:
        return member_of(msgspec.json.decode(content, type=MemberPayload))
    except (msgspec.MsgspecError, RecursionError):
        return None


def guild_of(found: GuildPayload, roles: list[RolePayload], *, read_at: float) -> Guild:
    """The guild with these roles; `bot_roles` is empty, to be filled from the bot's own member."""
    return Guild(
        int(found.id), held(found.name), int(found.owner_id or 0), tuple(map(role_of, roles)), frozenset(), read_at
    )
