"""Discord's OAuth2 with requests-oauthlib: exchanging the code, revoking the token.

https://discord.com/developers/docs/topics/oauth2
"""

import re
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

import msgspec
import requests

from chalicelib import log
from chalicelib.discord.client import Request, log_request
from chalicelib.discord.models import Account
from chalicelib.discord.payloads import UserPayload, user_of
from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.addresses import SCOPES, verifier_of
from chalicelib.linking.oauth_requests import OAuthRequests, no_answer
from chalicelib.services import Services

if TYPE_CHECKING:
    from requests_oauthlib import OAuth2Session

T = TypeVar("T")
BEARER = re.compile(r"[\w.~+/-]{1,4000}=*", re.ASCII)  # RFC 6750, section 2.1
UNREADABLE = (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)  # oauthlib's, on odd answers


@dataclass(frozen=True, slots=True)
class Authorisation:
    """What a person granted: who they are, and a token that is used once and then revoked."""

    user: Account
    access_token: str = field(repr=False)


class OAuth:
    """The conversation with Discord's OAuth2 endpoints."""

    def __init__(self, services: Services, transport: requests.Session | None = None) -> None:
        self._services = services
        self._settings = services.settings
        self._requests = OAuthRequests(services, transport)

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
        return user_of(_decoded(answer, UserPayload))

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

    def _revoke_unread(self, answers: list[requests.Response]) -> None:
        """Revoke the token of an answer that cannot be used, for example for its scopes, if it bears one."""
        for answer in answers:
            try:
                access_token = answer.json()["access_token"] if answer.ok else None
            except (*UNREADABLE, LookupError):
                continue
            if _is_token(access_token):
                self.revoke(access_token)

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
            self._revoke_unread(answers)
            raise _refusal(status, type(error).__name__, persons=isinstance(error, InvalidGrantError)) from None
        finally:
            status = answers[0].status_code if answers else 0
            log_request(Request("POST oauth2 token", status, self._services.now() - began))
        if not _is_token(token.get("access_token")):
            raise LinkRefused(Reason.DISCORD_UNAVAILABLE, "a token answer without a token")
        return token


def _is_token(found: object) -> TypeGuard[str]:
    return isinstance(found, str) and BEARER.fullmatch(found) is not None


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
