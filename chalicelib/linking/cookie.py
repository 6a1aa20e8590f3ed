"""The cookie that binds an attempt to a browser: its name and its life. Pure."""

import hashlib

LIFE = 15 * 60  # seconds from the click to the callback
COOKIE = "rolecall_attempt"


def cookie_name(state: str) -> str:
    """The name of the attempt's cookie: one for each attempt, so that two tabs do not disturb each other."""
    return f"{COOKIE}_{digest(state)[:12]}"


def digest(text: str) -> str:
    """What is stored in place of a secret of the attempt, which cannot be read back from it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
