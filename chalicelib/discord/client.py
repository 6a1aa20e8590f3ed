"""Discord's API v10 as Rolecall uses it: a method a call, plain dataclasses out, errors of `chalicelib.errors`.

Every request of the bot first takes its turn at the shared rate limiter, and teaches it what the answer's headers say.
This module is the door to those beside it: what other rooms need of requests they import from here.
"""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import Any

import requests

from chalicelib.clock import Clock
from chalicelib.discord.answers import watch_address
from chalicelib.discord.models import Account, Guild, Member, Role
from chalicelib.discord.payloads import (
    GuildPayload,
    MemberPayload,
    RolePayload,
    Snowflake,
    UserPayload,
    guild_of,
    member_in,
    member_of,
    role_of,
    user_of,
)
from chalicelib.discord.rate_limit import Lane
from chalicelib.discord.rate_limiter import RateLimiter
from chalicelib.discord.requester import (
    MIN_IDLE,
    USER_AGENT,
    Request,
    Requester,
    RequestOptions,
    log_request,
    may_be_repeated,
)
from chalicelib.discord.routes import (
    GUILD,
    ME,
    MEMBER_GET,
    MEMBER_JOIN,
    MEMBER_PATCH,
    MEMBER_REMOVE,
    MEMBERS,
    ROLE_COUNTS,
    ROLE_GIVE,
    ROLE_TAKE,
    ROLES,
    ROLES_NEW,
)
from chalicelib.discord.scheduler import RequestScheduler
from chalicelib.discord.time_left import SETTLING
from chalicelib.discord.webhooks import Webhooks
from chalicelib.errors import (
    DiscordUnavailable,
    IntentMissing,
    RateLimitDeferred,
    RateLimited,
    RolecallError,
    RoleLimit,
    TryAgain,
    UnknownGuild,
)
from chalicelib.settings import Settings

__all__ = [
    "GUILD",
    "ME",
    "MEMBERS",
    "MEMBER_GET",
    "MEMBER_JOIN",
    "MEMBER_PATCH",
    "MEMBER_REMOVE",
    "MIN_IDLE",
    "PAGE",
    "ROLES",
    "ROLES_NEW",
    "ROLE_GIVE",
    "ROLE_TAKE",
    "SETTLING",
    "USER_AGENT",
    "Discord",
    "Request",
    "RequestOptions",
    "fingerprint",
    "log_request",
    "may_be_repeated",
    "watch_address",
]

PAGE = 1000  # members; the most that Discord lists at once
MAX_ROLE_WAIT = 900.0  # seconds; a limit on creating roles that lasts longer is no reason to wait


