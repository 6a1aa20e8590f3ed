"""The survey: as many pages in one invocation as its time allows; the last page ends in the verdict.

Each page is stored as a step of the sweep, so a worker that dies loses one page. The message names the first page of
the invocation; where the survey really stands is in the sweep.
"""

import uuid
from dataclasses import replace

from chalicelib import log
from chalicelib.errors import RateLimitDeferred, Ticket
from chalicelib.members.context import Outcome
from chalicelib.members.removals import WithheldRemovals
from chalicelib.members.waiting import WaitingChanges
from chalicelib.messages import ComparePage, ExpireBehavior, Parts, RemoveReplacedAccount, encode
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store.partings import Partings
from chalicelib.store.sweeps import UNDER_WAY, Sweep, Sweeps, SweepState
from chalicelib.sweeps.compare import ComparedPage, GuildComparer
from chalicelib.sweeps.finish import Finisher
from chalicelib.sweeps.judge import Judge
from chalicelib.sweeps.position import Position
from chalicelib.sweeps.step_queue import Allowance, StepQueue
from chalicelib.sweeps.tally import TallyKeeper
from chalicelib.sweeps.unlinked import UnlinkedSearch

RESTS_AFTER = 25.0  # seconds without a page; less than a message waits that met an outage (`outages.MIN_PAUSE`)
MAX_DUPLICATES = 1_000_000  # numbers for what several workers find at one page


class Survey:
    """Does the steps of a survey."""

    def __init__(
        self,
        services: Services,
        sweeps: Sweeps,
        comparer: GuildComparer,
        judge: Judge,
        steps: StepQueue,
        finisher: Finisher,
        unlinked: UnlinkedSearch,
        withheld: WithheldRemovals,
    ) -> None:
        self._services = services
        self._partings = Partings(services.settings.guild_id)
        self._sweeps = sweeps
        self._comparer = comparer
        self._judge = judge
        self._steps = steps
        self._finisher = finisher
        self._unlinked = unlinked
        self._withheld = withheld
        self._tally = TallyKeeper(services)
        self._waiting = WaitingChanges(services)

    def compare(self, job: ComparePage, *, redelivered: bool, ticket: Ticket | None = None) -> Outcome:
        """Compare pages while there is time, then send the next one, or pass the verdict.

        `ticket` is the one that the first page waited for.
        """
        sweep = self._sweeps.current(job.sweep_id)
        if sweep is None or sweep.state is not SweepState.SURVEYING or job.page != sweep.pages:
            return self._resume(sweep) if sweep and self._may_rest(sweep, redelivered) else Outcome.NOTHING
        self._begins(sweep, job)
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

    def _begins(self, sweep: Sweep, job: ComparePage) -> None:
        """What comes before the first page."""
        if job.page > 0:
            return
        if sweep.force and Parts.GROUPS in Parts(sweep.parts):
            self._withheld.answer_by_sweep()
        self._waiting.ensure_driver()

    def _compare_following(self, sweep: Sweep, job: ComparePage, allowance: Allowance) -> ComparedPage | None:
        """As `_compare_page`, but wait for the turn of its request if that comes in time."""
        try:
            return self._compare_page(sweep, job)
        except RateLimitDeferred as wait:
            if not allowance.is_left(wait.retry_after):
                raise
            self._services.clock.sleep(wait.retry_after)
            return self._compare_page(sweep, job, wait.ticket)

    def _compare_page(self, sweep: Sweep, job: ComparePage, ticket: Ticket | None = None) -> ComparedPage | None:
        """Compare one page and store it as a step. None if another worker did that step meanwhile."""
        compared = self._comparer.compare_page(sweep, job, ticket)
        if job.page == 0 and Parts.GROUPS in Parts(sweep.parts):
            self._send_partings()
        sweep = self._with_differences(compared, job)
        self._unlinked.carry_out(sweep, compared.unlinked)
        if compared.following is None:
            self._unlinked.report(sweep)
            sweep = self._judge.judge(sweep)
        self._tally.note(sweep.sweep_id, job.page, compared.tally, is_last=compared.following is None)
        sweep = replace(sweep, step=sweep.step + 1, updated_at=self._services.now())
        if not self._sweeps.advance(sweep):
            if compared.following is None:
                self._judge.withdraw(sweep, self._sweeps.current(job.sweep_id))
            return None
        return replace(compared, sweep=sweep, found=[], unlinked=[])

    def _send_partings(self) -> None:
        """Have the accounts kicked that are linked to nobody and whose grace days are over."""
        now = self._services.now()
        for parting in self._partings.due(now=now):
            job = RemoveReplacedAccount(
                user_id=parting.user_id,
                discord_id=int(parting.discord_id),
                expire_behavior=ExpireBehavior.KICK,
                until=0.0,
            )
            self._services.queues.bulk(encode(job), Progress(log.bound(), now))
            self._partings.forget(parting)

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
        if following:
            self._steps.send(following)
        elif sweep.state is SweepState.REPAIRING:
            self._steps.send(Position.first(sweep).job(sweep))
        else:
            self._finisher.finish(sweep)
