"""Authorisations of the application: codes, tokens, and their expiry. The time is passed in.

One person has one authorisation of the application. Revoking any token of it ends it whole (Discord's
documentation of token revocation), and the person is asked again the next time.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from local.discord.config import Config

IDENTIFY_SCOPE = "identify"
JOIN_SCOPE = "guilds.join"
BOT_SCOPE = "bot"
KNOWN_SCOPES = frozenset(
    {IDENTIFY_SCOPE, JOIN_SCOPE, BOT_SCOPE, "email", "guilds", "guilds.members.read", "applications.commands"}
)
MIN_VERIFIER = 43  # characters, RFC 7636


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token stands for."""

    user_id: int
    scopes: tuple[str, ...]
    expires_at: float


@dataclass(frozen=True, slots=True)
class _Code:
    grant: Grant
    redirect_uri: str
    challenge: str | None


class CodeRefused(Exception):
    """The code, the verifier or the redirect URI is wrong."""


class Grants:
    """All codes and tokens of the application."""

    def __init__(self, config: Config) -> None:
        self._code_lifetime = config.code_lifetime
        self._token_lifetime = config.token_lifetime
        self._seed = config.seed
        self._counter = 0
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, Grant] = {}
        self._refresh: dict[str, Grant] = {}
        self._authorised: dict[int, frozenset[str]] = {}

    def authorised(self, user_id: int, scopes: tuple[str, ...]) -> bool:
        """Whether this person has authorised all these scopes, and not revoked them since."""
        return user_id in self._authorised and self._authorised[user_id].issuperset(scopes)

    def issue_code(
        self, user_id: int, scopes: tuple[str, ...], redirect_uri: str, challenge: str | None, *, now: float
    ) -> str:
        """The person agrees; returns a code that can be used once, for a short time, with the same redirect URI."""
        self._authorised[user_id] = self._authorised.get(user_id, frozenset()) | set(scopes)
        code = self._secret()
        self._codes[code] = _Code(Grant(user_id, scopes, now + self._code_lifetime), redirect_uri, challenge or None)
        return code

    def redeem(self, code: str, redirect_uri: str, verifier: str | None, *, now: float) -> dict[str, object]:
        """Exchange a code for tokens; the code is used up even if this fails.

        Raises:
            CodeRefused: it is unknown, used or old, or redirect URI or PKCE verifier do not fit.
        """
        kept = self._codes.pop(code, None)
        if kept is None or kept.grant.expires_at <= now:
            raise CodeRefused('Invalid "code" in request.')
        if kept.redirect_uri != redirect_uri:
            raise CodeRefused('Invalid "redirect_uri" in request.')
        if kept.challenge is not None and not _answers(kept.challenge, verifier):
            raise CodeRefused('Invalid "code_verifier" in request.')
        return self._issue(kept.grant.user_id, kept.grant.scopes, now)

    def refresh(self, token: str, *, now: float) -> dict[str, object]:
        """Exchange a refresh token, which is used up, for new tokens."""
        grant = self._refresh.pop(token, None)
        if grant is None:
            raise CodeRefused('Invalid "refresh_token" in request.')
        return self._issue(grant.user_id, grant.scopes, now)

    def look_up(self, access_token: str, *, now: float) -> Grant | None:
        """The living grant behind an access token."""
        grant = self._access.get(access_token)
        return grant if grant is not None and grant.expires_at > now else None

    def allows(self, access_token: str, user_id: int, scope: str, *, now: float) -> bool:
        """Whether the token is this person's and allows `scope`."""
        grant = self.look_up(access_token, now=now)
        return grant is not None and grant.user_id == user_id and scope in grant.scopes

    def revoke(self, token: str) -> None:
        """End the whole authorisation that the token belongs to; an unknown token is no error (RFC 7009)."""
        grant = self._access.get(token) or self._refresh.get(token)
        if grant is not None:
            self.forget(grant.user_id)

    def forget(self, user_id: int) -> None:
        """End all authorisations of this person."""
        self._authorised.pop(user_id, None)
        for tokens in (self._access, self._refresh):
            for token in [token for token, grant in tokens.items() if grant.user_id == user_id]:
                del tokens[token]

    def count(self) -> int:
        """How many access tokens there are: none, if every one was revoked."""
        return len(self._access)

    def _issue(self, user_id: int, scopes: tuple[str, ...], now: float) -> dict[str, object]:
        grant = Grant(user_id, scopes, now + self._token_lifetime)
        access, refresh = self._secret(), self._secret()
        self._access[access] = grant
        self._refresh[refresh] = grant
        return {
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": int(self._token_lifetime),
            "refresh_token": refresh,
            "scope": " ".join(scopes),
        }

    def _secret(self) -> str:
        """The next code or token, determined by the seed."""
        self._counter += 1
        digest = hashlib.sha256(f"{self._seed} {self._counter}".encode()).digest()
        return base64.urlsafe_b64encode(digest[:21]).decode()


def _answers(challenge: str, verifier: str | None) -> bool:
    """Whether the verifier matches the S256 challenge."""
    if verifier is None or len(verifier) < MIN_VERIFIER:
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    return hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge)
