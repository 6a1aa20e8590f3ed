"""Runs one operation, and others whole inside it, at one of its calls."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from botocore.exceptions import BotoCoreError, ReadTimeoutError
from pynamodb.exceptions import PynamoDBException

from local.discord.messages import Answer, Request
from local.simulated import WorkerDied, World
from simulation.explorer.operations import OPERATIONS, Case, Run, begin

Mode = Literal["before", "dies after", "answer lost", "effect late", "effect last"]
"""`before`: the others run, then the call is made. `dies after`: the call has its effect, and the process is gone.
`answer lost`: it has its effect, and the caller sees a failure. `effect late`: the caller sees a failure, the others
run, and then it has its effect; `effect last`: only after the whole operation. After a call is before the next one,
and to die before a call is to die after the last.
"""
MODES: tuple[Mode, ...] = ("before", "dies after", "answer lost", "effect late", "effect last")
READS = frozenset({"GetItem", "Query", "BatchGetItem", "TransactGetItems", "Scan", "GetQueueUrl", "GET"})


@dataclass(frozen=True)
class Point:
    """Where something happens: at the call with this number (from 1), and how the call ends."""

    call: int
    mode: Mode


@dataclass(frozen=True)
class Schedule:
    """`outer` runs from `base`; at `point` of it, `inner` runs whole, or is interrupted itself."""

    base: str
    outer: str
    point: Point | None = None
    inner: "str | Inner | None" = None

    def __str__(self) -> str:
        if self.point is None:
            return f"{self.base}: {self.outer}"
        return f"{self.base}: {self.outer} | {self.point.call} {self.point.mode} | {self.inner or '-'}"


@dataclass(frozen=True)
class Inner:
    """An operation that is itself interrupted."""

    outer: str
    point: Point
    inner: str

    def __str__(self) -> str:
        return f"{self.outer} | {self.point.call} {self.point.mode} | {self.inner}"


def parse(text: str) -> Schedule:
    """The schedule that is written so: `linked: callback | 7 dies after | delete`. Raises ValueError."""
    base, _, rest = text.partition(": ")
    outer, *others = rest.split(" | ")
    if not others:
        return Schedule(base, outer)
    inner: str | Inner | None = None if others[1] == "-" else others[1]
    if len(others) > 2:
        inner = Inner(others[1], _point(others[2]), others[3])
    return Schedule(base, outer, _point(others[0]), inner)


def _point(text: str) -> Point:
    call, _, mode = text.partition(" ")
    found = next((one for one in MODES if one == mode), None)
    if found is None:
        raise ValueError(f"{mode!r} is none of {MODES}")
    return Point(int(call), found)


@dataclass
class Call:
    """One call of an operation, for people."""

    service: str
    what: str

    @property
    def only_reads(self) -> bool:
        """Whether the call changes nothing."""
        return self.what.split(" ")[0] in READS


@dataclass
class Interruption:
    """Counts the calls of the operation that runs, and interrupts it at one of them."""

    world: World
    point: Point | None
    meanwhile: Run
    calls: list[Call] = field(default_factory=list)
    _active: bool = False
    _late: list[Callable[[], object]] = field(default_factory=list)

    def run(self, operation: Run) -> None:
        """Run the operation with its interruption."""
        plain = self.world.discord.handle
        kept = (self.world.dynamodb.before, self.world.dynamodb.after, self.world.sqs.before, self.world.sqs.after)
        database, queues = self.world.dynamodb, self.world.sqs
        database.before = lambda name, given: self._before("dynamodb", name, given)
        database.after = lambda _name, _given: self._after(lost=ReadTimeoutError(endpoint_url="https://dynamodb.test"))
        queues.before = lambda name, given: self._before("sqs", name, given)
        queues.after = lambda _name, _given: self._after(lost=ReadTimeoutError(endpoint_url="https://sqs.test"))
        self.world.discord.handle = lambda request: self._discord(plain, request)  # type: ignore[method-assign]
        self._active = True
        try:
            operation()
        except WorkerDied:
            pass
        except (BotoCoreError, PynamoDBException):  # the function failed, and its caller sees an error page
            if self.point is None or self.point.mode != "answer lost":
                raise
        finally:
            self._active = False
            database.before, database.after, queues.before, queues.after = kept
            self.world.discord.handle = plain  # type: ignore[method-assign]
            for effect in self._late:
                effect()

    @property
    def _is_here(self) -> bool:
        return self._active and self.point is not None and len(self.calls) == self.point.call

    def _before(self, service: str, name: str, given: dict[str, Any]) -> None:
        if not self._active:
            return
        self.calls.append(Call(service, f"{name} {given.get('TableName', '')}".strip()))
        if self._is_here and self.point and self.point.mode == "before":
            self._meanwhile()

    def _after(self, *, lost: Exception) -> None:
        if not self._is_here or self.point is None:
            return
        if self.point.mode not in ("dies after", "answer lost"):
            return
        self._meanwhile()
        raise WorkerDied if self.point.mode == "dies after" else lost

    def _discord(self, plain: Callable[[Request], Answer], request: Request) -> Answer:
        if not self._active or request.path.startswith(("/control/", "/oauth2/")):
            return plain(request)
        self._before("discord", f"{request.method} {request.path.rpartition('v10/')[2]}", {})
        if self._is_here and self.point and self.point.mode in ("effect late", "effect last"):
            self._meanwhile()
            if self.point.mode == "effect late":
                plain(request)
            else:
                self._late.append(lambda: plain(request))
            return Answer(504, cut=True)
        answer = plain(request)
        if self._is_here and self.point and self.point.mode == "answer lost":
            self._meanwhile()
            return Answer(504, cut=True)
        self._after(lost=ConnectionError())
        return answer

    def _meanwhile(self) -> None:
        self._active = False
        try:
            self.meanwhile()
        finally:
            self._active = True


def play(schedule: Schedule) -> tuple[Case, list[Call]]:
    """Run a schedule until nothing overlaps any more; the case, and the calls of the outer operation."""
    case = begin(schedule.base)
    outer = OPERATIONS[schedule.outer].prepare(case)
    inner = _inner(case, schedule.inner)
    interruption = Interruption(case.world, schedule.point, inner)
    interruption.run(outer)
    return case, interruption.calls


def _inner(case: Case, inner: "str | Inner | None") -> Run:
    if inner is None:
        return lambda: None
    if isinstance(inner, str):
        return OPERATIONS[inner].prepare(case)
    run, innermost = OPERATIONS[inner.outer].prepare(case), OPERATIONS[inner.inner].prepare(case)
    return lambda: Interruption(case.world, inner.point, innermost).run(run)
