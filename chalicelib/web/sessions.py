"""A session: opened by a token, bound to a browser by a cookie, proved in each form by a second value (CSRF)."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from chalicelib import log
from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.tokens import Purpose, Token
from chalicelib.store import sessions
from chalicelib.store.sessions import Session, Sight

LIFE = {Purpose.ME: 15 * 60}  # seconds, by the purpose of the token that opens it
MAX_COOKIE = 200  # characters; ours have 43


@dataclass(frozen=True, slots=True)
class Visit:
    """A request within a session. `csrf` is what its forms must carry; no other site can know it."""

    session: Session
    csrf: str
    digest: str

    def seen(self, sight: Sight) -> None:
        """Remember what was seen of the member."""
        kept = Session(
            user_id=self.session.user_id,
            purpose=self.session.purpose,
            issued_at=self.session.issued_at,
            until=self.session.until,
            sight=sight,
        )
        sessions.update(self.digest, kept)

    def check(self, csrf: str | None) -> None:
        """Raise LinkRefused(bad_state) unless the form is one that this session was given."""
        given = (csrf or "").encode("utf-8", "surrogatepass")
        if not hmac.compare_digest(given, self.csrf.encode()):
            raise LinkRefused(Reason.BAD_STATE, "the form is not this session's")

    def end(self) -> None:
        """End the session."""
        sessions.end(self.digest)


def cookie_name(purpose: Purpose, *, secure: bool) -> str:
    """The name of the session's cookie. `__Host-` binds it to this host and to https, where there is https.

    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Set-Cookie#cookie_prefixes
    """
    return f"{'__Host-' if secure else ''}rolecall_{purpose}"


def open_session(token: Token, *, now: float) -> str:
    """Open a session for the token's user and page; return its cookie. It is always a new one: none can be planted."""
    cookie = secrets.token_urlsafe(32)
    session = Session(
        user_id=token.user_id,
        purpose=token.purpose,
        issued_at=token.issued_at,
        until=now + LIFE[token.purpose],
    )
    sessions.create(_digest("session", cookie), session)
    log.info("session_opened", user_id=token.user_id, purpose=token.purpose)
    return cookie


def resume(cookie: str | None, purpose: Purpose, *, now: float) -> Visit:
    """The visit that the cookie proves. Raises LinkRefused(expired) if there is no such session for this page."""
    if not cookie or len(cookie) > MAX_COOKIE:
        raise LinkRefused(Reason.EXPIRED, "no session")
    digest = _digest("session", cookie)
    session = sessions.find(digest, now=now)
    if session is None or session.purpose != purpose:
        raise LinkRefused(Reason.EXPIRED, "no such session, or its time is over")
    log.about(session.user_id)
    return Visit(session, _digest("csrf", cookie), digest)


def _digest(what: str, cookie: str) -> str:
    return hashlib.sha256(f"{what}:{cookie}".encode("utf-8", "surrogatepass")).hexdigest()
