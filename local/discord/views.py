"""What the control API shows of the guild and of the requests received, and the list of its operations.

Plain dataclasses, the same on both ends of the API.
"""

from dataclasses import dataclass, field
from typing import Any

from local.discord.faults import Fault


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody known to Discord, in the guild or not."""

    id: str
    username: str
    global_name: str | None
    discriminator: str
    guild_count: int


@dataclass(frozen=True, kw_only=True)
class Member:
    """Somebody in the guild; `roles` are names, the highest role first, without @everyone."""

    id: str
    username: str
    nick: str | None
    roles: tuple[str, ...]
    role_ids: tuple[str, ...]
    bot: bool = False


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role of the guild."""

    id: str
    name: str
    position: int
    managed: bool
    permissions: str
    tags: dict[str, Any] | None = None


@dataclass(frozen=True, kw_only=True)
class State:
    """The current guild: roles highest first, members ascending by id, bans by user id."""

    guild_id: str
    guild_name: str
    owner_id: str
    bot_id: str
    roles: tuple[Role, ...]
    members: tuple[Member, ...]
    bans: tuple[str, ...]

    def member(self, who: str) -> Member | None:
        """The member with this id or username."""
        return next((member for member in self.members if who in (member.id, member.username)), None)

    def role(self, which: str) -> Role | None:
        """The role with this id or name; the oldest of several with the same name."""
        found = [role for role in self.roles if which in (role.id, role.name)]
        return min(found, key=lambda role: int(role.id), default=None)


@dataclass(frozen=True, kw_only=True)
class Received:
    """A request that was received. Authorization shows the scheme and the first digits of the credentials' hash.

    `answered` is false where the connection was cut or left hanging; `fault` is the kind of the injected
    fault that struck it, `scope` that of a 429 with one.
    """

    number: int
    at: float
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: str
    route: str
    status: int
    answered: bool
    scope: str | None
    fault: str | None


@dataclass(frozen=True, kw_only=True)
class CommandRequest:
    """The request that Discord makes for a command which somebody used."""

    id: str
    url: str
    headers: dict[str, str]
    body: str = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What the person who used a command sees. `state`: sent, thinking, answered or failed.

    `may_mention`: which kinds of mentions in the content would ping somebody.
    """

    id: str
    state: str
    content: str = ""
    ephemeral: bool = False
    may_mention: tuple[str, ...] = ()
    edits: int = 0


@dataclass(frozen=True, kw_only=True)
class Post:
    """What a webhook posted to a channel."""

    channel: str
    content: str
    at: float
    may_mention: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RouteCount:
    """Counts of one route. `rate_limited` are 429s by the limits, `injected` the requests that a fault affected."""

    requests: int
    statuses: dict[str, int]
    rate_limited: int
    injected: int
    invalid: int


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts since the requests were last cleared; `invalid_lately` counts the last ten minutes."""

    requests: int
    rate_limited: int
    rate_limited_by_scope: dict[str, int]
    invalid: int
    invalid_lately: int
    living_tokens: int
    routes: dict[str, RouteCount] = field(default_factory=dict)


OPERATIONS: dict[str, Any] = {
    "add_person": Person,
    "change_person": Person,
    "people": list[Person],
    "delete_account": None,
    "deauthorise": None,
    "add_member": Member,
    "add_members": list[str],
    "change_member": Member,
    "member": Member | None,
    "leave": None,
    "ban": None,
    "unban": None,
    "create_role": Role,
    "change_role": Role,
    "delete_role": None,
    "state": State,
    "audit_log": list[dict[str, Any]],
    "begin_command": CommandRequest,
    "command_answered": Shown,
    "command_shown": Shown,
    "commands": list[str],
    "create_webhook": str,
    "delete_webhooks": None,
    "posts": list[Post],
    "switches": dict[str, Any],
    "turn": dict[str, Any],
    "inject": int,
    "faults": list[Fault],
    "clear_faults": None,
    "reset_limits": None,
    "received": list[Received],
    "clear_received": None,
    "counts": Counts,
}
"""The operations of `Admin` that the control API offers, with what each returns. A test holds them to `Admin`."""
