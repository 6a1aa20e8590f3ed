"""Starting a sweep, or joining or following the one that runs."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chalicelib import log
from chalicelib.messages import ComparePage, Parts, StartSweep
from chalicelib.services import Services
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from chalicelib.sweeps.position import Position
from chalicelib.sweeps.step_queue import StepQueue
from chalicelib.sweeps.summary import summary_of

RENEW_AFTER = 1800.0  # seconds of a sweep, after which its chain of invocations is begun anew
MIN_RESTART_DELAY, MAX_RESTART_DELAY = 2.0, 240.0  # seconds between two attempts to start after another sweep


class Starter:
    """Starts sweeps, one at a time for each guild."""

    def __init__(self, services: Services, sweeps: Sweeps, steps: StepQueue) -> None:
        self._services = services
        self._sweeps = sweeps
        self._steps = steps

    def start(self, parts: Parts, *, force: bool = False, tries: int = 0) -> dict[str, Any]:
        """Start a sweep and return its summary, or that of the sweep that runs, with `already_running` and `queued`.

        `tries` counts the earlier attempts to start it.
        """
        sweep = new_sweep(parts, now=self._services.now(), force=force)
        running = self._sweeps.begin(sweep)
        if running:
            return self._join_running_or_queue(running, parts, force=force, tries=tries)
        if force:
            self._services.memory.sweeps.allow_taking(by="force", now=sweep.started_at)
        self._steps.send(ComparePage(sweep_id=sweep.sweep_id))
        log.info("sweep_started", sweep_id=sweep.sweep_id, parts=str(parts), force=force)
        return summary_of(sweep)

    def start_queued(self, job: StartSweep) -> None:
        """Start a sweep that had to wait for another one; if one runs again, it stays queued."""
        parts = Parts(job.parts)
        self._services.memory.sweeps.release_queue(job.parts, force=job.force)
        if self.start(parts, force=job.force, tries=job.tries).get("queued"):
            self._claim_queue(parts, force=job.force)

    def _join_running_or_queue(self, running: Sweep, parts: Parts, *, force: bool, tries: int) -> dict[str, Any]:
        """If the running sweep has compared nobody yet and covers what is asked, reuse it; otherwise queue this one.

        Either way every member is compared after the sweep was asked for.
        """
        fresh = running.state is SweepState.SURVEYING and running.pages == 0
        covered = fresh and parts in Parts(running.parts) and (running.force or not force)
        if covered:
            # The process that began it may have died before it sent this. Sending it twice does no harm.
            self._steps.send(ComparePage(sweep_id=running.sweep_id))
            return summary_of(running) | {"already_running": True, "queued": False}
        if not tries:
            self._renew_chain(running)
        if tries or self._claim_queue(parts, force=force):
            later = StartSweep(parts=parts.value, force=force, tries=tries + 1)
            self._steps.send(later, delay=min(MIN_RESTART_DELAY * 2 ** min(tries, 10), MAX_RESTART_DELAY))
        return summary_of(running) | {"already_running": True, "queued": True}

    def _renew_chain(self, running: Sweep) -> None:
        """Let a sweep that has run for long go on from here: its next message then begins a new chain of invocations.

        The message that it waited for finds the step done, and ends.
        """
        position, age = Position.stored(running), self._services.now() - running.started_at
        if running.state is SweepState.REPAIRING and position and age > RENEW_AFTER:
            self._steps.send(position.job(running))

    def _claim_queue(self, parts: Parts, *, force: bool) -> bool:
        """Of all sweeps that are asked for while another runs, one waits: it will compare everybody anew."""
        seconds, now = int(2 * MAX_RESTART_DELAY), self._services.now()
        return self._services.memory.sweeps.claim_queue(parts.value, force=force, now=now, seconds=seconds)


def new_sweep(parts: Parts, *, now: float, force: bool = False, dry_run: bool = False) -> Sweep:
    """A sweep that has compared nobody yet. Its id sorts by time and is unique."""
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S")
    sweep_id = f"{moment}-{uuid.uuid4().hex[:8]}"
    return replace(Sweep(sweep_id, parts.value, SweepState.SURVEYING, now, now), dry_run=dry_run, force=force)
