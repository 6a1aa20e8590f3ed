"""What is remembered of the guild: its facts for a while, which role stands for which group for good."""

from dataclasses import asdict
from typing import Any

from pynamodb.exceptions import DoesNotExist

from chalicelib.discord.models import Guild
from chalicelib.store.rows import GuildRow, read_as, written


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

    def lock(self, name: str, owner: str, *, now: float, seconds: int) -> bool:
        """Hold `name` for at most `seconds`; False where somebody else holds it."""
        row = GuildRow(self._prefix + f"lock:{name}", owner=owner, expires_at=int(now) + seconds)
        free = GuildRow.key.does_not_exist() | (GuildRow.expires_at <= int(now))
        return written(lambda: row.save(condition=free))

    def unlock(self, name: str, owner: str) -> None:
        """Give `name` back, if `owner` still holds it."""
        row = GuildRow(self._prefix + f"lock:{name}")
        written(lambda: row.delete(condition=GuildRow.owner == owner))

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
