"""Making requests: each in its turn, within the time that is left, once more where its connection was cut."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import msgspec
import requests
from urllib3.exceptions import MaxRetryError

from chalicelib import VERSION, log
from chalicelib.clock import Clock
from chalicelib.discord.answers import AnswerReader, scope_in
from chalicelib.discord.rate_limit import Lane
from chalicelib.discord.rate_limiter import PATIENCE, RateLimiter, Reservation
from chalicelib.discord.time_left import TimeLeft
from chalicelib.errors import DiscordUnavailable, RateLimited, Ticket, Wait
from chalicelib.settings import Settings

MAX_REASON = 512  # characters of X-Audit-Log-Reason
MIN_IDLE = 5.0  # seconds without an answer from which on a cut connection is taken to have died before its request
MIN_WAIT = 0.5  # seconds before a request is made again for a person: 429s count towards Cloudflare's ban
IDEMPOTENT = frozenset({"GET", "PUT", "PATCH", "DELETE"})  # as Rolecall uses them
USER_AGENT = f"DiscordBot (https://github.com/rolecall/rolecall, {VERSION})"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RequestOptions:
    """For whom a request is made: its lane, the ticket it may hold, how long it may sleep for its turn (s).

    More `patience` than a worker's means that a person waits: then it is also the longest wait for the answer, and a
    short 429 is waited out.
    `reason` is what Discord's audit log shows for a change. `reservation`: one that was made for this request before.
    """

    lane: Lane
    ticket: Ticket | None = None
    patience: float = PATIENCE
    reason: str = ""
    reservation: Reservation | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """One request that was made, for the log. `seconds` it took; status 0 where no answer came."""

    route: str
    status: int
    seconds: float
    scope: str = ""


def log_request(request: Request) -> None:
    """One line for each request; the dashboard counts them by route and status."""
    milliseconds = round(request.seconds * 1000)
    log.info(
        "discord_request", route=request.route, status=request.status, scope=request.scope, milliseconds=milliseconds
    )


@dataclass(frozen=True, slots=True)
class _Call:
    """What is asked of Discord: `route` as the rate limiter knows it, `path` below the API's address."""

    route: str
    method: str
    path: str
    options: RequestOptions
    body: dict[str, Any] | None


