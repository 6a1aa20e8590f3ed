"""The survey of the whole guild: who of the members whom Discord lists differs. The last page ends in the verdict."""

from dataclasses import replace

from chalicelib import log
from chalicelib.errors import Ticket
from chalicelib.members.removals import WithheldRemovals
from chalicelib.members.waiting import WaitingChanges
from chalicelib.messages import ComparePage, ExpireBehavior, Parts, RemoveReplacedAccount, encode
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store.partings import Partings
from chalicelib.store.sweeps import Sweep, Sweeps
from chalicelib.sweeps.compare import ComparedPage, GuildComparer
from chalicelib.sweeps.finish import Finisher
from chalicelib.sweeps.judge import Judge
from chalicelib.sweeps.step_queue import StepQueue
from chalicelib.sweeps.survey_steps import SurveySteps
from chalicelib.sweeps.tally import TallyKeeper
from chalicelib.sweeps.unlinked import UnlinkedSearch


class Survey(SurveySteps):
    """Does the steps of a survey of the whole guild."""

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
        super().__init__(services, sweeps, steps, finisher)
        self._partings = Partings(services.settings.guild_id)
        self._comparer = comparer
        self._judge = judge
        self._unlinked = unlinked
        self._withheld = withheld
        self._tally = TallyKeeper(services)
        self._waiting = WaitingChanges(services)

    def _begin(self, sweep: Sweep) -> None:
        """A forced sweep answers what is held; and nobody is left waiting for a comparison whose message was lost."""
        if sweep.force and Parts.GROUPS in Parts(sweep.parts):
            self._withheld.answer_by_sweep()
        self._waiting.ensure_driver()

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
