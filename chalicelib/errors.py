"""Every error Rolecall raises on purpose.

RolecallError
├── TryAgain(retry_after)                the same call may succeed later
│   ├── Wait                             not a failure: retried for as long as it takes
│   │   ├── RateLimitDeferred(ticket)    our own rate limiter has given this request a later turn
│   │   ├── RateLimited(scope)           Discord answered 429 all the same
│   │   ├── RoleCreationInProgress       another worker is creating the role that this job needs
│   │   ├── LinkInProgress               a callback is letting the member into the guild
│   │   ├── RemovalInProgress            another worker is removing the account from the guild
│   │   └── CallsHalted(reason)          all calls are stopped: token refused, several IP addresses blocked, or, for
│   │       │                            a moment, Discord's limit on all requests of the bot
│   │       └── AddressBlocked           only this container's: Cloudflare blocks its IP address, or soon would
│   └── Failure                          counted against DISCORD_TASKS_MAX_RETRIES
│       └── DiscordUnavailable           5xx, timeout, broken connection, malformed response
└── GiveUp                               retrying cannot help
    ├── Refused(status, code)            Discord refused the request for good
    │   ├── UnknownMember                10007, 10013: they left, or deleted their account
    │   ├── UnknownRole                  10011, 50028: the role is gone, our cached list is stale
    │   ├── UnknownGuild                 10004, 50001: the guild is gone, or the bot is not in it
    │   ├── NotPermitted                 50013, 60003: hierarchy, owner, missing permission, 2FA
    │   ├── RoleLimit                    30005: 250 roles; or Discord's limit on creating them
    │   └── IntentMissing                listing members needs the privileged GUILD_MEMBERS intent
    ├── LinkRefused(reason)              a person cannot be linked, for one of the contract's reasons
    ├── BadMessage                       a message that cannot be read
    └── BadSettings(faults)              settings that are missing or wrong, all in one message
"""

from dataclasses import dataclass
from enum import StrEnum


class RolecallError(Exception):
    """Anything that Rolecall raises on purpose."""


# --- TryAgain ----------------------------------------------------------------------------------------------


class TryAgain(RolecallError):
    """The same call may succeed after `retry_after` seconds."""

    def __init__(self, message: str, *, retry_after: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Wait(TryAgain):
    """Not a failure: retried for as long as it takes, and not counted."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A numbered slot in one bucket's endless sequence of requests.

    `urgent`: the slot belongs to the lane that goes first, and so does the job that holds the ticket.
    """

    bucket: str
    slot: int
    urgent: bool = False


class RateLimitDeferred(Wait):
    """The request's turn comes in `retry_after` seconds; it is to be made again with `ticket`."""

    def __init__(self, ticket: Ticket, *, retry_after: float) -> None:
        super().__init__(f"turn in {retry_after:.1f} s", retry_after=retry_after)
        self.ticket = ticket


class RateLimited(Wait):
    """Discord answered 429; `scope` is `user`, `global` or `shared`."""

    def __init__(self, *, retry_after: float, scope: str) -> None:
        super().__init__(f"rate limited ({scope}) for {retry_after:.1f} s", retry_after=retry_after)
        self.scope = scope


class RoleCreationInProgress(Wait):
    """Another worker is creating this role."""


class LinkInProgress(Wait):
    """A callback is still working on this link, and may have to undo it."""


class RemovalInProgress(Wait):
    """Another worker is removing this account from the guild, or died while it did."""


class CallsHalted(Wait):
    """All calls are stopped. `reason`: `token_refused`, `address_banned`, `too_many_invalid` or `global_limit`.

    The first and the last concern the bot's token, the other two IP addresses, whoever calls from them.
    """

    def __init__(self, reason: str, *, retry_after: float, whose: str = "all calls") -> None:
        super().__init__(f"{whose} stopped: {reason}", retry_after=retry_after)
        self.reason = reason

    @property
    def needs_attention(self) -> bool:
        """Should an operator know of it? Not of what is over within moments."""
        return self.reason != "global_limit"


class AddressBlocked(CallsHalted):
    """Only the calls of this container are stopped, because of its IP address; another container may call."""

    def __init__(self, reason: str, *, retry_after: float) -> None:
        super().__init__(reason, retry_after=retry_after, whose="this container's calls")

    @property
    def needs_attention(self) -> bool:
        """False: other containers do the work meanwhile."""
        return False


class Failure(TryAgain):
    """Counts as one of the attempts that DISCORD_TASKS_MAX_RETRIES allows."""


class DiscordUnavailable(Failure):
    """Discord did not answer, or its response was malformed.

    `answered`: Discord itself said that it failed. `undone`: it is certain that the request had no effect.
    """

    def __init__(self, message: str, *, answered: bool = False, undone: bool = False) -> None:
        super().__init__(message)
        self.answered = answered
        self.undone = undone


# --- GiveUp ------------------------------------------------------------------------------------------------


class GiveUp(RolecallError):
    """Retrying cannot help."""


class Refused(GiveUp):
    """Discord refused the request for good: HTTP `status` and Discord's JSON error `code`, 0 if there was none."""

    def __init__(self, *, status: int, code: int, message: str = "") -> None:
        super().__init__(f"Discord refused: {status}/{code} {message}".rstrip())
        self.status = status
        self.code = code


class UnknownMember(Refused):
    """They left the guild, or deleted their account."""


class UnknownRole(Refused):
    """The role is gone."""


class UnknownGuild(Refused):
    """The guild is gone, or the bot is not in it."""


class NotPermitted(Refused):
    """Hierarchy, owner, a missing permission, or two-factor authentication."""


class RoleLimit(Refused):
    """No more roles can be created, at least for now."""


class IntentMissing(Refused):
    """Listing members needs the privileged GUILD_MEMBERS intent."""


class Reason(StrEnum):
    """Why a person was not linked: the contract's closed list."""

    BAD_TOKEN = "bad_token"  # noqa: S105 - a reason, not a secret
    EXPIRED = "expired"
    BAD_STATE = "bad_state"
    DENIED = "denied"
    ALREADY_LINKED = "already_linked"
    BANNED = "banned"
    GUILD_LIMIT = "guild_limit"
    DISCORD_UNAVAILABLE = "discord_unavailable"
    MISCONFIGURED = "misconfigured"
    ACCOUNT_NOT_READY = "account_not_ready"


class LinkRefused(GiveUp):
    """A person cannot be linked. `detail` is for the log only, never for a page."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class BadMessage(GiveUp):
    """A message that cannot be read. Says what is wrong without quoting the message."""


class BadSettings(GiveUp):
    """Settings that are missing or wrong, with one line for each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("Settings need attention:\n" + "\n".join(f"- {fault}" for fault in faults))
        self.faults = faults
