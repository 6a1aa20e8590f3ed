"""The steps of a sweep: sending them to the bulk queue, and how long one invocation goes on with them.

Lambda counts the invocations of a chain of messages, so a sweep does as much in each as its time allows.
"""

from dataclasses import dataclass

from chalicelib.clock import Clock
from chalicelib.messages import ComparePage, RepairPage, StartSweep, encode
from chalicelib.queues import Progress
from chalicelib.services import Services

STEP_SECONDS = 30.0  # that an invocation goes on with steps: half of its timeout, the rest is for its last step
MIN_LEFT = 20.0  # seconds that must be left of an invocation to begin another step


@dataclass(frozen=True, slots=True)
class Allowance:
    """The time that an invocation has for steps: until `ends_at`, epoch seconds."""

    ends_at: float
    clock: Clock

    def is_left(self, after: float = 0.0) -> bool:
        """Whether another step may begin in this invocation, `after` seconds from now."""
        return self.clock.now() + after < self.ends_at


class StepQueue:
    """Sends messages about sweeps."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def send(self, job: ComparePage | RepairPage | StartSweep, *, delay: float = 0.0) -> None:
        """Send one step, to be received after `delay` seconds."""
        trace = "sweep" if isinstance(job, StartSweep) else job.sweep_id
        progress = Progress(trace=trace, since=self._services.now())
        self._services.queues.bulk(encode(job), progress, delay=delay)

    def allowance(self) -> Allowance:
        """The time that this invocation may go on with steps, from now on."""
        now = self._services.now()
        seconds = min(STEP_SECONDS, self._services.discord.seconds_left - MIN_LEFT)
        return Allowance(now + seconds, self._services.clock)
