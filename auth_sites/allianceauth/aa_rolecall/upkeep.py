"""What is done on a schedule: look whether all that was said still holds, and read links again."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from allianceauth.services.hooks import get_extension_logger

from . import accounts, notifications, outbox
from .app_settings import Server
from .clock import now_ms
from .desired import entitled, fresh, wanted
from .models import PARTED, AccountBase, accounts_of
from .rolecall import RolecallUnavailable

logger = get_extension_logger(__name__)

MIN_BRAKE = 25  # so many may always be removed
PARTING = 3600_000  # milliseconds after which a removal that has not come about is asked for again
READ_AT_ONCE = 500  # accounts in one run of read_accounts


@dataclass
class Differences:
    """Users whom Rolecall should be told of."""

    linked: int = 0
    changed: list[int] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    stuck: list[int] = field(default_factory=list)
    """On the way out for longer than an hour."""


def differences(server: Server) -> Differences:
    """Compare all linked accounts with what was last stated of each."""
    found = Differences()
    for account in accounts_of(server.key).filter(uid__isnull=False).iterator():
        user = fresh(account.user_id)
        if user is None:
            continue
        found.linked += 1
        if account.parting and account.parting_at < now_ms() - PARTING:
            found.stuck.append(user.pk)
        elif not entitled(user, server):
            if account.stated != PARTED:
                found.removed.append(user.pk)
        elif wanted(user, server).digest != account.stated:
            found.changed.append(user.pk)
    return found


def brakes(server: Server, *, removed: int, linked: int) -> bool:
    """Are these too many to be removed without a person's word?"""
    return removed > MIN_BRAKE and removed * 100 > server.brake_percent * linked


def check_everybody(server: Server) -> int:
    """Mark who differs; how many. Marks nobody, and tells the superusers, where too many would be removed."""
    found = differences(server)
    if brakes(server, removed=len(found.removed), linked=found.linked):
        logger.error("%s: %d of %d would be removed; braked", server.title, len(found.removed), found.linked)
        notifications.tell_superusers(server, "brake", len(found.removed))
        return 0
    marked = outbox.mark(found.changed + found.removed, server=server)
    return marked + outbox.mark(found.stuck, outbox.FORCE, server=server)


def read_accounts(server: Server) -> int:
    """Read the longest unread of those who are linked or could be; how many. Ends where Rolecall cannot be asked."""
    count = 0
    for account in _longest_unread(server):
        try:
            accounts.learn(server, account.user_id)
        except RolecallUnavailable as error:
            logger.warning("%s: reading accounts ended after %d (%s)", server.title, count, error)
            break
        count += 1
    return count


def _longest_unread(server: Server) -> Iterator[AccountBase]:
    found = 0
    for account in accounts_of(server.key).order_by("read_at"):
        if account.uid is None:
            user = fresh(account.user_id)
            if user is None or not entitled(user, server):
                continue
        yield account
        found += 1
        if found == READ_AT_ONCE:
            return
