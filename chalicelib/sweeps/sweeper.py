"""Repairing the whole guild: survey, verdict, repair. Every step is a message, so no run is bounded by one invocation.

1. *Survey* (`compare`): a merge join of Discord's members and the store's links finds who differs, 1000 a page.
2. *Verdict*: whether the sweep may do what it found. A guild that was never swept loses nothing at first; a sweep that
   would take roles from too many stops.
3. *Repair* (`appointments`): those who differ become jobs, each with a ticket for the rate-limit bucket it will use and
   a delay until its turn; only as many at a time as have it within a minute. Those who lose something go first.
"""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from chalicelib import log
from chalicelib.errors import CallsHalted, GiveUp, RateLimitDeferred, RolecallError, Ticket, Wait
from chalicelib.members.context import Outcome
from chalicelib.members.guild import GuildView
from chalicelib.members.removal_limit import brake, stopped_taking
from chalicelib.messages import ComparePage, Parts, RepairPage, StartSweep, encode
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store.sweeps import OVERTAKEN, Difference, Sweep, Sweeps
from chalicelib.sweeps.compare import NO_LIST, GuildComparer
from chalicelib.sweeps.schedule import schedule_repairs

REPAIR_INTERVAL = 30.0  # seconds until more are sent; half the horizon, so that there is always work in the queue
FIRST_ANSWERS = 1.0  # seconds until more are sent where a bucket is not known yet
MIN_RESTART_DELAY, MAX_RESTART_DELAY = 2.0, 240.0  # seconds between two looks whether another sweep is done
MAX_DRY_WAIT = 200.0  # seconds that a dry run may wait for Discord in all; its function may run for 300
DAY = 86_400  # seconds
WAITING = "waiting"
MANY = 1_000_000
MAY_TAKE = "may_take"  # the flag of a guild in which sweeps may take roles


