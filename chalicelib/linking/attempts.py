"""One attempt to link: opened by the auth site's token, bound to a browser by a cookie, used once.

Stored are only digests: neither the state nor the cookie can be read back from the table.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Any

from chalicelib import log
from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.tokens import Token
from chalicelib.store import attempts

LIFE = 15 * 60  # seconds from the click to the callback
COOKIE = "rolecall_attempt"


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt as the callback finds it. Times are epoch seconds, `changed_at` epoch milliseconds.

    `issued_at` is by the auth site's clock, `opened_at` by ours; None for those begun before an upgrade.
    """

    user_id: str
    groups: tuple[str, ...]
    nickname: str | None
    changed_at: int
    issued_at: float
    opened_at: float | None


def open_attempt(token: Token, *, now: float) -> tuple[str, str]:
    """Store an attempt; its state, and the value of the cookie that binds it to this browser."""
    state, cookie = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    data: dict[str, Any] = {
        "user_id": token.user_id,
        "groups": list(token.groups),
        "nickname": token.nickname,
        "changed_at": token.changed_at,
        "issued_at": token.issued_at,
        "opened_at": now,
        "trace": log.bound(),
        "cookie": _digest(cookie),
        "until": now + LIFE,
    }
    attempts.put(_key(state), data, expires_at=now + LIFE)
    return state, cookie


def claim_attempt(state: str | None, cookie: str | None, *, now: float) -> Attempt:
    """Use the attempt up. Raises LinkRefused: bad_state where it is none, was used, or began in another browser.

    What is logged from here on, the refusal included, bears the id of the request that opened it, and names its user.
    """
    if not state or len(state) > 200:
        raise LinkRefused(Reason.BAD_STATE, "no state")
    found = attempts.find(_key(state))
    if found is None:
        raise LinkRefused(Reason.BAD_STATE, "unknown or used")
    request = log.bound()
    log.bind(found.get("trace", log.bound()))  # those begun before an upgrade have none
    log.about(found["user_id"])
    log.info("link_resumed", request=request)
    if not cookie or not hmac.compare_digest(_digest(cookie), found["cookie"]):
        raise LinkRefused(Reason.BAD_STATE, "begun in another browser")
    if not attempts.take(_key(state)):
        raise LinkRefused(Reason.BAD_STATE, "used by somebody faster")
    if now >= found["until"]:
        raise LinkRefused(Reason.EXPIRED, "the attempt's time is over")
    return Attempt(
        user_id=found["user_id"],
        groups=tuple(found["groups"]),
        nickname=found["nickname"],
        changed_at=found["changed_at"],
        issued_at=found["issued_at"],
        opened_at=found.get("opened_at"),
    )


def cookie_name(state: str) -> str:
    """A cookie of its own for each attempt, so that two tabs do not spoil each other's."""
    return f"{COOKIE}_{_digest(state)[:12]}"


def _key(state: str) -> str:
    return f"state:{_digest(state)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
