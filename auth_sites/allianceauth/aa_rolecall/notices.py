"""Rolecall's notices: a reason to look, not the truth."""

from allianceauth.services.hooks import get_extension_logger

from . import accounts, contract, notifications, queues
from .app_settings import Server
from .clock import now_ms
from .contract import NotAsAgreed, Notice
from .models import accounts_of

logger = get_extension_logger(__name__)

RUN = 50_000  # milliseconds of one run; it begins anew every minute
ABOUT_A_LINK = {"linked", "unlinked", "username_changed", "absent"}
ABOUT_THE_SERVER = {"sync_failed", "removals_held"}


def drain(server: Server, *, until: int) -> int:
    """Apply notices until none is left; how many. May run many times at once.

    A notice is deleted after it was applied; one that failed comes again. Raises QueueUnavailable.
    """
    count = 0
    while now_ms() < until and (messages := queues.receive(server)):
        for message in messages:
            if _applied(server, message.body):
                queues.delete(server, message)
                count += 1
    return count


def _applied(server: Server, body: str) -> bool:
    try:
        apply(server, contract.read_notice(body))
    except NotAsAgreed as error:
        logger.warning("A notice that cannot be read was dropped (%s)", error)
    except Exception:
        logger.exception("A notice could not be applied; it comes again")
        return False
    return True


def apply(server: Server, notice: Notice) -> None:
    """Do what follows from a notice; nothing from one of a kind or a user that is unknown."""
    if not notice.user_id and notice.kind in ABOUT_THE_SERVER:
        reason = notice.kind if notice.kind == "removals_held" else notice.reason
        notifications.tell_superusers(server, reason)
    elif not _is_known(server, notice.user_id):
        logger.info("A notice (%s) about a user who is unknown here was dropped", notice.kind)
    elif notice.kind == "sync_failed":
        rows = accounts_of(server.key).filter(user_id=int(notice.user_id), problem_at__lt=notice.at)
        rows.update(problem=notice.reason[:1000], problem_at=notice.at)
    elif notice.kind in ABOUT_A_LINK:
        accounts.learn(server, int(notice.user_id))
    else:
        logger.info("A notice of an unknown kind was dropped")


def _is_known(server: Server, user_id: str) -> bool:
    """Is it the id of a user with an account row? (18 digits: the columns hold no more.)"""
    is_number = user_id.isascii() and user_id.isdecimal() and len(user_id) <= 18
    return is_number and accounts_of(server.key).filter(user_id=int(user_id)).exists()
