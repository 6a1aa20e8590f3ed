"""Whether any call may be made: what stops the whole bot, and what stops this container alone.

*The whole bot* stops where Discord refuses its token, or limits all of its requests together. It is told to all workers
through a `HaltStore` (DynamoDB in Lambda); each process believes for a moment what it read.

*This container* stops where Cloudflare blocks its address, or where it made so many invalid requests that Cloudflare
soon would. Functions outside a VPC leave by addresses that AWS shares between customers, another one for each
container: another container may well get through. So this one makes no call for a minute or more, hands its messages
back at once (`AddressBlocked`), and stays busy (`blocked_for`) so that Lambda gives them to another. Ending the process
would win nothing: Lambda starts a crashed function again in the same execution environment, and messages of an
invocation that failed stay hidden for the queue's visibility timeout.
https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html (failures during the invoke phase)
Each such container reports itself to the store. Where several do within minutes it is no matter of one address: then
the whole bot pauses.

A halt that may last for ever ends by a *probe*: once its time is over one process, and only one, may call. Its answer
lifts the halt for all, or renews it.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from typing import Protocol

from chalicelib.clock import Clock
from chalicelib.discord.availability import Availability, Away, AwayStore
from chalicelib.errors import AddressBlocked, CallsHalted

CACHE_TTL = 30.0  # seconds that a process believes what it read of halts
MAX_INVALID = 1000  # of one container in INVALID_WINDOW; Cloudflare bans at 10,000, and ten may share one address
INVALID_WINDOW = 600  # seconds
MIN_ADDRESS_PAUSE = 60.0  # seconds without a call from a container that is blocked; doubled each time it still is
MAX_ADDRESS_PAUSE = 900.0  # seconds
MAX_BLOCKED_CONTAINERS = 3  # within REPORT_WINDOW; more and everything pauses
REPORT_WINDOW = 300.0  # seconds
BOT_PAUSE = 300.0  # seconds without any call where that many containers are blocked
HAND_BACK = 1.0  # seconds until another container may take what this one hands back
TOKEN_PROBE_INTERVAL = 3600.0  # seconds between two tries of a token that Discord refused
MAX_HALT_WAIT = 900.0  # seconds until a message looks again whether a refused token was replaced
PROBE_TIMEOUT = 60.0  # seconds that one process may probe; as long as an invocation lasts
PROBE_WAIT = 5.0  # seconds until whoever met another's probe comes again
GLOBAL_LIMIT, TOKEN_REFUSED = "global_limit", "token_refused"
ADDRESS_BANNED, TOO_MANY_INVALID = "address_banned", "too_many_invalid"
PROBED = (ADDRESS_BANNED, TOO_MANY_INVALID)  # reasons for a stop that ends with a probe, not with its time


@dataclass(frozen=True, slots=True)
class BlockReport:
    """A container that met Cloudflare's block, or made too many invalid requests: when (epoch seconds), and which."""

    container: str
    at: float
    why: str


@dataclass(frozen=True, slots=True)
class SharedState:
    """What stops all calls of the bot.

    `halted_token` is the fingerprint of a bot token that Discord refused: first at `refused_since`, at `halted_at` for
    the last time. No call is made until `blocked_until`, nor was since `blocked_since`, but for probes. All are epoch
    seconds, 0 where they are not known. `reports` are the containers that were blocked lately. `away`: Discord answers
    nobody, which stops no call.
    """

    halted_token: str = ""
    blocked_until: float = 0.0
    blocked_why: str = ""
    halted_at: float = 0.0
    reports: tuple[BlockReport, ...] = field(default=())
    refused_since: float = 0.0
    blocked_since: float = 0.0
    away: Away | None = None


class HaltStore(AwayStore, Protocol):
    """Where the halts of all workers are kept. Every method is one call of the store, or two."""

    def shared_state(self) -> SharedState:
        """The halts as stored now; an empty state where nothing is stored."""
        ...

    def refuse_token(self, token: str, *, now: float) -> None:
        """Stop all calls with the token of this fingerprint; a probe of it is over."""
        ...

    def halt_until(self, until: float, why: str, *, since: float = 0.0) -> None:
        """Stop all calls until then (epoch seconds); never shortens a longer stop. A probe is over.

        `since`: now, where only a probe's answer will lift the stop; it is kept while the stop is renewed.
        """
        ...

    def report(self, report: BlockReport) -> int:
        """Record that a container is blocked; return how many different ones are, within REPORT_WINDOW."""
        ...

    def claim_probe(self, *, now: float, until: float) -> bool:
        """Become the one process that may call until then, to find out whether a halt is over."""
        ...

    def lift(self, state: SharedState) -> None:
        """Lift the halts of `state`, but none that was set since it was read."""
        ...

    def count_invalid(self, now: float) -> None:
        """Count one invalid request of any container, for operators to see."""
        ...


