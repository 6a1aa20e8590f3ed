"""Discord's OAuth2 with requests-oauthlib: the authorise page, exchanging the code, revoking the token.

https://discord.com/developers/docs/topics/oauth2
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlencode

import msgspec
import requests

from chalicelib import log
from chalicelib.discord.client import USER_AGENT, Request, log_request, may_be_repeated, watch_address
from chalicelib.discord.halts import GLOBAL_LIMIT, TOKEN_REFUSED
from chalicelib.discord.models import Account
from chalicelib.errors import CallsHalted, LinkRefused, Reason
from chalicelib.services import Services

if TYPE_CHECKING:
    from requests_oauthlib import OAuth2Session

T = TypeVar("T")
SCOPES = ("identify", "guilds.join")
# MANAGE_ROLES, MANAGE_NICKNAMES, KICK_MEMBERS, CREATE_INSTANT_INVITE: the least that the service needs.
# https://discord.com/developers/docs/topics/permissions#permissions-bitwise-permission-flags
PERMISSIONS = (1 << 28) | (1 << 27) | (1 << 1) | (1 << 0)
BEARER = re.compile(r"[\w.~+/-]{1,4000}=*", re.ASCII)  # RFC 6750, section 2.1
UNREADABLE = (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)  # oauthlib's, on odd answers
MAX_WAIT = (3.0, 8.0)  # seconds to connect, to read, whatever the settings say: a person waits


class _Me(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(pattern="^[0-9]{1,19}$")]
    username: str
    discriminator: str = "0"


@dataclass(frozen=True, slots=True)
class Authorisation:
    """What a person granted: who they are, and a token that is used once and then revoked."""

    user: Account
    access_token: str = field(repr=False)


def verifier_of(state: str, secret: str) -> str:
    """The PKCE verifier of an attempt (RFC 7636). Derived, so that it is stored nowhere."""
    digest = hmac.new(secret.encode(), f"pkce:{state}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


class OAuth:
    """The conversation with Discord's OAuth2 endpoints."""

    def __init__(self, services: Services, transport: requests.Session | None = None) -> None:
        self._services = services
        self._settings = services.settings
        self._transport = transport  # whose adapters are used; the seam for tests

    def authorise_url(self, state: str) -> str:
        """Discord's page on which a person agrees. `prompt=none`: it does not ask again what was granted before."""
        from oauthlib.oauth2 import WebApplicationClient

        verifier = verifier_of(state, self._settings.auth_site_secret)
        client = WebApplicationClient(str(self._settings.app_id))
        return f"{self._settings.oauth_base_url}?" + urlencode(
            {
                "response_type": "code",
                "client_id": self._settings.app_id,
                "scope": " ".join(SCOPES),
                "redirect_uri": self._settings.callback_url,
                "state": state,
                "code_challenge": client.create_code_challenge(verifier, "S256"),
                "code_challenge_method": "S256",
                "prompt": "none",
            }
        )

    def add_bot_url(self) -> str:
        """Discord's page on which the guild's administrator adds the bot, with the least permissions."""
        return add_bot_url(self._settings.oauth_base_url, self._settings.app_id, self._settings.guild_id)

    def exchange(self, code: str, state: str) -> Authorisation:
        """Exchange the code for a token and read whose it is. Raises LinkRefused; the token is revoked then.

        Discord is not asked while all calls are halted: the bot could not use the token to let anybody in.
        """
        self._check(with_token=True)
        with self._session() as session:
            token = self._token(session, code, state)
            access_token: str = token["access_token"]
            try:
                _check_scopes(token)
                return Authorisation(self._account_of(session, access_token), access_token)
            except Exception:
                self.revoke(access_token)
                raise

    def _account_of(self, session: "OAuth2Session", access_token: str) -> Account:
        url = f"{self._settings.api_base_url}/users/@me"
        bearer = {"Authorization": f"Bearer {access_token}"}
        answer = self._sent(
            "GET users @me",
            lambda: session.request("GET", url, headers=bearer, timeout=self._timeouts(), withhold_token=True),
        )
        if not answer.ok:
            raise _refusal(answer.status_code, persons=answer.status_code == HTTPStatus.UNAUTHORIZED)
        me = _decoded(answer, _Me)
        return Account(int(me.id), me.username, me.discriminator)

    def revoke(self, access_token: str) -> None:
        """Revoke the token. It is stored nowhere; if Discord does not answer, it expires in a week."""
        url = f"{self._settings.oauth_token_url}/revoke"
        body = {"token": access_token, "token_type_hint": "access_token"}
        try:
            with self._session() as session:
                answer = self._sent(
                    "POST oauth2 revoke",
                    lambda: session.request(
                        "POST", url, data=body, auth=self._basic(), timeout=self._timeouts(), withhold_token=True
                    ),
                )
        except LinkRefused as refused:
            log.warning("revoke_failed", why=refused.detail)
        else:
            if not answer.ok:
                log.warning("revoke_failed", why=str(answer.status_code))

    def _token(self, session: "OAuth2Session", code: str, state: str) -> dict[str, Any]:
        from oauthlib.oauth2 import InvalidGrantError, OAuth2Error

        answers: list[requests.Response] = []

        def remember(answer: requests.Response) -> requests.Response:
            answers.append(answer)
            self._heed(answer)
            return answer

        session.register_compliance_hook("access_token_response", remember)
        began = self._services.now()
        try:
            token: dict[str, Any] = session.fetch_token(
                self._settings.oauth_token_url,
                code=code,
                code_verifier=verifier_of(state, self._settings.auth_site_secret),
                auth=self._basic(),
                include_client_id=False,
                timeout=self._timeouts(),
            )
        except requests.RequestException as error:
            raise _no_answer(error) from None
        except (OAuth2Error, *UNREADABLE) as error:
            status = answers[0].status_code if answers else 0
            raise _refusal(status, type(error).__name__, persons=isinstance(error, InvalidGrantError)) from None
        finally:
            status = answers[0].status_code if answers else 0
            log_request(Request("POST oauth2 token", status, self._services.now() - began))
        access_token = token.get("access_token")
        if not isinstance(access_token, str) or not BEARER.fullmatch(access_token):
            raise LinkRefused(Reason.DISCORD_UNAVAILABLE, "a token answer without a token")
        return token

    def _session(self) -> "OAuth2Session":
        from requests_oauthlib import OAuth2Session

        session = OAuth2Session(str(self._settings.app_id), redirect_uri=self._settings.callback_url)
        session.headers["User-Agent"] = USER_AGENT
        session.max_redirects = 0  # Discord redirects no such request, and secrets must not follow one
        if self._transport is not None:
            session.adapters = self._transport.adapters
        return session

    def _basic(self) -> tuple[str, str]:
        return (str(self._settings.app_id), self._settings.app_secret)

    def _timeouts(self) -> tuple[float, float]:
        return self._services.discord.timeouts(*MAX_WAIT)

    def _sent(self, route: str, send: Callable[[], requests.Response]) -> requests.Response:
        self._check(with_token=False)
        if self._services.discord.seconds_left <= 0:
            raise LinkRefused(Reason.DISCORD_UNAVAILABLE, f"no time is left for {route}")
        try:
            answer = self._logged(route, send)
        except requests.ConnectionError as error:
            if not may_be_repeated(route.partition(" ")[0], error):
                raise _no_answer(error) from None
            answer = self._once_more(route, send)
        except requests.RequestException as error:
            raise _no_answer(error) from None
        self._heed(answer)
        return answer

    def _once_more(self, route: str, send: Callable[[], requests.Response]) -> requests.Response:
        """The answer by another connection: the one before was cut."""
        try:
            return self._logged(route, send)
        except requests.RequestException as error:
            raise _no_answer(error) from None

    def _logged(self, route: str, send: Callable[[], requests.Response]) -> requests.Response:
        began, status = self._services.now(), 0
        try:
            answer = send()
            status = answer.status_code
        finally:
            log_request(Request(route, status, self._services.now() - began))
        return answer

    def _check(self, *, with_token: bool) -> None:
        """Raise LinkRefused if calls are halted; `with_token`: those with the bot's token.

        Discord's limit on the bot's own requests does not count here: it ends before the bot lets the person in.
        """
        try:
            self._services.discord.halts.check(with_token=with_token)
        except CallsHalted as halted:
            if halted.reason != GLOBAL_LIMIT:
                raise stopped(halted) from None

    def _heed(self, answer: requests.Response) -> None:
        """These requests come from the address that the bot uses, so they count in its limits."""
        try:
            watch_address(self._services.discord.halts, answer, oauth=True)
        except CallsHalted as halted:
            raise stopped(halted) from None
        self._services.discord.halts.let_through(with_token=False)


