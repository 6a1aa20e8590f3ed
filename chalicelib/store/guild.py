"""What is remembered of the guild: its facts, which role stands for which group, role creation, what sweeps may do."""

from dataclasses import asdict, dataclass, field
from typing import Any

from pynamodb.attributes import JSONAttribute

from chalicelib import log
from chalicelib.discord.models import Guild
from chalicelib.problems import Problem, problem_of
from chalicelib.store.rows import GuildRow, fits, read_as, stored, written

QUEUED_FOR = 7 * 86_400  # seconds after which it is forgotten that a sweep waits; none runs for so long
POSTING = 60  # seconds that one worker has for a post; as long as an invocation lasts


@dataclass(frozen=True, slots=True)
class StoredRoles:
    """Which role stands for which group, by id.

    `by_name`: the role to which each group's name was matched last. `role_map`: what the operator tied together.
    `ever_known`: roles that once stood for a group (with DISCORD_MANAGED_ROLES=known only).
    """

    by_name: dict[str, int] = field(default_factory=dict)
    role_map: dict[str, int] = field(default_factory=dict)
    ever_known: frozenset[int] = frozenset()


class GuildMemory:
    """The memory of one guild."""

    def __init__(self, guild_id: int) -> None:
        self._rows = _Rows(guild_id)
        self.role_creation = RoleCreationMemory(self._rows)
        self.sweeps = SweepMemory(self._rows)
        self.census = CensusMemory(self._rows)
        self.posts = PostMemory(self._rows)

    def facts(self) -> Guild | None:
        """The guild as it was when last read, however long ago."""
        return _facts(self._rows.get("facts"))

    def facts_and_roles(self) -> tuple[Guild | None, StoredRoles]:
        """`facts` and `roles`, both by one call."""
        found = self._rows.get_all("facts", "roles")
        return _facts(found.get("facts")), _roles(found.get("roles"))

    def keep_facts(self, guild: Guild) -> None:
        """Remember the guild as it was at `guild.read_at`.

        One that no row can hold is not remembered: each worker asks Discord for it then. Discord's 250 roles fit,
        whatever they are called.
        """
        facts = _plain(guild)
        if fits(facts):
            self._rows.save("facts", data=facts, read_at=guild.read_at)
        else:
            log.warning("guild_too_large", roles=len(guild.roles))

    def roles(self) -> StoredRoles:
        """All that is remembered of which role stands for which group."""
        return _roles(self._rows.get("roles"))

    def role_ids(self) -> dict[str, int]:
        """The role to which each group's name was matched last."""
        return self.roles().by_name

    def keep_role_ids(self, role_ids: dict[str, int], known: dict[str, int]) -> bool:
        """Remember which role stands for each group; return False if what is remembered is no longer `known`."""
        return self._swap(GuildRow.data, _as_text(role_ids), _as_text(known))

    def keep_role_map(self, role_map: dict[str, int], known: dict[str, int]) -> bool:
        """Store the operator's map from groups to roles; return False if the stored one is no longer `known`."""
        return self._swap(GuildRow.role_map, _as_text(role_map), _as_text(known))

    def keep_ever_known(self, role_ids: frozenset[int], known: frozenset[int]) -> bool:
        """Remember which roles once stood for a group; return False if what is remembered is no longer `known`."""
        return self._swap(GuildRow.ever_known, _as_texts(role_ids), _as_texts(known))

    def _swap(self, column: JSONAttribute, new: object, old: object) -> bool:
        """Set one column of the row of roles if it is still `old`; the others stay as they are."""
        unchanged = column == old
        condition = unchanged if old else unchanged | column.does_not_exist()
        row = self._rows.new("roles")
        return written(lambda: row.update([column.set(new)], condition=condition))


@dataclass(frozen=True, slots=True)
class RefusedRole:
    """A role that Discord refused to create: not to be tried again before `until` (epoch seconds), and why.

    `lasting`: nobody can grant it meanwhile. Else only sweeps wait: a message tries it again.
    """

    until: float
    problem: Problem
    lasting: bool = True


