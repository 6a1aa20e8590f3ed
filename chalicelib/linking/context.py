"""How work is done that a person waits for in the browser: its priority at Discord, and how long it may take."""

from contextlib import AbstractContextManager
from dataclasses import replace

from chalicelib.discord.rate_limit import Lane
from chalicelib.members.context import PERSON_PATIENCE, JobContext, Removals
from chalicelib.services import Services

LINK_CONTEXT = JobContext(Lane.URGENT, "link", patience=PERSON_PATIENCE, removals=Removals.EXEMPT)
UNLINK_CONTEXT = JobContext(Lane.URGENT, "unlink", patience=PERSON_PATIENCE, removals=Removals.EXEMPT)
JOIN_OPTIONS = replace(LINK_CONTEXT.options(), reason="Rolecall: linked by the member")
# Seconds until the person has an answer. API Gateway and the function end after 29, and a new process needs some of
# them to start.
MAX_RESPONSE_TIME = 27.0


def response_deadline(services: Services) -> AbstractContextManager[None]:
    """Within this context Discord is asked only as long as the person can still be answered."""
    return services.discord.until(services.now() + MAX_RESPONSE_TIME)