class Sweeper:
    """Starts sweeps and does their steps."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._comparer = GuildComparer(services, view)
        self._sweeps = Sweeps(services.settings.guild_id)

    # --- starting ---

    def start(self, parts: Parts, *, dry_run: bool = False, force: bool = False, tries: int = 0) -> dict[str, Any]:
        """Start a sweep; what is known of it at once. Whoever asks for a dry run waits until it is done."""
        now = self._services.now()
        moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%S")
        state = "surveying"
        sweep = Sweep(f"{moment}-{uuid.uuid4().hex[:8]}", parts.value, state, now, now, dry_run=dry_run, force=force)
        if dry_run:
            return self._dry_run(sweep)
        running = self._sweeps.begin(sweep)
        if running:
            return self._join_running_or_queue(running, parts, force=force, tries=tries)
        if force:
            self._services.memory.set_flag(MAY_TAKE, {"since": now, "by": "force"})
        self._send(ComparePage(sweep_id=sweep.sweep_id))
        log.info("sweep_started", sweep_id=sweep.sweep_id, parts=str(parts), force=force)
        return _shown(sweep)

    def _join_running_or_queue(self, running: Sweep, parts: Parts, *, force: bool, tries: int) -> dict[str, Any]:
        """Another sweep runs. If it has looked at nobody yet and does what is asked, that is it; else this one follows.

        Who asks for a sweep may rely on it that every member is looked at after that.
        """
        fresh = running.state == "surveying" and running.pages == 0
        covered = fresh and parts in Parts(running.parts) and (running.force or not force)
        if covered:
            self._send(ComparePage(sweep_id=running.sweep_id))  # who began it may have died; twice does no harm
        elif tries or self._is_first_to_wait(parts, force=force):
            later = StartSweep(parts=parts.value, force=force, tries=tries + 1)
            self._send(later, delay=min(MIN_RESTART_DELAY * 2 ** min(tries, 10), MAX_RESTART_DELAY))
        return _shown(running) | {"already_running": True, "queued": not covered}

    def start_later(self, job: StartSweep) -> Outcome:
        """A sweep that had to wait for another."""
        parts = Parts(job.parts)
        self._services.memory.unlock(_turn(parts, force=job.force), WAITING)
        if self.start(parts, force=job.force, tries=job.tries).get("queued"):
            self._is_first_to_wait(parts, force=job.force)  # on it goes
        return Outcome.DONE

    def _is_first_to_wait(self, parts: Parts, *, force: bool) -> bool:
        """Of all that were asked for while another runs, one waits: it will look at everybody anew."""
        name, now = _turn(parts, force=force), self._services.now()
        return self._services.memory.lock(name, WAITING, now=now, seconds=int(2 * MAX_RESTART_DELAY))

    def _dry_run(self, sweep: Sweep) -> dict[str, Any]:
        page: ComparePage | None = ComparePage(sweep_id=sweep.sweep_id)
        ticket: Ticket | None = None
        waited = 0.0
        while page:
            try:
                sweep, _, page = self._comparer.compare_page(sweep, page, ticket)
                ticket = None
            except Wait as wait:
                waited += wait.retry_after
                if waited >= MAX_DRY_WAIT:
                    raise _too_long(wait) from wait
                ticket = wait.ticket if isinstance(wait, RateLimitDeferred) else None
                self._services.clock.sleep(wait.retry_after)
        sweep = self._verdict(replace(sweep, state="dry_run"))
        self._sweeps.note(replace(sweep, state="dry_run"))
        return _shown(sweep) | {"dry_run": True, "state": "dry_run"}

    # --- the survey ---

    def compare(self, job: ComparePage, *, redelivered: bool, ticket: Ticket | None = None) -> Outcome:
        """One page; then the next, or the verdict. `ticket`: what the page waited for, if it had to."""
        sweep = self._current(job.sweep_id)
        if sweep is None or sweep.state != "surveying" or job.page != sweep.pages:
            return self._on_redelivery(sweep, redelivered)
        sweep, found, following = self._comparer.compare_page(sweep, job, ticket)
        if found:  # under a number of its own: were two at this page, only one of them goes on
            number = job.page * MANY + uuid.uuid4().int % MANY
            self._sweeps.keep_page(sweep.sweep_id, number, found, now=self._services.now())
            sweep = replace(sweep, pages_found=[*sweep.pages_found, number])
        if following is None:
            sweep = self._verdict(sweep)
        if not self._sweeps.advance(replace(sweep, step=sweep.step + 1, updated_at=self._services.now())):
            return Outcome.NOTHING
        self._enqueue_next(replace(sweep, step=sweep.step + 1), following)
        return Outcome.DONE

    def _current(self, sweep_id: str) -> Sweep | None:
        """The sweep, unless it was given up for dead: then it ends here."""
        sweep = self._sweeps.get(sweep_id)
        if sweep and sweep.note == OVERTAKEN:
            log.warning("sweep_overtaken", sweep_id=sweep_id)
            return None
        return sweep

    def _on_redelivery(self, sweep: Sweep | None, redelivered: bool) -> Outcome:
        """A step that was done already. Where its worker died right after, what follows may never have been sent."""
        if not (sweep and redelivered) or sweep.step > sweep.pages:  # the repair has begun: it goes on by itself
            return Outcome.NOTHING
        following = ComparePage(sweep_id=sweep.sweep_id, page=sweep.pages, after=sweep.cursor)
        self._enqueue_next(sweep, following if sweep.state == "surveying" else None)
        return Outcome.DONE

    def _enqueue_next(self, sweep: Sweep, following: ComparePage | None) -> None:
        if following:
            self._send(following)
        elif sweep.state == "repairing":
            phase = 0 if sweep.losing or sweep.gone else 1
            self._send(RepairPage(sweep_id=sweep.sweep_id, step=sweep.step, phase=phase, page=sweep.first_page))
        else:
            self._finish(sweep)

    # --- the verdict ---

    def _verdict(self, sweep: Sweep) -> Sweep:
        """May the sweep do what it found?"""
        if sweep.differing == 0:
            self._allow_taking(sweep)
            return replace(sweep, state="done")
        may_take = sweep.force or self._services.memory.flag(MAY_TAKE) is not None
        unseen = sweep.note == NO_LIST and Parts.GROUPS in Parts(sweep.parts)  # nobody knows who would lose roles
        most = brake(sweep.linked, self._services.settings.sweep_brake_percent)
        if sweep.gone + (sweep.losing if may_take else 0) > most and not sweep.force:
            note = (
                f"stopped: of {sweep.linked} members it would take roles from {sweep.losing} and unlink {sweep.gone} "
                f'who seem to have left, more than {most} in all. To let it, run it with {{"force": true}}'
            )
            return self._held_back(replace(sweep, state="held", may_take=False, note=note))
        if unseen and may_take and not sweep.force:
            sweep = replace(sweep, brake=most)
        if sweep.losing == 0 and not unseen:
            self._allow_taking(sweep)
            return replace(sweep, state="repairing")
        if not may_take:
            losing = "an unknown number" if unseen else sweep.losing
            note = (
                "sweeps of this guild may not take roles yet: it gives what is missing and takes nothing. It would "
                f'take from {losing} of {sweep.linked} members. To let sweeps take, run one with {{"force": true}}'
                f"{f' ({NO_LIST})' if unseen else ''}"
            )
            return self._held_back(replace(sweep, state="repairing", may_take=False, note=note))
        return replace(sweep, state="repairing")

    def _allow_taking(self, sweep: Sweep) -> None:
        """A whole survey of roles that would take none: the guild agrees with the auth site, later sweeps may take."""
        looked = sweep.linked and not sweep.dry_run and Parts.GROUPS in Parts(sweep.parts) and sweep.note != NO_LIST
        if looked and self._services.memory.flag(MAY_TAKE) is None:
            self._services.memory.set_flag(MAY_TAKE, {"since": self._services.now(), "by": sweep.sweep_id})

    def _held_back(self, sweep: Sweep) -> Sweep:
        log.warning("sweep_held_back", sweep_id=sweep.sweep_id, losing=sweep.losing, linked=sweep.linked)
        if not sweep.dry_run:
            self._services.metrics.count("SweepsHeld")
            now = self._services.now()
            if self._services.memory.lock(f"told:{sweep.state}", sweep.sweep_id, now=now, seconds=DAY):  # not hourly
                self._services.notices.sync_failed("", None, None, f"sweep: {sweep.note}", now=now)
        return sweep

    # --- the repair ---

    def repair(self, job: RepairPage, *, redelivered: bool) -> Outcome:
        """Send the jobs whose turn is near; then wait, go on, or finish."""
        sweep = self._current(job.sweep_id)
        if sweep and sweep.state == "done" and redelivered:
            self._finish(sweep)  # its worker died right after the last step
            return Outcome.DONE
        if sweep is None or sweep.state != "repairing":
            return Outcome.NOTHING
        if job.step != sweep.step and not (redelivered and job.step == sweep.step - 1):
            return Outcome.NOTHING
        if sweep.brake and sweep.may_take and self._sweeps.has_braked(sweep.sweep_id):
            sweep = replace(sweep, may_take=False, note=f"{stopped_taking(sweep.brake)} ({sweep.note})")
        job, waiting = self._next_waiting(job, sweep)
        count, jobs, known = schedule_repairs(self._services, sweep, waiting)
        self._services.queues.bulk_many(jobs)
        sweep = replace(
            sweep,
            step=job.step + 1,
            sent=sweep.sent + count,
            singles=sweep.singles - sum(one.role is not None for one in waiting[:count]),
            updated_at=self._services.now(),
        )
        following = self._next_repair(job, sweep, count, page_done=count == len(waiting))
        if following is None:
            sweep = replace(sweep, state="done")
        self._sweeps.advance(sweep)
        if following:
            pause = REPAIR_INTERVAL if known else FIRST_ANSWERS
            self._send(following, delay=0.0 if count == len(waiting) else pause)
        else:
            self._finish(sweep)
        return Outcome.DONE

    def _next_waiting(self, job: RepairPage, sweep: Sweep) -> tuple[RepairPage, list[Difference]]:
        """The page from `job` on that somebody waits on; the last one where nobody does."""
        while True:
            waiting = self._waiting(job, sweep)
            following = None if waiting else self._next_repair(job, sweep, 0, page_done=True)
            if following is None:
                return job, waiting
            job = following

    def _waiting(self, job: RepairPage, sweep: Sweep) -> list[Difference]:
        """Who of the page has not been sent yet in this phase. Where nothing may be taken, losing nothing is left."""
        found = self._sweeps.page(sweep.sweep_id, job.page)
        if not sweep.may_take:
            found = [one for one in found if one.give or one.nickname or one.gone or not one.take]
        first = [one for one in found if one.take or one.gone]
        others = [one for one in found if not (one.take or one.gone)]
        return (first if job.phase == 0 else others)[job.offset :]

    def _next_repair(self, job: RepairPage, sweep: Sweep, count: int, *, page_done: bool) -> RepairPage | None:
        here = RepairPage(
            sweep_id=job.sweep_id, step=sweep.step, phase=job.phase, page=job.page, offset=job.offset + count
        )
        if not page_done:
            return here
        further = [page for page in sweep.pages_found if page > job.page]
        if further:
            return RepairPage(sweep_id=job.sweep_id, step=sweep.step, phase=job.phase, page=further[0])
        if job.phase == 0:
            return RepairPage(sweep_id=job.sweep_id, step=sweep.step, phase=1, page=sweep.first_page)
        return None

    # --- the end ---

    def _finish(self, sweep: Sweep) -> None:
        self._sweeps.finish(sweep)
        took = sweep.updated_at - sweep.started_at
        self._services.metrics.seconds("SweepSeconds", took)
        self._services.metrics.count("SweepDifferences", sweep.differing)
        if sweep.state == "failed":
            self._services.metrics.count("SweepsFailed")
        log.info("sweep_" + sweep.state, **_shown(sweep, examples=False), seconds=round(took, 1))

    def fail(self, sweep_id: str, why: str) -> None:
        """A step could not be done, for good."""
        sweep = self._sweeps.get(sweep_id)
        if sweep is None:
            return
        sweep = replace(sweep, state="failed", note=why, step=sweep.step + 1, updated_at=self._services.now())
        self._sweeps.advance(sweep)
        self._services.notices.sync_failed("", None, None, f"sweep failed: {why}", now=self._services.now())
        self._finish(sweep)

    def _send(self, job: ComparePage | RepairPage | StartSweep, *, delay: float = 0.0) -> None:
        sweep_id = getattr(job, "sweep_id", "sweep")
        self._services.queues.bulk(encode(job), Progress(trace=sweep_id, since=self._services.now()), delay=delay)


def _turn(parts: Parts, *, force: bool) -> str:
    return f"next_sweep:{parts.value}:{force}"


def _too_long(wait: Wait) -> RolecallError:
    """What a dry run ends with that would have to wait too long. Where all calls have stopped, that says why."""
    if isinstance(wait, CallsHalted):
        return wait
    return GiveUp(
        "Discord's limits would make this dry run take longer than a function may run; "
        "try again later, or run the sweep"
    )


def _shown(sweep: Sweep, *, examples: bool = True) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "sweep_id": sweep.sweep_id,
        "state": sweep.state,
        "parts": [part.name.lower() for part in Parts(sweep.parts) if part.name],
        "members": sweep.members,
        "linked": sweep.linked,
        "differing": sweep.differing,
        "would_lose_roles": sweep.losing,
        "left": sweep.gone,
        "may_take": sweep.may_take,
        "note": sweep.note,
    }
    return shown | {"would_change": sweep.examples} if examples else shown
