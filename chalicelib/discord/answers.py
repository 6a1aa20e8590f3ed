"""What Discord's answers teach, beside what was asked for: limits, halts, and the errors that they mean."""

import hashlib
import re
from http import HTTPStatus

import requests

from chalicelib.clock import Clock
from chalicelib.discord.errors import blocks_address, body_of, error_of
from chalicelib.discord.halts import ADDRESS_BANNED, HAND_BACK, MAX_HALT_WAIT, TOKEN_REFUSED, Halts
from chalicelib.discord.rate_limit import Seen
from chalicelib.discord.rate_limiter import RateLimiter, Reservation
from chalicelib.discord.routes import MEMBER_JOIN, MEMBER_REMOVE
from chalicelib.errors import AddressBlocked, CallsHalted, DiscordUnavailable, RateLimited, UnknownMember, Wait

DEFAULT_WAIT = 5.0  # seconds, after a 429 that does not say how long (Alliance Auth behaviour 71)
MAX_LIMIT = 48 * 3600.0  # seconds; Discord's longest, that on creating roles. No 429 of its own says more
BUCKET = re.compile("[!-~]{1,100}")  # Discord's are 32 hexadecimal digits
SCOPES = ("user", "global", "shared")
MAX_IN_BUCKET = 1_000_000  # requests, and seconds: headers that say more make no sense


class AnswerReader:
    """Reads the answers to one process's requests."""

    def __init__(self, rate_limiter: RateLimiter, clock: Clock) -> None:
        self._rate_limiter = rate_limiter
        self._halts = rate_limiter.halts
        self._clock = clock

    def settle(self, route: str, reservation: Reservation, answer: requests.Response) -> None:
        """Learn from an answer; raise what it means unless it is a success."""
        status = answer.status_code
        try:
            watch_address(self._halts, answer)
        except AddressBlocked:  # it did not get as far as Discord, which counted nothing
            self._rate_limiter.buckets.leave(reservation.key, reservation.lane, reservation.number)
            raise
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self._halts.availability.failed(f"HTTP {status}")
        else:
            self._halts.availability.answered()
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self._limited(route, reservation.key, answer)
        if status == HTTPStatus.UNAUTHORIZED:
            self._halts.token_refused()
            self._rate_limiter.unanswered(reservation)
            raise CallsHalted(TOKEN_REFUSED, retry_after=MAX_HALT_WAIT)
        self._halts.let_through(with_token=status < HTTPStatus.INTERNAL_SERVER_ERROR)
        name = bucket_in(answer)
        done = status in range(200, 300)  # a redirection, which is not followed, changed nothing
        if done or name:  # a fault on the way to Discord says nothing of its limits
            self._rate_limiter.buckets.answered(route, reservation.key, name, seen_in(answer, self._clock.now()))
        else:
            self._rate_limiter.unanswered(reservation)
        if not done:
            raise error_of(status, answer.content)

    def settle_repeated(self, route: str, method: str, reservation: Reservation, answer: requests.Response) -> None:
        """The same, where the first request, whose answer was lost, may have been done: no error may deny that."""
        try:
            self.settle(route, reservation, answer)
        except UnknownMember:
            if route != MEMBER_REMOVE:  # else it was the first that removed them
                raise
        except Wait as wait:
            if method == "GET":
                raise
            raise DiscordUnavailable(str(wait)) from None  # a Wait would say that nothing was sent
        if route == MEMBER_JOIN and answer.status_code == HTTPStatus.NO_CONTENT:
            raise DiscordUnavailable("they are in, perhaps by a request whose answer was lost", answered=True)

    def _limited(self, route: str, key: str, answer: requests.Response) -> None:
        """A 429: obey it, in the name of all workers."""
        scope, wait = scope_in(answer), wait_of(answer)
        if scope == "global" or answer.headers.get("X-RateLimit-Global"):
            self._halts.limited(wait)
        else:
            self._rate_limiter.buckets.limited(route, bucket_in(answer) or key, wait)
        raise RateLimited(retry_after=wait, scope=scope or "user")


def watch_address(halts: Halts, answer: requests.Response, *, oauth: bool = False) -> None:
    """Learn from an answer what it says of this address, whichever token the request bore.

    Counts it where it counts towards Cloudflare's ban. Raises AddressBlocked where that ban is there. `oauth`: it came
    from an OAuth2 endpoint, where Discord sends no rate-limit headers.
    https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans
    """
    status = answer.status_code
    if blocks_address(status, answer.headers, answer.content, oauth=oauth):
        halts.address_banned(_float(answer.headers.get("Retry-After")) or 0.0)
        raise AddressBlocked(ADDRESS_BANNED, retry_after=HAND_BACK)
    limited = status == HTTPStatus.TOO_MANY_REQUESTS and answer.headers.get("X-RateLimit-Scope") != "shared"
    if limited or status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        halts.invalid()


def bucket_in(answer: requests.Response) -> str | None:
    """The name of the bucket that an answer is about; None where it says none.

    It becomes a key, and an attribute of messages: of one that is not fit for that a digest does as well.
    """
    name = answer.headers.get("X-RateLimit-Bucket")
    if not name or BUCKET.fullmatch(name):
        return name
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def scope_in(answer: requests.Response) -> str:
    """For whom a 429 counts: one of SCOPES; empty where it does not say."""
    scope = answer.headers.get("X-RateLimit-Scope", "")
    return scope if scope in SCOPES else ""


def seen_in(answer: requests.Response, at: float) -> Seen | None:
    """The rate-limit headers of an answer, None where they are missing or no numbers."""
    headers = answer.headers
    numbers = [_float(headers.get(f"X-RateLimit-{name}")) for name in ("Limit", "Remaining", "Reset", "Reset-After")]
    limit, remaining, reset, reset_after = numbers
    if limit is None or remaining is None or reset_after is None or limit < 1 or reset_after < 0:
        return None
    if max(limit, remaining, reset_after) > MAX_IN_BUCKET:
        return None
    return Seen(int(limit), max(0, int(remaining)), reset or at + reset_after, reset_after, at)


def wait_of(answer: requests.Response) -> float:
    """Seconds that a 429 asks to wait."""
    body = body_of(answer.content)
    wait = _float(answer.headers.get("Retry-After")) or max(body.retry_after if body else 0.0, 0.0) or DEFAULT_WAIT
    return min(wait, MAX_LIMIT)


def _float(text: str | None) -> float | None:
    try:
        value = float(text) if text else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < float("inf") else None
