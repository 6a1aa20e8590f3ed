"""Which role stands for which group, and which roles the auth site decides about. Pure.

Every rule about whose a role is belongs here. `RolePolicy` holds what the operator configured; `RoleRules` is that
policy applied to one guild as it was read, and is what all other modules ask.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chalicelib.discord.models import EVERYONE, Guild, Role

MAX_ROLE_NAME = 100  # characters; https://discord.com/developers/docs/topics/permissions#role-object


@dataclass(frozen=True, slots=True)
class Match:
    """The result of looking for the roles of some groups, by role name.

    `ids`: the role that stands for each name. `missing`: no role does; one could be created. `out_of_reach`: a role of
    that name exists, but the bot can neither give nor take it. Reserved names appear nowhere.
    """

    ids: dict[str, int]
    missing: tuple[str, ...] = ()
    out_of_reach: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolePolicy:
    """What the operator configured about roles.

    `reserved`: names of roles that belong to the server, in lower case (casefold). `protected`: Discord ids of members
    whom Rolecall never changes.
    """

    reserved: frozenset[str] = frozenset()
    protected: frozenset[int] = frozenset()

    def protects(self, discord_id: int) -> bool:
        """Must this member be left alone?"""
        return discord_id in self.protected

    def reserves(self, name: str) -> bool:
        """Does a role of this name belong to the server? Case does not matter."""
        return name.strip().casefold() in self.reserved

    def name_of(self, group: str) -> str | None:
        """The name of the role for a group: trimmed, cut to Discord's length; None if nothing is left of it."""
        return group.strip()[:MAX_ROLE_NAME].strip() or None

    def names_of(self, groups: Iterable[str]) -> tuple[str, ...]:
        """The names of the roles for these groups, each once; names that are equal after the cut are one role."""
        return tuple(dict.fromkeys(name for name in map(self.name_of, groups) if name))

    def within(self, guild: Guild, known_role_ids: Mapping[str, int] | None = None) -> "RoleRules":
        """The policy applied to a guild. `known_role_ids`: the role that stood for each name when last matched."""
        return RoleRules(guild, self, known_role_ids or {})


@dataclass(frozen=True, slots=True)
class RoleRules:
    """Knows which roles of one guild the auth site decides about, and which role stands for which group."""

    guild: Guild
    policy: RolePolicy = field(default_factory=RolePolicy)
    known_role_ids: Mapping[str, int] = field(default_factory=dict)

    def protects(self, discord_id: int) -> bool:
        """Must this member be left alone?"""
        return self.policy.protects(discord_id)

    def name_of(self, group: str) -> str | None:
        """The name of the role for a group; None if no role stands for it."""
        return self.policy.name_of(group)

    def owns(self, role: Role) -> bool:
        """May the auth site decide who has this role?

        Not @everyone, not managed roles (integrations, boosts, linked roles), not reserved names (any case), and not
        roles at or above the bot's own.
        """
        return (
            role.id != self.guild.id
            and not role.managed
            and not self.policy.reserves(role.name)
            and role.rank < self.guild.bot_rank
        )

    def match(self, groups: Iterable[str]) -> Match:
        """Find the role of each group: by exact name, else the role that stood for it before and was renamed since.

        Of several roles with one name, take the one known from before, else the oldest (lowest id): every worker
        chooses the same. A renamed role does not count if its new name is, or was, a group's of its own: that would
        give one group's role to another.
        """
        ids: dict[str, int] = {}
        missing: list[str] = []
        out_of_reach: list[str] = []
        for name in self.policy.names_of(groups):
            if self.policy.reserves(name) or name == EVERYONE:
                continue
            candidates = sorted((role for role in self.guild.roles if role.name.strip() == name), key=lambda r: r.id)
            ours = [role for role in candidates if self.owns(role)]
            if ours:
                ids[name] = next((r.id for r in ours if r.id == self.known_role_ids.get(name)), ours[0].id)
            elif candidates:
                out_of_reach.append(name)
            elif renamed := self._renamed(name):
                ids[name] = renamed
            else:
                missing.append(name)
        for name in [name for name, role_id in ids.items() if self._claimed_by_name(role_id, name, ids)]:
            del ids[name]
            missing.append(name)
        return Match(ids, tuple(missing), tuple(out_of_reach))

    def _renamed(self, name: str) -> int | None:
        role = self.guild.by_id.get(self.known_role_ids.get(name, 0))
        if role is None or not self.owns(role) or role.name.strip() in self.known_role_ids:
            return None
        return role.id

    def _claimed_by_name(self, role_id: int, name: str, ids: dict[str, int]) -> bool:
        """Is this renamed role at the same time another wanted group's by its name?"""
        now_called = self.guild.by_id[role_id].name.strip()
        return now_called != name and ids.get(now_called) == role_id


def merge_role_ids(known_role_ids: Mapping[str, int], role_by_group: Mapping[str, int]) -> dict[str, int]:
    """The known roles after another match; a role stands for one group at a time."""
    taken = set(role_by_group.values())
    kept = {name: role_id for name, role_id in known_role_ids.items() if role_id not in taken}
    return kept | dict(role_by_group)
