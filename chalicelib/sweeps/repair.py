"""The repair: each step sends the jobs whose turn is near."""

from dataclasses import replace

from chalicelib.members.context import Outcome
from chalicelib.members.removal_limit import stopped_taking
from chalicelib.messages import RepairPage
from chalicelib.services import Services
from chalicelib.store.sweeps import Difference, Sweep, Sweeps, SweepState
from chalicelib.sweeps.finish import Finisher
from chalicelib.sweeps.position import Position
from chalicelib.sweeps.schedule import schedule_repairs
from chalicelib.sweeps.step_queue import StepQueue

REPAIR_INTERVAL = 30.0  # seconds until more are sent; half the horizon, so that there is always work in the queue
FIRST_ANSWERS = 1.0  # seconds until more are sent while the limit of a bucket is not known yet


class Repair:
    """Does the steps of a repair."""

    def __init__(self, services: Services, sweeps: Sweeps, steps: StepQueue, finisher: Finisher) -> None:
        self._services = services
        self._sweeps = sweeps
        self._steps = steps
        self._finisher = finisher

    def repair(self, job: RepairPage, *, redelivered: bool) -> Outcome:
        """Send the jobs whose turn is near; then wait, go on to the next page, or finish."""
        sweep = self._sweeps.current(job.sweep_id)
        if sweep and sweep.state is SweepState.DONE and redelivered:
            self._finisher.finish(sweep)  # its worker died right after the last step
            return Outcome.DONE
        if sweep is None or not _is_due(job, sweep, redelivered=redelivered):
            return Outcome.NOTHING
        self._step(Position.of(job), self._within_removal_limit(sweep))
        return Outcome.DONE

    def _within_removal_limit(self, sweep: Sweep) -> Sweep:
        """The sweep, which takes nothing more if it reached the removal limit while it ran."""
        if sweep.brake and sweep.may_take and self._sweeps.has_braked(sweep.sweep_id):
            return replace(sweep, may_take=False, note=f"{stopped_taking(sweep.brake)} ({sweep.note})")
        return sweep

    def _step(self, position: Position, sweep: Sweep) -> None:
        position, waiting = self._first_waiting(position, sweep)
        batch = schedule_repairs(self._services, sweep, waiting)
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
            sweep = replace(sweep, state=SweepState.DONE)
        self._sweeps.advance(sweep)
        if following is None:
            self._finisher.finish(sweep)
            return
        pause = REPAIR_INTERVAL if batch.buckets_known else FIRST_ANSWERS
        self._steps.send(following.job(sweep), delay=0.0 if page_done else pause)

    def _first_waiting(self, position: Position, sweep: Sweep) -> tuple[Position, list[Difference]]:
        """The first page, from `position` on, with members to repair, and those members; the last page if none has."""
        while True:
            waiting = position.waiting(self._sweeps.page(sweep.sweep_id, position.page), may_take=sweep.may_take)
            following = None if waiting else position.next_page(sweep)
            if following is None:
                return position, waiting
            position = following


def _is_due(job: RepairPage, sweep: Sweep, *, redelivered: bool) -> bool:
    """Whether the step is the sweep's next one, or its last one again: its worker may have died before the next."""
    if sweep.state is not SweepState.REPAIRING:
        return False
    return job.step == sweep.step or (redelivered and job.step == sweep.step - 1)
