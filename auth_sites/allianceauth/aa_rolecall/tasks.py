"""What workers do. `README.md` has the block for CELERYBEAT_SCHEDULE."""

from collections.abc import Callable
from functools import partial

from allianceauth.services.hooks import get_extension_logger
from allianceauth.services.tasks import QueueOnce
from celery import current_app, shared_task

from . import app_settings, notices, outbox, upkeep
from .app_settings import Server
from .clock import now_ms
from .queues import QueueUnavailable
from .rolecall import RolecallUnavailable

logger = get_extension_logger(__name__)

# Woken by commits: the lock ends when the run begins, or a change during the run would wait for the next minute.
ONCE = {"graceful": True, "timeout": 60, "unlock_before_run": True}


@shared_task(name="aa_rolecall.tasks.deliver_changes", base=QueueOnce, once=ONCE)
def deliver_changes() -> None:
    """Tell Rolecall what changed."""
    _deliver()


@shared_task(name="aa_rolecall.tasks.deliver_at_rest", base=QueueOnce, once=ONCE)
def deliver_at_rest() -> None:
    """The same, once those who are to be removed have come to rest. A lock of its own, or it would hold up others."""
    _deliver()


def _deliver() -> None:
    until = now_ms() + outbox.RUN
    waiting = sum(_deliver_to(server, until) for server in app_settings.servers())
    if waiting and not current_app.conf.task_always_eager:  # which knows no countdown, and would go round and round
        deliver_at_rest.apply_async(countdown=outbox.AT_REST / 1000)


def _deliver_to(server: Server, until: int) -> int:
    """How many wait until they are at rest."""
    try:
        return outbox.deliver(server, until=until).waiting
    except QueueUnavailable as error:
        logger.warning("%s: SQS takes nothing (%s); changes are kept for the next run", server.title, error)
        return 0


@shared_task(name="aa_rolecall.tasks.read_notices")
def read_notices() -> None:
    """Take Rolecall's notices off the queue, and look at whom they are about."""
    until = now_ms() + notices.RUN
    _for_each_server(partial(notices.drain, until=until))


@shared_task(name="aa_rolecall.tasks.check_everybody")
def check_everybody() -> None:
    """Find what no signal told: changes by QuerySet.update() and SQL, tickers, name formats."""
    _for_each_server(upkeep.check_everybody)


@shared_task(name="aa_rolecall.tasks.read_accounts")
def read_accounts() -> None:
    """Read again those longest unread: it repairs what lost notices left."""
    _for_each_server(upkeep.read_accounts)


def _for_each_server(do: Callable[[Server], object]) -> None:
    """One server that fails keeps none of the others waiting."""
    for server in app_settings.servers():
        _guarded(do, server)


def _guarded(do: Callable[[Server], object], server: Server) -> None:
    try:
        do(server)
    except (QueueUnavailable, RolecallUnavailable) as error:
        logger.warning("%s: tried again with the next run (%s)", server.title, error)
    except Exception:
        logger.exception("%s: tried again with the next run", server.title)
