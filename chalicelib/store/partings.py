"""Accounts that are linked to nobody any more and are kicked once their grace days are over, among the sweeps."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from chalicelib.store.rows import SweepRow, read_as

PREFIX = "parting#"
RETENTION = 30 * 86_400  # seconds that a row outlives its day, should no sweep run


@dataclass(frozen=True, slots=True)
class Parting:
    """An account that its user unlinked or replaced, and when it is to be kicked (epoch seconds)."""

    user_id: str
    discord_id: str
    until: float


class Partings:
    """The partings of one guild."""

    def __init__(self, guild_id: int) -> None:
        self._guild = str(guild_id)

    def keep(self, user_id: str, discord_id: int, until: float) -> None:
        """Store it. Of several of one account the last one counts."""
        parting = Parting(user_id, str(discord_id), until)
        expires_at = int(until) + RETENTION
        SweepRow(self._guild, f"{PREFIX}{discord_id}", data=asdict(parting), expires_at=expires_at).save()

    def due(self, *, now: float) -> Iterator[Parting]:
        """Those whose time has come."""
        for row in SweepRow.query(self._guild, SweepRow.sweep_id.startswith(PREFIX)):
            parting = read_as(Parting, row.data) if row.data else None
            if parting and parting.until <= now:
                yield parting

    def forget(self, parting: Parting) -> None:
        """It was carried out."""
        SweepRow(self._guild, f"{PREFIX}{parting.discord_id}").delete()
