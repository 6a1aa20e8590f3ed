"""Which role stands for which group, and which roles are not the auth site's to touch. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.discord.models import EVERYONE, Guild, Role

MAX_ROLE_NAME = 100  # characters; https://discord.com/developers/docs/topics/permissions#role-object


@dataclass(frozen=True, slots=True)
class Match:
    """What became of each wanted name.

    `ids`: the role that stands for it. `missing`: no role does; one could be created. `out_of_reach`: a role of that
    name exists, but the bot can neither give nor take it. Reserved names appear nowhere.
    """

    ids: dict[str, int]
    missing: tuple[str, ...] = ()
    out_of_reach: tuple[str, ...] = ()


def role_name(group: str) -> str:
    """A group's name as the name of a role: trimmed, cut to Discord's length."""
    return group.strip()[:MAX_ROLE_NAME].strip()


def wanted_names(groups: Iterable[str]) -> tuple[str, ...]:
    """The names of the roles that a user of these groups should have, each once; names equal after the cut are one."""
    return tuple(dict.fromkeys(name for name in map(role_name, groups) if name))


def is_ours(role: Role, guild: Guild, reserved: frozenset[str]) -> bool:
    """May the auth site decide who has this role?

    Not @everyone, not managed roles (integrations, boosts, linked roles), not reserved names (any case), and not
    roles at or above the bot's own.
    """
    return (
        role.id != guild.id
        and not role.managed
        and role.name.strip().casefold() not in reserved
        and role.rank < guild.bot_rank
    )


def match_roles(
    names: Iterable[str], guild: Guild, reserved: frozenset[str], known_role_ids: dict[str, int] | None = None
) -> Match:
    """Find the role of each name: by exact name, else the role that stood for it before and was renamed since.

    Of several roles with one name, the one remembered, else the oldest (lowest id): every worker chooses the same.
    A renamed role is not believed where its new name is, or was, a group's of its own: that would give one group's
    role to another.
    """
    known_role_ids = known_role_ids or {}
    ids: dict[str, int] = {}
    missing: list[str] = []
    out_of_reach: list[str] = []
    for name in names:
        if name.casefold() in reserved or name == EVERYONE:
            continue
        candidates = sorted((role for role in guild.roles if role.name.strip() == name), key=lambda role: role.id)
        ours = [role for role in candidates if is_ours(role, guild, reserved)]
        if ours:
            ids[name] = next((role.id for role in ours if role.id == known_role_ids.get(name)), ours[0].id)
        elif candidates:
            out_of_reach.append(name)
        elif renamed := _renamed(name, guild, reserved, known_role_ids):
            ids[name] = renamed
        else:
            missing.append(name)
    for name in [name for name, role_id in ids.items() if _claimed_by_name(role_id, name, guild, ids)]:
        del ids[name]
        missing.append(name)
    return Match(ids, tuple(missing), tuple(out_of_reach))


def merge_role_ids(known_role_ids: dict[str, int], stands_for: dict[str, int]) -> dict[str, int]:
    """What is remembered once these names were matched; a role stands for one group at a time."""
    taken = set(stands_for.values())
    return {name: role_id for name, role_id in known_role_ids.items() if role_id not in taken} | stands_for


def _renamed(name: str, guild: Guild, reserved: frozenset[str], known_role_ids: dict[str, int]) -> int | None:
    role = guild.by_id.get(known_role_ids.get(name, 0))
    if role is None or not is_ours(role, guild, reserved) or role.name.strip() in known_role_ids:
        return None
    return role.id


def _claimed_by_name(role_id: int, name: str, guild: Guild, ids: dict[str, int]) -> bool:
    """Is this renamed role at the same time another wanted group's by its name?"""
    now_called = guild.by_id[role_id].name.strip()
    return now_called != name and ids.get(now_called) == role_id
