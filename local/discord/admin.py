"""What people do without the API: sign up, join, leave, change roles by hand, delete accounts.

No permissions are checked and no rate limits apply here. `lookup` says how people and roles are named.
"""

from collections.abc import Iterable
from typing import Any

from local.discord.command_controls import CommandControls
from local.discord.guild import sanitised
from local.discord.lookup import locked
from local.discord.payloads import audit_entry_payload
from local.discord.views import Member, Person, Role, State

BANNED = 22
UNBANNED = 23


class Admin(CommandControls):
    """Changes a Discord and reads it, as people do and as tests need, without going through its API.

    One method for each operation of the control API, hence so many.
    """

    # People.

    @locked
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
        if self.guild.person_named(username) is not None and discriminator == "0":
            raise ValueError(f"the username {username!r} is taken")
        wanted = None if person_id is None else int(person_id)
        user = self.guild.add_person(username, person_id=wanted, global_name=global_name, discriminator=discriminator)
        if guild_count is not None:
            self.guild.guild_counts[user.id] = guild_count
        return self.person_view(user)

    @locked
    def change_person(
        self,
        who: str,
        *,
        username: str | None = None,
        global_name: str | None = None,
        discriminator: str | None = None,
        guild_count: int | None = None,
    ) -> Person:
        """Somebody renames themselves, or joins other guilds; None leaves a value as it is."""
        user = self.find(who)
        if username is not None:
            self.guild.rename_person(user.id, username)
        user.global_name = user.global_name if global_name is None else global_name
        user.discriminator = user.discriminator if discriminator is None else discriminator
        if guild_count is not None:
            self.guild.guild_counts[user.id] = guild_count
        return self.person_view(user)

    @locked
    def people(self) -> list[Person]:
        """Everybody but the bot, ascending by id."""
        return [self.person_view(user) for user in self.guild.people()]

    @locked
    def delete_account(self, who: str) -> None:
        """Somebody deletes their account: they leave the guild and are unknown from then on (10013)."""
        user = self.find(who)
        self.world.grants.forget(user.id)
        self.guild.delete_account(user.id)

    @locked
    def deauthorise(self, who: str) -> None:
        """Somebody revokes the application's authorisation."""
        self.world.grants.forget(self.find(who).id)

    # Members.

    @locked
    def add_member(self, who: str, *, roles: Iterable[str] = (), nick: str | None = None) -> Member:
        """Somebody joins by an invite; an unknown username signs up first."""
        user = self.known(who) or self.guild.add_person(who)
        if user.id in self.guild.guild.members or user.id in self.guild.guild.bans:
            raise ValueError(f"{who!r} is in the guild already, or banned")
        role_ids = [self.role(role).id for role in roles]
        self.guild.store.add_member(self.guild.id, user.id, roles=role_ids, nick=nick)
        return self.member_view(self.guild.guild.members[user.id])

    @locked
    def add_members(self, count: int, *, roles: Iterable[str] = (), prefix: str = "pilot") -> list[str]:
        """`count` people named `prefix`1 and so on sign up and join; their ids, ascending."""
        role_ids = [self.role(role).id for role in roles]
        first = len(self.guild.guild.members) + 1
        users = [self.guild.add_person(f"{prefix}{number}") for number in range(first, first + count)]
        self.guild.join_all([user.id for user in users], role_ids)
        return [str(user.id) for user in users]

    @locked
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
        member = self.in_guild(who)
        if roles is not None:
            member.role_ids = [self.role(role).id for role in roles]
        taken = {self.role(role).id for role in take}
        kept = [role_id for role_id in member.role_ids if role_id not in taken]
        new = [self.role(role).id for role in give]
        member.role_ids = list(dict.fromkeys(kept + new))
        if nick is not None or clear_nick:
            member.nick = sanitised(nick or "") or None
        return self.member_view(member)

    @locked
    def leave(self, who: str) -> None:
        """Somebody leaves the guild."""
        self.guild.store.remove_member(self.guild.id, self.in_guild(who).user_id)

    @locked
    def ban(self, who: str, *, reason: str | None = None) -> None:
        """A moderator bans somebody, member or not."""
        user = self.find(who)
        self.guild.store.apply_ban(self.guild.id, user.id, reason)
        self.guild.log(BANNED, user.id, reason, [], by=self.guild.guild.owner_id)

    @locked
    def unban(self, who: str) -> None:
        """A moderator lifts a ban."""
        user = self.find(who)
        self.guild.store.remove_ban(self.guild.id, user.id)
        self.guild.log(UNBANNED, user.id, None, [], by=self.guild.guild.owner_id)

    # Roles.

    @locked
    def create_role(
        self,
        name: str,
        *,
        position: int | None = None,
        managed: bool = False,
        tags: dict[str, Any] | None = None,
        permissions: int = 0,
    ) -> Role:
        """A moderator makes a role (just above @everyone, or at `position`), or an integration a managed one."""
        role = self.guild.store.create_role(self.guild.id, name, permissions=permissions, managed=managed)
        if tags is not None:
            self.guild.tags[role.id] = dict(tags)
        if position is not None:
            self.guild.move_role(role.id, position)
        return self.role_view(role)

    @locked
    def change_role(
        self,
        which: str,
        *,
        name: str | None = None,
        position: int | None = None,
        permissions: int | None = None,
    ) -> Role:
        """A moderator renames or moves a role, or changes its permissions; None leaves a value as it is."""
        role = self.role(which)
        role.name = role.name if name is None else name
        role.permissions = role.permissions if permissions is None else permissions
        if position is not None:
            self.guild.move_role(role.id, position)
        return self.role_view(role)

    @locked
    def delete_role(self, which: str) -> None:
        """A moderator deletes a role."""
        role = self.role(which)
        self.guild.store.delete_role(self.guild.id, role.id)
        self.guild.tags.pop(role.id, None)

    # What is.

    @locked
    def state(self) -> State:
        """The whole guild."""
        guild = self.guild.guild
        members = self.guild.members_after(0, len(guild.members))
        return State(
            guild_id=str(guild.id),
            guild_name=guild.name,
            owner_id=str(guild.owner_id),
            bot_id=str(self.guild.bot_id),
            roles=tuple(self.role_view(role) for role in reversed(self.guild.roles())),
            members=tuple(self.member_view(member) for member in members),
            bans=tuple(str(user_id) for user_id in sorted(guild.bans)),
        )

    @locked
    def member(self, who: str) -> Member | None:
        """One member, or None for somebody who is not in the guild."""
        user = self.known(who)
        member = self.guild.guild.members.get(user.id) if user is not None else None
        return None if member is None else self.member_view(member)

    @locked
    def audit_log(self) -> list[dict[str, Any]]:
        """All entries of the audit log as Discord shows them, oldest first."""
        return [audit_entry_payload(entry) for entry in self.guild.guild.audit_log_entries]
