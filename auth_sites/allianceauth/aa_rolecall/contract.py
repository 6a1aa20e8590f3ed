"""Rolecall's contract in this app's words: tokens, messages, notices, the account.

Pure: no Django, no clock, no network.
The wording is that of the section "The contract" in Rolecall's README.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import jwt

ALGORITHM = "HS256"
MIN_SECRET = 32  # bytes; Rolecall accepts no shorter one
TOKEN_LIFE = 300  # seconds; Rolecall accepts up to 900
MAX_TOKEN = 4000  # characters; API Gateway takes 10,240 bytes of request line and headers, and a token goes into a URL
MAX_NAME = 1000  # characters of a group's name or a nickname; Rolecall refuses longer ones
MAX_BATCH = 10  # entries of one SendMessageBatch
MAX_BATCH_BYTES = 256 * 1024  # of one SendMessageBatch, all entries together

LINK, UNLINK, ADD_BOT, READ, ME = "link", "unlink", "add_bot", "read", "me"


class NotAsAgreed(Exception):
    """What came is not what the contract promises."""


def sign(secret: str, user_id: str, purpose: str, *, now: float, jti: str, **claims: Any) -> str:  # noqa: ANN401
    """A token of `purpose` for the user; `now` in epoch seconds, `jti` unique for each token.

    A `link` token also needs the claims `groups`, `nickname` and `changed_at` (epoch milliseconds).
    """
    issued = int(now)
    usual = {"sub": user_id, "purpose": purpose, "iat": issued, "exp": issued + TOKEN_LIFE, "jti": jti}
    return jwt.encode(usual | claims, secret, algorithm=ALGORITHM)


def update_all(user_id: str, *, groups: list[str], nickname: str | None, changed_at: int) -> str:
    """The message that states what a user should have. `changed_at` is in epoch milliseconds."""
    said = {"groups": [name[:MAX_NAME] for name in groups], "nickname": nickname and nickname[:MAX_NAME]}
    return _message("update_all", user_id, **said, changed_at=changed_at)


def delete_user(user_id: str, *, changed_at: int, **options: Any) -> str:  # noqa: ANN401
    """The message that removes a user from the server. A statement or a link newer than `changed_at` prevails."""
    return _message("delete_user", user_id, notify=True, changed_at=changed_at, **options)


def update_username(user_id: str) -> str:
    """The message that renews a username; harmless for a user without a link."""
    return _message("update_username", user_id)


def _message(kind: str, user_id: str, **fields: Any) -> str:  # noqa: ANN401
    return json.dumps({"kind": kind, "user_id": user_id, **fields}, ensure_ascii=False, separators=(",", ":"))


def digest(groups: list[str], nickname: str | None) -> str:
    """64 characters that differ wherever the statements differ."""
    return hashlib.sha256(json.dumps([groups, nickname]).encode()).hexdigest()


@dataclass(frozen=True)
class Linked:
    """What Rolecall says of a linked account. `activated_at` is in epoch milliseconds."""

    discord_id: int
    username: str
    activated_at: int
    last_error: str
    server_name: str


def read_linked(said: Any) -> Linked:  # noqa: ANN401
    """The account in the body of `GET /discord/users/{user_id}`. Raises NotAsAgreed."""
    try:
        return Linked(
            discord_id=int(said["discord_id"]),
            username=str(said["username"] or ""),
            activated_at=int(said["activated_at"]),
            last_error=str(said.get("last_error") or ""),
            server_name=str(said.get("server_name") or ""),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise NotAsAgreed(f"account: {type(error).__name__}") from None


@dataclass(frozen=True)
class Notice:
    """What Rolecall tells of its own accord. Without a `user_id` it is about the whole server; `at` is in epoch ms."""

    kind: str
    user_id: str
    reason: str
    at: int


def read_notice(body: str) -> Notice:
    """The notice in a message's body. Raises NotAsAgreed."""
    try:
        said = json.loads(body)
        user_id = said.get("user_id") or ""
        return Notice(str(said["kind"]), str(user_id), str(said.get("reason") or ""), int(said["at"]))
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise NotAsAgreed(f"notice: {type(error).__name__}") from None
