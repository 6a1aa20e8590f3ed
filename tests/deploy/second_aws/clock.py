# mypy: ignore-errors
"""The second AWS's own time: it passes while somebody waits for AWS, and else stands still."""

_now = 0.0


def now():
    """Seconds since the start."""
    return _now


def sleep(seconds):
    """Let them pass."""
    global _now
    _now += seconds
