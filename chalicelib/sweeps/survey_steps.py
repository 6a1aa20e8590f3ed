"""The steps of a survey of any kind: as many pages in one invocation as its time allows.

Each page is stored as a step of the sweep, so a worker that dies loses one page. The message names the first page of
the invocation; where the survey really stands is in the sweep. `survey` compares the whole guild, `waiting_survey`
those who wait for that.
"""

import uuid
from abc import ABC, abstractmethod
from dataclasses import replace

from chalicelib import log
from chalicelib.errors import RateLimitDeferred, Ticket
from chalicelib.members.context import Outcome
from chalicelib.messages import ComparePage
from chalicelib.services import Services
from chalicelib.store.sweeps import UNDER_WAY, Sweep, Sweeps, SweepState
from chalicelib.sweeps.compare import ComparedPage
from chalicelib.sweeps.finish import Finisher
from chalicelib.sweeps.position import Position
from chalicelib.sweeps.step_queue import Allowance, StepQueue

RESTS_AFTER = 25.0  # seconds without a page; less than a message waits that met an outage (`outages.MIN_PAUSE`)
MAX_DUPLICATES = 1_000_000  # numbers for what several workers find at one page


class SurveySteps(ABC):
    """Does the steps of a survey. What a page is, and what comes before and after the last, is its kind's."""

    def __init__(self, services: Services, sweeps: Sweeps, steps: StepQueue, finisher: Finisher) -> None:
        self._services = services
        self._sweeps = sweeps
        self._steps = steps
        self._finisher = finisher

    def compare(self, job: ComparePage, *, redelivered: bool, ticket: Ticket | None = None) -> Outcome:
        """Compare pages while there is time, then send the next one, or pass the verdict.

        `ticket` is the one that the first page waited for.
        """
        sweep = self._sweeps.current(job.sweep_id)
        if sweep is None or sweep.state is not SweepState.SURVEYING or job.page != sweep.pages:
            return self._resume(sweep) if sweep and self._may_rest(sweep, redelivered) else Outcome.NOTHING
        if job.page == 0:
            self._begin(sweep)
        allowance = self._steps.allowance()
        page = self._compare_page(sweep, job, ticket)
        if page is None:
            return Outcome.NOTHING
        while page.following and allowance.is_left():
            try:
                following = self._compare_following(page.sweep, page.following, allowance)
            except Exception as error:  # noqa: BLE001 - the message of that page meets it too, and delivery settles it
                log.info("page_postponed", sweep_id=job.sweep_id, page=page.following.page, error=type(error).__name__)
                return self._resume(self._sweeps.current(job.sweep_id))
            if following is None:
                return Outcome.DONE
            page = following
        self._enqueue_next(page.sweep, page.following)
        return Outcome.DONE

    @abstractmethod
    def _compare_page(self, sweep: Sweep, job: ComparePage, ticket: Ticket | None = None) -> ComparedPage | None:
        """Compare one page and store it as a step. None if another worker did that step meanwhile."""

    def _begin(self, sweep: Sweep) -> None:  # noqa: B027 - most surveys need nothing
        """What comes before the first page."""

    def _compare_following(self, sweep: Sweep, job: ComparePage, allowance: Allowance) -> ComparedPage | None:
        """As `_compare_page`, but wait for the turn of its request if that comes in time."""
        try:
            return self._compare_page(sweep, job)
        except RateLimitDeferred as wait:
            if not allowance.is_left(wait.retry_after):
                raise
            self._services.clock.sleep(wait.retry_after)
            return self._compare_page(sweep, job, wait.ticket)

    def _with_differences(self, compared: ComparedPage, job: ComparePage) -> Sweep:
        """Store the differences under a number of their own: of two workers at one page, only one goes on."""
        sweep = compared.sweep
        if not compared.found:
            return sweep
        number = job.page * MAX_DUPLICATES + uuid.uuid4().int % MAX_DUPLICATES
        self._sweeps.keep_page(sweep.sweep_id, number, compared.found, now=self._services.now())
        return replace(sweep, pages_found=(*sweep.pages_found, number))

    def _may_rest(self, sweep: Sweep, redelivered: bool) -> bool:
        """Whether nobody may be at work on the sweep: a worker that died, or met an outage, sent no further message."""
        return redelivered or (sweep.state in UNDER_WAY and self._services.now() - sweep.updated_at > RESTS_AFTER)

    def _resume(self, sweep: Sweep | None) -> Outcome:
        """Send the next step of the survey. If another worker does the same, one of them stops."""
        if sweep is None or sweep.step > sweep.pages:  # the repair has begun, and goes on by itself
            return Outcome.NOTHING
        following = ComparePage(sweep_id=sweep.sweep_id, page=sweep.pages, after=sweep.cursor)
        self._enqueue_next(sweep, following if sweep.state is SweepState.SURVEYING else None)
        return Outcome.DONE

    def _enqueue_next(self, sweep: Sweep, following: ComparePage | None) -> None:
        """Send the next page, or what follows on the survey."""
        if following:
            self._steps.send(following)
        elif sweep.state is SweepState.REPAIRING:
            self._steps.send(Position.first(sweep).job(sweep))
        else:
            self._finisher.finish(sweep)
