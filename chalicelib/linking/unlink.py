"""Unlinking at the person's own wish."""

from chalicelib import log
from chalicelib.errors import GiveUp, TryAgain
from chalicelib.linking.context import UNLINK_CONTEXT
from chalicelib.linking.refusals import refusal_for
from chalicelib.members.reconciler import Reconciler
from chalicelib.messages import UnlinkUser, encode
from chalicelib.queues import Progress
from chalicelib.services import Services

UNLINK_AGAIN = 60  # seconds; by then the request has done it, or never will


def enqueue_unlinking(services: Services, job: UnlinkUser, *, delay: int = 0) -> None:
    """Queue the unlinking. Where it was done already, the job finds nothing to do."""
    services.queues.bulk(encode(job), Progress(trace=log.bound(), since=services.now()), delay=delay)


def unlink_user(services: Services, reconciler: Reconciler, job: UnlinkUser) -> None:
    """Remove the member from the guild and the link from the store, and notify the auth site.

    If that cannot be finished now, it is queued: a person who asked for it need not ask again. Raises LinkRefused.
    """
    try:
        reconciler.unlink(job, UNLINK_CONTEXT)
    except TryAgain as later:
        log.info("unlink_queued", user_id=job.user_id, why=str(later))
        enqueue_unlinking(services, job)
    except GiveUp as error:
        raise refusal_for(error) from error
