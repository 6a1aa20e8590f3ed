"""Random faults: one seeded generator fails calls to the store, the queues and Discord, and kills processes.

Only *processes* are struck: greenlets that run a function. People, the auth site and operators have no such luck. A
process that died makes no further call, whatever its `finally` blocks try.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ReadTimeoutError
from greenlet import getcurrent, greenlet

from local.discord.faults import Fault
from local.memory.clock import VirtualClock
from local.memory.dynamodb import MemoryDynamoDB, client_error, conflict, throttled
from local.memory.sqs import MemorySqs
from local.simulated import WorkerDied
from simulation.plan import Rates

WRITES = frozenset({"PutItem", "UpdateItem", "DeleteItem"})
UPLINK = 0.04  # seconds; the longest way of an ordinary request to Discord
MAX_SLOW_UPLINK = 8.0  # seconds; the longest way of a slow request
MAX_DELAY = 25.0  # seconds; the longest delay of an answer
MAX_RATE_LIMIT = 20.0  # seconds; the longest `retry_after` of an injected 429
HTML = "<html><body>Bad gateway</body></html>"


@dataclass
class _Process:
    ends_at: float
    may_die: bool = True
    dead: bool = False


class FaultInjector:
    """Injects faults until it is `calm`; `counts` counts them by kind.

    One method for each place where a fault can occur, before and after each call of the store, the queues and Discord,
    and for what they share: they draw from one generator, so that a seed gives the same faults again.
    """

    def __init__(
        self, rng: random.Random, rates: Rates, clock: VirtualClock, *, latency: float, note: Callable[..., None]
    ) -> None:
        self._rng = rng
        self._rates = rates
        self._clock = clock
        self._latency = latency
        self._note = note
        self._processes: dict[greenlet, _Process] = {}
        self._again: set[greenlet] = set()
        self.discord: dict[str, float] = {}  # further kinds of faults, as `Rates.discord`
        self.calm = False
        self.over = False
        self.counts: Counter[str] = Counter()
        self.token_refused: Callable[[], None] = lambda: None

    # --- processes ---

    @contextmanager
    def process(self, seconds: float, *, may_die: bool = True) -> Iterator[None]:
        """Run the block as a function's process, with this timeout in seconds."""
        me = getcurrent()
        self._processes[me] = _Process(self._clock.now() + seconds, may_die)
        try:
            yield
        finally:
            del self._processes[me]

    def ended(self) -> None:
        """The function returned: what its greenlet does afterwards is not affected by faults."""
        process = self._processes.get(getcurrent())
        if process and not process.dead:
            process.ends_at = float("inf")

    def _alive(self) -> bool:
        """Whether a process is calling. Raises WorkerDied if it is dead or dies now."""
        if self.over:
            raise WorkerDied
        process = self._processes.get(getcurrent())
        if process is None or process.ends_at == float("inf"):
            return False
        if process.dead:
            raise WorkerDied
        if self._clock.now() > process.ends_at:
            self._die(process, "timed out")
        if process.may_die and self._occurs(self._rates.die):
            self._die(process, "died")
        return True

    def _die(self, process: _Process, how: str) -> None:
        process.dead = True
        self._record(how)
        raise WorkerDied

    def _occurs(self, rate: float) -> bool:
        return rate > 0 and not self.calm and self._rng.random() < rate

    def _record(self, kind: str, **more: object) -> None:
        self.counts[kind] += 1
        self._note("fault", kind, **more)

    # --- DynamoDB ---

    def before_store(self, database: MemoryDynamoDB, operation: str, arguments: dict[str, Any]) -> None:
        """Called before each call of the store."""
        if getcurrent() in self._again or not self._alive():
            return
        self._clock.sleep(self._rng.uniform(0.1, 1) * self._latency)
        self._alive()
        if self._occurs(self._rates.throttle):
            self._record("throttle", operation=operation)
            raise throttled(operation)
        if operation.startswith("TransactWrite") or operation in WRITES:
            if self._occurs(self._rates.conflict):
                self._record("conflict", operation=operation)
                raise conflict(operation, arguments)
            if operation in WRITES and self._occurs(self._rates.repeated):
                self._record("repeated", operation=operation)
                self._do_once_more(database, operation, arguments)

    def _do_once_more(self, database: MemoryDynamoDB, operation: str, arguments: dict[str, Any]) -> None:
        """Perform the call before the caller does: it happens twice, and the caller sees the second answer."""
        me = getcurrent()
        self._again.add(me)
        try:
            database._make_api_call(operation, arguments)
        except Exception:  # noqa: BLE001, S110 - whatever it says, the second try decides
            pass
        finally:
            self._again.discard(me)

    def after_store(self, operation: str) -> None:
        """Called after each call of the store."""
        if getcurrent() in self._again or not self._alive():
            return
        if self._occurs(self._rates.lost):
            self._record("lost", operation=operation)
            raise ReadTimeoutError(endpoint_url="https://dynamodb.test")

    # --- SQS ---

    def before_queue(self, operation: str) -> None:
        """Called before each call of the queues."""
        if not self._alive():
            return
        self._clock.sleep(self._rng.uniform(0.1, 1) * self._latency)
        self._alive()
        if self._occurs(self._rates.queue):
            self._record("queue", operation=operation)
            raise client_error("ServiceUnavailable", "SQS is having a moment", operation)

    def after_queue(self, operation: str) -> None:
        """Called after each call of the queues."""
        if self._alive() and self._occurs(self._rates.queue_lost):
            self._record("queue_lost", operation=operation)
            raise ReadTimeoutError(endpoint_url="https://sqs.test")

    def install_on(self, sqs: MemorySqs) -> None:
        """Inject faults into these queues."""
        sqs.before = lambda operation, _: self.before_queue(operation)
        sqs.after = lambda operation, _: self.after_queue(operation)

    # --- Discord ---

    def before_request(self, method: str, path: str) -> Fault | None:
        """A request is on its way: let its time pass; returns the fault to inject, if any."""
        if not self._alive():
            return None
        self._clock.sleep(self._rng.uniform(0.1, 1) * UPLINK)
        if self._occurs(self._rates.slow):
            self._record("slow", request=f"{method} {path}")
            self._clock.sleep(self._rng.uniform(0.2, MAX_SLOW_UPLINK))
        self._alive()
        if self.calm:
            return None
        dice = self._rng.random()
        for kind, rate in (self._rates.discord | self.discord).items():
            if dice < rate and (kind != "ignore" or method == "PATCH" or "/roles/" in path):  # no kick was seen ignored
                self._record("discord " + kind, request=f"{method} {path}")
                return self._fault(kind, method, path)
            dice -= rate
        return None

    def after_request(self) -> None:
        """Called when an answer has arrived."""
        self._alive()

    def _fault(self, kind: str, method: str, path: str) -> Fault:
        where: dict[str, Any] = {"method": re.escape(method), "path": f"^{re.escape(path)}$"}
        match kind:
            case "user" | "global" | "shared":
                wait = round(self._rng.uniform(0.3, MAX_RATE_LIMIT), 1)
                return Fault(kind="rate_limit", scope=kind, retry_after=wait, **where)
            case "500" | "503":
                return Fault(kind="answer", status=int(kind), **where)
            case "overloaded":
                return Fault(kind="answer", status=503, code=130000, message="API resource is overloaded", **where)
            case "proxy":
                return Fault(kind="answer", status=502, body=HTML, **where)
            case "delay":
                return Fault(kind="delay", seconds=self._rng.uniform(1, MAX_DELAY), **where)
            case "refused":
                return Fault(kind="answer", status=400, code=50035, message="Invalid Form Body", **where)
            case "401":
                self.token_refused()
                return Fault(kind="answer", status=401, code=0, message="401: Unauthorized", **where)
            case _:
                return Fault(**where | {"kind": kind})  # the other kinds have the local Discord's names
