"""Waiting for a callback that is letting a member into the guild."""

from chalicelib.errors import LinkInProgress
from chalicelib.store.users import Link

CALLBACK_TIME = 5.0  # seconds that a callback rarely exceeds


def wait_for_callback(link: Link, *, now: float) -> None:
    """Raise LinkInProgress while a callback is at work: if it gives up, it takes back only what it gave itself."""
    left = link.joining_until - now
    if left > 0:
        raise LinkInProgress("a callback is bringing the member in", retry_after=min(left, CALLBACK_TIME))
