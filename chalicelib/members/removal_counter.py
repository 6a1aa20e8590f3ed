"""Counts the members from whom running sweeps take roles, and stops a sweep that reaches the removal limit."""

from chalicelib import log
from chalicelib.members.removal_limit import SweepAllowance, stopped_taking
from chalicelib.members.reporter import Reporter
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweeps


class RemovalCounter:
    """Counts members, however many processes work for the sweep."""

    def __init__(self, services: Services, reporter: Reporter) -> None:
        self._services = services
        self._reporter = reporter
        self._sweeps = Sweeps(services.settings.guild_id)

    def try_count(self, allowance: SweepAllowance) -> bool:
        """Count one more member to lose roles or their link; return False if the sweep has reached its limit.

        The first refusal of a sweep is reported.
        """
        if self._sweeps.count_losing(allowance.sweep_id, 1, now=self._services.now()) <= allowance.max_members:
            return True
        self.uncount(allowance)
        if self._sweeps.note_braked(allowance.sweep_id):
            log.warning("sweep_held_back", sweep_id=allowance.sweep_id, losing=allowance.max_members)
            self._services.metrics.count("SweepsHeld")
            self._reporter.sweep_problem(f"sweep {stopped_taking(allowance.max_members)}")
        return False

    def uncount(self, allowance: SweepAllowance) -> None:
        """Nothing was taken from the member who was counted: their job runs again, and counts them then."""
        self._sweeps.count_losing(allowance.sweep_id, -1, now=self._services.now())