class Requester:
    """Makes the requests of one process."""

    def __init__(
        self,
        settings: Settings,
        rate_limiter: RateLimiter,
        clock: Clock,
        *,
        session: requests.Session,
        on_request: Callable[[Request], None],
    ) -> None:
        self.time = TimeLeft(settings, clock)
        self._settings = settings
        self._rate_limiter = rate_limiter
        self._answers = AnswerReader(rate_limiter, clock)
        self._clock = clock
        self._session = session
        self._on_request = on_request
        self._answered_at = float("inf")  # when Discord last answered; never yet: no connection is kept

    def read(
        self,
        kind: type[T],
        route: str,
        method: str,
        path: str,
        options: RequestOptions,
        body: dict[str, Any] | None = None,
    ) -> T:
        """Discord's answer as `kind`. Raises what `request` raises; DiscordUnavailable where it is of another kind."""
        answer = self.request(route, method, path, options, body)
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise DiscordUnavailable(f"Discord's answer to {route} cannot be read: {error}") from None

    def request(
        self, route: str, method: str, path: str, options: RequestOptions, body: dict[str, Any] | None = None
    ) -> requests.Response:
        """Discord's answer, which is a success; raises what it means otherwise.

        Where a person waits, a 429 that ends within their patience is waited out, and the request made again. Of the
        time that is left, half at most goes into waiting for the turn. Raises Wait where there is none.
        """
        call = _Call(route, method, path, options, body)
        left = min(options.patience, self.time.left / 2)
        deadline = self._clock.now() + left
        while True:
            if self.time.left <= 0:
                raise Wait(f"no time is left for {route}")
            try:
                return self._request_once(call, patience=left)
            except RateLimited as limited:
                wait = max(limited.retry_after, MIN_WAIT)
                left = deadline - self._clock.now() - wait
                if options.patience <= PATIENCE or left < 0:
                    raise
                self._clock.sleep(wait)

    def _request_once(self, call: _Call, *, patience: float) -> requests.Response:
        reservation = self._reserve(call, patience)
        try:
            answer = self._send(call)
        except requests.ConnectionError as error:
            if not may_be_repeated(call.method, error) or self.time.left <= 0:
                raise self._unanswered(call, reservation, error) from None
            return self._repeat(call, reservation, error)
        except requests.RequestException as error:
            raise self._unavailable(call, error) from None
        self._answers.settle(call.route, reservation, answer)
        return answer

    def _reserve(self, call: _Call, patience: float) -> Reservation:
        """The place on which the request is made: the one that was reserved for it, or the next one."""
        options = call.options
        if options.reservation is not None:
            self._rate_limiter.halts.check()
            if self._rate_limiter.use(options.reservation, call.route):
                return options.reservation
        return self._rate_limiter.acquire(call.route, options.lane, options.ticket, patience=patience)

    def _repeat(self, call: _Call, reservation: Reservation, cut: requests.ConnectionError) -> requests.Response:
        """Make a request once more whose connection was cut, on a new connection.

        A connection that lay idle died before: the first request never reached Discord, and its place is still good.
        Else Discord may have counted it, and this one needs a place of its own. RFC 9110, section 9.2.2.
        """
        if self._clock.now() - self._answered_at < MIN_IDLE:
            unavailable = self._unanswered(call, reservation, cut)
            try:
                reservation = self._rate_limiter.acquire(call.route, call.options.lane)
            except Wait:
                raise unavailable from None
        self._session.close()  # whatever else is kept in it is as old
        try:
            answer = self._send(call)
        except requests.RequestException as error:
            raise self._unanswered(call, reservation, error) from None
        self._answers.settle_repeated(call.route, call.method, reservation, answer)
        return answer

    def _unanswered(
        self, call: _Call, reservation: Reservation, error: requests.RequestException
    ) -> DiscordUnavailable:
        """The error to raise where no answer came. Where it was a bucket's first request, another may be tried now."""
        if isinstance(error, requests.ConnectionError):
            self._rate_limiter.unanswered(reservation)
        return self._unavailable(call, error)

    def _unavailable(self, call: _Call, error: requests.RequestException) -> DiscordUnavailable:
        why = type(error).__name__
        self._rate_limiter.halts.availability.failed(why)
        return DiscordUnavailable(f"no answer to {call.route}: {why}")

    def _send(self, call: _Call) -> requests.Response:
        """Discord's answer, whatever it is. Raises what requests raises where none comes."""
        headers = {
            "Authorization": f"Bot {self._settings.bot_token}",
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
        }
        options = call.options
        if options.reason and call.method != "GET":
            headers["X-Audit-Log-Reason"] = quote(options.reason[:MAX_REASON])
        began, status, scope = self._clock.now(), 0, ""
        try:
            answer = self._session.request(
                call.method,
                self._settings.api_base_url + call.path,
                json=call.body,
                headers=headers,
                timeout=self.time.timeouts(read=options.patience if options.patience > PATIENCE else float("inf")),
                allow_redirects=False,
            )
            status, scope = answer.status_code, scope_in(answer)
            self._answered_at = self._clock.now()
        finally:
            self._on_request(Request(call.route, status, self._clock.now() - began, scope))
        return answer


def may_be_repeated(method: str, error: requests.ConnectionError) -> bool:
    """May a request be made again at once that ended so? Where it is idempotent, and its connection was cut.

    Lambda freezes a function between two events; the connections that it keeps may be dead when it thaws. The first
    request on such a one is cut, without any fault of Discord's or ours. Where no connection could be made at all, the
    next try would fail alike. Every PATCH of Rolecall sets a whole list, or a nickname: made twice, it does the same.
    https://docs.aws.amazon.com/lambda/latest/dg/best-practices.html (on keep-alive)
    """
    no_connection = isinstance(error, requests.Timeout | requests.exceptions.SSLError | requests.exceptions.ProxyError)
    never_connected = no_connection or any(isinstance(cause, MaxRetryError) for cause in error.args)
    return method in IDEMPOTENT and not never_connected
