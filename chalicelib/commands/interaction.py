"""An interaction as Discord sends it, as far as commands need it. Pure.

https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-object
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from chalicelib.discord.models import ADMINISTRATOR, Account, Member
from chalicelib.discord.texts import held
from chalicelib.errors import BadMessage

MANAGE_ROLES = 1 << 28  # https://discord.com/developers/docs/topics/permissions
Snowflake = Annotated[str, Meta(pattern="^[0-9]{1,19}$")]
Bits = Annotated[str, Meta(pattern="^[0-9]{1,30}$")]
MAX_ROLES = 5000  # of a member; a server has 250 at most. They are stored until the command is answered
MAX_TOKEN = 2000  # characters; Discord's have some 200
LANGUAGES = {"de": "de"}  # by Discord's locale; all others are told in English


class Kind(IntEnum):
    """Discord's types of interactions that are sent here."""

    PING = 1
    COMMAND = 2


class Name(StrEnum):
    """The commands. Their names on Discord stay."""

    WHOAMI = "whoami"
    REFRESH = "refresh"
    WHOIS = "whois"


class _User(Struct):
    id: Snowflake
    username: str = ""
    discriminator: str = "0"


class _Member(Struct):
    roles: Annotated[list[Snowflake], Meta(max_length=MAX_ROLES)] = []
    nick: str | None = None
    permissions: Bits = "0"
    user: _User | None = None


class _Resolved(Struct):
    users: dict[str, _User] = {}
    members: dict[str, _Member] = {}


class _Option(Struct):
    name: str
    value: str | int | float | bool | None = None


class _Data(Struct):
    name: str
    options: list[_Option] = []
    resolved: _Resolved | None = None


class _Payload(Struct):
    id: Snowflake
    application_id: Snowflake
    type: int
    token: Annotated[str, Meta(max_length=MAX_TOKEN)] = ""
    guild_id: Snowflake | None = None
    locale: str = "en-US"
    member: _Member | None = None
    data: _Data | None = None


@dataclass(frozen=True, slots=True)
class Interaction:
    """What Discord sent. `token` proves for 15 minutes that an answer is ours: it is a secret.

    `caller`: the member who typed the command, None outside of a guild. `permissions`: theirs, as Discord's bits.
    `target`: the member whom the command is about, None if it names none, or somebody who is not in the guild;
    `target_id` is set for those too.
    """

    id: str
    application_id: int
    kind: int
    guild_id: int | None
    language: str
    name: str
    caller: Member | None
    permissions: int
    target: Member | None
    target_id: int | None
    token: str

    def __repr__(self) -> str:
        return f"Interaction(id={self.id!r}, name={self.name!r})"

    @property
    def may_manage_roles(self) -> bool:
        """Whether the caller may manage roles, by what Discord says of them in this very interaction."""
        return bool(self.permissions & (MANAGE_ROLES | ADMINISTRATOR))


_DECODER = msgspec.json.Decoder(_Payload)


def read_interaction(body: bytes) -> Interaction:
    """The interaction in a request's body. Raises BadMessage, which does not quote it."""
    try:
        found = _DECODER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise BadMessage("no interaction of a kind that is known here") from None
    data, caller = found.data, found.member
    target_id = _target_of(data)
    return Interaction(
        id=found.id,
        application_id=int(found.application_id),
        kind=found.type,
        guild_id=int(found.guild_id) if found.guild_id else None,
        language=LANGUAGES.get(found.locale.partition("-")[0].lower(), "en"),
        name=data.name if data else "",
        caller=_member(caller, caller.user) if caller and caller.user else None,
        permissions=int(caller.permissions) if caller else 0,
        target=_resolved(data, target_id),
        target_id=target_id,
        token=found.token,
    )


def _target_of(data: _Data | None) -> int | None:
    """The Discord id in the command's one option."""
    values = [option.value for option in data.options if option.name == "member"] if data else []
    text = values[0] if values else None
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 20 else None


def _resolved(data: _Data | None, discord_id: int | None) -> Member | None:
    known = data.resolved if data else None
    if known is None or discord_id is None:
        return None
    user, member = known.users.get(str(discord_id)), known.members.get(str(discord_id))
    return _member(member, user) if user and member else None


def _member(member: _Member, user: _User) -> Member:
    account = Account(int(user.id), held(user.username), held(user.discriminator))
    return Member(account, held(member.nick or "") or None, frozenset(map(int, member.roles)))
