"""Finds people and roles by the names that tests use.

A person is given as an id or a username, a role as an id or a name (the oldest of several with the same name). A
person or role that does not exist raises a LookupError that names it.
"""

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from simcord.backend.models import Member as SimMember
from simcord.backend.models import Role as SimRole
from simcord.backend.models import User

from local.discord.views import Member, Person, Role
from local.discord.world import World

Self = TypeVar("Self", bound="Lookup")
P = ParamSpec("P")
T = TypeVar("T")


def locked(method: Callable[Concatenate[Self, P], T]) -> Callable[Concatenate[Self, P], T]:
    """No request is served while the method runs."""

    @functools.wraps(method)
    def inside(self: Self, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.world.lock:
            return method(self, *args, **kwargs)

    return inside


class Lookup:
    """Queries for `Admin`. The caller holds the lock."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.guild = world.guild

    def known(self, who: str) -> User | None:
        users = self.guild.store.users
        user = users.get(int(who)) if who.isdecimal() else None
        user = user or self.guild.person_named(who)
        return None if user is None or user.id in self.guild.deleted else user

    def find(self, who: str) -> User:
        user = self.known(who)
        if user is None:
            raise LookupError(f"nobody is called {who!r}")
        return user

    def in_guild(self, who: str) -> SimMember:
        member = self.guild.guild.members.get(self.find(who).id)
        if member is None:
            raise LookupError(f"{who!r} is not in the guild")
        return member

    def role(self, which: str) -> SimRole:
        roles = self.guild.guild.roles
        if which.isdecimal() and int(which) in roles:
            return roles[int(which)]
        named = [role for role in roles.values() if role.name == which]
        if not named:
            raise LookupError(f"there is no role {which!r}")
        return min(named, key=lambda role: role.id)

    def bot_role(self) -> SimRole:
        role = self.guild.bot_role()
        if role is None:
            raise LookupError("the bot is not in the guild")
        return role

    def person_view(self, user: User) -> Person:
        return Person(
            id=str(user.id),
            username=user.name,
            global_name=user.global_name,
            discriminator=user.discriminator,
            guild_count=self.guild.guild_count(user.id),
        )

    def member_view(self, member: SimMember) -> Member:
        user = self.guild.store.users[member.user_id]
        roles = self.guild.guild.roles
        held = sorted((roles[role_id] for role_id in member.role_ids), key=_from_the_top)
        return Member(
            id=str(member.user_id),
            username=user.name,
            nick=member.nick,
            roles=tuple(role.name for role in held),
            role_ids=tuple(str(role.id) for role in held),
            bot=user.bot,
        )

    def role_view(self, role: SimRole) -> Role:
        return Role(
            id=str(role.id),
            name=role.name,
            position=role.position,
            managed=role.managed,
            permissions=str(role.permissions),
            tags=self.guild.tags.get(role.id),
        )


def _from_the_top(role: SimRole) -> tuple[int, int]:
    return (-role.position, role.id)
