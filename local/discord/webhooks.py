"""Webhooks of channels: an address that takes posts, and the posts that it took."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from local.discord.config import Config
from local.discord.messages import DiscordError, invalid_form
from local.discord.views import Post

MAX_CONTENT = 2000  # characters


class Webhooks:
    """The webhooks of one guild. The caller holds the lock."""

    def __init__(self, config: Config, clock: Callable[[], float], new_id: Callable[[], int]) -> None:
        self._config = config
        self._clock = clock
        self._new_id = new_id
        first_id, _, first_token = config.webhook.partition("/")
        self._tokens = {first_id: (first_token, "officers")}  # by id: the token, and the channel's name
        self.posts: list[Post] = []

    def create(self, channel: str) -> str:
        """A new webhook of a channel: the path of its address."""
        webhook_id = str(self._new_id())
        token = hashlib.sha256(f"webhook {webhook_id} {self._config.seed}".encode()).hexdigest()
        self._tokens[webhook_id] = (token, channel)
        return f"/api/webhooks/{webhook_id}/{token}"

    def delete_all(self) -> None:
        """A moderator deletes every webhook."""
        self._tokens.clear()

    def post(self, webhook_id: str, token: str, message: Mapping[str, Any]) -> None:
        """Take a post. Raises DiscordError: 10015 for an unknown webhook, 50027 for a wrong token."""
        known = self._tokens.get(webhook_id)
        if known is None:
            raise DiscordError(404, 10015, "Unknown Webhook")
        if known[0] != token:
            raise DiscordError(401, 50027, "Invalid Webhook Token")
        content = message_content(message)
        mentions = (message.get("allowed_mentions") or {}).get("parse", ["everyone", "roles", "users"])
        self.posts.append(Post(channel=known[1], content=content, at=self._clock(), may_mention=tuple(mentions)))


def message_content(message: Mapping[str, Any]) -> str:
    """The `content` of a message, 1 to 2,000 characters."""
    content = message.get("content")
    if not isinstance(content, str) or not content:
        raise DiscordError(400, 50006, "Cannot send an empty message")
    if len(content) > MAX_CONTENT:
        raise invalid_form("content", "BASE_TYPE_MAX_LENGTH", f"Must be {MAX_CONTENT} or fewer in length.")
    return content
