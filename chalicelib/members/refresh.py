"""A member asks to be brought in step: by the button of their page or by a command, once a minute in all."""

import hashlib

from chalicelib import log
from chalicelib.messages import UpdateAll, encode
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store import attempts

REFRESH_EVERY = 60.0  # seconds
REFRESHED, TOO_SOON = "refreshed", "too_soon"  # keys of the texts about a refresh


def ask_for_refresh(services: Services, user_id: str) -> bool:
    """Ask for the member to be brought in step; False if that was asked for less than a minute ago."""
    key = f"refresh:{hashlib.sha256(user_id.encode()).hexdigest()}"
    now = services.now()
    if not attempts.claim_until(key, now + REFRESH_EVERY, now=now):
        return False
    services.queues.jobs(encode(UpdateAll(user_id=user_id)), Progress(trace=log.bound(), since=now))
    return True
