"""Why calls to Discord have stopped, where it is about the token."""

from enum import Enum

from chalicelib.discord.client import fingerprint
from chalicelib.discord.rate_limiter import SharedState
from ops.stage import TOKEN, Stage


class Refused(Enum):
    """Which token Discord refused: none, the one that is stored, or one that functions may still use."""

    NONE = ""
    STORED = "Discord refused the bot's token"
    OLDER = "the functions may still use an older token, which Discord refused"


def refused_token(stage: Stage, board: SharedState) -> Refused:
    """Which it was. An older one is past where all functions were deployed after the new one was stored."""
    if not board.halted_token:
        return Refused.NONE
    if board.halted_token == fingerprint(stage.stored_token):
        return Refused.STORED
    return Refused.OLDER if stage.unread is None or TOKEN in stage.unread else Refused.NONE