def add_bot_url(oauth_base_url: str, app_id: int, guild_id: int) -> str:
    """Discord's page to add the bot to the guild. https://discord.com/developers/docs/topics/oauth2#bot-authorization-flow"""
    return f"{oauth_base_url}?" + urlencode(
        {
            "client_id": app_id,
            "scope": "bot",
            "permissions": PERMISSIONS,
            "guild_id": guild_id,
            "disable_guild_select": "true",
        }
    )


def stopped(halted: CallsHalted) -> LinkRefused:
    """The refusal while all calls are halted. A refused token stays refused until an operator replaces it."""
    lasting = halted.reason == TOKEN_REFUSED
    return LinkRefused(Reason.MISCONFIGURED if lasting else Reason.DISCORD_UNAVAILABLE, str(halted))


def _no_answer(error: requests.RequestException) -> LinkRefused:
    return LinkRefused(Reason.DISCORD_UNAVAILABLE, type(error).__name__)


def _check_scopes(token: dict[str, Any]) -> None:
    """An answer that names no scopes grants those that were asked for (RFC 6749, section 5.1)."""
    if "scope" in token and not set(SCOPES) <= set(token.get("scope") or ()):
        raise LinkRefused(Reason.DENIED, "not all scopes were granted")


def _refusal(status: int, detail: str = "", *, persons: bool = False) -> LinkRefused:
    """The refusal for an error of the OAuth2 endpoints. With an expired code, the person has to begin again.

    `persons`: it is about this person's code or token, not about the application. Discord refuses good ones now and
    then, for single people (discord-api-docs#6769).
    """
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN) and not persons:
        return LinkRefused(Reason.MISCONFIGURED, f"Discord refuses the application: {status} {detail}")
    if status == HTTPStatus.TOO_MANY_REQUESTS or not 400 <= status < 500:  # no answer, or a malformed one
        return LinkRefused(Reason.DISCORD_UNAVAILABLE, f"{status} {detail}")
    return LinkRefused(Reason.EXPIRED, f"Discord does not accept the code: {status} {detail}")


def _decoded(answer: requests.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.MsgspecError, RecursionError):
        raise LinkRefused(Reason.DISCORD_UNAVAILABLE, "Discord's answer cannot be read") from None
