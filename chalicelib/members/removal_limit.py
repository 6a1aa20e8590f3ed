"""The brakes: from how many members one sweep may take roles, before somebody is asked."""

from dataclasses import dataclass

from chalicelib import log
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweeps

MIN_BRAKE = 25  # members; fewer than that are never held back


def brake(linked: int, percent: int) -> int:
    """How many members may lose roles in one sweep."""
    return max(MIN_BRAKE, linked * percent // 100)


@dataclass(frozen=True, slots=True)
class Brake:
    """The brake on what a sweep does not see beforehand: members who turn out to lose roles, or to have left."""

    sweep_id: str
    most: int


def stopped_taking(most: int) -> str:
    """What is said of a sweep that braked while it ran."""
    return (
        f"stopped taking roles and unlinking: {most} members whom its survey had not shown to lose any lost some, "
        f'and it would go on. To let it, run it with {{"force": true}}'
    )


class Brakes:
    """Counts, for sweeps that run, the members who lose roles."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._sweeps = Sweeps(services.settings.guild_id)

    def one_more(self, brake: Brake) -> bool:
        """May the sweep take roles from one member more, or unlink one? That the first may not is told, once."""
        now = self._services.now()
        if self._sweeps.count_losing(brake.sweep_id, 1, now=now) <= brake.most:
            return True
        self.one_less(brake)
        if self._sweeps.note_braked(brake.sweep_id):
            log.warning("sweep_held_back", sweep_id=brake.sweep_id, losing=brake.most)
            self._services.metrics.count("SweepsHeld")
            self._services.notices.sync_failed("", None, None, f"sweep {stopped_taking(brake.most)}", now=now)
        return False

    def one_less(self, brake: Brake) -> None:
        """Nothing was taken from the member who was counted: they come again, and are counted then."""
        self._sweeps.count_losing(brake.sweep_id, -1, now=self._services.now())
