"""The survey, a page for each message; its last page ends in the verdict."""

import uuid
from dataclasses import replace

from chalicelib import log
from chalicelib.errors import Ticket
from chalicelib.members.context import Outcome
from chalicelib.members.removals import WithheldRemovals
from chalicelib.messages import ComparePage, ExpireBehavior, Parts, RemoveReplacedAccount, encode
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store.partings import Partings
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from chalicelib.sweeps.compare import ComparedPage, GuildComparer
from chalicelib.sweeps.finish import Finisher
from chalicelib.sweeps.judge import Judge
from chalicelib.sweeps.position import Position
from chalicelib.sweeps.step_queue import StepQueue
from chalicelib.sweeps.tally import TallyKeeper
from chalicelib.sweeps.unlinked import UnlinkedSearch

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

    def compare(self, job: ComparePage, *, redelivered: bool, ticket: Ticket | None = None) -> Outcome:
        """Compare one page, then send the next one, or pass the verdict. `ticket` is the one the page waited for."""
        sweep = self._sweeps.current(job.sweep_id)
        if sweep is None or sweep.state is not SweepState.SURVEYING or job.page != sweep.pages:
            return self._on_redelivery(sweep, redelivered)
        if sweep.force and job.page == 0 and Parts.GROUPS in Parts(sweep.parts):
            self._withheld.answer_by_sweep()
        compared = self._comparer.compare_page(sweep, job, ticket)
        if job.page == 0 and Parts.GROUPS in Parts(sweep.parts):
            self._send_partings()
        sweep = self._with_differences(compared, job)
        self._unlinked.carry_out(sweep, compared.unlinked)
        if compared.following is None:
            self._unlinked.report(sweep)
            sweep = self._judge.judge(sweep)
        self._tally.note(sweep.sweep_id, job.page, compared.tally, is_last=compared.following is None)
        sweep = replace(sweep, step=sweep.step + 1)
        if not self._sweeps.advance(replace(sweep, updated_at=self._services.now())):
            return Outcome.NOTHING
        self._enqueue_next(sweep, compared.following)
        return Outcome.DONE

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

    def _on_redelivery(self, sweep: Sweep | None, redelivered: bool) -> Outcome:
        """The step was done already. If its worker died right after, the next one may never have been sent."""
        if not (sweep and redelivered) or sweep.step > sweep.pages:  # the repair has begun, and goes on by itself
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