class Discord:
    """Discord, as one bot sees one guild: one method for each call, hence more of them than in other classes.

    `on_request` is called with each request that was made.
    """

    def __init__(
        self,
        settings: Settings,
        rate_limiter: RateLimiter,
        clock: Clock,
        *,
        session: requests.Session | None = None,
        on_request: Callable[[Request], None] = lambda _: None,
    ) -> None:
        self.rate_limiter = rate_limiter
        self.halts = rate_limiter.halts
        self.scheduler = RequestScheduler(rate_limiter.buckets, clock)
        self._clock = clock
        session = session or requests.Session()
        self._requester = Requester(settings, rate_limiter, clock, session=session, on_request=on_request)
        self.webhooks = Webhooks(
            settings, self.halts, clock, self._requester.time, session=session, on_request=on_request
        )
        self._guild = f"/guilds/{settings.guild_id}"

    # --- the time for requests ---

    def until(self, moment: float) -> AbstractContextManager[None]:
        """Requests that are made meanwhile are given up soon enough for what follows to be done by `moment` (epoch s).

        A function that is killed in the middle of a request can settle nothing any more.
        """
        return self._requester.time.until(moment)

    @property
    def seconds_left(self) -> float:
        """In which requests may be made: no end of them outside of `until`."""
        return self._requester.time.left

    def timeouts(self, connect: float = float("inf"), read: float = float("inf")) -> tuple[float, float]:
        """Seconds to connect, and to wait for an answer: what the settings say, but no more than these, or are left."""
        return self._requester.time.timeouts(connect, read)

    # --- the guild ---

    def guild(self, options: RequestOptions) -> Guild:
        """The guild with its roles; `bot_roles` is empty, to be filled from the bot's own member."""
        found = self._requester.read(GuildPayload, GUILD, "GET", self._guild, options)
        listed = found.roles
        if listed is None:
            listed = self._requester.read(list[RolePayload], ROLES, "GET", f"{self._guild}/roles", options)
        if not listed:
            raise DiscordUnavailable("Discord's answer lists no roles, not even @everyone: it is not the whole guild")
        return guild_of(found, listed, read_at=self._clock.now())

    def create_role(self, name: str, options: RequestOptions) -> Role:
        """A new role of that name, without permissions, at the bottom. Raises RoleLimit."""
        try:
            return role_of(
                self._requester.read(
                    RolePayload, ROLES_NEW, "POST", f"{self._guild}/roles", options, {"name": name, "permissions": "0"}
                )
            )
        except (RateLimited, RateLimitDeferred) as limited:
            if limited.retry_after < MAX_ROLE_WAIT:
                raise
            message = f"Discord lets no role be created for {limited.retry_after:.0f} s"
            raise RoleLimit(status=HTTPStatus.TOO_MANY_REQUESTS, code=0, message=message) from limited

    def role_counts(self, options: RequestOptions) -> dict[int, int]:
        """How many members hold each role, by its id, linked or not; @everyone is left out. Needs no intent.

        https://discord.com/developers/docs/resources/guild#get-guild-role-member-counts
        """
        path = f"{self._guild}/roles/member-counts"
        found = self._requester.read(dict[Snowflake, int], ROLE_COUNTS, "GET", path, options)
        return {int(role_id): count for role_id, count in found.items()}

    def me(self, options: RequestOptions) -> Account:
        """The bot's own account."""
        return user_of(self._requester.read(UserPayload, ME, "GET", "/users/@me", options))

    def answers(self) -> bool:
        """Whether Discord answers at all: tells an outage from a request that fails by itself. Costs one request."""
        try:
            self.me(RequestOptions(Lane.URGENT))
        except TryAgain:
            return False
        except RolecallError:
            return True
        return True

    # --- members ---

    def member(self, discord_id: int, options: RequestOptions) -> Member:
        """The member. Raises UnknownMember where they are none (any more)."""
        return member_of(
            self._requester.read(MemberPayload, MEMBER_GET, "GET", f"{self._guild}/members/{discord_id}", options)
        )

    def members(self, after: int, options: RequestOptions, *, limit: int = PAGE) -> list[Member]:
        """A page of members, ascending by id, all above `after`. Raises IntentMissing.

        A page with fewer than `limit` members need not be the last one; an empty one is.
        """
        path = f"{self._guild}/members?limit={limit}&after={after}"
        try:
            return list(map(member_of, self._requester.read(list[MemberPayload], MEMBERS, "GET", path, options)))
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
        answer = self._requester.request(MEMBER_JOIN, "PUT", f"{self._guild}/members/{discord_id}", options, body)
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
        return member_in(self._requester.request(MEMBER_PATCH, "PATCH", path, options, body).content)

    def give_role(self, discord_id: int, role_id: int, options: RequestOptions) -> None:
        """Give one role; without effect where the member has it."""
        self._requester.request(ROLE_GIVE, "PUT", f"{self._guild}/members/{discord_id}/roles/{role_id}", options)

    def take_role(self, discord_id: int, role_id: int, options: RequestOptions) -> None:
        """Take one role; without effect where the member does not have it."""
        self._requester.request(ROLE_TAKE, "DELETE", f"{self._guild}/members/{discord_id}/roles/{role_id}", options)

    def remove(self, discord_id: int, options: RequestOptions) -> None:
        """Remove the member from the guild. Raises UnknownMember where they are none."""
        self._requester.request(MEMBER_REMOVE, "DELETE", f"{self._guild}/members/{discord_id}", options)


def fingerprint(token: str) -> str:
    """Tells two tokens apart without telling what they are."""
    return hashlib.sha256(token.encode()).hexdigest()[:16]
