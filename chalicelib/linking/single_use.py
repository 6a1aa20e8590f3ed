"""Tokens of the auth site, each accepted once."""

import hashlib

from chalicelib import log
from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.tokens import Purpose, Token, read_token
from chalicelib.store import attempts


def accept_token(text: str | None, purpose: Purpose, *, secret: str, now: float, use: bool) -> Token:
    """Check the token and, if `use`, use it up.

    Raises LinkRefused(expired) if its time is over, LinkRefused(bad_token) if it is invalid or was used before.
    """
    token = read_token(text, purpose, secret=secret, now=now)
    log.about(token.user_id)
    key = f"jti:{hashlib.sha256(token.jti.encode()).hexdigest()}"
    fresh = attempts.use_once(key, expires_at=token.expires_at) if use else not attempts.is_used(key)
    if not fresh:
        raise LinkRefused(Reason.BAD_TOKEN, "used before")
    return token
