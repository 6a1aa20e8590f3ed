"""Repairing the whole guild: survey, verdict, repair. It goes on by messages, so no run is bounded by one invocation.

1. *Survey* (`survey`, `compare`): a merge join of Discord's members and the store's links finds who differs, 1000
   members a page.
2. *Verdict* (`verdict`, `judge`; `census` where members are not listed): whether the sweep may do what it found. A
   guild that was never swept loses nothing at first, and a sweep that would take roles from too many members stops.
3. *Repair* (`repair`, `schedule`): members who differ become jobs, each with a ticket for the rate-limit bucket it will
   use and a delay until its turn; only as many at a time as have their turn within a quarter of an hour. Members who
   lose something go first.
"""

from typing import Any

from chalicelib.errors import Ticket
from chalicelib.members.context import Outcome
from chalicelib.members.guild import GuildView
from chalicelib.members.removal_limiter import RemovalLimiter
from chalicelib.members.removals import WithheldRemovals
from chalicelib.members.reporter import Reporter
from chalicelib.members.waiting import WaitingChanges
from chalicelib.messages import ComparePage, Parts, RepairPage, StartSweep
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweeps, is_narrow
from chalicelib.sweeps.compare import GuildComparer
from chalicelib.sweeps.dry_run import DryRun
from chalicelib.sweeps.finish import Finisher
from chalicelib.sweeps.judge import Judge
from chalicelib.sweeps.repair import Repair
from chalicelib.sweeps.start import Starter, new_sweep
from chalicelib.sweeps.step_queue import StepQueue
from chalicelib.sweeps.survey import Survey
from chalicelib.sweeps.unlinked import UnlinkedSearch
from chalicelib.sweeps.waiting_compare import WaitingComparer
from chalicelib.sweeps.waiting_start import WaitingStarter
from chalicelib.sweeps.waiting_survey import WaitingSurvey
from chalicelib.sweeps.withholder import Withholder


class Sweeper:
    """Starts sweeps and does their steps."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self.sweeps = sweeps = Sweeps(services.settings.guild_id)
        steps = StepQueue(services)
        reporter = Reporter(services, view)
        limiter, withheld = RemovalLimiter(services, reporter), WithheldRemovals(services, reporter)
        comparer, judge = GuildComparer(services, view), Judge(services, reporter, limiter, withheld)
        self._finisher = Finisher(services, sweeps, reporter)
        self._starter = Starter(services, sweeps, steps)
        self._dry_run = DryRun(services, sweeps, comparer, judge)
        unlinked = UnlinkedSearch(services, reporter)
        self._survey = Survey(services, sweeps, comparer, judge, steps, self._finisher, unlinked, withheld)
        waiting = WaitingChanges(services)
        self._waiting_starter = WaitingStarter(services, sweeps, steps, waiting)
        waiting_comparer = WaitingComparer(services, view, waiting.store)
        self._waiting_survey = WaitingSurvey(services, sweeps, waiting_comparer, steps, self._finisher, waiting)
        self._repair = Repair(services, sweeps, steps, self._finisher, limiter, Withholder(services))

    def start(self, parts: Parts, *, dry_run: bool = False, force: bool = False) -> dict[str, Any]:
        """Start a sweep and return its summary at once. A dry run is done when this returns."""
        if dry_run:
            return self._dry_run.run(new_sweep(parts, now=self._services.now(), force=force, dry_run=True))
        return self._starter.start(parts, force=force)

    def start_later(self, job: StartSweep) -> Outcome:
        """Start a sweep that had to wait for another one, or for the end of a storm."""
        if job.waiting:
            return self._waiting_starter.start(job)
        self._starter.start_queued(job)
        return Outcome.DONE

    def compare(self, job: ComparePage, *, redelivered: bool, ticket: Ticket | None = None) -> Outcome:
        """Compare one page of members. `ticket` is the one the page waited for."""
        survey = self._waiting_survey if is_narrow(job.sweep_id) else self._survey
        return survey.compare(job, redelivered=redelivered, ticket=ticket)

    def repair(self, job: RepairPage, *, redelivered: bool) -> Outcome:
        """Send the jobs whose turn is near."""
        return self._repair.repair(job, redelivered=redelivered)

    def fail(self, sweep_id: str, why: str) -> None:
        """End a sweep one of whose steps cannot be done."""
        if is_narrow(sweep_id):
            self._waiting_starter.start_again(sweep_id, why)
            return
        self._finisher.fail(sweep_id, why)
