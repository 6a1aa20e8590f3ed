"""Cooperative tasks on one virtual clock."""

import heapq
from collections.abc import Callable

from greenlet import getcurrent, greenlet

from local.memory.clock import VirtualClock


class WorkerDied(BaseException):
    """The process of a function was killed."""


class Scheduler:
    """Runs tasks that sleep on one virtual clock, in the order in which they wake up."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._sleeping: list[tuple[float, int, greenlet]] = []
        self._number = 0
        self._main = getcurrent()
        self.on_resume: Callable[[], None] = lambda: None  # called when a task resumes; may raise in it
        self.ends_at: dict[greenlet, float] = {}  # when a task that still runs is killed
        clock.on_sleep = self._sleep

    def spawn(self, task: Callable[[], None], *, after: float = 0.0) -> None:
        """Start `task` after that many seconds."""
        self._push(after, greenlet(task, parent=self._main))

    @property
    def next_at(self) -> float | None:
        """When the next task resumes; None if none sleeps."""
        return self._sleeping[0][0] if self._sleeping else None

    def step(self) -> None:
        """Resume the task that is due first."""
        moment, _, task = heapq.heappop(self._sleeping)
        self._clock.move_to(moment)
        task.switch()

    def _push(self, after: float, task: greenlet) -> None:
        self._number += 1
        heapq.heappush(self._sleeping, (self._clock.now() + after, self._number, task))

    def _sleep(self, seconds: float) -> None:
        if getcurrent() is self._main:
            self._clock.advance(seconds)
            return
        self._push(seconds, getcurrent())
        self._main.switch()
        if self._clock.now() > self.ends_at.get(getcurrent(), float("inf")):
            raise WorkerDied
        self.on_resume()
