"""Starting a sweep, or joining or following the one that runs."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from msgspec import structs

from chalicelib import log
from chalicelib.messages import ComparePage, Parts, StartSweep
from chalicelib.services import Services
from chalicelib.store.sweeps import NARROW, Sweep, Sweeps, SweepState
from chalicelib.sweeps.position import Position
from chalicelib.sweeps.step_queue import StepQueue
from chalicelib.sweeps.summary import summary_of

RENEW_AFTER = 1800.0  # seconds of a sweep, after which its chain of invocations is begun anew
MIN_RESTART_DELAY, MAX_RESTART_DELAY = 2.0, 480.0  # seconds between two attempts to start after another sweep


class Starter:
    """Starts sweeps, one at a time for each guild."""

    def __init__(self, services: Services, sweeps: Sweeps, steps: StepQueue) -> None:
        self._services = services
        self._sweeps = sweeps
        self._steps = steps

    def start(self, parts: Parts, *, force: bool = False) -> dict[str, Any]:
        """Start a sweep and return its summary, or that of the sweep that runs, with `already_running` and `queued`."""
        running = self._begin(parts, force=force)
        if isinstance(running, dict):
            return running
        if self._joins(running, parts, force=force):
            return summary_of(running) | {"already_running": True, "queued": False}
        self._renew_chain(running)
        claim = uuid.uuid4().hex
        self._services.memory.sweeps.claim_queue(claim, parts.value, force=force, now=self._services.now())
        self._wait(StartSweep(parts=parts.value, force=force, claim=claim))
        return summary_of(running) | {"already_running": True, "queued": True}

    def start_queued(self, job: StartSweep) -> None:
        """Start a sweep that had to wait for another one; if one runs again, it waits on.

        It ends if another one waits in its place: that will compare everybody anew, and began a chain of its own.
        """
        memory, parts = self._services.memory.sweeps, Parts(job.parts)
        if job.claim and not memory.waits(job.claim, job.parts, force=job.force):
            return
        running = self._begin(parts, force=job.force)
        if isinstance(running, Sweep) and not self._joins(running, parts, force=job.force):
            self._wait(job)
        elif job.claim:
            memory.release_queue(job.claim, job.parts, force=job.force)

    def _begin(self, parts: Parts, *, force: bool) -> dict[str, Any] | Sweep:
        """Start a sweep and return its summary, or return the sweep that runs."""
        sweep = new_sweep(parts, now=self._services.now(), force=force)
        running = self._sweeps.begin(sweep)
        if running:
            return running
        if force:
            self._services.memory.sweeps.allow_taking(by="force", now=sweep.started_at)
        self._steps.send(ComparePage(sweep_id=sweep.sweep_id))
        log.info("sweep_started", sweep_id=sweep.sweep_id, parts=str(parts), force=force)
        return summary_of(sweep)

    def _joins(self, running: Sweep, parts: Parts, *, force: bool) -> bool:
        """Whether the running sweep has compared nobody yet and covers what is asked: then it is that one.

        Either way every member is compared after the sweep was asked for.
        """
        fresh = running.state is SweepState.SURVEYING and running.pages == 0
        covered = fresh and parts in Parts(running.parts) and (running.force or not force)
        if covered:
            # The process that began it may have died before it sent this. Sending it twice does no harm.
            self._steps.send(ComparePage(sweep_id=running.sweep_id))
        return covered

    def _wait(self, job: StartSweep) -> None:
        """Try again later, ever later."""
        delay = min(MIN_RESTART_DELAY * 3 ** min(job.tries, 10), MAX_RESTART_DELAY)
        self._steps.send(structs.replace(job, tries=job.tries + 1), delay=delay)

    def _renew_chain(self, running: Sweep) -> None:
        """Let a sweep that has run for long go on from here: its next message then begins a new chain of invocations.

        The message that it waited for finds the step done, and ends.
        """
        position, age = Position.stored(running), self._services.now() - running.started_at
        if running.state is SweepState.REPAIRING and position and age > RENEW_AFTER:
            self._steps.send(position.job(running))


def new_sweep(parts: Parts, *, now: float, force: bool = False, dry_run: bool = False, narrow: bool = False) -> Sweep:
    """A sweep that has compared nobody yet. Its id sorts by time and is unique."""
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S")
    sweep_id = f"{NARROW if narrow else ''}{moment}-{uuid.uuid4().hex[:8]}"
    return replace(Sweep(sweep_id, parts.value, SweepState.SURVEYING, now, now), dry_run=dry_run, force=force)
