"""Unlinking at the person's own wish."""

from chalicelib import log
from chalicelib.errors import GiveUp, TryAgain
from chalicelib.linking.context import UNLINK_CONTEXT
from chalicelib.linking.refusals import refusal_for
from chalicelib.members.reconciler import Reconciler
from chalicelib.messages import DeleteUser, ReleaseRemoval, encode
from chalicelib.queues import Progress
from chalicelib.services import Services


def unlink_user(services: Services, reconciler: Reconciler, user_id: str) -> None:
    """Remove the member from the guild and the link from the store, and notify the auth site.

    If that cannot be finished now, it is queued: a person who asked for it need not ask again. Raises LinkRefused.
    """
    job = DeleteUser(user_id=user_id, notify=True)
    try:
        reconciler.change(job, UNLINK_CONTEXT)
    except TryAgain as later:
        queued = ReleaseRemoval(user_id=user_id, cause=UNLINK_CONTEXT.cause, deletion=job)  # no limit holds it
        log.info("unlink_queued", user_id=user_id, why=str(later))
        services.queues.bulk(encode(queued), Progress(trace=log.bound(), since=services.now()))
    except GiveUp as error:
        raise refusal_for(error) from error
