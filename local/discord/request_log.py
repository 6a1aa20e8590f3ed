"""Log and counts of the requests received.

Discord counts as *invalid* each 401, 403 and 429, a 429 of scope `shared` excepted: 10,000 of them in ten
minutes from one address, and Cloudflare bans it.
https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit
"""

import hashlib
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from local.discord.limiter import Scope
from local.discord.messages import Request

INVALID_WINDOW = 600.0  # seconds


@dataclass(frozen=True, slots=True)
class Entry:
    """One request and its outcome. `fault` is the kind of the injected fault, if any; `scope` that of a 429."""

    number: int
    at: float
    request: Request
    route: str
    status: int
    answered: bool
    scope: Scope | None
    fault: str | None


@dataclass
class RouteCounts:
    """Counts of one route."""

    requests: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    rate_limited: int = 0
    """429s caused by the limits, not by an injected fault."""
    injected: int = 0
    invalid: int = 0


class RequestLog:
    """The requests, newest last, and their counts since the last `clear`."""

    def __init__(self, size: int) -> None:
        self._entries: deque[Entry] = deque(maxlen=size)
        self._number = 0
        self._invalid_times: dict[str, deque[float]] = defaultdict(deque)  # by address
        self.routes: dict[str, RouteCounts] = {}
        self.scopes: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __reversed__(self) -> Iterator[Entry]:
        return reversed(self._entries)

    def write(
        self,
        request: Request,
        route: str,
        *,
        at: float,
        status: int,
        answered: bool,
        scope: Scope | None,
        fault: str | None,
    ) -> None:
        """Log one request."""
        self._number += 1
        self._entries.append(Entry(self._number, at, request, route, status, answered, scope, fault))
        counts = self.routes.setdefault(route, RouteCounts())
        counts.requests += 1
        counts.statuses[status] += 1
        counts.injected += fault is not None
        if scope is not None and fault is None:
            counts.rate_limited += 1
            self.scopes[scope] += 1
        if status in (401, 403) or (status == 429 and scope != "shared"):
            counts.invalid += 1
            self._invalid_times[request.address].append(at)

    def invalid_lately(self, now: float, address: str) -> int:
        """Invalid requests of this address in the last ten minutes."""
        times = self._invalid_times[address]
        while times and times[0] <= now - INVALID_WINDOW:
            times.popleft()
        return len(times)

    def invalid_of_all(self, now: float) -> int:
        """Invalid requests of all addresses in the last ten minutes."""
        return sum(self.invalid_lately(now, address) for address in list(self._invalid_times))

    def forgive(self) -> None:
        """Reset the count of invalid requests."""
        self._invalid_times.clear()

    def clear(self) -> None:
        """Forget the requests and the counts, but not the invalid requests of the last ten minutes."""
        self._entries.clear()
        self.routes.clear()
        self.scopes.clear()


def redacted(headers: dict[str, str]) -> dict[str, str]:
    """The headers, with the credentials in Authorization replaced by the first digits of their hash."""
    if "authorization" not in headers:
        return headers
    scheme, _blank, secret = headers["authorization"].partition(" ")
    digest = hashlib.sha256(secret.encode()).hexdigest()[:12]
    return {**headers, "authorization": f"{scheme} sha256:{digest}"}
