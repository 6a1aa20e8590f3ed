"""Carrying out a verdict: what is remembered of it, and who is told."""

from chalicelib import log
from chalicelib.members.reporter import Reporter
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweep
from chalicelib.sweeps.verdict import verdict_on

NOTICE_INTERVAL = 86_400  # seconds; a sweep that is held back every hour is reported once a day


class Judge:
    """Passes the verdict on sweeps."""

    def __init__(self, services: Services, reporter: Reporter) -> None:
        self._services = services
        self._reporter = reporter

    def judge(self, sweep: Sweep) -> Sweep:
        """The sweep with its verdict. A dry run changes nothing for later sweeps, and nobody is told of it."""
        memory = self._services.memory.sweeps
        allowed = memory.taking_allowed()
        percent = self._services.settings.sweep_brake_percent
        verdict = verdict_on(sweep, taking_allowed=allowed, limit_percent=percent)
        if verdict.in_agreement and not allowed and not sweep.dry_run:
            memory.allow_taking(by=sweep.sweep_id, now=self._services.now())
        judged = verdict.applied_to(sweep)
        if verdict.held_back:
            self._report(judged)
        return judged

    def _report(self, sweep: Sweep) -> None:
        log.warning("sweep_held_back", sweep_id=sweep.sweep_id, losing=sweep.losing, linked=sweep.linked)
        if sweep.dry_run:
            return
        self._services.metrics.count("SweepsHeld")
        now = self._services.now()
        if self._services.memory.sweeps.claim_notice(sweep.state, sweep.sweep_id, now=now, seconds=NOTICE_INTERVAL):
            self._reporter.sweep_problem(f"sweep: {sweep.note}")
