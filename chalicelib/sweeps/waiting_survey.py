"""The survey of a narrow sweep: as that of the whole guild, but of those who wait, and without a verdict.

Nobody is counted together: whatever it takes, each member is counted when their turn comes, as for a single change.
"""

from dataclasses import replace

from chalicelib.errors import Ticket
from chalicelib.members.waiting import CALM, LEASE, WaitingChanges
from chalicelib.messages import ComparePage, Parts, StartSweep
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from chalicelib.sweeps.compare import ComparedPage
from chalicelib.sweeps.finish import Finisher
from chalicelib.sweeps.step_queue import StepQueue
from chalicelib.sweeps.survey_steps import SurveySteps
from chalicelib.sweeps.waiting_compare import WaitingComparer


class WaitingSurvey(SurveySteps):
    """Does the steps of the survey of a narrow sweep."""

    def __init__(
        self,
        services: Services,
        sweeps: Sweeps,
        comparer: WaitingComparer,
        steps: StepQueue,
        finisher: Finisher,
        waiting: WaitingChanges,
    ) -> None:
        super().__init__(services, sweeps, steps, finisher)
        self._comparer = comparer
        self._waiting = waiting

    def _compare_page(self, sweep: Sweep, job: ComparePage, ticket: Ticket | None = None) -> ComparedPage | None:
        """Compare one page and store it as a step. None if another worker did that step meanwhile.

        Marks go last: until then the sweep may not know yet who differs.
        """
        self._keep_driver(sweep)
        page = self._comparer.compare_page(sweep, job, ticket)
        compared = ComparedPage(page.sweep, page.found, page.following)
        sweep = self._with_differences(compared, job)
        if page.following is None:
            state = SweepState.REPAIRING if sweep.differing else SweepState.DONE
            sweep = replace(sweep, state=state)
        sweep = replace(sweep, step=sweep.step + 1, updated_at=self._services.now())
        if not self._sweeps.advance(sweep):
            return None
        self._waiting.store.remove(page.marks)
        return replace(compared, sweep=sweep, found=[])

    def _keep_driver(self, sweep: Sweep) -> None:
        """While this survey runs, its end is what begins the next one."""
        self._waiting.store.name_driver(sweep.sweep_id, lease=self._services.now() + LEASE)

    def _enqueue_next(self, sweep: Sweep, following: ComparePage | None) -> None:
        """After the last page the next narrow sweep may begin: those who were handed over meanwhile wait for it."""
        if following is None:
            self._sweeps.finish(sweep)
            job = StartSweep(parts=Parts.ALL.value, waiting=sweep.sweep_id, began=self._services.now(), tries=1)
            self._waiting.drive_later(job, delay=CALM)
        super()._enqueue_next(sweep, following)