class RoleCreationMemory:
    """Which roles are being created, and which cannot be."""

    def __init__(self, rows: "_Rows") -> None:
        self._rows = rows

    def lock(self, name: str, owner: str, *, now: float, seconds: int) -> bool:
        """Claim the creation of a role for at most `seconds`; return False if another owner has it."""
        return self._rows.lock(f"role:{name}", owner, now=now, seconds=seconds)

    def unlock(self, name: str, owner: str) -> None:
        """Release the creation of a role, if `owner` still has it."""
        self._rows.unlock(f"role:{name}", owner)

    def limit_until(self) -> float:
        """Until when no role is to be created, because the guild has as many as Discord allows; 0.0 if never."""
        row = self._rows.get("flag:no_new_roles")
        return float((row.data or {}).get("until", 0.0)) if row else 0.0

    def keep_limit(self, *, until: float) -> None:
        """Remember that the guild has as many roles as Discord allows."""
        self._rows.save("flag:no_new_roles", data={"until": until})

    def refused(self) -> dict[str, RefusedRole]:
        """The roles that Discord refused to create, by name."""
        row = self._rows.get("flag:refused_roles")
        stored = (row.data or {}) if row else {}
        return {
            name: RefusedRole(abs(until), problem_of(problem), lasting=until > 0)
            for name, (until, problem) in stored.items()
        }

    def keep_refused(self, refused: dict[str, RefusedRole]) -> None:
        """Remember the roles that Discord refused to create, in place of those remembered before.

        Of more than a row can hold, those that were refused last.
        """
        stored = {  # negative if not lasting: older versions, too, try such a role again
            name: [one.until if one.lasting else -one.until, one.problem.reason] for name, one in refused.items()
        }
        while not fits(stored):
            stored = dict(list(stored.items())[len(stored) // 2 :])
        self._rows.save("flag:refused_roles", data=stored)


@dataclass(frozen=True, slots=True)
class StoredCensus:
    """How many hold each role beyond those who should, by its id: found by a sweep, and by the one before it."""

    sweep_id: str = ""
    surplus: dict[str, int] = field(default_factory=dict)
    before: dict[str, int] = field(default_factory=dict)

    def before_sweep(self, sweep_id: str) -> dict[str, int]:
        """What was found before that sweep."""
        return self.before if sweep_id == self.sweep_id else self.surplus


class CensusMemory:
    """What sweeps found of who holds each role beyond those who should."""

    def __init__(self, rows: "_Rows") -> None:
        self._rows = rows

    def surplus_before(self, sweep_id: str) -> dict[int, int]:
        """How many held each role beyond those who should, by its id, at the last sweep before this one."""
        return {int(role_id): count for role_id, count in self._census().before_sweep(sweep_id).items()}

    def keep(self, sweep_id: str, surplus: dict[str, int]) -> None:
        """Remember the surplus that a sweep found, by role id. Doing it twice keeps what was before the sweep."""
        census = StoredCensus(sweep_id, surplus, self._census().before_sweep(sweep_id))
        self._rows.save("census", data=asdict(census))

    def _census(self) -> "StoredCensus":
        row = self._rows.get("census")
        return (read_as(StoredCensus, row.data) if row and row.data else None) or StoredCensus()


class SweepMemory:
    """What sweeps of the guild may do, and which of them waits."""

    def __init__(self, rows: "_Rows") -> None:
        self._rows = rows

    def taking_allowed_since(self) -> float | None:
        """When imported members were last allowed to lose something (epoch seconds); None if never.

        1.0 if an older version allowed it and did not store when: all links that were imported before count.
        """
        row = self._rows.get("flag:may_take")
        return float((row.data or {}).get("since", 1.0)) if row else None

    def allow_taking(self, *, by: str, now: float) -> None:
        """Release all members who were imported so far. `by` is who allowed it: an operator, or `force`."""
        self._rows.save("flag:may_take", data={"since": now, "by": by})

    def stripping_allowed(self) -> bool:
        """Whether sweeps may take roles from members without a link."""
        return self._rows.get("flag:may_strip_unlinked") is not None

    def allow_stripping(self, *, by: str, now: float) -> None:
        """Let sweeps take roles from members without a link from now on; `by` is the sweep that a person forced."""
        self._rows.save("flag:may_strip_unlinked", data={"since": now, "by": by})

    def forbid_stripping(self) -> None:
        """Take that permission back: a person has to force a sweep again."""
        self._rows.delete("flag:may_strip_unlinked")

    def claim_queue(self, claim: str, parts: int, *, force: bool, now: float) -> None:
        """Become the one sweep of these parts that waits for another, in the place of any that waits already."""
        self._rows.take(f"next_sweep:{parts}:{force}", claim, now=now, seconds=QUEUED_FOR)

    def waits(self, claim: str, parts: int, *, force: bool) -> bool:
        """Whether no other sweep of these parts waits in the place of this one."""
        return self._rows.holder(f"next_sweep:{parts}:{force}") in (claim, None)

    def release_queue(self, claim: str, parts: int, *, force: bool) -> None:
        """The sweep waits no more."""
        self._rows.unlock(f"next_sweep:{parts}:{force}", claim)

    def claim_notice(self, state: str, sweep_id: str, *, now: float, seconds: int) -> bool:
        """Claim the notice that a sweep is held back in `state`; return False if one was sent within `seconds`."""
        return self._rows.lock(f"told:{state}", sweep_id, now=now, seconds=seconds)


class PostMemory:
    """Which events were posted to the officers' channel."""

    def __init__(self, rows: "_Rows") -> None:
        self._rows = rows

    def begin(self, event: str, *, now: float) -> bool:
        """Claim the post of an event; return False if it was posted, or somebody is posting it."""
        return self._rows.lock(f"post:{event}", "posting", now=now, seconds=POSTING)

    def done(self, event: str, *, now: float, seconds: float) -> None:
        """It was posted, and counts as told for so long."""
        self._rows.save(f"lock:post:{event}", owner="posted", expires_at=int(now + seconds))

    def failed(self, event: str) -> None:
        """It was not posted: another worker may try again."""
        self._rows.unlock(f"post:{event}", "posting")

    def is_done(self, event: str, *, now: float) -> bool:
        """Whether it was posted, and counts as told still."""
        row = self._rows.get(f"lock:post:{event}")
        return row is not None and row.owner == "posted" and now < (row.expires_at or 0)


class _Rows:
    """The rows of one guild, by the second part of their key."""

    def __init__(self, guild_id: int) -> None:
        self._prefix = f"{guild_id}:"

    def get(self, key: str) -> GuildRow | None:
        return stored(GuildRow, self._prefix + key)

    def get_all(self, *keys: str) -> dict[str, GuildRow]:
        """Those rows that there are, by their keys."""
        rows = GuildRow.batch_get([self._prefix + key for key in keys], consistent_read=True)
        return {row.key.removeprefix(self._prefix): row for row in rows}

    def new(self, key: str, **columns: Any) -> GuildRow:  # noqa: ANN401 - the row's own columns
        return GuildRow(self._prefix + key, **columns)

    def delete(self, key: str) -> None:
        self.new(key).delete()

    def save(self, key: str, **columns: Any) -> None:  # noqa: ANN401 - the row's own columns
        self.new(key, **columns).save()

    def lock(self, name: str, owner: str, *, now: float, seconds: int) -> bool:
        """Hold `name` for at most `seconds`; return False if it is held already."""
        row = self.new(f"lock:{name}", owner=owner, expires_at=int(now) + seconds)
        free = GuildRow.key.does_not_exist() | (GuildRow.expires_at <= int(now))
        return written(lambda: row.save(condition=free))

    def take(self, name: str, owner: str, *, now: float, seconds: int) -> None:
        """Hold `name` for at most `seconds`, even if another worker holds it."""
        self.new(f"lock:{name}", owner=owner, expires_at=int(now) + seconds).save()

    def holder(self, name: str) -> str | None:
        """Who holds `name`."""
        row = self.get(f"lock:{name}")
        return row.owner if row else None

    def unlock(self, name: str, owner: str) -> None:
        """Release `name`, if `owner` still holds it."""
        row = self.new(f"lock:{name}")
        written(lambda: row.delete(condition=GuildRow.owner == owner))


def _facts(row: GuildRow | None) -> Guild | None:
    return read_as(Guild, row.data) if row and row.data else None


def _roles(row: GuildRow | None) -> StoredRoles:
    if row is None:
        return StoredRoles()
    return StoredRoles(_as_ids(row.data), _as_ids(row.role_map), frozenset(map(int, row.ever_known or ())))


def _as_text(role_ids: dict[str, int]) -> dict[str, str]:
    return {name: str(role_id) for name, role_id in role_ids.items()}


def _as_ids(stored: dict[str, str] | None) -> dict[str, int]:
    return {name: int(role_id) for name, role_id in (stored or {}).items()}


def _as_texts(role_ids: frozenset[int]) -> list[str]:
    return [str(role_id) for role_id in sorted(role_ids)]


def _plain(guild: Guild) -> dict[str, Any]:
    return {
        "id": guild.id,
        "name": guild.name,
        "owner_id": guild.owner_id,
        "roles": [asdict(role) for role in guild.roles],
        "bot_roles": sorted(guild.bot_roles),
        "read_at": guild.read_at,
    }
