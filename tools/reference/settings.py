"""The settings, from the tables of chalicelib/settings.py."""

from collections.abc import Callable
from typing import Any

from chalicelib import settings
from tools.reference.markdown import code, table

LISTS = {settings.TABLE[name].read for name in ("DISCORD_RESERVED_ROLES", "DISCORD_PROTECTED_MEMBERS")}


def all_settings() -> str:
    """Every setting: its name, what it means, what it may be, its default."""
    rows = [
        (code(name) + ("*" if name in settings.SECRETS else ""), row.meaning, _form(row.read), _default(row.default))
        for name, row in settings.TABLE.items()
    ]
    rows.append((code(settings.STAGE), "which stage a function belongs to; part of every name", "", code("dev")))
    return table(("name", "meaning", "value", "default"), rows)


def schedules() -> str:
    """The settings that are read when Chalice deploys."""
    rows = [(code(name), meaning, code(default)) for name, (default, meaning) in settings.AT_DEPLOYMENT.items()]
    return table(("name", "meaning", "default"), rows)


def _form(read: Callable[[str], Any]) -> str:
    """What a reader accepts: what it says of a text that can be no setting's."""
    if read in LISTS:
        return "comma-separated"
    try:
        read("\u00e9 ")
    except ValueError as error:
        return str(error).partition(" (")[0].partition(" such as ")[0]
    return "text"


def _default(default: str | None) -> str:
    if default is None:
        return "required"
    return code(default) or "empty"
