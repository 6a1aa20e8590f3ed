"""One attempt to link: opened by the auth site's token, bound to a browser by a cookie, used once.

Only digests are stored: neither the state nor the cookie can be read back from the table.
"""

import hmac
import secrets

from chalicelib import log
from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.cookie import LIFE, digest
from chalicelib.linking.tokens import Token
from chalicelib.store import attempts
from chalicelib.store.attempts import Attempt

MAX_STATE = 200  # characters; ours have 43


def open_attempt(token: Token, *, now: float) -> tuple[str, str]:
    """Store an attempt; return its state, and the value of the cookie that binds it to this browser."""
    state, cookie = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
    attempt = Attempt(
        user_id=token.user_id,
        groups=token.groups,
        nickname=token.nickname,
        changed_at=token.changed_at,
        issued_at=token.issued_at,
        opened_at=now,
        trace=log.bound(),
        cookie=digest(cookie),
        until=now + LIFE,
    )
    attempts.put(_key(state), attempt)
    return state, cookie


def use_attempt(state: str | None, cookie: str | None, *, now: float) -> tuple[Attempt, bool]:
    """Use the attempt up; return it, and whether this call was the first to do so.

    Raises LinkRefused(bad_state) if there is none, or if it began in another browser, and LinkRefused(expired) if its
    time is over. Everything that is logged from here on, the refusal included, bears the id of the request that opened
    the attempt, and its user.
    """
    if not state or len(state) > MAX_STATE:
        raise LinkRefused(Reason.BAD_STATE, "no state")
    attempt, first = attempts.take(_key(state), digest(cookie)) if cookie else None, True
    if attempt:
        _log_as(attempt)
    else:
        attempt = _found(state, cookie)
        first = attempt.progress is None and attempts.take_found(_key(state), attempt)
    if first and now >= attempt.until:
        note_refusal(state, attempt)
        raise LinkRefused(Reason.EXPIRED, "the attempt's time is over")
    return attempt, first


def _found(state: str, cookie: str | None) -> Attempt:
    """The attempt, used up or not. Raises LinkRefused(bad_state)."""
    attempt = attempts.find(_key(state))
    if attempt is None:
        raise LinkRefused(Reason.BAD_STATE, "unknown")
    _log_as(attempt)
    if not cookie or not hmac.compare_digest(digest(cookie), attempt.cookie):
        raise LinkRefused(Reason.BAD_STATE, "begun in another browser")
    return attempt


def note_refusal(state: str, attempt: Attempt) -> None:
    """Record that the attempt ended in a refusal, so that a repeated callback does not wait for it."""
    attempts.refuse(_key(state), attempt)


def is_refused(state: str) -> bool:
    """Did the attempt end in a refusal?"""
    attempt = attempts.find(_key(state))
    return attempt is None or attempt.progress == attempts.REFUSED


def claim_of(state: str) -> str:
    """The attempt's id, by which a link knows whose claim it is. The state cannot be read back from it."""
    return digest(state)[:32]


def _log_as(attempt: Attempt) -> None:
    request = log.bound()
    log.bind(attempt.trace or request)
    log.about(attempt.user_id)
    log.info("link_resumed", request=request)


def _key(state: str) -> str:
    return f"state:{digest(state)}"
