"""What is remembered of the guild: its facts, which role stands for which group, locks, and what sweeps may do."""

from dataclasses import asdict
from typing import Any

from pynamodb.exceptions import DoesNotExist

from chalicelib.discord.models import Guild
from chalicelib.store.rows import GuildRow, read_as, written

_MAY_TAKE = "flag:may_take"


class GuildMemory:
    """One guild's rows."""

    def __init__(self, guild_id: int) -> None:
        self._prefix = f"{guild_id}:"

    # --- facts ---

    def facts(self) -> Guild | None:
        """The guild as it was when last read, however long ago."""
        row = self._row("facts")
        return read_as(Guild, row.data) if row and row.data else None

    def keep_facts(self, guild: Guild) -> None:
        """Remember the guild as it was at `guild.read_at`."""
        self._save("facts", data=_plain(guild), read_at=guild.read_at)

    # --- which role stands for which group ---

    def role_ids(self) -> dict[str, int]:
        """The role that each group's name was matched to last."""
        row = self._row("roles")
        return {name: int(role_id) for name, role_id in (row.data or {}).items()} if row else {}

    def keep_role_ids(self, role_ids: dict[str, int], known: dict[str, int]) -> bool:
        """Remember which role each group's name stands for; False where it is no longer `known` that is remembered."""
        row = GuildRow(self._prefix + "roles", data=_as_text(role_ids))
        unmoved = GuildRow.data == _as_text(known)
        return written(lambda: row.save(condition=unmoved if known else unmoved | GuildRow.key.does_not_exist()))

    # --- one at a time ---

    def claim_queued_sweep(self, parts: int, *, force: bool, now: float, seconds: int) -> bool:
        """Claim to be the one sweep of these parts that waits for another; return False if one waits already."""
        return self.lock(_queued_sweep(parts, force=force), "waiting", now=now, seconds=seconds)

    def release_queued_sweep(self, parts: int, *, force: bool) -> None:
        """Let another sweep of these parts wait."""
        self.unlock(_queued_sweep(parts, force=force), "waiting")

    def claim_sweep_notice(self, state: str, sweep_id: str, *, now: float, seconds: int) -> bool:
        """Claim the notice that a sweep is held back in `state`; return False if one was sent within `seconds`."""
        return self.lock(f"told:{state}", sweep_id, now=now, seconds=seconds)

    def lock(self, name: str, owner: str, *, now: float, seconds: int) -> bool:
        """Hold `name` for at most `seconds`; False where somebody else holds it."""
        row = GuildRow(self._prefix + f"lock:{name}", owner=owner, expires_at=int(now) + seconds)
        free = GuildRow.key.does_not_exist() | (GuildRow.expires_at <= int(now))
        return written(lambda: row.save(condition=free))

    def unlock(self, name: str, owner: str) -> None:
        """Give `name` back, if `owner` still holds it."""
        row = GuildRow(self._prefix + f"lock:{name}")
        written(lambda: row.delete(condition=GuildRow.owner == owner))

    # --- what sweeps may do ---

    def taking_allowed(self) -> bool:
        """Whether sweeps of this guild may take roles."""
        return self._row(_MAY_TAKE) is not None

    def allow_taking(self, *, by: str, now: float) -> None:
        """Let sweeps take roles from now on. `by` is what allowed it: a sweep's id, or `force`."""
        self._save(_MAY_TAKE, data={"since": now, "by": by})

    # --- flags ---

    def flag(self, name: str) -> dict[str, Any] | None:
        """What was noted under `name`."""
        row = self._row(f"flag:{name}")
        return dict(row.data or {}) if row else None

    def set_flag(self, name: str, data: dict[str, Any]) -> None:
        """Note something for good."""
        self._save(f"flag:{name}", data=data)

    def _row(self, key: str) -> GuildRow | None:
        try:
            return GuildRow.get(self._prefix + key, consistent_read=True)
        except DoesNotExist:
            return None

    def _save(self, key: str, **columns: Any) -> None:  # noqa: ANN401 - the row's own columns
        GuildRow(self._prefix + key, **columns).save()


def _queued_sweep(parts: int, *, force: bool) -> str:
    return f"next_sweep:{parts}:{force}"


def _as_text(role_ids: dict[str, int]) -> dict[str, str]:
    return {name: str(role_id) for name, role_id in role_ids.items()}


def _plain(guild: Guild) -> dict[str, Any]:
    return {
        "id": guild.id,
        "name": guild.name,
        "owner_id": guild.owner_id,
        "roles": [asdict(role) for role in guild.roles],
        "bot_roles": sorted(guild.bot_roles),
        "read_at": guild.read_at,
    }
