"""When a narrow sweep begins: soon after the first change was handed over, and then when the storm is over.

The first one compares a single page, so that the work begins and a small guild is done. The next one waits until no
change was handed over for some seconds, because each costs a request for every thousand members; but not for ever.
"""

from dataclasses import replace

from chalicelib import log
from chalicelib.members.context import Outcome
from chalicelib.members.waiting import CALM, LEASE, WaitingChanges
from chalicelib.messages import ComparePage, Parts, StartSweep
from chalicelib.services import Services
from chalicelib.store.sweeps import STALE_AFTER, Sweep, Sweeps, SweepState
from chalicelib.sweeps.start import new_sweep
from chalicelib.sweeps.step_queue import StepQueue

PAUSE_SHARE = 0.25  # of the time that a storm lasted until the next look whether it is over
MAX_PAUSE = 60.0  # seconds between two looks
MIN_WAIT, WAIT_A_PAGE, MAX_WAIT = 10.0, 6.0, 600.0  # seconds for which a sweep waits for the end of a storm, at most
UNLISTED_FOR = 300.0  # seconds for which those who wait are read one by one, after a sweep of them failed
UNKNOWN_PAGES = 100  # of the list of members, where no sweep has counted them


class WaitingStarter:
    """Begins narrow sweeps, one at a time."""

    def __init__(self, services: Services, sweeps: Sweeps, steps: StepQueue, waiting: WaitingChanges) -> None:
        self._services = services
        self._sweeps = sweeps
        self._steps = steps
        self._waiting = waiting
        self._store = waiting.store

    def start(self, job: StartSweep) -> Outcome:
        """Begin a sweep of those who wait, or look again later; end if nobody waits and nobody was announced lately."""
        now, driver = self._services.now(), self._store.driver()
        if driver.token not in ("", job.waiting) and driver.lease > now:
            return Outcome.NOTHING  # another message does this; it was sent before it was named
        is_calm = now - driver.announced_at >= CALM
        if self._store.first_after(0) is None:
            if not (is_calm and self._store.dismiss_driver(driver)):
                self._look_later(job, now)
        elif job.tries == 0 or is_calm or now - job.began >= self._longest_wait():
            self._begin(job)
        else:
            self._look_later(job, now)
        return Outcome.DONE

    def _look_later(self, job: StartSweep, now: float) -> None:
        pause = min(max(CALM, (now - job.began) * PAUSE_SHARE), MAX_PAUSE)
        later = StartSweep(parts=Parts.ALL.value, waiting=job.waiting, began=job.began, tries=job.tries + 1)
        self._waiting.drive_later(later, delay=pause)

    def _longest_wait(self) -> float:
        """Seconds for which a sweep waits at most: the longer, the more requests it makes."""
        known = next((sweep.pages for sweep in self._sweeps.latest(1)), UNKNOWN_PAGES)
        return min(MIN_WAIT + WAIT_A_PAGE * known, MAX_WAIT)

    def _begin(self, job: StartSweep) -> None:
        """Begin a sweep, unless one compares already: its end begins the next one."""
        now = self._services.now()
        sweep = new_sweep(Parts.ALL, now=now, narrow=True)
        unlisted = self._store.driver().no_list_until > now
        sweep = replace(sweep, first_page_only=job.tries == 0, unlisted=unlisted)
        self._make_room(now)
        if running := self._sweeps.begin(sweep):
            self._wake(running, job, now)
            return
        self._steps.send(ComparePage(sweep_id=sweep.sweep_id))
        log.info("sweep_started", sweep_id=sweep.sweep_id, parts=str(Parts.ALL), force=False)

    def _make_room(self, now: float) -> None:
        """Clear away a sweep that compares no more. Whom one found that is to be given up is marked again."""
        running = self._sweeps.running(narrow=True)
        if running is None:
            return
        if running.updated_at <= now - STALE_AFTER:
            self._promise_again(running)
        if running.state is not SweepState.SURVEYING:
            self._sweeps.finish(running)

    def _wake(self, running: Sweep, job: StartSweep, now: float) -> None:
        """Another sweep compares: its end begins the next one. If it rests, its message may have been lost, or never
        been sent, since the process that began it died. Sending it twice does no harm.
        """
        if now - running.updated_at < LEASE:
            self._look_later(job, now)
            return
        log.warning("sweep_woken", sweep_id=running.sweep_id, page=running.pages)
        self._steps.send(ComparePage(sweep_id=running.sweep_id, page=running.pages, after=running.cursor))

    def start_again(self, sweep_id: str, why: str) -> None:
        """A step of the sweep cannot be done: those who wait are read one by one instead."""
        sweep, now = self._sweeps.get(sweep_id), self._services.now()
        if sweep is None:
            return
        self._promise_again(sweep)
        self._sweeps.advance(replace(sweep, state=SweepState.FAILED, note=why, step=sweep.step + 1, updated_at=now))
        log.warning("sweep_failed", sweep_id=sweep_id, why=why)
        self._store.note_no_list(until=now + UNLISTED_FOR)
        self._sweeps.finish(sweep)
        again = StartSweep(parts=Parts.ALL.value, waiting=sweep_id, began=now, tries=1)
        self._waiting.drive_later(again, delay=CALM)

    def _promise_again(self, sweep: Sweep) -> None:
        """Mark those again whom a sweep found to differ, since it will not repair them."""
        for number in sweep.pages_found:
            for one in self._sweeps.page(sweep.sweep_id, number):
                self._store.add(one.user_id, one.discord_id, now=self._services.now())
