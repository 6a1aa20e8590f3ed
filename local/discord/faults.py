"""Injected faults.

A fault waits for requests of its method, path, body and address and affects the next `times` of them (all of them
until it is removed, if `times` is None), after letting the first `skip` pass. Kinds:

    answer       answer `status` with `body`, or with a Discord error of `code` and `message`; nothing is done
    rate_limit   a 429 of `scope` user (a sub-limit: the bucket's headers say there is room), global or shared
    cloudflare   Cloudflare's block of the address, in the form that `shape` names (see `cloudflare`)
    delay        everything as usual, but the answer takes `seconds` longer
    hang         nothing is done and nothing answered; after `seconds` the connection ends
    cut          nothing is done and the connection ends
    hang_after   it *is* done, but no answer comes; after `seconds` the connection ends
    cut_after    it *is* done, but the connection ends
    ignore       nothing is done, but the answer is that of a success (discord-api-docs#6074, #6289)
    leave_out    a PATCH of roles leaves out one that was to be given, and is answered 200 with the rest
    short_page   a list of members ends early, though more follow
"""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from local.discord.blocks import Shape, block
from local.discord.limiter import Scope, too_many
from local.discord.messages import Answer, DiscordError, Request, json_answer

Kind = Literal[
    "answer",
    "rate_limit",
    "cloudflare",
    "delay",
    "hang",
    "cut",
    "hang_after",
    "cut_after",
    "ignore",
    "leave_out",
    "short_page",
]


@dataclass(kw_only=True)
class Fault:
    """One fault.

    `method`, `path`, `content` and `address` are regular expressions: for the whole method, for a part of the path, for
    a part of the body, and for the whole address that the request comes from.
    """

    kind: Kind
    method: str = ".*"
    path: str = ""
    content: str = ""
    address: str = ".*"
    shape: Shape = "html"
    times: int | None = 1
    skip: int = 0
    status: int = 500
    code: int = 0
    message: str = "Internal Server Error"
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    scope: Scope = "user"
    retry_after: float | None = None
    seconds: float = 3600.0
    id: int = 0
    """Given when it is injected."""
    hits: int = 0
    """How many requests it has affected."""

    def __post_init__(self) -> None:
        self._method = re.compile(self.method)
        self._path = re.compile(self.path)
        self._content = re.compile(self.content)
        self._address = re.compile(self.address)

    def applies_to(self, request: Request) -> bool:
        """Whether it affects this request."""
        return (
            self._method.fullmatch(request.method) is not None
            and self._path.search(request.path) is not None
            and self._address.fullmatch(request.address) is not None
            and (not self.content or self._content.search(request.body.decode("utf-8", "replace")) is not None)
        )


class Faults:
    """The faults that are waiting, oldest first."""

    def __init__(self) -> None:
        self.waiting: list[Fault] = []
        self._last_id = 0

    def inject(self, fault: Fault) -> Fault:
        """Add `fault`."""
        self._last_id += 1
        fault.id = self._last_id
        self.waiting.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> None:
        """Remove one fault, or all."""
        self.waiting = [fault for fault in self.waiting if fault_id is not None and fault.id != fault_id]

    def take(self, request: Request) -> Fault | None:
        """The fault that affects this request, if any; it counts as used."""
        for fault in self.waiting:
            if fault.applies_to(request):
                return self._use(fault)
        return None

    def _use(self, fault: Fault) -> Fault | None:
        if fault.skip > 0:
            fault.skip -= 1
            return None
        fault.hits += 1
        if fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self.waiting.remove(fault)
        return fault


def instead(fault: Fault, limit_headers: dict[str, str], *, scale: float) -> Answer | None:
    """The answer that `fault` gives instead of the real one, or None if the request is still carried out."""
    match fault.kind:
        case "answer":
            return _given(fault)
        case "cloudflare":
            return block(fault.shape, fault.retry_after)
        case "rate_limit":
            headers = {} if fault.scope == "global" else limit_headers
            wait = 1.0 / scale if fault.retry_after is None else fault.retry_after
            return too_many(fault.scope, wait, scale=scale, headers=headers, code=fault.code)
        case "hang":
            return Answer(504, delay=fault.seconds, cut=True)
        case "cut":
            return Answer(504, cut=True)
        case _:
            return None


def spoilt(fault: Fault, answer: Answer) -> Answer:
    """`answer` to a request that was carried out, delayed or cut off as `fault` says."""
    cut = answer.cut or fault.kind in ("hang_after", "cut_after")
    delay = fault.seconds if fault.kind in ("hang_after", "delay") else 0.0
    return Answer(answer.status, answer.headers, answer.body, answer.delay + delay, cut)


def _given(fault: Fault) -> Answer:
    if fault.body is None:
        plain = DiscordError(fault.status, fault.code, fault.message).answer()
    elif isinstance(fault.body, str):
        plain = Answer(fault.status, {"Content-Type": "text/html"}, fault.body.encode())
    else:
        plain = json_answer(fault.status, fault.body)
    return Answer(plain.status, {**plain.headers, **fault.headers}, plain.body)
