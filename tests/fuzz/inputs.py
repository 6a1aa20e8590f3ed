"""What may come in: texts, JSON, messages, tokens, requests and answers, right, nearly right, and wrong."""

import json
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

ODD_TEXTS = [
    "",
    " ",
    "\x00",
    "\ud800",
    "☃" * 40,
    "é",
    "null",
    "-1",
    "1e309",
    "../..",
    "<b>",
    "%00",
    "x" * 2000,
    "@everyone",
]
TEXT: SearchStrategy[str] = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=20))
NUMBER = st.one_of(
    st.sampled_from([0, -1, 1, 2**53, 2**63, 2**64, 10**30, 10**400, 0.5, -0.5, 1e308]), st.integers(), st.floats()
)
LEAF: SearchStrategy[Any] = st.one_of(st.none(), st.booleans(), NUMBER, TEXT)
JSON: SearchStrategy[Any] = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=8
)
DEEP = "[" * 20_000


def nearly(right: dict[str, Any]) -> SearchStrategy[dict[str, Any]]:
    """`right`, with some fields missing, of another type, or new."""

    def change(changes: dict[str, Any], gone: list[str], new: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in (right | changes | new).items() if name not in gone}

    names = st.sampled_from(sorted(right))
    return st.builds(
        change,
        st.dictionaries(names, JSON, max_size=2),
        st.lists(names, max_size=1),
        st.dictionaries(TEXT, JSON, max_size=1),
    )


def encoded(value: SearchStrategy[Any]) -> SearchStrategy[bytes]:
    """JSON of it, now and then cut off, with rubbish around it, in another encoding, or none of it."""

    def text(found: Any, how: int, rubbish: bytes) -> bytes:
        plain = json.dumps(found)
        match how:
            case 0:
                return plain[: len(plain) // 2].encode()
            case 1:
                return rubbish
            case 2:
                return plain.encode("utf-16")
            case 3:
                return plain.encode() + rubbish
            case 4:
                return b"<!doctype html><h1>502 Bad Gateway</h1>"
            case 5:
                return DEEP.encode()
            case 6:
                return b""
            case 7:
                return json.dumps(found, ensure_ascii=False).encode("utf-8", "replace")
            case _:
                return plain.encode()

    return st.builds(text, value, st.integers(0, 24), st.binary(max_size=30))


# --- messages ----------------------------------------------------------------------------------------------------

KINDS = ["update_groups", "update_nickname", "update_username", "update_all", "delete_user"]
OWN = ["part_with", "check_link", "start_sweep", "survey", "repair", "repair_member"]
RIGHT_MESSAGE = {
    "kind": "update_all",
    "user_id": "101",
    "groups": ["Member"],
    "nickname": "Kira",
    "changed_at": 1_767_614_400_000,
    "notify": True,
    "discord_id": 5,
    "sweep_id": "s1",
    "parts": 7,
    "version": 1,
    "step": 1,
}
MESSAGES = st.one_of(
    encoded(nearly(RIGHT_MESSAGE)),
    encoded(
        st.builds(lambda message, kind: message | {"kind": kind}, nearly(RIGHT_MESSAGE), st.sampled_from(KINDS + OWN))
    ),
    encoded(JSON),
)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["trace", "since", "tries", "received", "ticket_bucket", "ticket_slot", "due", "other"]),
    st.one_of(TEXT, NUMBER.map(str)),
    max_size=3,
)

# --- requests ----------------------------------------------------------------------------------------------------

ROUTES = ["/discord/link", "/discord/callback", "/discord/unlink", "/discord/add_bot", "/discord/users/101", "/health"]
QUERY = st.dictionaries(
    st.one_of(st.sampled_from(["token", "code", "state", "error", "error_description"]), TEXT), TEXT, max_size=4
)
HEADERS = st.dictionaries(
    st.sampled_from(["Cookie", "cookie", "Authorization", "Content-Type", "Host", "X-Forwarded-For", "Accept"]),
    st.one_of(
        TEXT,
        st.builds(lambda text: f"Bearer {text}", TEXT),
        st.sampled_from(
            ["application/x-www-form-urlencoded", "a=b; c", "=;=;;", '{"a":1}', "rolecall_attempt_x=y", "text/html"]
        ),
    ),
    max_size=3,
)

# --- Discord's answers -------------------------------------------------------------------------------------------

STATUSES = st.sampled_from(
    [200, 200, 200, 201, 204, 301, 302, 304, 400, 401, 403, 404, 405, 408, 409, 418, 429, 429, 500, 502, 503, 520]
)
CODES = [
    0,
    10004,
    10007,
    10011,
    10013,
    20028,
    30001,
    30005,
    40001,
    40007,
    40333,
    50001,
    50013,
    50025,
    50028,
    50035,
    60003,
    130000,
]
SNOWFLAKE = "123456789012345678"
USER = {"id": SNOWFLAKE, "username": "kira", "discriminator": "0", "global_name": None}
ROLE = {"id": SNOWFLAKE, "name": "Member", "position": 1, "managed": False, "tags": {"bot_id": "1"}}
BODIES = st.one_of(
    encoded(nearly(USER)),
    encoded(nearly({"user": USER, "roles": [SNOWFLAKE], "nick": None})),
    encoded(nearly({"id": SNOWFLAKE, "name": "Guild", "owner_id": SNOWFLAKE, "roles": [ROLE]})),
    encoded(nearly(ROLE)),
    encoded(st.lists(nearly({"user": USER, "roles": [], "nick": "x"}), max_size=2)),
    encoded(
        nearly(
            {
                "access_token": "an-access-token",
                "token_type": "Bearer",
                "expires_in": 604800,
                "refresh_token": "r",
                "scope": "identify guilds.join",
            }
        )
    ),
    encoded(st.builds(lambda code: {"code": code, "message": "no", "retry_after": 0.5}, st.sampled_from(CODES))),
    encoded(JSON),
)
ANSWER_HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "X-RateLimit-Limit",
            "X-RateLimit-Remaining",
            "X-RateLimit-Reset",
            "X-RateLimit-Reset-After",
            "X-RateLimit-Bucket",
            "X-RateLimit-Scope",
            "X-RateLimit-Global",
            "Retry-After",
            "Content-Type",
            "Content-Encoding",
            "Location",
        ]
    ),
    st.sampled_from(
        (
            *(
                "",
                "0",
                "1",
                "5",
                "-1",
                "0.5",
                "1e308",
                "NaN",
                "inf",
                "99999999999999",
                "user",
                "shared",
                "global",
                "abc",
            ),
            *("application/json", "text/html; charset=klingon", "gzip", "http://elsewhere.test/", "é", "x" * 2000),
        )
    ),
    max_size=5,
)
