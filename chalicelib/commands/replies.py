"""Answers to interactions in Discord's form. Pure.

https://discord.com/developers/docs/interactions/receiving-and-responding#interaction-response-object
"""

from typing import Any

MESSAGE, DEFERRED = 4, 5  # Discord's types of answers
EPHEMERAL = 1 << 6  # only the caller sees it
SUPPRESS_EMBEDS = 1 << 2  # an address in a name shows no preview
THINKING: dict[str, Any] = {"type": DEFERRED, "data": {"flags": EPHEMERAL}}


def ephemeral(text: str) -> dict[str, Any]:
    """An answer that only the caller sees, and that mentions nobody."""
    return {"type": MESSAGE, "data": {**message_of(text), "flags": EPHEMERAL | SUPPRESS_EMBEDS}}


def message_of(text: str) -> dict[str, Any]:
    """A message that mentions nobody, whatever it says."""
    return {"content": text, "allowed_mentions": {"parse": []}}
