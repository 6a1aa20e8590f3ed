"""What people do behind the API's back: sign up, leave, change roles by hand, delete accounts; and what tests
turn and look at.

No permission is asked and no limit counts here. Wherever a person is meant, an id or a username does;
wherever a role is meant, an id or a name (of several of one name, the oldest). What is not there is a
LookupError that names it.
"""

import functools
from collections.abc import Callable, Iterable
from dataclasses import asdict, fields
from typing import Any, Concatenate, ParamSpec, TypeVar

from simcord.backend.models import Member as SimMember
from simcord.backend.models import Role as SimRole
from simcord.backend.models import User

from .faults import Fault
from .guild import sanitised
from .journal import Entry, redacted
from .payloads import audit_entry_payload
from .views import Counts, Member, Person, Received, Role, RouteCount, State
from .world import World

P = ParamSpec("P")
T = TypeVar("T")

BANNED = 22
UNBANNED = 23


def _locked(
    method: "Callable[Concatenate[Backstage, P], T]",
) -> "Callable[Concatenate[Backstage, P], T]":
    """No request is served meanwhile."""

    @functools.wraps(method)
    def inside(self: "Backstage", /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.world.lock:
            return method(self, *args, **kwargs)

    return inside


class Backstage:
    """The way to a Discord that does not lead over its API."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._guild = world.guild

    # People.

    @_locked
    def add_person(
        self,
        username: str,
        *,
        person_id: str | None = None,
        global_name: str | None = None,
        discriminator: str = "0",
        guild_count: int | None = None,
    ) -> Person:
        """Somebody signs up at Discord; from then on they can be chosen on the authorise page."""
        if self._guild.person_named(username) is not None and discriminator == "0":
            raise ValueError(f"the username {username!r} is taken")
        wanted = None if person_id is None else int(person_id)
        user = self._guild.add_person(username, person_id=wanted, global_name=global_name, discriminator=discriminator)
        if guild_count is not None:
            self._guild.guild_counts[user.id] = guild_count
        return self._person(user)

    @_locked
    def change_person(
        self,
        who: str,
        *,
        username: str | None = None,
        global_name: str | None = None,
        discriminator: str | None = None,
        guild_count: int | None = None,
    ) -> Person:
        """Somebody renames themselves, or joins other guilds; what is None stays."""
        user = self._find(who)
        if username is not None:
            self._guild.rename_person(user.id, username)
        user.global_name = user.global_name if global_name is None else global_name
        user.discriminator = user.discriminator if discriminator is None else discriminator
        if guild_count is not None:
            self._guild.guild_counts[user.id] = guild_count
        return self._person(user)

    @_locked
    def people(self) -> list[Person]:
        """Everybody but the bot, ascending by id."""
        return [self._person(user) for user in self._guild.people()]

    @_locked
    def delete_account(self, who: str) -> None:
        """Somebody deletes their account: they leave the guild and are unknown from then on (10013)."""
        user = self._find(who)
        self.world.grants.forget(user.id)
        self._guild.delete_account(user.id)

    @_locked
    def deauthorise(self, who: str) -> None:
        """Somebody takes back what they allowed the application."""
        self.world.grants.forget(self._find(who).id)

    # Members.

    @_locked
    def add_member(self, who: str, *, roles: Iterable[str] = (), nick: str | None = None) -> Member:
        """Somebody joins by an invite; an unknown username signs up first."""
        user = self._known(who) or self._guild.add_person(who)
        if user.id in self._guild.guild.members or user.id in self._guild.guild.bans:
            raise ValueError(f"{who!r} is in the guild already, or banned")
        role_ids = [self._role(role).id for role in roles]
        self._guild.store.add_member(self._guild.id, user.id, roles=role_ids, nick=nick)
        return self._member(self._guild.guild.members[user.id])

    @_locked
    def add_members(self, count: int, *, roles: Iterable[str] = (), prefix: str = "pilot") -> list[str]:
        """`count` people named `prefix`1 and so on sign up and join; their ids, ascending."""
        role_ids = [self._role(role).id for role in roles]
        first = len(self._guild.guild.members) + 1
        users = [self._guild.add_person(f"{prefix}{number}") for number in range(first, first + count)]
        self._guild.join_all([user.id for user in users], role_ids)
        return [str(user.id) for user in users]

    @_locked
    def change_member(
        self,
        who: str,
        *,
        roles: Iterable[str] | None = None,
        give: Iterable[str] = (),
        take: Iterable[str] = (),
        nick: str | None = None,
        clear_nick: bool = False,
    ) -> Member:
        """A moderator changes a member by hand: `roles` replaces all, `give` and `take` change some."""
        member = self._in_guild(who)
        if roles is not None:
            member.role_ids = [self._role(role).id for role in roles]
        taken = {self._role(role).id for role in take}
        kept = [role_id for role_id in member.role_ids if role_id not in taken]
        new = [self._role(role).id for role in give]
        member.role_ids = list(dict.fromkeys(kept + new))
        if nick is not None or clear_nick:
            member.nick = sanitised(nick or "") or None
        return self._member(member)

    @_locked
    def leave(self, who: str) -> None:
        """Somebody leaves the guild."""
        self._guild.store.remove_member(self._guild.id, self._in_guild(who).user_id)

    @_locked
    def ban(self, who: str, *, reason: str | None = None) -> None:
        """A moderator bans somebody, member or not."""
        user = self._find(who)
        self._guild.store.apply_ban(self._guild.id, user.id, reason)
        self._guild.log(BANNED, user.id, reason, [], by=self._guild.guild.owner_id)

    @_locked
    def unban(self, who: str) -> None:
        """A moderator lifts a ban."""
        user = self._find(who)
        self._guild.store.remove_ban(self._guild.id, user.id)
        self._guild.log(UNBANNED, user.id, None, [], by=self._guild.guild.owner_id)

    # Roles.

    @_locked
    def create_role(
        self,
        name: str,
        *,
        position: int | None = None,
        managed: bool = False,
        tags: dict[str, Any] | None = None,
        permissions: int = 0,
    ) -> Role:
        """A moderator makes a role (just above @everyone, or at `position`), or an integration a managed
        one.
        """
        role = self._guild.store.create_role(self._guild.id, name, permissions=permissions, managed=managed)
        if tags is not None:
            self._guild.tags[role.id] = dict(tags)
        if position is not None:
            self._guild.move_role(role.id, position)
        return self._shown(role)

    @_locked
    def change_role(
        self,
        which: str,
        *,
        name: str | None = None,
        position: int | None = None,
        permissions: int | None = None,
    ) -> Role:
        """A moderator renames or moves a role, or changes its permissions; what is None stays."""
        role = self._role(which)
        role.name = role.name if name is None else name
        role.permissions = role.permissions if permissions is None else permissions
        if position is not None:
            self._guild.move_role(role.id, position)
        return self._shown(role)

    @_locked
    def delete_role(self, which: str) -> None:
        """A moderator deletes a role."""
        role = self._role(which)
        self._guild.store.delete_role(self._guild.id, role.id)
        self._guild.tags.pop(role.id, None)

    # What is.

    @_locked
    def state(self) -> State:
        """The whole guild."""
        guild = self._guild.guild
        members = self._guild.members_after(0, len(guild.members))
        return State(
            guild_id=str(guild.id),
            guild_name=guild.name,
            owner_id=str(guild.owner_id),
            bot_id=str(self._guild.bot_id),
            roles=tuple(self._shown(role) for role in reversed(self._guild.roles())),
            members=tuple(self._member(member) for member in members),
            bans=tuple(str(user_id) for user_id in sorted(guild.bans)),
        )

    @_locked
    def member(self, who: str) -> Member | None:
        """One member, or None for somebody who is not in the guild."""
        user = self._known(who)
        member = self._guild.guild.members.get(user.id) if user is not None else None
        return None if member is None else self._member(member)

    @_locked
    def audit_log(self) -> list[dict[str, Any]]:
        """All entries of the audit log as Discord shows them, oldest first."""
        return [audit_entry_payload(entry) for entry in self._guild.guild.audit_log_entries]

    # What can be turned.

    @_locked
    def switches(self) -> dict[str, Any]:
        """How the switches stand."""
        role = self._guild.bot_role()
        return {
            **asdict(self.world.switches),
            "owner": self._guild.store.users[self._guild.guild.owner_id].name,
            "guild_name": self._guild.guild.name,
            "bot_in_guild": self._guild.bot_id in self._guild.guild.members,
            "bot_permissions": role.permissions if role is not None else 0,
            "bot_position": role.position if role is not None else 0,
        }

    @_locked
    def turn(self, /, **wanted: Any) -> dict[str, Any]:  # noqa: ANN401 - each switch has a type of its own
        """Turn switches: those of `Switches`, and owner, guild_name, bot_in_guild, bot_permissions,
        bot_position.
        """
        own = {field.name for field in fields(self.world.switches)}
        for name, value in wanted.items():
            if name in own:
                setattr(self.world.switches, name, tuple(value) if name == "redirect_uris" else value)
            else:
                self._turn_in_guild(name, value)
        return self.switches()

    def _turn_in_guild(self, name: str, value: Any) -> None:  # noqa: ANN401 - as above
        match name:
            case "owner":
                self._guild.guild.owner_id = self._in_guild(value).user_id
            case "guild_name":
                self._guild.guild.name = value
            case "bot_in_guild" if value:
                self._guild.add_bot(self.world.config.bot_permissions)
            case "bot_in_guild":
                self._guild.remove_bot()
            case "bot_permissions":
                self._bot_role().permissions = value
            case "bot_position":
                self._guild.move_role(self._bot_role().id, value)
            case _:
                raise LookupError(f"there is no switch {name!r}")

    @_locked
    def inject(self, fault: Fault) -> int:
        """Let a fault lie in wait; its id."""
        return self.world.faults.inject(fault).id

    @_locked
    def faults(self) -> list[Fault]:
        """The faults that still lie in wait."""
        return list(self.world.faults.waiting)

    @_locked
    def clear_faults(self, fault_id: int | None = None) -> None:
        """Take away one fault, or all."""
        self.world.faults.clear(fault_id)

    @_locked
    def reset_limits(self) -> None:
        """Every bucket is empty again, and no invalid request counts any more."""
        self.world.limiter.reset()
        self.world.journal.forgive()

    # What was received.

    @_locked
    def received(self, *, after: int = 0, route: str | None = None) -> list[Received]:
        """The requests numbered above `after`, oldest first; of one route, if it is named (`GET
        /guilds/{guild_id}`).
        """
        return [
            _received(entry) for entry in self.world.journal if entry.number > after and route in (None, entry.route)
        ]

    @_locked
    def clear_received(self) -> None:
        """Forget the requests and their counts."""
        self.world.journal.clear()

    @_locked
    def counts(self) -> Counts:
        """How many requests, 429s and invalid requests there were."""
        journal = self.world.journal
        routes = {
            name: RouteCount(
                requests=counts.requests,
                statuses={str(status): times for status, times in sorted(counts.statuses.items())},
                rate_limited=counts.rate_limited,
                injected=counts.injected,
                invalid=counts.invalid,
            )
            for name, counts in sorted(journal.routes.items())
        }
        return Counts(
            requests=sum(counts.requests for counts in routes.values()),
            rate_limited=sum(counts.rate_limited for counts in routes.values()),
            rate_limited_by_scope=dict(journal.scopes),
            invalid=sum(counts.invalid for counts in routes.values()),
            invalid_lately=journal.invalid_lately(self.world.clock()),
            living_tokens=self.world.grants.count(),
            routes=routes,
        )

    # Finding and showing.

    def _known(self, who: str) -> User | None:
        users = self._guild.store.users
        user = users.get(int(who)) if who.isdecimal() else None
        user = user or self._guild.person_named(who)
        return None if user is None or user.id in self._guild.deleted else user

    def _find(self, who: str) -> User:
        user = self._known(who)
        if user is None:
            raise LookupError(f"nobody is called {who!r}")
        return user

    def _in_guild(self, who: str) -> SimMember:
        member = self._guild.guild.members.get(self._find(who).id)
        if member is None:
            raise LookupError(f"{who!r} is not in the guild")
        return member

    def _role(self, which: str) -> SimRole:
        roles = self._guild.guild.roles
        if which.isdecimal() and int(which) in roles:
            return roles[int(which)]
        named = [role for role in roles.values() if role.name == which]
        if not named:
            raise LookupError(f"there is no role {which!r}")
        return min(named, key=lambda role: role.id)

    def _bot_role(self) -> SimRole:
        role = self._guild.bot_role()
        if role is None:
            raise LookupError("the bot is not in the guild")
        return role

    def _person(self, user: User) -> Person:
        return Person(
            id=str(user.id),
            username=user.name,
            global_name=user.global_name,
            discriminator=user.discriminator,
            guild_count=self._guild.guild_count(user.id),
        )

    def _member(self, member: SimMember) -> Member:
        user = self._guild.store.users[member.user_id]
        roles = self._guild.guild.roles
        held = sorted((roles[role_id] for role_id in member.role_ids), key=_from_the_top)
        return Member(
            id=str(member.user_id),
            username=user.name,
            nick=member.nick,
            roles=tuple(role.name for role in held),
            role_ids=tuple(str(role.id) for role in held),
            bot=user.bot,
        )

    def _shown(self, role: SimRole) -> Role:
        return Role(
            id=str(role.id),
            name=role.name,
            position=role.position,
            managed=role.managed,
            permissions=str(role.permissions),
            tags=self._guild.tags.get(role.id),
        )


def _from_the_top(role: SimRole) -> tuple[int, int]:
    return (-role.position, role.id)


def _received(entry: Entry) -> Received:
    request = entry.request
    return Received(
        number=entry.number,
        at=entry.at,
        method=request.method,
        path=request.path,
        query=dict(request.query),
        headers=redacted(dict(request.headers)),
        body=request.body.decode("utf-8", "replace"),
        route=entry.route,
        status=entry.status,
        answered=entry.answered,
        scope=entry.scope,
        fault=entry.fault,
    )
