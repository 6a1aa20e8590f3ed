"""HTTP without a framework: reads cookies, fields, tokens and languages; writes cookies, headers, addresses. Pure."""

import json
from collections.abc import Callable, Sequence
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

FORM, JSON = "application/x-www-form-urlencoded", "application/json"
MAX_FORM = 64 * 1024  # bytes of a request's body; our own form sends one token, of 8,000 characters at most
MAX_FIELDS = 10  # of a form; ours have three at most
MAX_LANGUAGES = 20  # of a header; browsers send a handful


def read_cookies(header: str) -> dict[str, str]:
    """Return the cookies of a Cookie header by name.

    Split by hand: `http.cookies` drops every cookie if another site's is malformed.
    """
    pairs = (pair.partition("=") for pair in header.split(";"))
    return {name.strip(): value.strip() for name, _, value in pairs}


def set_cookie(name: str, value: str, *, max_age: int, path: str, secure: bool) -> str:
    """Return a Set-Cookie header that scripts cannot read; `max_age` is in seconds.

    SameSite=Lax, since the browser must send it when Discord redirects back.
    """
    attributes = [f"{name}={value}", f"Max-Age={max_age}", f"Path={path}", "HttpOnly", "SameSite=Lax"]
    return "; ".join(attributes + (["Secure"] if secure else []))


def read_fields(content_type: str | None, body: bytes) -> dict[str, str]:
    """Return the text fields of a form or of a JSON object; without a Content-Type the body is read as JSON.

    Empty if the body is neither, cannot be read, or is larger than MAX_FORM.
    """
    kind = (JSON if content_type is None else content_type).partition(";")[0].strip().lower()
    if len(body) > MAX_FORM or kind not in (FORM, JSON):
        return {}
    try:
        if kind == FORM:
            return dict(parse_qsl(body.decode(), max_num_fields=MAX_FIELDS))
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {name: text for name, text in found.items() if isinstance(text, str)} if isinstance(found, dict) else {}


def is_prefetch(header: Callable[[str], str]) -> bool:
    """Does a browser only fetch the page ahead of a click that may never come? `header` returns a header, or "".

    https://wicg.github.io/nav-speculation/prefetch.html#sec-purpose-header; the other two are older.
    """
    return any("prefetch" in header(name).lower() for name in ("sec-purpose", "purpose", "x-moz"))


def bearer_token(header: str) -> str | None:
    """Return the token of an Authorization header; None unless its scheme is Bearer."""
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def path_readings(parameter: str) -> frozenset[str]:
    """Return the possible readings of a path parameter: as it was sent, and percent-decoded.

    A REST API of API Gateway passes it as it was sent (https://github.com/aws/chalice/issues/511); the servers that
    stand in for one may have decoded it already, and then `a%2Fb` means just that.
    """
    return frozenset({parameter, unquote(parameter)})


def way_back(auth_site_url: str, outcome: str, reason: str | None = None) -> str:
    """The auth site's address with the outcome added to its query."""
    parts = urlsplit(auth_site_url)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    added = [("discord", outcome), *([("reason", str(reason))] if reason else [])]
    return urlunsplit(parts._replace(query=urlencode(kept + added)))


def preferred_language(header: str, offered: Sequence[str]) -> str:
    """The offered language that an Accept-Language header prefers; the first one offered if it names none of them.

    Only the primary subtag counts: `de-AT` is `de`. https://www.rfc-editor.org/rfc/rfc9110#field.accept-language
    """
    ranked: dict[str, float] = {}
    for part in header.split(",")[:MAX_LANGUAGES]:
        name, _, parameter = part.partition(";")
        language = name.strip().partition("-")[0].lower()
        ranked[language] = max(ranked.get(language, 0.0), _quality(parameter))
    best = max(offered, key=lambda one: ranked.get(one, 0.0))
    return best if ranked.get(best, 0.0) > 0 else offered[0]


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        found = float(value)
    except ValueError:
        return 0.0
    return found if 0 <= found <= 1 else 0.0
