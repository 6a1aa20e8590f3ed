"""The repair: each step sends the jobs whose turn is near."""

from dataclasses import replace

from chalicelib.members.context import Outcome
from chalicelib.members.removal_limiter import RemovalLimiter
from chalicelib.messages import RepairPage
from chalicelib.services import Services
from chalicelib.store.sweeps import Difference, Sweep, Sweeps, SweepState
from chalicelib.sweeps.finish import Finisher
from chalicelib.sweeps.position import Phase, Position
from chalicelib.sweeps.schedule import schedule_repairs
from chalicelib.sweeps.step_queue import StepQueue
from chalicelib.sweeps.withholder import Withholder

REPAIR_INTERVAL = 30.0  # seconds until more are sent; half the horizon, so that there is always work in the queue
HOLD_IS_OPEN = "stopped taking: the removal limit was reached while the sweep ran, and a hold is open"
FIRST_ANSWERS = 1.0  # seconds until more are sent while the limit of a bucket is not known yet


class Repair:
    """Does the steps of a repair."""

    def __init__(
        self,
        services: Services,
        sweeps: Sweeps,
        steps: StepQueue,
        finisher: Finisher,
        limiter: RemovalLimiter,
        withholder: Withholder,
    ) -> None:
        self._services = services
        self._sweeps = sweeps
        self._steps = steps
        self._finisher = finisher
        self._limiter = limiter
        self._withholder = withholder

    def repair(self, job: RepairPage, *, redelivered: bool) -> Outcome:
        """Send the jobs whose turn is near; then wait, go on to the next page, or finish."""
        sweep = self._sweeps.current(job.sweep_id)
        if sweep and sweep.state in (SweepState.DONE, SweepState.HELD) and redelivered:
            self._finisher.finish(sweep)  # its worker died right after the last step
            return Outcome.DONE
        if sweep is None or not _is_due(job, sweep, redelivered=redelivered):
            return Outcome.NOTHING
        self._step(Position.of(job), sweep)
        return Outcome.DONE

    def _step(self, position: Position, sweep: Sweep) -> None:
        position, found = self._next_page(position, sweep)
        waiting = position.waiting(found, sweep)
        self._withholder.record(position.to_record(found, sweep), sweep)
        batch = schedule_repairs(self._services, sweep, waiting, counted=self._still_counted(position, sweep))
        self._services.queues.bulk_many(batch.jobs)
        sweep = replace(
            sweep,
            step=position.step + 1,
            sent=sweep.sent + batch.count,
            singles=sweep.singles - sum(one.role is not None for one in waiting[: batch.count]),
            updated_at=self._services.now(),
        )
        page_done = batch.count == len(waiting)
        following = position.next_page(sweep) if page_done else position.after(sweep, batch.count)
        if following is None:
            sweep = self._ended(sweep)
        self._sweeps.advance(sweep)
        if following is None:
            self._finisher.finish(sweep)
            return
        pause = REPAIR_INTERVAL if batch.buckets_known else FIRST_ANSWERS
        self._steps.send(following.job(sweep), delay=0.0 if page_done else pause)

    def _still_counted(self, position: Position, sweep: Sweep) -> bool:
        """Whether the members who lose something were admitted by the verdict, and no hold was opened since."""
        if sweep.force:
            return True
        if sweep.held or position.phase is not Phase.LOSING:
            return False
        return not self._limiter.is_held()

    def _ended(self, sweep: Sweep) -> Sweep:
        """The sweep after its last step. If its survey could not count, a hold may have been opened meanwhile."""
        if sweep.held:
            return replace(sweep, state=SweepState.HELD)
        if sweep.brake and not sweep.force and self._limiter.is_held():
            return replace(sweep, state=SweepState.HELD, note=f"{HOLD_IS_OPEN} ({sweep.note})")
        return replace(sweep, state=SweepState.DONE)

    def _next_page(self, position: Position, sweep: Sweep) -> tuple[Position, list[Difference]]:
        """The first page, from `position` on, on which something is to be done, and its differences; else the last."""
        while True:
            found = self._sweeps.page(sweep.sweep_id, position.page)
            idle = not (position.waiting(found, sweep) or position.to_record(found, sweep))
            following = position.next_page(sweep) if idle else None
            if following is None:
                return position, found
            position = following


def _is_due(job: RepairPage, sweep: Sweep, *, redelivered: bool) -> bool:
    """Whether the step is the sweep's next one, or its last one again: its worker may have died before the next."""
    if sweep.state is not SweepState.REPAIRING:
        return False
    return job.step == sweep.step or (redelivered and job.step == sweep.step - 1)
