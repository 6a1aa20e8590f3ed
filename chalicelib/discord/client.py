"""Discord's API v10 as Rolecall uses it: a method a call, plain dataclasses out, errors of `chalicelib.errors`.

Every request of the bot first takes its turn at the shared rate limiter, and teaches it what the answer's headers say.
`on_request` is called with each request that was made.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, TypeVar
from urllib.parse import quote

import msgspec
import requests
from urllib3.exceptions import MaxRetryError

from chalicelib import VERSION, log
from chalicelib.clock import Clock
from chalicelib.discord.errors import blocks_address, body_of, error_of
from chalicelib.discord.halts import ADDRESS_BANNED, HAND_BACK, MAX_HALT_WAIT, TOKEN_REFUSED, Halts
from chalicelib.discord.models import Account, Guild, Member, Role
from chalicelib.discord.rate_limit import Lane, Seen
from chalicelib.discord.rate_limiter import PATIENCE, RateLimiter, Reservation
from chalicelib.discord.scheduler import RequestScheduler
from chalicelib.errors import (
    AddressBlocked,
    CallsHalted,
    DiscordUnavailable,
    IntentMissing,
    RateLimitDeferred,
    RateLimited,
    RoleLimit,
    Ticket,
    UnknownGuild,
    UnknownMember,
    Wait,
)
from chalicelib.settings import Settings

PAGE = 1000  # members; the most that Discord lists at once
MAX_REASON = 512  # characters of X-Audit-Log-Reason
DEFAULT_WAIT = 5.0  # seconds, after a 429 that does not say how long (Alliance Auth behaviour 71)
MAX_LIMIT = 48 * 3600.0  # seconds; Discord's longest, that on creating roles. No 429 of its own says more
MAX_IN_BUCKET = 1_000_000  # requests, and seconds: headers that say more make no sense
MAX_ROLE_WAIT = 900.0  # seconds; a limit on creating roles that lasts longer is no reason to wait
SETTLING = 4.0  # seconds that are kept for what follows a request: two more calls of the store, and one of SQS
MIN_TIMEOUT = 0.5  # seconds, to connect and to wait together
MIN_IDLE = 5.0  # seconds without an answer from which on a cut connection is taken to have died before its request
MIN_WAIT = 0.5  # seconds before a request is made again for a person: 429s count towards Cloudflare's ban
IDEMPOTENT = frozenset({"GET", "PUT", "PATCH", "DELETE"})  # as Rolecall uses them
USER_AGENT = f"DiscordBot (https://github.com/rolecall/rolecall, {VERSION})"

# Routes as the budget knows them. Ids below the guild do not make another bucket.
GUILD, ROLES_NEW, MEMBERS, MEMBER_GET = "GET guild", "POST role", "GET members", "GET member"
MEMBER_JOIN, MEMBER_PATCH, MEMBER_REMOVE = "PUT member", "PATCH member", "DELETE member"
ROLE_GIVE, ROLE_TAKE, ME, ROLES = "PUT member role", "DELETE member role", "GET me", "GET roles"


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


T = TypeVar("T")
Snowflake = Annotated[str, msgspec.Meta(pattern="^[0-9]{1,19}$")]
PERMISSIONS = re.compile("[0-9]{1,19}")


class _User(msgspec.Struct):
    id: Snowflake
    username: str
    discriminator: str = "0"


class _Role(msgspec.Struct):
    id: Snowflake
    name: str
    position: int = 0
    managed: bool = False
    tags: dict[str, Any] | None = None
    permissions: str | None = None


class _Member(msgspec.Struct):
    user: _User
    roles: list[Snowflake]
    nick: str | None = None


class _Guild(msgspec.Struct):
    id: Snowflake
    name: str
    owner_id: Snowflake | None = None  # null where nobody owns it
    roles: list[_Role] | None = None


# A tag whose value is null counts by being present. https://discord.com/developers/docs/topics/permissions#role-object
MANAGED_TAGS = frozenset({"bot_id", "integration_id", "premium_subscriber", "guild_connections"})


class Discord:
    """Discord, as one bot sees one guild."""

    def __init__(
        self,
        settings: Settings,
        rate_limiter: RateLimiter,
        clock: Clock,
        *,
        session: requests.Session | None = None,
        on_request: Callable[[Request], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self.rate_limiter = rate_limiter
        self.halts = rate_limiter.halts
        self.scheduler = RequestScheduler(rate_limiter.buckets, clock)
        self._clock = clock
        self._session = session or requests.Session()
        self._on_request = on_request
        self._guild = f"/guilds/{settings.guild_id}"
        self._ends_at = float("inf")
        self._answered_at = float("inf")  # when Discord last answered; never yet: no connection is kept

    @contextmanager
    def until(self, moment: float) -> Iterator[None]:
        """Requests that are made meanwhile are given up soon enough for what follows to be done by `moment` (epoch s).

        A function that is killed in the middle of a request can settle nothing any more.
        """
        before, self._ends_at = self._ends_at, min(self._ends_at, moment - SETTLING)
        try:
            yield
        finally:
            self._ends_at = before

    @property
    def seconds_left(self) -> float:
        """In which requests may be made: no end of them outside of `until`."""
        return self._ends_at - self._clock.now()

    def timeouts(self, connect: float = float("inf"), read: float = float("inf")) -> tuple[float, float]:
        """Seconds to connect, and to wait for an answer: what the settings say, but no more than these, or are left."""
        left = max(self.seconds_left, MIN_TIMEOUT)
        connect = min(connect, self._settings.timeout_connect, left / 8)  # it is done in a moment or not at all
        return connect, min(read, self._settings.timeout_read, left - connect)

    # --- the guild ---

    def guild(self, options: RequestOptions) -> Guild:
        """The guild with its roles; `bot_roles` is empty, to be filled from the bot's own member."""
        found = self._read(_Guild, GUILD, "GET", self._guild, options)
        listed = found.roles
        if listed is None:
            listed = self._read(list[_Role], ROLES, "GET", f"{self._guild}/roles", options)
        if not listed:
            raise DiscordUnavailable("Discord's answer lists no roles, not even @everyone: it is not the whole guild")
        roles = tuple(_role(role) for role in listed)
        return Guild(int(found.id), found.name, int(found.owner_id or 0), roles, frozenset(), self._clock.now())

    def create_role(self, name: str, options: RequestOptions) -> Role:
        """A new role of that name, without permissions, at the bottom. Raises RoleLimit."""
        try:
            return _role(
                self._read(
                    _Role, ROLES_NEW, "POST", f"{self._guild}/roles", options, {"name": name, "permissions": "0"}
                )
            )
        except (RateLimited, RateLimitDeferred) as limited:
            if limited.retry_after < MAX_ROLE_WAIT:
                raise
            message = f"Discord lets no role be created for {limited.retry_after:.0f} s"
            raise RoleLimit(status=HTTPStatus.TOO_MANY_REQUESTS, code=0, message=message) from limited

    def me(self, options: RequestOptions) -> Account:
        """The bot's own account."""
        return _user(self._read(_User, ME, "GET", "/users/@me", options))

    # --- members ---

    def member(self, discord_id: int, options: RequestOptions) -> Member:
        """The member. Raises UnknownMember where they are none (any more)."""
        return _member(self._read(_Member, MEMBER_GET, "GET", f"{self._guild}/members/{discord_id}", options))

    def members(self, after: int, options: RequestOptions, *, limit: int = PAGE) -> list[Member]:
        """A page of members, ascending by id, all above `after`. Raises IntentMissing.

        A page with fewer than `limit` members need not be the last one; an empty one is.
        """
        path = f"{self._guild}/members?limit={limit}&after={after}"
        try:
            return [_member(found) for found in self._read(list[_Member], MEMBERS, "GET", path, options)]
        except UnknownGuild as refused:
            if refused.status == HTTPStatus.FORBIDDEN:
                raise IntentMissing(status=refused.status, code=refused.code, message=str(refused)) from refused
            raise

    def join(
        self, discord_id: int, access_token: str, roles: frozenset[int], nick: str | None, options: RequestOptions
    ) -> bool:
        """Bring a person in with roles and nickname: True. False where they were in already: nothing was applied."""
        body: dict[str, Any] = {"access_token": access_token, "roles": sorted(map(str, roles))}
        if nick is not None:
            body["nick"] = nick
        answer = self._request(MEMBER_JOIN, "PUT", f"{self._guild}/members/{discord_id}", options, body)
        return answer.status_code == HTTPStatus.CREATED

    def change(
        self, discord_id: int, options: RequestOptions, *, roles: frozenset[int] | None = None, nick: str | None = None
    ) -> Member | None:
        """Set the whole list of roles, the nickname, or both. Refused whole if a part of it is.

        Returns the member as Discord stored it, which is not always what was asked for: unknown role ids are left out,
        a nickname is trimmed, or null where it equals the username; a role has been seen to stay
        (discord-api-docs#6074). None where the answer is a success, but no member.
        """
        body: dict[str, Any] = {}
        if roles is not None:
            body["roles"] = sorted(map(str, roles))
        if nick is not None:
            body["nick"] = nick
        if not body:
            raise ValueError("nothing to change: give roles, a nickname, or both")
        path = f"{self._guild}/members/{discord_id}"
        return _member_in(self._request(MEMBER_PATCH, "PATCH", path, options, body).content)

    def give_role(self, discord_id: int, role_id: int, options: RequestOptions) -> None:
        """Give one role; without effect where the member has it."""
        self._request(ROLE_GIVE, "PUT", f"{self._guild}/members/{discord_id}/roles/{role_id}", options)

    def take_role(self, discord_id: int, role_id: int, options: RequestOptions) -> None:
        """Take one role; without effect where the member does not have it."""
        self._request(ROLE_TAKE, "DELETE", f"{self._guild}/members/{discord_id}/roles/{role_id}", options)

    def remove(self, discord_id: int, options: RequestOptions) -> None:
        """Remove the member from the guild. Raises UnknownMember where they are none."""
        self._request(MEMBER_REMOVE, "DELETE", f"{self._guild}/members/{discord_id}", options)

    # --- the request itself ---

    def _read(
        self,
        kind: type[T],
        route: str,
        method: str,
        path: str,
        options: RequestOptions,
        body: dict[str, Any] | None = None,
    ) -> T:
        answer = self._request(route, method, path, options, body)
        try:
            return msgspec.json.decode(answer.content, type=kind)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise DiscordUnavailable(f"Discord's answer to {route} cannot be read: {error}") from None

    def _request(
        self, route: str, method: str, path: str, options: RequestOptions, body: dict[str, Any] | None = None
    ) -> requests.Response:
        """The answer. Where a person waits, a 429 that ends within their patience is waited out, and asked again.

        Of the time that is left, half at most goes into waiting for the turn. Raises Wait where there is none.
        """
        left = min(options.patience, self.seconds_left / 2)
        deadline = self._clock.now() + left
        while True:
            if self.seconds_left <= 0:
                raise Wait(f"no time is left for {route}")
            try:
                return self._request_once(route, method, path, options, body, patience=left)
            except RateLimited as limited:
                wait = max(limited.retry_after, MIN_WAIT)
                left = deadline - self._clock.now() - wait
                if options.patience <= PATIENCE or left < 0:
                    raise
                self._clock.sleep(wait)

    def _request_once(
        self,
        route: str,
        method: str,
        path: str,
        options: RequestOptions,
        body: dict[str, Any] | None,
        *,
        patience: float,
    ) -> requests.Response:
        reservation = self._reserve(route, options, patience)
        repeated = False
        try:
            answer = self._send(route, method, path, options, body)
        except requests.ConnectionError as error:
            if not may_be_repeated(method, error) or self.seconds_left <= 0:
                raise self._unanswered(route, reservation, error) from None
            answer, reservation = self._repeat(route, method, path, options, body, reservation, error)
            repeated = True
        except requests.RequestException as error:
            raise _unavailable(route, error) from None
        if repeated:
            self._settle_repeated(route, method, reservation, answer)
        else:
            self._settle(route, reservation, answer)
        return answer

    def _reserve(self, route: str, options: RequestOptions, patience: float) -> Reservation:
        """The place on which the request is made: the one that was reserved for it, or the next one."""
        if options.reservation is not None:
            self.halts.check()
            if self.rate_limiter.use(options.reservation, route):
                return options.reservation
        return self.rate_limiter.acquire(route, options.lane, options.ticket, patience=patience)

    def _repeat(
        self,
        route: str,
        method: str,
        path: str,
        options: RequestOptions,
        body: dict[str, Any] | None,
        reservation: Reservation,
        cut: requests.ConnectionError,
    ) -> tuple[requests.Response, Reservation]:
        """Make a request once more whose connection was cut, on a new connection; its answer, and its place.

        A connection that lay idle died before: the first request never reached Discord, and its place is still good.
        Else Discord may have counted it, and this one needs a place of its own. RFC 9110, section 9.2.2.
        """
        if self._clock.now() - self._answered_at < MIN_IDLE:
            unavailable = self._unanswered(route, reservation, cut)
            try:
                reservation = self.rate_limiter.acquire(route, options.lane)
            except Wait:
                raise unavailable from None
        self._session.close()  # whatever else is kept in it is as old
        try:
            return self._send(route, method, path, options, body), reservation
        except requests.RequestException as error:
            raise self._unanswered(route, reservation, error) from None

    def _unanswered(self, route: str, reservation: Reservation, error: requests.RequestException) -> DiscordUnavailable:
        """The error that it means that no answer came; where it was a bucket's first request, another may try now."""
        if isinstance(error, requests.ConnectionError):
            self.rate_limiter.unanswered(reservation)
        return _unavailable(route, error)

    def _send(
        self, route: str, method: str, path: str, options: RequestOptions, body: dict[str, Any] | None
    ) -> requests.Response:
        """Discord's answer, whatever it is. Raises what requests raises where none comes."""
        headers = {
            "Authorization": f"Bot {self._settings.bot_token}",
            "Accept": "application/json",
            "User-Agent": USER_AGENT,
        }
        if options.reason and method != "GET":
            headers["X-Audit-Log-Reason"] = quote(options.reason[:MAX_REASON])
        began, status, scope = self._clock.now(), 0, ""
        try:
            answer = self._session.request(
                method,
                self._settings.api_base_url + path,
                json=body,
                headers=headers,
                timeout=self.timeouts(read=options.patience if options.patience > PATIENCE else float("inf")),
                allow_redirects=False,
            )
            status, scope = answer.status_code, answer.headers.get("X-RateLimit-Scope", "")
            self._answered_at = self._clock.now()
        finally:
            self._on_request(Request(route, status, self._clock.now() - began, scope))
        return answer

    def _settle(self, route: str, reservation: Reservation, answer: requests.Response) -> None:
        """Learn from an answer; raise what it means unless it is a success."""
        status = answer.status_code
        try:
            watch_address(self.halts, answer)
        except AddressBlocked:  # it did not get as far as Discord, which counted nothing
            self.rate_limiter.buckets.leave(reservation.key, reservation.lane, reservation.number)
            raise
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            self._limited(route, reservation.key, answer)
        if status == HTTPStatus.UNAUTHORIZED:
            self.halts.token_refused()
            self.rate_limiter.unanswered(reservation)
            raise CallsHalted(TOKEN_REFUSED, retry_after=MAX_HALT_WAIT)
        self.halts.let_through(with_token=status < HTTPStatus.INTERNAL_SERVER_ERROR)
        name = answer.headers.get("X-RateLimit-Bucket")
        done = status in range(200, 300)  # a redirection, which is not followed, changed nothing
        if done or name:  # a fault on the way to Discord says nothing of its limits
            self.rate_limiter.buckets.answered(route, reservation.key, name, seen_in(answer, self._clock.now()))
        else:
            self.rate_limiter.unanswered(reservation)
        if not done:
            raise error_of(status, answer.content)

    def _settle_repeated(self, route: str, method: str, reservation: Reservation, answer: requests.Response) -> None:
        """The same, where the first request, whose answer was lost, may have been done: no error may deny that."""
        try:
            self._settle(route, reservation, answer)
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
        scope, wait = answer.headers.get("X-RateLimit-Scope", ""), _wait_of(answer)
        if scope == "global" or answer.headers.get("X-RateLimit-Global"):
            self.halts.limited(wait)
        else:
            self.rate_limiter.buckets.limited(route, answer.headers.get("X-RateLimit-Bucket") or key, wait)
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


def _unavailable(route: str, error: requests.RequestException) -> DiscordUnavailable:
    return DiscordUnavailable(f"no answer to {route}: {type(error).__name__}")


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


def fingerprint(token: str) -> str:
    """Tells two tokens apart without telling what they are."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]


def _wait_of(answer: requests.Response) -> float:
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


def _role(found: _Role) -> Role:
    managed = found.managed or bool(MANAGED_TAGS & set(found.tags or {}))
    told = found.permissions or ""
    permissions = int(told) if PERMISSIONS.fullmatch(told) else None
    return Role(int(found.id), found.name, found.position, managed, permissions)


def _user(found: _User) -> Account:
    return Account(int(found.id), found.username, found.discriminator)


def _member(found: _Member) -> Member:
    return Member(_user(found.user), found.nick or None, frozenset(map(int, found.roles)))


def _member_in(content: bytes) -> Member | None:
    """The member that an answer's body describes; None where it describes none."""
    try:
        return _member(msgspec.json.decode(content, type=_Member))
    except (msgspec.MsgspecError, RecursionError):
        return None
