"""Sending the steps of a sweep to the bulk queue."""

from chalicelib.messages import ComparePage, RepairPage, StartSweep, encode
from chalicelib.queues import Progress
from chalicelib.services import Services


class StepQueue:
    """Sends messages about sweeps."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def send(self, job: ComparePage | RepairPage | StartSweep, *, delay: float = 0.0) -> None:
        """Send one step, to be received after `delay` seconds."""
        trace = "sweep" if isinstance(job, StartSweep) else job.sweep_id
        self._services.queues.bulk(encode(job), Progress(trace=trace, since=self._services.now()), delay=delay)
