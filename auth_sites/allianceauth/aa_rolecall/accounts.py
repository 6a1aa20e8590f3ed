"""What Rolecall says of a link is the truth. It is read, stored, and what follows from a difference is done.

Notices, returning browsers and the clock only say when to look. That makes duplicates and late notices harmless.
"""

from allianceauth.services.hooks import get_extension_logger
from django.core.cache import cache
from django.db import transaction

from . import notifications, own_service, rolecall
from .app_settings import MAIN, Server
from .clock import moment
from .contract import Linked
from .desired import fresh, in_good_standing
from .models import QUIET, AccountBase, accounts_of
from .outbox import mark
from .stamps import take_stamp

logger = get_extension_logger(__name__)

NAME_LIFE = 24 * 3600  # seconds that a server's name is remembered


def learn(server: Server, user_id: int) -> Linked | None:
    """Read the user's link at Rolecall, and store it unless something newer is stored; what was read.

    A user without an account row is read, and nothing stored. Raises RolecallUnavailable.
    """
    stamp = take_stamp(server.key, user_id)
    found = rolecall.read(server, str(user_id))
    if stamp is not None:
        with transaction.atomic():
            store(server, user_id, found, stamp)
    if found and found.server_name:
        cache.set(_name_key(server), found.server_name, NAME_LIFE)
    return found


def server_name(server: Server) -> str:
    """The Discord server's name, as far as it is known."""
    try:
        return cache.get(_name_key(server)) or server.name
    except Exception:  # noqa: BLE001 - the services page is shown without Redis, too
        return server.name


def _name_key(server: Server) -> str:
    return f"aa_rolecall_server_name_{server.key}"


def store(server: Server, user_id: int, found: Linked | None, stamp: int) -> None:
    """Store what was read after `stamp`, inside a transaction, unless something newer is stored.

    The row is locked by the write that compares.
    """
    rows = accounts_of(server.key).filter(user_id=user_id)
    if not rows.filter(read_at__lt=stamp).update(read_at=stamp):
        return
    account = rows.get()
    before = account.uid
    account.uid = found.discord_id if found else None
    account.username = found.username[:100] if found else ""
    account.activated = moment(found.activated_at) if found else None
    account.problem = found.last_error[:1000] if found else ""
    account.problem_at = stamp
    if account.uid is not None and account.uid != before:
        _began(server, account)
    elif account.uid is None and before is not None:
        _ended(account)
    account.save(
        update_fields=["uid", "username", "activated", "problem", "problem_at", "parting", "stated"]
        if account.uid != before
        else ["uid", "username", "activated", "problem", "problem_at"]
    )
    if server.key == MAIN:
        own_service.mirror(account)


def _began(server: Server, account: AccountBase) -> None:
    """A link, or another account: the link's token may be older than a change of groups, so all is said again."""
    account.parting = account.stated = ""
    mark([account.user_id], server=server)


def _ended(account: AccountBase) -> None:
    """The link is gone; the user is told, unless it was by their own or an admin's will, or they are out anyway."""
    quiet = account.parting == QUIET
    account.parting = account.stated = ""
    user = fresh(account.user_id)
    if user and not quiet and in_good_standing(user):
        notifications.account_disabled(user)
