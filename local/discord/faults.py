"""Injected faults.

A fault waits for requests of its method and path and affects the next `times` of them (all of them until it is
removed, if `times` is None), after letting the first `skip` pass. Kinds:

    answer       answer `status` with `body`, or with a Discord error of `code` and `message`; nothing is done
    rate_limit   a 429 of `scope` user (a sub-limit: the bucket's headers say there is room), global or shared
    cloudflare   Cloudflare's HTML 429, without rate-limit headers
    delay        everything as usual, but the answer takes `seconds` longer
    hang         nothing is done and nothing answered; after `seconds` the connection ends
    cut          nothing is done and the connection ends
    hang_after   it *is* done, but no answer comes; after `seconds` the connection ends
    cut_after    it *is* done, but the connection ends
"""

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from local.discord.limiter import Scope, cloudflare_429, too_many
from local.discord.messages import Answer, DiscordError, json_answer

Kind = Literal["answer", "rate_limit", "cloudflare", "delay", "hang", "cut", "hang_after", "cut_after"]


@dataclass(kw_only=True)
class Fault:
    """One fault; `path` is a regular expression searched in the request's path, `method` one too."""

    kind: Kind
    method: str = ".*"
    path: str = ""
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

    def fits(self, method: str, path: str) -> bool:
        """Whether it applies to such a request."""
        return self._method.fullmatch(method) is not None and self._path.search(path) is not None


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

    def strike(self, method: str, path: str) -> Fault | None:
        """The fault that affects this request, if any."""
        for fault in self.waiting:
            if fault.fits(method, path):
                return self._strike(fault)
        return None

    def _strike(self, fault: Fault) -> Fault | None:
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
            return cloudflare_429(fault.retry_after)
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
