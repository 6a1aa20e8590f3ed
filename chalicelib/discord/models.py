"""What Rolecall knows of Discord's things, once their JSON is behind it. Ids are snowflakes as integers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

EVERYONE = "@everyone"
HIGHEST = 2**31  # above every position
# https://discord.com/developers/docs/topics/permissions#permissions-bitwise-permission-flags
ADMINISTRATOR = 1 << 3
MANAGE_NICKNAMES = 1 << 27
MANAGE_ROLES = 1 << 28


@dataclass(frozen=True, slots=True)
class Role:
    """A role of the guild. `managed` also covers linked roles and boosts: nobody can give or take it by hand."""

    id: int
    name: str
    position: int
    managed: bool = False
    permissions: int | None = None  # not every answer tells

    @property
    def rank(self) -> tuple[int, int]:
        """Orders roles as Discord does: by position, and of two at one position the older id is higher."""
        return (self.position, -self.id)


@dataclass(frozen=True, slots=True)
class Account:
    """A Discord account. `discriminator` is "0" for the new kind of username."""

    id: int
    username: str
    discriminator: str = "0"

    @property
    def shown(self) -> str:
        """As Discord shows it: `@name`, or `name#1234` for the old kind; empty where a part is missing."""
        if not self.username or not self.discriminator:
            return ""
        return f"@{self.username}" if self.discriminator == "0" else f"{self.username}#{self.discriminator}"


@dataclass(frozen=True, slots=True)
class Member:
    """A member of the guild; `roles` leaves out @everyone, as Discord does. `joined_at`: epoch seconds, if known."""

    user: Account
    nick: str | None
    roles: frozenset[int]
    is_bot: bool = False
    joined_at: float | None = field(default=None, compare=False)

    @property
    def id(self) -> int:
        """The account's id."""
        return self.user.id


@dataclass(frozen=True, slots=True)
class NicknameAnswer:
    """What Discord made of a nickname, if not what was asked for.

    `asked`: the nickname that was sent. `stored`: what the member had then; None if none. `refused`: Discord refused
    it, or accepted it without setting it. `standing`: how the bot and the member ranked then, if that may have been the
    reason; empty if the name was.
    """

    asked: str
    stored: str | None = None
    refused: bool = False
    standing: str = ""


@dataclass(frozen=True, slots=True)
class Answers:
    """How Discord's answers differed from what was asked for one member.

    `undone`: by role id, how many jobs in a row asked for a change that Discord accepted and did not make.
    """

    nickname: NicknameAnswer | None = None
    undone: Mapping[int, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.nickname is not None or bool(self.undone)


AS_ASKED = Answers()


@dataclass(frozen=True, slots=True)
class Guild:
    """What must be known of the guild to decide anything. `read_at`: epoch seconds."""

    id: int
    name: str
    owner_id: int
    roles: tuple[Role, ...]
    bot_roles: frozenset[int]
    read_at: float = 0.0
    # Made of `roles`; the default is for who reads a guild from a row, which does not hold it.
    by_id: dict[int, Role] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_id", {role.id: role for role in self.roles})

    def rank(self, roles: frozenset[int]) -> tuple[int, int]:
        """The rank of somebody who holds `roles`: that of the highest; below every role where they hold none."""
        return max((self.by_id[r].rank for r in roles if r in self.by_id), default=(0, -self.id))

    @property
    def bot_rank(self) -> tuple[int, int]:
        """The bot gives and takes only roles below this, and renames and kicks only members below it.

        Above everything where the bot's roles are not known.
        """
        return self.rank(self.bot_roles) if self.bot_roles else (HIGHEST, 0)

    def bot_may(self, permission: int) -> bool:
        """Has the bot this permission? True where nobody knows: then Discord itself decides."""
        known = [self.by_id[role_id].permissions for role_id in (self.id, *self.bot_roles) if role_id in self.by_id]
        held = 0
        for permissions in known:
            held |= permissions or 0
        if not self.bot_roles or None in known or not held:  # a bot that may do nothing at all says nothing, either
            return True
        return bool(held & (permission | ADMINISTRATOR))
