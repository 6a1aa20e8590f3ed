"""Names from outside within a message of Discord's: shown as they are, never as formatting, mention or link. Pure.

https://support.discord.com/hc/articles/210298617 (Markdown Text 101)
"""

import re
from unicodedata import category

SPECIAL = re.compile(r"([\\*_~`|>#\-+()\[\]{}<:@!.&/])")  # what formats, or begins a list, mention or link
MAX_NAME = 300  # characters of one name or phrase; roles have 100, groups of the auth site 1,000
MAX_MESSAGE = 2000  # characters; https://discord.com/developers/docs/resources/message#create-message


def escaped(name: str) -> str:
    """The name as plain text in one line. Signs that are not seen or that turn the writing around are left out."""
    seen = "".join(sign for sign in " ".join(name.split()) if category(sign) not in ("Cc", "Cf", "Cs"))
    short = seen if len(seen) <= MAX_NAME else f"{seen[:MAX_NAME]}…"
    return SPECIAL.sub(r"\\\1", short)


def fitted(lines: list[str], cut: str) -> str:
    """The lines as one message; where they are too many, as many as there is room for, and how many are left out.

    `cut`: says the latter, with `{count}`.
    """
    whole = "\n".join(lines)
    if len(whole) <= MAX_MESSAGE:
        return whole
    room, kept = MAX_MESSAGE - len(cut) - 8, 0
    for line in lines:
        room -= len(line) + 1
        if room < 0:
            break
        kept += 1
    return "\n".join([*lines[:kept], cut.format(count=len(lines) - kept)])
