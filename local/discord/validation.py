"""Validation of request bodies: Discord's "Invalid Form Body" (50035), field by field."""

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from local.discord.guild import sanitised
from local.discord.messages import DiscordError, Request, invalid_form, invalid_json

MAX_NICK = 32
MAX_ROLE_NAME = 100
MAX_REASON = 512
MAX_COLOUR = 0xFFFFFF
_SNOWFLAKE = re.compile(r"0|[1-9][0-9]{0,19}")


def json_object(request: Request) -> dict[str, Any]:
    """The body as a JSON object; an empty body is an empty one."""
    if not request.body:
        return {}
    try:
        value = json.loads(request.body)
    except ValueError:
        raise invalid_json() from None
    if not isinstance(value, dict):
        raise DiscordError(400, 50035, "Invalid Form Body", _not_an_object())
    return value


def _not_an_object() -> dict[str, Any]:
    message = "Only dictionaries may be used in a DictType"
    return {"_errors": [{"code": "DICT_TYPE_CONVERT", "message": message}]}


def snowflake(field: str, value: object) -> int:
    """An id; Discord accepts integers too."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not _SNOWFLAKE.fullmatch(value):
        raise invalid_form(field, "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
    return int(value)


def role_ids(body: Mapping[str, Any]) -> list[int] | None:
    """The `roles` field: a list of distinct ids; None if absent."""
    value = body.get("roles")
    if value is None:
        return None
    if not isinstance(value, list):
        raise invalid_form("roles", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    ids = [snowflake(f"roles.{place}", item) for place, item in enumerate(value)]
    if len(set(ids)) != len(ids):
        raise invalid_form("roles", "SET_TYPE_ALREADY_CONTAINS_VALUE", "The set already contains this value")
    return ids


def text(field: str, value: object) -> str:
    """A string."""
    if not isinstance(value, str):
        raise invalid_form(field, "STRING_TYPE_CONVERT", "Could not interpret value as string.")
    return value


def nick(body: Mapping[str, Any]) -> str | None:
    """The `nick` field as it will be stored: sanitised, None if empty or absent."""
    value = body.get("nick")
    if value is None:
        return None
    if len(text("nick", value)) > MAX_NICK:
        raise invalid_form("nick", "BASE_TYPE_MAX_LENGTH", f"Must be {MAX_NICK} or fewer in length.")
    return sanitised(value) or None


def role_name(body: Mapping[str, Any]) -> str:
    """The `name` field of a role, trimmed."""
    name = text("name", body["name"]).strip()
    if not 1 <= len(name) <= MAX_ROLE_NAME:
        message = f"Must be between 1 and {MAX_ROLE_NAME} in length."
        raise invalid_form("name", "BASE_TYPE_BAD_LENGTH", message)
    return name


def number(field: str, value: object, *, low: int, high: int) -> int:
    """An integer between `low` and `high`, sent as a number or as a string of digits."""
    if isinstance(value, str) and value.lstrip("-").isascii() and value.lstrip("-").isdigit():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid_form(field, "NUMBER_TYPE_COERCE", f'Value "{value}" is not int.')
    if value < low:
        raise invalid_form(field, "NUMBER_TYPE_MIN", f"int value should be greater than or equal to {low}.")
    if value > high:
        raise invalid_form(field, "NUMBER_TYPE_MAX", f"int value should be less than or equal to {high}.")
    return value


def flag(field: str, value: object) -> bool:
    """A boolean."""
    if not isinstance(value, bool):
        raise invalid_form(field, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")
    return value


def audit_reason(request: Request) -> str | None:
    """The X-Audit-Log-Reason header, URL-decoded, 1 to 512 characters."""
    header = request.headers.get("x-audit-log-reason")
    if not header:
        return None
    reason = unquote(header)
    if len(reason) > MAX_REASON:
        too_long = f"Must be {MAX_REASON} or fewer in length."
        raise invalid_form("X-Audit-Log-Reason", "BASE_TYPE_MAX_LENGTH", too_long)
    return reason
