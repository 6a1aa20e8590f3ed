"""An auth site as Rolecall sees it: it signs tokens, posts changes and reads notices. For the demo and for tests."""

import json
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any

import jwt

TOKEN_LIFE = 600  # seconds


class AuthSite:
    """The auth site's half of Rolecall's contract. `sqs` is a boto3 client."""

    def __init__(
        self,
        sqs: Any,  # noqa: ANN401 - boto3's client has no type of its own
        *,
        secret: str,
        jobs_queue_url: str,
        notices_queue_url: str,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._sqs = sqs
        self._secret = secret
        self._jobs = jobs_queue_url
        self._notices = notices_queue_url
        self._now = now
        self._last_change = 0

    def token(self, user_id: str, purpose: str, **claims: Any) -> str:  # noqa: ANN401 - claims may be wrong on purpose
        """A signed token; `link` needs `groups` and `nickname`. Claims given here replace the defaults."""
        now = int(self._now())
        usual = {"sub": user_id, "purpose": purpose, "iat": now, "exp": now + TOKEN_LIFE, "jti": uuid.uuid4().hex}
        if purpose == "link":
            usual |= {"groups": [], "nickname": None, "changed_at": self.stamp()}
        return self.sign(usual | claims)

    def sign(self, claims: dict[str, Any]) -> str:
        """A token with exactly these claims."""
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def stamp(self) -> int:
        """A `changed_at` later than every earlier one (epoch milliseconds)."""
        self._last_change = max(self._last_change + 1, int(self._now() * 1000))
        return self._last_change

    def post(self, message: dict[str, Any] | str) -> None:
        """Post a message to the jobs queue; a string is sent unchanged."""
        body = message if isinstance(message, str) else json.dumps(message)
        self._sqs.send_message(QueueUrl=self._jobs, MessageBody=body)

    def groups(self, user_id: str, groups: Sequence[str], changed_at: int | None = None) -> None:
        """Post the user's new groups."""
        stamp = changed_at or self.stamp()
        self.post({"kind": "update_groups", "user_id": user_id, "groups": list(groups), "changed_at": stamp})

    def nickname(self, user_id: str, nickname: str | None, changed_at: int | None = None) -> None:
        """Post the user's new nickname."""
        stamp = changed_at or self.stamp()
        self.post({"kind": "update_nickname", "user_id": user_id, "nickname": nickname, "changed_at": stamp})

    def delete(self, user_id: str, *, notify: bool = False, **more: Any) -> None:  # noqa: ANN401 - any field
        """Post that the user is to be removed from Discord."""
        self.post({"kind": "delete_user", "user_id": user_id, "notify": notify} | more)

    def notices(self) -> list[dict[str, Any]]:
        """Receive and delete the notices that are in the queue."""
        found: list[dict[str, Any]] = []
        while messages := self._sqs.receive_message(QueueUrl=self._notices, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._notices, ReceiptHandle=message["ReceiptHandle"])
        return found
