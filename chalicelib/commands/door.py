"""Where Discord's interactions come in: nothing is read before Discord's signature was checked.

https://discord.com/developers/docs/interactions/overview#setting-up-an-endpoint
"""

from dataclasses import dataclass
from typing import Any

from chalicelib import log
from chalicelib.commands.commands import Commands, ephemeral
from chalicelib.commands.interaction import Interaction, Kind, read_interaction
from chalicelib.commands.signature import is_signed
from chalicelib.errors import BadMessage
from chalicelib.members.guild import GuildView
from chalicelib.members.words import Words
from chalicelib.services import Services
from chalicelib.store import attempts

MAX_INTERACTION = 64 * 1024  # bytes; a command about one member has 2 KB
MAX_AGE = 60.0  # seconds by which Discord's clock and ours may differ, the request's way included
PONG = {"type": 1}


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to an HTTP request: status and JSON."""

    status: int
    body: dict[str, Any]


def receive(services: Services, view: GuildView, *, signature: str, timestamp: str, body: bytes) -> Reply:
    """Answer an interaction, or refuse it: 401 unless Discord signed it now and it was not received before.

    404 where DISCORD_PUBLIC_KEY is empty, 413 for a body that is too large, 400 for one that cannot be read.
    """
    key = services.settings.public_key
    if not key:
        return Reply(404, {"error": "misconfigured"})
    if len(body) > MAX_INTERACTION:
        return _refused(413, "too_large")
    if not is_signed(key, signature, timestamp, body):
        return _refused(401, "bad_signature")
    if abs(services.now() - int(timestamp)) > MAX_AGE:
        return _refused(401, "expired")
    try:
        interaction = read_interaction(body)
    except BadMessage:
        return _refused(400, "bad_interaction")
    return _answered(services, view, interaction)


def _answered(services: Services, view: GuildView, interaction: Interaction) -> Reply:
    if interaction.kind == Kind.PING:
        return Reply(200, PONG)
    if not _is_new(services, interaction):
        return _refused(401, "replayed")
    settings = services.settings
    if (interaction.guild_id, interaction.application_id) != (settings.guild_id, settings.app_id):
        log.warning("interaction_refused", reason="other_server")
        return Reply(200, ephemeral(Words(interaction.language)("other_server")))
    return Reply(200, Commands(services, view).answer(interaction))


def _is_new(services: Services, interaction: Interaction) -> bool:
    """Claim the interaction. Its signature is good for MAX_AGE before and after its timestamp, so is the claim."""
    return attempts.use_once(f"interaction-once:{interaction.id}", expires_at=services.now() + 2 * MAX_AGE)


def _refused(status: int, reason: str) -> Reply:
    log.warning("interaction_refused", reason=reason)
    return Reply(status, {"error": reason})
