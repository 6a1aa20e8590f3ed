"""Where `app.py` enters: the members' and the officers' page over a session, from cookies and form fields."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from chalicelib import http, log
from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.entrance import Started
from chalicelib.linking.tokens import Purpose, Token
from chalicelib.members.refresh import REFRESHED, TOO_SOON
from chalicelib.members.words import LANGUAGES, Words
from chalicelib.web import sessions
from chalicelib.web.member_page import MemberPage
from chalicelib.web.officer_actions import OfficerActions
from chalicelib.web.officers_page import Live, OfficersPage
from chalicelib.web.officers_words import OfficersWords
from chalicelib.web.render import SAME_ADDRESS
from chalicelib.web.sessions import Visit
from chalicelib.wiring import Wired

Browser = tuple[str, str]  # the headers Cookie and Accept-Language


@dataclass(frozen=True, slots=True)
class Done:
    """What a button did: one of an attempt to link, an outcome to return to the auth site with, or an address."""

    started: Started | None = None
    outcome: str = ""
    address: str = ""


def opened(parts: Wired, token: Token) -> str:
    """Open a session for the token's user; return the Set-Cookie header."""
    secure = _is_secure(parts)
    cookie = sessions.open_session(token, now=parts.services.now())
    name, life = sessions.cookie_name(token.purpose, secure=secure), sessions.LIFE[token.purpose]
    return http.set_cookie(name, cookie, max_age=life, path="/", secure=secure)


def form_targets(parts: Wired) -> tuple[str, str]:
    """Where the forms of a page may lead: back to the auth site, or to Discord."""
    return parts.settings.auth_site_url, parts.settings.oauth_base_url


def show_member(parts: Wired, browser: Browser, done: str | None) -> str:
    """The member's page. `done`: REFRESHED or TOO_SOON after that button. Raises LinkRefused without a session."""
    visit = _visit(parts, browser, Purpose.ME)
    words = Words(http.preferred_language(browser[1], LANGUAGES))
    return _member_page(parts).show(visit, words, note=done if done in (REFRESHED, TOO_SOON) else "")


def act_for_member(parts: Wired, browser: Browser, fields: dict[str, str]) -> Done:
    """Do what the pressed button says. Raises LinkRefused, also for a form that is not this session's."""
    visit = _visit(parts, browser, Purpose.ME)
    visit.check(fields.get("csrf"))
    action = fields.get("action")
    log.info("member_action", user_id=visit.session.user_id, action=str(action)[:20])
    match action:
        case "refresh":
            done = REFRESHED if _member_page(parts).refresh(visit) else TOO_SOON
            return Done(address=f"{SAME_ADDRESS}done={done}")
        case "other":
            session = visit.session
            return Done(started=parts.entrance.start_again(session.user_id, issued_at=session.issued_at))
        case "unlink":
            parts.linking.unlink_known(visit.session.user_id)
            visit.end()
            return Done(outcome="unlinked")
    raise LinkRefused(Reason.BAD_STATE, "no such button")


def show_officers(parts: Wired, browser: Browser, query: Mapping[str, str]) -> str:
    """The officers' page. `query`: what it was asked for. Raises LinkRefused without a session."""
    return _officers_page(parts, browser).show(_visit(parts, browser, Purpose.ADMIN), query)


def show_officers_news(parts: Wired, browser: Browser, known: str) -> Live | None:
    """The part of it that changes by itself; None if it is the `known` one. Raises LinkRefused without a session."""
    return _officers_page(parts, browser).show_live(_visit(parts, browser, Purpose.ADMIN), known.strip('"'))


def act_for_officer(parts: Wired, browser: Browser, fields: dict[str, str]) -> Done:
    """Do what the pressed button says. Raises LinkRefused, also for a form that is not this session's."""
    visit = _visit(parts, browser, Purpose.ADMIN)
    visit.check(fields.get("csrf"))
    actions = OfficerActions(parts.services, parts.view, parts.delivery.sweeper)
    return Done(address=f"{SAME_ADDRESS}done={actions.act(visit, fields)}")


def _officers_page(parts: Wired, browser: Browser) -> OfficersPage:
    words = OfficersWords(http.preferred_language(browser[1], LANGUAGES))
    return OfficersPage(parts.services, parts.view, words)


def _member_page(parts: Wired) -> MemberPage:
    return MemberPage(parts.services, parts.view)


def _visit(parts: Wired, browser: Browser, purpose: Purpose) -> Visit:
    name = sessions.cookie_name(purpose, secure=_is_secure(parts))
    return sessions.resume(http.read_cookies(browser[0]).get(name), purpose, now=parts.services.now())


def _is_secure(parts: Wired) -> bool:
    return urlsplit(parts.settings.callback_url).scheme == "https"
