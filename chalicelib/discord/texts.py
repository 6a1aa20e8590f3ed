"""Texts that Discord sends, held to a length and to one line before anything else sees them. Pure.

Discord's answers are input like any other: a name without end could not be stored (DynamoDB's items hold 400 KB), and a
control character could not be sent (SQS refuses it in an attribute).
"""

from unicodedata import category

MAX_NAME = 100  # characters of Discord's longest names, those of servers and roles; people's have 32
MAX_SENTENCE = 200  # characters of an error's message that are worth showing
CUT = "…"
UNSEEN = ("Cc", "Cs")  # Unicode's categories of control characters, and of halves of characters


def held(name: str) -> str:
    """The name, cut if it is longer than Discord allows: one character more, so that it equals none that is right."""
    return name if len(name) <= MAX_NAME else name[:MAX_NAME] + CUT


def sentence(text: str) -> str:
    """The message of an error: one line, without control characters, and no longer than it is worth."""
    line = "".join(sign for sign in " ".join(text[: 2 * MAX_SENTENCE].split()) if category(sign) not in UNSEEN)
    return line if len(line) <= MAX_SENTENCE else line[:MAX_SENTENCE] + CUT
