"""Carries out a verdict: counts it, remembers it and notifies of it."""

from dataclasses import replace

from chalicelib import log
from chalicelib.members.removal_limiter import NOTICE_INTERVAL, Counted, RemovalLimiter
from chalicelib.members.removals import WithheldRemovals
from chalicelib.members.reporter import Reporter
from chalicelib.messages import Parts
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweep
from chalicelib.sweeps.verdict import verdict_on


class Judge:
    """Passes the verdict on sweeps."""

    def __init__(
        self, services: Services, reporter: Reporter, limiter: RemovalLimiter, withheld: WithheldRemovals
    ) -> None:
        self._services = services
        self._reporter = reporter
        self._limiter = limiter
        self._withheld = withheld

    def judge(self, sweep: Sweep) -> Sweep:
        """Return the sweep with its verdict. A dry run counts nothing and notifies nobody."""
        # Before this sweep can open a hold: that withholds nothing yet.
        if not sweep.dry_run and self._limiter.is_held():
            self._withheld.forget_outdated()
            self._limiter.remind()
        admitted = self._admit(sweep)
        verdict = verdict_on(sweep, admitted=admitted, max_members=self._limiter.max_members(sweep.linked))
        judged = verdict.applied_to(sweep)
        if admitted and not sweep.force and sweep.to_count > 0:
            judged = replace(judged, counted_at=self._services.now())
        if sweep.surplus is not None and not sweep.dry_run:
            self._services.memory.census.keep(sweep.sweep_id, sweep.surplus)
        if verdict.held_back:
            self._report(judged)
        return judged

    def withdraw(self, judged: Sweep, stored: Sweep | None) -> None:
        """Undo what a verdict counted, if another worker's was stored instead of it."""
        if judged.counted_at:
            self._limiter.give_back(judged.to_count, Counted(judged.counted_at))
        if judged.held and not (stored and stored.held):
            self._withheld.forget_outdated()

    def _admit(self, sweep: Sweep) -> bool:
        """Count those who would lose something, unless an operator forced the sweep.

        Without the list each is counted when their turn comes; a census says beforehand how many there are at least.
        """
        if sweep.without_list and not sweep.force and Parts.GROUPS in Parts(sweep.parts):
            if sweep.dry_run:
                return self._limiter.would_admit(sweep.at_least, linked=sweep.linked)
            return self._limiter.foresee(sweep.at_least, linked=sweep.linked)
        if sweep.dry_run:
            return sweep.force or sweep.losing + sweep.gone == sweep.locked or self._would_admit(sweep)
        if sweep.force or sweep.losing + sweep.gone == sweep.locked:
            self._limiter.note_linked(sweep.linked)
            return True
        return self._limiter.admit(sweep.to_count, linked=sweep.linked) is not None

    def _would_admit(self, sweep: Sweep) -> bool:
        return self._limiter.would_admit(sweep.to_count, linked=sweep.linked)

    def _report(self, sweep: Sweep) -> None:
        log.warning("sweep_held_back", sweep_id=sweep.sweep_id, losing=sweep.losing, linked=sweep.linked)
        if sweep.dry_run:
            return
        if not sweep.held:  # an open hold was counted
            self._services.metrics.count("SweepsHeld")
        now, state = self._services.now(), "held" if sweep.held else sweep.state
        if self._services.memory.sweeps.claim_notice(state, sweep.sweep_id, now=now, seconds=NOTICE_INTERVAL):
            self._reporter.sweep_problem(f"sweep: {sweep.note}", hold=sweep.held)
