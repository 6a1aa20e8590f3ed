"""The end of a sweep: it makes room for the next one, and is measured and logged."""

from dataclasses import replace

from chalicelib import log
from chalicelib.members.reporter import Reporter
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from chalicelib.sweeps.summary import summary_of
from chalicelib.sweeps.weekly import WeeklyLine


class Finisher:
    """Ends sweeps."""

    def __init__(self, services: Services, sweeps: Sweeps, reporter: Reporter) -> None:
        self._services = services
        self._sweeps = sweeps
        self._reporter = reporter
        self._weekly = WeeklyLine(services, sweeps, reporter.officers)

    def finish(self, sweep: Sweep) -> None:
        """Let another sweep start. Doing it twice does no harm."""
        self._sweeps.finish(sweep)
        took = sweep.updated_at - sweep.started_at
        self._services.metrics.seconds("SweepSeconds", took)
        self._services.metrics.count("SweepDifferences", sweep.differing)
        if sweep.state is SweepState.FAILED:
            self._services.metrics.count("SweepsFailed")
        log.info(f"sweep_{sweep.state}", **summary_of(sweep, examples=False), seconds=round(took, 1))
        self._weekly.tell_if_due(sweep)

    def fail(self, sweep_id: str, why: str) -> None:
        """End a sweep one of whose steps cannot be done, and tell the auth site. An unknown sweep is ignored."""
        sweep = self._sweeps.get(sweep_id)
        if sweep is None:
            return
        now = self._services.now()
        sweep = replace(sweep, state=SweepState.FAILED, note=why, step=sweep.step + 1, updated_at=now)
        self._sweeps.advance(sweep)
        self._reporter.sweep_problem(f"sweep failed: {why}")
        self.finish(sweep)
