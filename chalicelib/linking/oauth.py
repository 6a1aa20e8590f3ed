"""Discord's OAuth2 with requests-oauthlib: the authorise page, exchanging the code, revoking the token.

https://discord.com/developers/docs/topics/oauth2
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlencode

import msgspec
import requests

from chalicelib import log
from chalicelib.discord.client import Request, log_request
from chalicelib.discord.models import Account
from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.oauth_requests import OAuthRequests, no_answer
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
        self._requests = OAuthRequests(services, transport)

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
        self._requests.check(with_token=True)
        with self._requests.session() as session:
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
        answer = self._requests.send(
            "GET users @me",
            lambda: session.request("GET", url, headers=bearer, timeout=self._requests.timeouts(), withhold_token=True),
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
            with self._requests.session() as session:
                answer = self._requests.send(
                    "POST oauth2 revoke",
                    lambda: session.request(
                        "POST",
                        url,
                        data=body,
                        auth=self._requests.basic,
                        timeout=self._requests.timeouts(),
                        withhold_token=True,
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
            self._requests.heed(answer)
            return answer

        session.register_compliance_hook("access_token_response", remember)
        began = self._services.now()
        try:
            token: dict[str, Any] = session.fetch_token(
                self._settings.oauth_token_url,
                code=code,
                code_verifier=verifier_of(state, self._settings.auth_site_secret),
                auth=self._requests.basic,
                include_client_id=False,
                timeout=self._requests.timeouts(),
            )
        except requests.RequestException as error:
            raise no_answer(error) from None
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
