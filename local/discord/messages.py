"""A request, an answer, and the errors of Discord's API.

DiscordError(status, code, message, errors) becomes an answer in `core` and `api.pipeline`. Sources: Discord's table
of JSON error codes; the HTTP statuses as reported in public issues, since Discord's documentation does not
list them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

ADDRESS_HEADER = "cf-connecting-ip"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are in lower case; `path` is decoded and has no query."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @classmethod
    def of(cls, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> "Request":
        """A request for `url`, of which only path and query count."""
        parts = urlsplit(url)
        lowered = {name.lower(): value for name, value in (headers or {}).items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True)) if parts.query else {}
        return cls(method.upper(), unquote(parts.path), query, lowered, body)

    @property
    def address(self) -> str:
        """Where the request comes from, by the header that Cloudflare adds; empty if unknown."""
        return self.headers.get(ADDRESS_HEADER, "")

    def form(self) -> dict[str, str]:
        """The body read as an HTML form."""
        return dict(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer. It is sent after `delay` seconds, or never if `cut` (the connection ends)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    delay: float = 0.0
    cut: bool = False


def json_answer(
    status: int,
    value: object,
    headers: Mapping[str, str] | None = None,
    *,
    spell: Callable[[Any], object] | None = None,
) -> Answer:
    """`value` as JSON; `spell` converts objects that JSON does not know."""
    body = json.dumps(value, separators=(",", ":"), default=spell).encode()
    return Answer(status, {"Content-Type": "application/json", **(headers or {})}, body)


def html_answer(status: int, page: str, headers: Mapping[str, str] | None = None) -> Answer:
    """A page for a browser."""
    return Answer(status, {"Content-Type": "text/html; charset=utf-8", **(headers or {})}, page.encode())


def redirect(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Send the browser to `url`."""
    return Answer(302, {"Location": url, **(headers or {})})


NO_CONTENT = Answer(204)


class DiscordError(Exception):
    """The API refuses a request; `code` is Discord's own code, beside the HTTP status."""

    def __init__(self, status: int, code: int, message: str, errors: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def answer(self) -> Answer:
        """The refusal as an HTTP answer in Discord's form."""
        body: dict[str, Any] = {"message": self.message, "code": self.code}
        if self.errors is not None:
            body["errors"] = self.errors
        return json_answer(self.status, body)


def unauthorized() -> DiscordError:
    return DiscordError(401, 0, "401: Unauthorized")


def not_found() -> DiscordError:
    return DiscordError(404, 0, "404: Not Found")


def method_not_allowed() -> DiscordError:
    return DiscordError(405, 0, "405: Method Not Allowed")


def unknown_guild() -> DiscordError:
    return DiscordError(404, 10004, "Unknown Guild")


def unknown_member() -> DiscordError:
    return DiscordError(404, 10007, "Unknown Member")


def unknown_role() -> DiscordError:
    return DiscordError(404, 10011, "Unknown Role")


def unknown_user() -> DiscordError:
    return DiscordError(404, 10013, "Unknown User")


def too_many_guilds() -> DiscordError:
    return DiscordError(400, 30001, "Maximum number of guilds reached (200)")


def too_many_roles(limit: int) -> DiscordError:
    return DiscordError(400, 30005, f"Maximum number of guild roles reached ({limit})")


def banned() -> DiscordError:
    return DiscordError(403, 40007, "The user is banned from this guild.")


def blocked_by_cloudflare() -> DiscordError:
    return DiscordError(403, 40333, "internal network error")


def missing_access() -> DiscordError:
    return DiscordError(403, 50001, "Missing Access")


def missing_permissions() -> DiscordError:
    return DiscordError(403, 50013, "Missing Permissions")


def invalid_oauth_token() -> DiscordError:
    return DiscordError(403, 50025, "Invalid OAuth2 access token")


def invalid_role() -> DiscordError:
    return DiscordError(400, 50028, "Invalid Role")


def invalid_api_version() -> DiscordError:
    return DiscordError(400, 50041, "Invalid API version provided")


def invalid_json() -> DiscordError:
    return DiscordError(400, 50109, "The request body contains invalid JSON.")


def two_factor_required() -> DiscordError:
    return DiscordError(403, 60003, "Two factor is required for this operation")


def invalid_form(field_path: str, code: str, message: str) -> DiscordError:
    """Error 50035 for one field; the parts of `field_path` are separated by dots, as in `roles.0`."""
    errors: dict[str, Any] = {"_errors": [{"code": code, "message": message}]}
    for step in reversed(field_path.split(".")):
        errors = {step: errors}
    return DiscordError(400, 50035, "Invalid Form Body", errors)
