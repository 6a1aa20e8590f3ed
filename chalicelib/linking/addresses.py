"""Addresses at Discord to which a browser is sent, and the PKCE verifier of an attempt.

https://discord.com/developers/docs/topics/oauth2
"""

import base64
import hashlib
import hmac
from urllib.parse import urlencode

from chalicelib.settings import Settings

SCOPES = ("identify", "guilds.join")
# MANAGE_ROLES, MANAGE_NICKNAMES, KICK_MEMBERS, CREATE_INSTANT_INVITE: the least that the service needs.
# https://discord.com/developers/docs/topics/permissions#permissions-bitwise-permission-flags
PERMISSIONS = (1 << 28) | (1 << 27) | (1 << 1) | (1 << 0)


def authorise_url(settings: Settings, state: str) -> str:
    """Discord's page on which a person agrees. `prompt=none`: it does not ask again what was granted before."""
    return f"{settings.oauth_base_url}?" + urlencode(
        {
            "response_type": "code",
            "client_id": settings.app_id,
            "scope": " ".join(SCOPES),
            "redirect_uri": settings.callback_url,
            "state": state,
            "code_challenge": challenge_of(verifier_of(state, settings.auth_site_secret)),
            "code_challenge_method": "S256",
            "prompt": "none",
        }
    )


def add_bot_url(oauth_base_url: str, app_id: int, guild_id: int) -> str:
    """Discord's page to add the bot to the guild, with the least permissions.

    https://discord.com/developers/docs/topics/oauth2#bot-authorization-flow
    """
    return f"{oauth_base_url}?" + urlencode(
        {
            "client_id": app_id,
            "scope": "bot",
            "permissions": PERMISSIONS,
            "guild_id": guild_id,
            "disable_guild_select": "true",
        }
    )


def verifier_of(state: str, secret: str) -> str:
    """The PKCE verifier of an attempt (RFC 7636). Derived, so that it is stored nowhere."""
    return _base64url(hmac.new(secret.encode(), f"pkce:{state}".encode(), hashlib.sha256).digest())


def challenge_of(verifier: str) -> str:
    """The PKCE challenge S256 of a verifier (RFC 7636, section 4.2).

    oauthlib has it, too, and takes a thirtieth of a second of a person's click to import.
    """
    return _base64url(hashlib.sha256(verifier.encode()).digest())


def _base64url(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
