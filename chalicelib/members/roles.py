"""Which role stands for which group, and which roles the auth site decides about. Pure.

Every rule about whose a role is belongs here. `RolePolicy` holds what the operator configured; `RoleRules` is that
policy applied to one guild as it was read, and is what all other modules ask.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from chalicelib.discord.models import EVERYONE, Guild, Role

MAX_ROLE_NAME = 100  # characters; https://discord.com/developers/docs/topics/permissions#role-object


class WhyNot(StrEnum):
    """Why the auth site does not decide who has a role."""

    EVERYONE = "everyone"  # it is @everyone
    MANAGED = "managed"  # an integration's, a bot's, or that of boosters: Discord lets nobody give it
    RESERVED = "reserved"  # in DISCORD_RESERVED_ROLES
    ABOVE_BOT = "above_bot"  # at or above the bot's highest role
    NOT_KNOWN = "not_known"  # DISCORD_MANAGED_ROLES=known, and it never stood for a group


class MatchedBy(StrEnum):
    """How the role was found that stands for a group."""

    MAP = "map"
    NAME = "name"
    RENAMED = "renamed"  # it stood for the group before it was renamed


@dataclass(frozen=True, slots=True)
class Match:
    """The result of looking for the roles of some groups, by the name that a role of theirs would have.

    `ids`: the role that stands for each name. `missing`: no role does; one could be created. `out_of_reach`: a role of
    that name exists, or the map names one, but the bot can neither give nor take it, or it is gone. Reserved names and
    excluded groups appear nowhere.
    """

    ids: dict[str, int]
    missing: tuple[str, ...] = ()
    out_of_reach: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RolePolicy:
    """What the operator configured about roles. Names are in lower case (casefold).

    `reserved`: names of roles that belong to the server. `protected`: Discord ids of members whom Rolecall never
    changes. `excluded`: groups that no role stands for. `nickname_exempt`: names of roles whose holders keep their
    nickname. `known_only`: roles that never stood for a group belong to the server.
    """

    reserved: frozenset[str] = frozenset()
    protected: frozenset[int] = frozenset()
    excluded: frozenset[str] = frozenset()
    nickname_exempt: frozenset[str] = frozenset()
    known_only: bool = False

    def protects(self, discord_id: int) -> bool:
        """Must this member be left alone?"""
        return discord_id in self.protected

    def reserves(self, name: str) -> bool:
        """Does a role of this name belong to the server? Case does not matter."""
        return name.strip().casefold() in self.reserved

    def excludes(self, group: str) -> bool:
        """Is this a group that no role stands for? Case does not matter."""
        return group.strip().casefold() in self.excluded

    def name_of(self, group: str) -> str | None:
        """The name of the role for a group: trimmed, cut to Discord's length.

        None if nothing is left of it, or if no role is to stand for the group.
        """
        return None if self.excludes(group) else group.strip()[:MAX_ROLE_NAME].strip() or None

    def names_of(self, groups: Iterable[str]) -> tuple[str, ...]:
        """The names of the roles for these groups, each once; names that are equal after the cut are one role."""
        return tuple(dict.fromkeys(name for name in map(self.name_of, groups) if name))

    def within(
        self,
        guild: Guild,
        known_role_ids: Mapping[str, int] | None = None,
        *,
        role_map: Mapping[str, int] | None = None,
        ever_known: frozenset[int] = frozenset(),
    ) -> "RoleRules":
        """The policy applied to a guild.

        `known_role_ids`: the role that stood for each name when last matched. `role_map`: the role that the operator
        tied to each name. `ever_known`: other roles that once stood for a group.
        """
        return RoleRules(guild, self, known_role_ids or {}, role_map or {}, ever_known)


@dataclass(frozen=True, slots=True)
class RoleRules:
    """Knows which roles of one guild the auth site decides about, and which role stands for which group.

    One method for each question that plans, explanations and sweeps ask about a role or a group, hence so many.
    """

    guild: Guild
    policy: RolePolicy = field(default_factory=RolePolicy)
    known_role_ids: Mapping[str, int] = field(default_factory=dict)
    role_map: Mapping[str, int] = field(default_factory=dict)
    ever_known: frozenset[int] = frozenset()
    _known: frozenset[int] = field(init=False, repr=False, compare=False, default=frozenset())
    _mapped: frozenset[int] = field(init=False, repr=False, compare=False, default=frozenset())

    def __post_init__(self) -> None:
        mapped = frozenset(self.role_map.values())
        object.__setattr__(self, "_mapped", mapped)
        object.__setattr__(self, "_known", self.ever_known | mapped | frozenset(self.known_role_ids.values()))

    def protects(self, discord_id: int) -> bool:
        """Must this member be left alone?"""
        return self.policy.protects(discord_id)

    def name_of(self, group: str) -> str | None:
        """The name of the role for a group; None if no role stands for it."""
        return self.policy.name_of(group)

    def keeps_nickname(self, role_ids: Iterable[int]) -> bool:
        """Does a member with these roles keep their nickname?"""
        exempt, by_id = self.policy.nickname_exempt, self.guild.by_id
        return bool(exempt) and any(by_id[one].name.strip().casefold() in exempt for one in role_ids if one in by_id)

    def is_known(self, role: Role) -> bool:
        """Does the role stand for a group, or did it once?"""
        return role.id in self._known

    def owns(self, role: Role) -> bool:
        """May the auth site decide who has this role?"""
        return self.why_not(role) is None

    def why_not(self, role: Role) -> WhyNot | None:
        """Why the auth site does not decide who has this role; None if it does."""
        if self.policy.known_only and not self.is_known(role):
            return self.out_of_reach(role) or WhyNot.NOT_KNOWN
        return self.out_of_reach(role)

    def out_of_reach(self, role: Role) -> WhyNot | None:
        """Why no group can stand for this role; None if one can.

        Not for @everyone, managed roles (integrations, boosts, linked roles), reserved names (any case), and roles at
        or above the bot's own.
        """
        if role.id == self.guild.id:
            return WhyNot.EVERYONE
        if role.managed:
            return WhyNot.MANAGED
        if self.policy.reserves(role.name):
            return WhyNot.RESERVED
        return None if role.rank < self.guild.bot_rank else WhyNot.ABOVE_BOT

    def match(self, groups: Iterable[str]) -> Match:
        """Find the role of each group: by the map, else by exact name, else the role that stood for it before and was
        renamed since.

        Of several roles with one name, take the one known from before, else the oldest (lowest id): every worker
        chooses the same. A renamed role does not count if its new name is, or was, a group's of its own, or if the map
        ties it to another group: that would give one group's role to another.
        """
        ids: dict[str, int] = {}
        missing: list[str] = []
        out_of_reach: list[str] = []
        for name in self.policy.names_of(groups):
            if self.sets_aside(name):
                continue
            role_id, exists = self._role_for(name)
            if role_id is not None:
                ids[name] = role_id
            else:
                (out_of_reach if exists else missing).append(name)
        for name in [name for name, role_id in ids.items() if self._claimed_by_name(role_id, name, ids)]:
            del ids[name]
            missing.append(name)
        return Match(ids, tuple(missing), tuple(out_of_reach))

    def matched_by(self, name: str, role_id: int) -> MatchedBy:
        """How this role was found for this name; `match` found it."""
        if name in self.role_map:
            return MatchedBy.MAP
        return MatchedBy.NAME if self.guild.by_id[role_id].name.strip() == name else MatchedBy.RENAMED

    def why_unreached(self, name: str) -> WhyNot | None:
        """Why the role for a name of `Match.out_of_reach` cannot be given or taken; None if it is mapped and gone."""
        if name in self.role_map:
            mapped = self.guild.by_id.get(self.role_map[name])
            return self.out_of_reach(mapped) if mapped else None
        return next(self.out_of_reach(role) for role in self.guild.roles if role.name.strip() == name)

    def sets_aside(self, name: str) -> bool:
        """Does the operator say that the role for this name belongs to the server? Or is it @everyone's?"""
        if name in self.role_map:
            mapped = self.guild.by_id.get(self.role_map[name])
            return mapped is not None and self.policy.reserves(mapped.name)
        return self.policy.reserves(name) or name == EVERYONE

    def _role_for(self, name: str) -> tuple[int | None, bool]:
        """The role that stands for the name, and whether there is one at all: it may be out of reach."""
        if name in self.role_map:
            mapped = self.guild.by_id.get(self.role_map[name])
            return (mapped.id if mapped and not self.out_of_reach(mapped) else None), True
        candidates = sorted((role for role in self.guild.roles if role.name.strip() == name), key=lambda r: r.id)
        ours = [role for role in candidates if not self.out_of_reach(role)]
        if ours:
            return next((r.id for r in ours if r.id == self.known_role_ids.get(name)), ours[0].id), True
        return (None, True) if candidates else (self._renamed(name), False)

    def _renamed(self, name: str) -> int | None:
        role = self.guild.by_id.get(self.known_role_ids.get(name, 0))
        if role is None or self.out_of_reach(role) or role.name.strip() in self.known_role_ids:
            return None
        return None if role.id in self._mapped else role.id

    def _claimed_by_name(self, role_id: int, name: str, ids: dict[str, int]) -> bool:
        """Is this renamed role at the same time another wanted group's by its name?"""
        if name in self.role_map:
            return False
        now_called = self.guild.by_id[role_id].name.strip()
        return now_called != name and ids.get(now_called) == role_id


def merge_role_ids(known_role_ids: Mapping[str, int], role_by_group: Mapping[str, int]) -> dict[str, int]:
    """The known roles after another match; a role stands for one group at a time."""
    taken = set(role_by_group.values())
    kept = {name: role_id for name, role_id in known_role_ids.items() if role_id not in taken}
    return kept | dict(role_by_group)
