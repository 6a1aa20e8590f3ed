"""Whether any call may be made at all. What stands here concerns the whole bot, whatever guild or route it asks for.

Discord refuses a token, limits all requests of a bot together, and has Cloudflare ban addresses. What one worker learns
of this is shared by all through a `HaltStore` (DynamoDB in Lambda); each process believes for a moment what it read.
"""

from dataclasses import dataclass
from typing import Protocol

from chalicelib.clock import Clock
from chalicelib.errors import CallsHalted

CACHE_TTL = 30.0  # seconds that a process believes what it read of halts
MAX_INVALID = 5000  # invalid requests in ten minutes after which work pauses; Cloudflare bans an address at 10,000
INVALID_WINDOW = 600  # seconds
BAN_PAUSE = 900.0  # seconds without any call after Cloudflare's page


@dataclass(frozen=True, slots=True)
class SharedState:
    """Whether all calls have stopped.

    `halted_token` is the fingerprint of a bot token that Discord refused; `blocked_until` epoch seconds.
    """

    halted_token: str = ""
    blocked_until: float = 0.0
    blocked_why: str = ""


class HaltStore(Protocol):
    """Where the halts of all workers are kept. Every method is one call of the store, or two."""

    def shared_state(self) -> SharedState:
        """The halts as stored now; an empty state where nothing is stored."""
        ...

    def refuse_token(self, token: str) -> None:
        """Stop all calls with the token of this fingerprint."""
        ...

    def halt_until(self, until: float, why: str) -> None:
        """Stop all calls until then (epoch seconds); never shortens a longer stop."""
        ...

    def count_invalid(self, now: float) -> int:
        """Count one invalid request; return the number in the last ten minutes."""
        ...


class Halts:
    """The halts as one process sees them. `token` is the bot token's fingerprint."""

    def __init__(self, store: HaltStore, clock: Clock, *, token: str) -> None:
        self._store = store
        self._clock = clock
        self._token = token
        self._shared = SharedState()
        self._read_at = float("-inf")

    def check(self) -> None:
        """Raise CallsHalted where no call may be made at all."""
        shared, now = self._read(), self._clock.now()
        if shared.halted_token == self._token:
            raise CallsHalted("token_refused", retry_after=BAN_PAUSE)
        if shared.blocked_until > now:
            raise CallsHalted(shared.blocked_why, retry_after=shared.blocked_until - now)

    def blocked(self, wait: float, why: str) -> None:
        """All calls wait that many seconds (a global limit, a ban of the address)."""
        self._store.halt_until(self._clock.now() + wait, why)
        self._forget()

    def token_refused(self) -> None:
        """Discord answered 401: no further call with this token, by any worker."""
        self._store.refuse_token(self._token)
        self._forget()

    def invalid(self) -> None:
        """Count an answer that counts towards Cloudflare's ban (401, 403, 429 but `shared`)."""
        if self._store.count_invalid(self._clock.now()) >= MAX_INVALID:
            self.blocked(INVALID_WINDOW, "too_many_invalid")

    def _read(self) -> SharedState:
        if self._clock.now() >= self._read_at + CACHE_TTL:
            self._shared = self._store.shared_state()
            self._read_at = self._clock.now()
        return self._shared

    def _forget(self) -> None:
        self._read_at = float("-inf")
