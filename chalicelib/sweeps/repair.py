"""The repair: each step sends the jobs whose turn is near."""

from dataclasses import dataclass, replace

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

HOLD_IS_OPEN = "stopped taking: the removal limit was reached while the sweep ran, and a hold is open"


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
        """Send the jobs whose turn is near, page by page; then wait for the next ones' turn, or finish."""
        sweep = self._sweeps.current(job.sweep_id)
        if sweep and sweep.state in (SweepState.DONE, SweepState.HELD) and redelivered:
            self._finisher.finish(sweep)  # its worker died right after the last step
            return Outcome.DONE
        position = _position(job, sweep, redelivered=redelivered) if sweep else None
        if sweep is None or position is None:
            return Outcome.NOTHING
        self._go_on(position, sweep)
        return Outcome.DONE

    def _go_on(self, position: Position, sweep: Sweep) -> None:
        allowance = self._steps.allowance()
        step = self._step(position, sweep)
        while step.following and step.goes_on and allowance.is_left():
            step = self._step(step.following, step.sweep)
        if step.following is None:
            self._finisher.finish(step.sweep)
        else:
            self._steps.send(step.following.job(step.sweep), delay=step.pause)

    def _step(self, position: Position, sweep: Sweep) -> "_Step":
        """Send the jobs of the next page whose turn is near, and store how far the sweep is."""
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
        sweep = replace(sweep, position=following.to_store) if following else self._ended(sweep)
        advanced = self._sweeps.advance(sweep)
        return _Step(sweep, following, 0.0 if page_done else batch.pause, goes_on=page_done and advanced)

    def _still_counted(self, position: Position, sweep: Sweep) -> bool:
        """Whether the members who lose something were admitted by the verdict, and no hold was opened since."""
        if sweep.force:
            return True
        if sweep.narrow or sweep.held or position.phase is not Phase.LOSING:
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


@dataclass(frozen=True, slots=True)
class _Step:
    """A step that was made: the sweep after it, and where it goes on after `pause` seconds (None: nowhere).

    `goes_on`: the next step can follow at once, in the same invocation.
    """

    sweep: Sweep
    following: Position | None
    pause: float
    goes_on: bool


def _position(job: RepairPage, sweep: Sweep, *, redelivered: bool) -> Position | None:
    """Where to go on: at the sweep's next step, if the message is that, or if its worker may have died; else None."""
    if sweep.state is not SweepState.REPAIRING:
        return None
    if job.step == sweep.step:
        return Position.of(job)
    if not redelivered or job.step > sweep.step:
        return None
    stored = Position.stored(sweep)
    if stored:
        return stored
    return Position.of(job) if job.step == sweep.step - 1 else None
