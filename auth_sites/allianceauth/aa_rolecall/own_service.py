"""Alliance Auth's own Discord app beside this one: silent, and its table a mirror that other apps read.

Many apps import `allianceauth.services.modules.discord.models`, so it may stay installed. Its service is taken out of
Alliance Auth's hooks, its admin page replaced; its rows are written by queries only, since its model's methods would
ask Discord.
"""

from typing import Any

from django.apps import apps

from .models import Account

APP = "allianceauth.services.modules.discord"
LABEL = "discord"
PERMISSION = "discord.access_discord"
MAX_USERNAME = 32  # characters of its column
MAX_DISCRIMINATOR = 4


def installed() -> bool:
    """Is it in INSTALLED_APPS?"""
    return apps.is_installed(APP)


def silence() -> None:
    """Take its service hook away: no views, no jobs, no card. Safe to repeat.

    Alliance Auth has no public way to do so (`allianceauth.hooks._hooks`); check E004 says so where it did not work.
    """
    if not installed():
        return
    from allianceauth.hooks import _hooks
    from allianceauth.services.modules.discord import auth_hooks  # registers it, whatever the order of apps

    registered = _hooks.get("services_hook", [])
    registered[:] = [hook for hook in registered if hook is not auth_hooks.register_service]


def is_silent() -> bool:
    """Is none of the registered services Alliance Auth's own?"""
    from allianceauth.hooks import get_hooks

    return not any(type(hook()).__module__.startswith(f"{APP}.") for hook in get_hooks("services_hook"))


def mirror(account: Account) -> None:
    """Let its table say what is so of this account."""
    rows = _rows()
    if rows is None:
        return
    if account.uid is None:
        unmirror(account.user_id)
        return
    name, discriminator = split(account.username)
    said = {"uid": account.uid, "username": name, "discriminator": discriminator, "activated": account.activated}
    rows.update_or_create(user_id=account.user_id, defaults=said)


def unmirror(user_id: int) -> None:
    """The user has no account. By query: the model's `delete_user` would remove the member from Discord."""
    rows = _rows()
    if rows is not None:
        rows.filter(user_id=user_id).delete()


def split(shown: str) -> tuple[str, str]:
    """A name as Discord shows it, in Alliance Auth's two columns: `@name` is name and 0, `name#1234` its two parts."""
    if shown.startswith("@"):
        return shown[1:][:MAX_USERNAME], "0"
    name, hash_sign, discriminator = shown.rpartition("#")
    if hash_sign and discriminator.isdigit():
        return name[:MAX_USERNAME], discriminator[:MAX_DISCRIMINATOR]
    return shown[:MAX_USERNAME], "0" if shown else ""


def _rows() -> Any:  # noqa: ANN401 - its model may not be installed
    return apps.get_model(LABEL, "DiscordUser").objects.all() if installed() else None
