"""Where Discord's interactions come in: nothing is read before Discord's signature was checked.

https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib import log
from chalicelib.commands.interaction import Interaction, Kind, read_interaction
from chalicelib.commands.replies import ephemeral
from chalicelib.commands.signature import is_signed
from chalicelib.errors import BadMessage
from chalicelib.members.words import Words
from chalicelib.settings import Settings
from chalicelib.store import attempts

MAX_INTERACTION = 64 * 1024  # bytes; a command about one member has 2 KB
MAX_AGE = 60.0  # seconds by which Discord's clock and ours may differ, the request's way included
PONG = {"type": 1}
Answering = Callable[[Interaction], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to an HTTP request: status and JSON."""

    status: int
    body: dict[str, Any]


class Door:
    """The endpoint of one application.

    `now`: the seconds since the epoch. `answer` does what a command says; nothing that it needs is imported before.
    """

    def __init__(self, settings: Settings, now: Callable[[], float], answer: Answering) -> None:
        self._settings = settings
        self._now = now
        self._answer = answer

    def receive(self, *, signature: str, timestamp: str, body: bytes) -> Reply:
        """Answer an interaction, or refuse it: 401 unless Discord signed it now and it was not received before.

        404 where DISCORD_PUBLIC_KEY is empty, 413 for a body that is too large, 400 for one that cannot be read.
        """
        key = self._settings.public_key
        if not key:
            return Reply(404, {"error": "misconfigured"})
        if len(body) > MAX_INTERACTION:
            return _refused(413, "too_large")
        if not is_signed(key, signature, timestamp, body):
            return _refused(401, "bad_signature")
        if abs(self._now() - int(timestamp)) > MAX_AGE:
            return _refused(401, "expired")
        try:
            interaction = read_interaction(body)
        except BadMessage:
            return _refused(400, "bad_interaction")
        return Reply(200, PONG) if interaction.kind == Kind.PING else self._answered(interaction)

    def _answered(self, interaction: Interaction) -> Reply:
        if not _is_new(interaction, self._now()):
            return _refused(401, "replayed")
        settings = self._settings
        if (interaction.guild_id, interaction.application_id) != (settings.guild_id, settings.app_id):
            log.warning("interaction_refused", reason="other_server")
            return Reply(200, ephemeral(Words(interaction.language)("other_server")))
        return Reply(200, self._answer(interaction))


def _is_new(interaction: Interaction, now: float) -> bool:
    """Claim the interaction. Its signature is good for MAX_AGE before and after its timestamp, so is the claim."""
    return attempts.use_once(f"interaction-once:{interaction.id}", expires_at=now + 2 * MAX_AGE)


def _refused(status: int, reason: str) -> Reply:
    log.warning("interaction_refused", reason=reason)
    return Reply(status, {"error": reason})