class Halts:
    """The halts as one process sees them. `token` is the bot token's fingerprint, `container` this container's id."""

    def __init__(self, store: HaltStore, clock: Clock, *, token: str, container: str) -> None:
        self._store = store
        self._clock = clock
        self._token = token
        self._shared = _Cache(store, clock)
        self._probing_until = float("-inf")
        self._address = _Address(container)
        self.availability = Availability(store, clock, lambda: self._shared.state.away)

    def check(self, *, with_token: bool = True) -> None:
        """Raise CallsHalted where no call may be made, AddressBlocked where only this container may make none.

        Where a halt's time is over, the first process to ask may call, as its probe. A call without the bot's token
        (`with_token`) may be made though that is refused.
        """
        shared, now = self._shared.read(), self._clock.now()
        limited = shared.blocked_why == GLOBAL_LIMIT  # the weakest of all reasons: some calls are made in spite of it
        if self._address.blocked_until > now and (limited or shared.blocked_until <= now):
            raise AddressBlocked(self._address.why, retry_after=HAND_BACK)
        if shared.blocked_until > now:
            raise CallsHalted(shared.blocked_why, retry_after=shared.blocked_until - now)
        if with_token and shared.halted_token == self._token:
            self._probe(TOKEN_REFUSED, shared.halted_at + TOKEN_PROBE_INTERVAL)
        elif shared.blocked_why in PROBED:
            self._probe(shared.blocked_why, shared.blocked_until)

    @property
    def blocked_for(self) -> float:
        """Seconds for which this container may make no call though others may; 0 where it is like all others."""
        seconds = max(0.0, self._address.blocked_until - self._clock.now())
        return 0.0 if seconds and self._shared.read().blocked_until > self._clock.now() else seconds

    def limited(self, wait: float) -> None:
        """Discord limits all requests of the bot together: no call for that many seconds."""
        self._halt(wait, GLOBAL_LIMIT)

    def token_refused(self) -> None:
        """Discord answered 401: no further call with this token, by any worker, but for a probe now and then."""
        self._store.refuse_token(self._token, now=self._clock.now())
        self._probe_over()

    def address_banned(self, wait: float) -> None:
        """Cloudflare blocks this container's address, and asks for `wait` seconds (0: it does not say)."""
        self._blocked(self._address.pause(wait), ADDRESS_BANNED)

    def invalid(self) -> None:
        """Count an answer that counts towards Cloudflare's ban of this address (401, 403, 429 but `shared`)."""
        now = self._clock.now()
        self._store.count_invalid(now)
        if self._address.count_invalid(now) >= MAX_INVALID:
            self._blocked(INVALID_WINDOW, TOO_MANY_INVALID)

    def let_through(self, *, with_token: bool) -> None:
        """An answer came that is no block; `with_token`: nor does it refuse the bot's token. Ends a probe."""
        self._address.let_through()
        if self._probing_until <= self._clock.now():
            return
        state = self._shared.state
        token_halted = state.halted_token == self._token
        if with_token or not token_halted:
            self._store.lift(state if token_halted else replace(state, halted_token=""))
            self._probe_over()

    def _blocked(self, pause: float, why: str) -> None:
        """Stop this container; the whole bot too where others are blocked, or where this was the probe for all."""
        now = self._clock.now()
        probing = self._probing_until > now
        self._address.block(now + pause, why)
        containers = self._store.report(BlockReport(self._address.container, now, why))
        if probing or containers >= MAX_BLOCKED_CONTAINERS:
            self._halt(BOT_PAUSE, why)

    def _halt(self, wait: float, why: str) -> None:
        now = self._clock.now()
        self._store.halt_until(now + wait, why, since=now if why in PROBED else 0.0)
        self._probe_over()

    def _probe(self, why: str, not_before: float) -> None:
        now = self._clock.now()
        if now < not_before:
            raise CallsHalted(why, retry_after=min(not_before - now, MAX_HALT_WAIT))
        if now < self._probing_until:
            return
        if not self._store.claim_probe(now=now, until=now + PROBE_TIMEOUT):
            self._probe_over()
            raise CallsHalted(why, retry_after=PROBE_WAIT)
        self._probing_until = now + PROBE_TIMEOUT

    def _probe_over(self) -> None:
        """The halts are not as they were read any more."""
        self._probing_until = float("-inf")
        self._shared.forget()


class _Cache:
    """What this process read of the store last."""

    def __init__(self, store: HaltStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self.state = SharedState()
        self._read_at = float("-inf")

    def read(self) -> SharedState:
        if self._clock.now() >= self._read_at + CACHE_TTL:
            self.state = self._store.shared_state()
            self._read_at = self._clock.now()
        return self.state

    def forget(self) -> None:
        self._read_at = float("-inf")


class _Address:
    """What a container knows of the address that its requests leave by. It dies with the container."""

    def __init__(self, container: str) -> None:
        self.container = container
        self.blocked_until = float("-inf")
        self.why = ""
        self._blocks = 0  # in a row
        self._invalid: deque[float] = deque(maxlen=MAX_INVALID)  # when, in epoch seconds

    def pause(self, wait: float) -> float:
        """Seconds without a call after one more block in a row, where `wait` is asked for."""
        self._blocks += 1
        return min(max(MIN_ADDRESS_PAUSE * 2.0 ** (self._blocks - 1), wait), MAX_ADDRESS_PAUSE)

    def block(self, until: float, why: str) -> None:
        self.blocked_until, self.why = until, why

    def let_through(self) -> None:
        self._blocks = 0

    def count_invalid(self, now: float) -> int:
        """Count one; return the number in the last ten minutes."""
        self._invalid.append(now)
        return sum(at > now - INVALID_WINDOW for at in self._invalid)
