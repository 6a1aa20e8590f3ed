"""What a failed answer of Discord means, decided by its status and JSON error code.

Source of the codes: https://discord.com/developers/docs/topics/opcodes-and-status-codes#json
"""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec

from chalicelib.discord.texts import sentence
from chalicelib.errors import (
    DiscordUnavailable,
    NotPermitted,
    Refused,
    RolecallError,
    RoleLimit,
    UnknownGuild,
    UnknownMember,
    UnknownRole,
)

TWO_FACTOR = 60003  # the guild asks its moderators for 2FA, and the bot's owner has none
BY_CODE: dict[int, type[Refused]] = {
    10004: UnknownGuild,
    10007: UnknownMember,
    10011: UnknownRole,
    10013: UnknownMember,
    30005: RoleLimit,
    50001: UnknownGuild,
    50013: NotPermitted,
    50028: UnknownRole,
    TWO_FACTOR: NotPermitted,
}
BANNED = 40007  # the user is banned from this guild
GUILD_LIMIT = 30001  # the user is in as many guilds as Discord allows
BAD_OAUTH_TOKEN = 50025
# The person must verify their account first. https://github.com/discord/discord-api-docs/issues/6091
ACCOUNT_NOT_READY = frozenset({40002, 50178})
INVALID_FORM = 50035  # something in the body: the nickname, a role, or AutoMod's opinion of the member's server tag
CLOUDFLARE_BLOCKED = 40333
BLOCKED_MESSAGE = "You are being blocked"  # with code 0: "… from accessing our API temporarily"
OVERLOADED = 130000
RETRIED_CODES = frozenset({OVERLOADED})


class Body(msgspec.Struct):
    """The body of an error. Everything else in it is of no use to a program."""

    code: int = 0
    message: str = ""
    retry_after: float = 0.0


def body_of(content: bytes) -> Body | None:
    """The error body, or None where it is not Discord's JSON (a proxy's HTML page, say)."""
    try:
        return msgspec.json.decode(content, type=Body)
    except (msgspec.MsgspecError, RecursionError):
        return None


def blocks_address(status: int, headers: Mapping[str, str], content: bytes, *, oauth: bool = False) -> bool:
    """Does the answer mean that Cloudflare lets nothing from this address through, whichever token it bears?

    Such an answer is a 403 or 429 that is not Discord's: a page; a problem report (RFC 9457) of Cloudflare's 1xxx
    errors; one of Discord's two ways of saying so; a 429 without Discord's rate-limit headers, which only the OAuth2
    endpoints (`oauth`) leave out. A proxy's 5xx says nothing of the address.
    https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/
    """
    if status >= HTTPStatus.BAD_REQUEST and (body := body_of(content)) and body.code == CLOUDFLARE_BLOCKED:
        return True
    if status not in (HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS):
        return False
    said = _object(content)
    if said is None or "error_code" in said or said.get("cloudflare_error"):
        return True
    if said.get("code") == 0 and str(said.get("message")).startswith(BLOCKED_MESSAGE):
        return True
    if status != HTTPStatus.TOO_MANY_REQUESTS or oauth or said.get("code"):  # a code is Discord's own word
        return False
    return not any(name.lower().startswith("x-ratelimit-") for name in headers)


def is_about_content(refused: Refused) -> bool:
    """Did Discord refuse what the request says (its roles, its nickname), so that less of it may be accepted?"""
    return type(refused) is Refused and refused.status == HTTPStatus.BAD_REQUEST and refused.code in (0, INVALID_FORM)


def _object(content: bytes) -> dict[str, object] | None:
    """The JSON object that Discord answers with, whatever it says; None where it is something else."""
    try:
        found = msgspec.json.decode(content)
    except (msgspec.MsgspecError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def error_of(status: int, content: bytes) -> RolecallError:
    """The error that an answer of 400 or more means. 401, 429 and Cloudflare's block are told apart before."""
    body = body_of(content)
    code = body.code if body else 0
    if status >= 500 or code in RETRIED_CODES or status == 408:
        # A gateway (502, 504) speaks for a Discord that may still be at it.
        answered = status in (HTTPStatus.INTERNAL_SERVER_ERROR, HTTPStatus.SERVICE_UNAVAILABLE)
        return DiscordUnavailable(f"Discord answered {status}/{code}", answered=answered)
    if status == 404 and code not in BY_CODE:
        # Alliance Auth behaviour 25: only Discord's own word for it means that somebody left.
        return DiscordUnavailable(f"Discord answered 404/{code}", undone=True)
    if body is None:
        return DiscordUnavailable(f"Discord answered {status} and no JSON", undone=True)
    return BY_CODE.get(code, Refused)(status=status, code=code, message=sentence(body.message))
