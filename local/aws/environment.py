"""Which settings the functions get here: what somebody chose, else values made up for this machine."""

from collections.abc import Mapping

from chalicelib import settings
from local.discord.keys import public_key

MADE_UP = {
    "DISCORD_APP_ID": "100000000000000001",
    "DISCORD_APP_SECRET": "local-app-secret",
    "DISCORD_BOT_TOKEN": "local-bot-token",
    "DISCORD_GUILD_ID": "100000000000000002",
    "AUTH_SITE_SECRET": "local-auth-site-secret-for-this-machine-only",
}
READ_AT_IMPORT = tuple(settings.AT_DEPLOYMENT)  # by app.py
PASSED_THROUGH = (*settings.NAMES, *READ_AT_IMPORT, "POWERTOOLS_LOG_LEVEL")


def chosen(environ: Mapping[str, str]) -> dict[str, str]:
    """The settings that `environ` holds, and nothing else of it."""
    return {name: environ[name] for name in PASSED_THROUGH if environ.get(name)}


LOCAL_ONLY = {"OAUTHLIB_INSECURE_TRANSPORT": "1"}  # the local Discord speaks plain HTTP, which OAuth libraries refuse


def complete(given: Mapping[str, str], *, api_url: str) -> dict[str, str]:
    """`given`, with all that is required and missing made up."""
    key = public_key(given.get("DISCORD_APP_ID", MADE_UP["DISCORD_APP_ID"]))
    made_up = MADE_UP | {"DISCORD_CALLBACK_URL": f"{api_url}/discord/callback", "DISCORD_PUBLIC_KEY": key}
    return {**made_up, **given}


def discord_at(url: str) -> dict[str, str]:
    """The settings that send every request for Discord to `url`."""
    base = url.rstrip("/")
    return {
        "DISCORD_API_BASE_URL": f"{base}/api/v10",
        "DISCORD_OAUTH_BASE_URL": f"{base}/oauth2/authorize",
        "DISCORD_OAUTH_TOKEN_URL": f"{base}/api/oauth2/token",
    }
