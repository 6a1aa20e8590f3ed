"""Times, sizes and names as people read them. Pure."""

from datetime import UTC, datetime

MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds


def span(seconds: float) -> str:
    """Format a duration in the largest unit that fits: `45 s`, `12 min`, `3 h`, `9 days`."""
    seconds = max(0.0, seconds)
    if seconds < 2 * MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / MINUTE:.0f} min"
    if seconds < 2 * DAY:
        return f"{seconds / HOUR:.0f} h"
    return f"{seconds / DAY:.0f} days"


def ago(then: float | None, now: float) -> str:
    """Format how long ago it was; `never` if it did not happen."""
    return f"{span(now - then)} ago" if then else "never"


def moment(then: float | None) -> str:
    """Format a point in time, in UTC to the second."""
    return datetime.fromtimestamp(then, UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if then else "never"


def count(number: int, one: str, many: str | None = None) -> str:
    """Format a number with its noun: `1 user`, `2 users`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def listed(names: list[str], most: int = 5) -> str:
    """List the first few names and say how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def plain(text: object) -> str:
    """Make a text safe for a terminal: unprintable characters, such as escape sequences, are replaced."""
    return "".join(sign if sign.isprintable() else "�" for sign in str(text))


def plain_note(note: str) -> str:
    """Return a sweep's note without the advice for people who invoke functions by hand."""
    for start in (" To let sweeps take,", " To let it,"):
        note = note.split(start)[0]
    return note
