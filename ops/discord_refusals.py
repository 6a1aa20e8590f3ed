"""What Discord refused as a whole: which token it refused, and which command helps."""

from enum import Enum

from chalicelib.discord.client import fingerprint
from chalicelib.discord.halts import SharedState
from ops.stage import TOKEN, Stage

PORTAL = "https://discord.com/developers/applications"
NO_SERVER_CODES = ("/50001", "/10004")  # Discord's error codes for a server that the bot cannot see


class Refused(Enum):
    """Which token Discord refused: none, the stored one, or an older one that functions may still use."""

    NONE = ""
    STORED = "Discord refused the bot's token"
    OLDER = "the functions may still use an older token, which Discord refused"


def refused_token(stage: Stage, board: SharedState) -> Refused:
    """Return which token was refused. An older one no longer matters once all functions were deployed after it."""
    if not board.halted_token:
        return Refused.NONE
    if board.halted_token == fingerprint(stage.stored_token):
        return Refused.STORED
    return Refused.OLDER if stage.unread is None or TOKEN in stage.unread else Refused.NONE


def fix_for_failure(why: str, stage: Stage) -> str:
    """Return the command that helps; `why` is what the failure said."""
    doctor = f"{stage.command('doctor')} looks for the cause"
    if any(code in why for code in NO_SERVER_CODES):
        return f"is the bot in the server? {stage.command('add-bot-url')} prints the page that adds it; {doctor}"
    return doctor
