"""The guild: simcord's model of it, with the queries and rules that the routes and `Admin` need.

simcord (MIT) knows Discord's rules of permission and hierarchy; `store` keeps its data. Added here: role tags, accounts
that were deleted, how many guilds a person is in, two-factor authentication.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from simcord.backend.errors import BackendError
from simcord.backend.models import AuditLogEntry, Member, Role, User
from simcord.backend.models import Guild as SimGuild

from local.discord import messages
from local.discord.config import ADMINISTRATOR, MANAGE_GUILD, Config
from local.discord.store import Store

ELEVATED = frozenset({"kick_members", "ban_members", "manage_guild", "manage_roles"})
"""The permissions used here that require two-factor authentication."""

USUAL_GUILD_COUNT = 3
MAX_GUILD_COUNT = 200


class GuildModel:
    """One guild with its bot, and all people known to Discord. Ids are integers here, on the wire they are strings.

    One method for each query, change and rule of Discord that a route or `Admin` needs, hence so many.
    """

    def __init__(self, config: Config, clock: Callable[[], float]) -> None:
        self.store = Store(clock)
        self.id = int(config.guild_id)
        self.bot_id = int(config.app_id)
        self.role_limit = config.role_limit
        self.tags: dict[int, dict[str, Any]] = {}
        self.guild_counts: dict[int, int] = {}
        self.deleted: set[int] = set()
        self._usernames: dict[str, int] = {}
        self._make_bot(config.app_name)
        owner = self.add_person(config.owner)
        self.store.create_guild(config.guild_name, id=self.id, owner_id=owner.id)
        bot_role = self.role(self.guild.members[self.bot_id].role_ids[0])
        bot_role.permissions = config.bot_permissions
        self.tags[bot_role.id] = {"bot_id": config.app_id}
        if not config.bot_in_guild:
            self.remove_bot()

    def _make_bot(self, name: str) -> None:
        """The bot's user id is its application's id."""
        bot = self.store.bot_user
        del self.store.users[bot.id]
        bot.id = self.store.reserve_id(self.bot_id)
        bot.name = name
        bot.discriminator = "1234"
        self.store.users[bot.id] = bot
        self.store.application_id = self.bot_id

    @property
    def guild(self) -> SimGuild:
        return self.store.get_guild(self.id)

    # People: everybody whom Discord knows, in the guild or not.

    def add_person(
        self,
        username: str,
        *,
        person_id: int | None = None,
        global_name: str | None = None,
        discriminator: str = "0",
    ) -> User:
        """Make a person known to Discord."""
        new_id = self.store.snowflake() if person_id is None else self.store.reserve_id(person_id)
        user = User(id=new_id, name=username, global_name=global_name, discriminator=discriminator)
        self.store.users[new_id] = user
        self._usernames[username] = new_id
        return user

    def person(self, user_id: int) -> User:
        """A person by id.

        Raises:
            DiscordError: 10013, nobody has this id or the account was deleted.
        """
        user = self.store.users.get(user_id)
        if user is None or user_id in self.deleted:
            raise messages.unknown_user()
        return user

    def person_named(self, username: str) -> User | None:
        """The person who bears this username now."""
        user = self.store.users.get(self._usernames.get(username, 0))
        return user if user is not None and user.name == username else None

    def rename_person(self, user_id: int, username: str) -> None:
        self.person(user_id).name = username
        self._usernames[username] = user_id

    def people(self) -> list[User]:
        """Everybody but the bot, ascending by id."""
        return [user for _id, user in sorted(self.store.users.items()) if not user.bot and user.id not in self.deleted]

    def guild_count(self, user_id: int) -> int:
        """In how many guilds a person is."""
        return self.guild_counts.get(user_id, USUAL_GUILD_COUNT)

    def delete_account(self, user_id: int) -> None:
        """The person deletes their account: they leave the guild, and from then on are unknown."""
        self.person(user_id)
        if user_id in self.guild.members:
            self.store.remove_member(self.id, user_id)
        self.deleted.add(user_id)

    # Members.

    def member(self, user_id: int) -> Member:
        """A member by id.

        Raises:
            DiscordError: 10013 where there is no such person, 10007 where they are not in the guild.
        """
        member = self.guild.members.get(user_id)
        if member is None:
            self.person(user_id)
            raise messages.unknown_member()
        return member

    def join_all(self, user_ids: list[int], role_ids: list[int]) -> None:
        """Many people join at once; the same result as one after the other, but faster."""
        joined_at = self.store.now_iso()
        for user_id in user_ids:
            self.guild.members[user_id] = Member(user_id, list(role_ids), joined_at=joined_at)
        ids = self.store.member_ids[self.id]
        ids.extend(user_ids)
        ids.sort()

    def members_after(self, after: int, limit: int, *, joined_before: float | None = None) -> list[Member]:
        """At most `limit` members with ids above `after`, ascending; with `joined_before`, only older members."""
        ids = self.store.member_ids[self.id]
        start = bisect_right(ids, after)
        if joined_before is None:
            return [self.guild.members[user_id] for user_id in ids[start : start + limit]]
        latest = datetime.fromtimestamp(joined_before, UTC)
        later = (self.guild.members[ids[place]] for place in range(start, len(ids)))
        return list(islice((one for one in later if datetime.fromisoformat(one.joined_at) <= latest), limit))

    # The bot, and what it may.

    def require_bot(self, *permissions: str, two_factor: bool = False) -> None:
        """The bot is in the guild and holds `permissions`.

        Raises:
            DiscordError: 50001, it is not in the guild; 60003, two-factor authentication is demanded; 50013.
        """
        if self.bot_id not in self.guild.members:
            raise messages.missing_access()
        if two_factor and ELEVATED.intersection(permissions):
            raise messages.two_factor_required()
        with simcord_errors():
            self.store.require_permissions(self.id, self.bot_id, None, *permissions)

    def require_above(self, user_id: int) -> None:
        """The bot ranks above this member (50013 otherwise); nobody ranks above the owner."""
        with simcord_errors():
            self.store.require_hierarchy(self.id, self.bot_id, user_id)

    def require_assignable(self, role: Role) -> None:
        """The bot may give and take this role: not a managed one, and below the bot's highest (50013 otherwise)."""
        if role.managed:
            raise messages.missing_permissions()
        with simcord_errors():
            self.store.require_role_assignable(self.id, self.bot_id, role.id)

    def bot_role(self) -> Role | None:
        """The managed role that the bot got when it was added."""
        for role_id, tags in self.tags.items():
            if tags.get("bot_id") == str(self.bot_id):
                return self.guild.roles.get(role_id)
        return None

    def add_bot(self, permissions: int) -> None:
        """Somebody adds the bot to the guild, perhaps again; it gets its managed role with these permissions."""
        role = self.bot_role()
        if role is None:
            role = self.store.create_role(self.id, self.store.bot_user.name, managed=True)
            self.tags[role.id] = {"bot_id": str(self.bot_id)}
        role.permissions = permissions
        if self.bot_id not in self.guild.members:
            self.store.add_member(self.id, self.bot_id, roles=[role.id])

    def remove_bot(self) -> None:
        """Somebody kicks the bot: its managed role goes with it."""
        if self.bot_id in self.guild.members:
            self.store.remove_member(self.id, self.bot_id)
        role = self.bot_role()
        if role is not None:
            self.store.delete_role(self.id, role.id)
            del self.tags[role.id]

    def may_manage(self, user_id: int) -> bool:
        """Whether this person may add bots: MANAGE_GUILD, ADMINISTRATOR or the owner."""
        if user_id not in self.guild.members:
            return False
        held = self.store.compute_permissions(self.id, user_id)
        return bool(held & (ADMINISTRATOR | MANAGE_GUILD))

    # Roles.

    def role(self, role_id: int) -> Role:
        """A role by id (10011 if there is none)."""
        role = self.guild.roles.get(role_id)
        if role is None:
            raise messages.unknown_role()
        return role

    def roles(self) -> list[Role]:
        """All roles, ascending by position: @everyone first."""
        return sorted(self.guild.roles.values(), key=lambda role: (role.position, role.id))

    def move_role(self, role_id: int, position: int) -> None:
        """Put a role at `position` (1 is just above @everyone); the others close up and make room."""
        others = [role for role in self.roles() if role.id not in (self.id, role_id)]
        others.insert(position - 1, self.role(role_id))
        for place, role in enumerate(others, start=1):
            role.position = place

    def log(
        self, action: int, target: int, reason: str | None, changes: list[dict[str, Any]], by: int | None = None
    ) -> AuditLogEntry:
        """Add an entry to the audit log; the bot is the actor unless `by` names another."""
        return self.store.record_audit_log(
            self.id, action, target_id=target, changes=changes, reason=reason, user_id=by or self.bot_id
        )


class simcord_errors:  # noqa: N801 - reads as the context manager that it is
    """Turns simcord's refusals into ours; they have the same fields."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, BackendError):
            raise messages.DiscordError(error.status, error.code, error.message, error.errors) from error


_WHITE_SPACE = re.compile(r"\s+")


def sanitised(name: str) -> str:
    """A nickname as Discord stores it: trimmed, and inner white space squeezed to one blank each."""
    return _WHITE_SPACE.sub(" ", name).strip()
