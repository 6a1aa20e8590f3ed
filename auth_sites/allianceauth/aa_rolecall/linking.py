"""What stands behind the buttons: the way to a link, and the end of one."""

from allianceauth.services.hooks import get_extension_logger

from . import contract, queues, rolecall
from .accounts import learn
from .app_settings import Server
from .clock import now_ms
from .desired import Wanted, fresh, wanted
from .models import QUIET, accounts_of, open_account
from .queues import QueueUnavailable
from .rolecall import Refused, RolecallUnavailable
from .stamps import take_stamp

logger = get_extension_logger(__name__)


class CannotLink(Exception):
    """The way to Discord cannot be shown; says why."""


def link_address(server: Server, user_id: int) -> str:
    """Where to send the user's browser to link an account. Raises CannotLink."""
    if not server.url or not server.secret:
        raise CannotLink("ROLECALL_URL or ROLECALL_AUTH_SITE_SECRET is missing")
    open_account(server.key, user_id)
    accounts_of(server.key).filter(user_id=user_id).update(link_asked_at=now_ms())
    stamp = take_stamp(server.key, user_id)
    user = fresh(user_id)
    if stamp is None or user is None:
        raise CannotLink("the user was deleted this moment")
    return rolecall.address(server, "link", _link_token(server, str(user_id), wanted(user, server), stamp))


def _link_token(server: Server, user_id: str, want: Wanted, stamp: int) -> str:
    """A token that says what the user should have; where that is too long for an address, SQS is told instead.

    The token's own, empty statement is older then, and never overwrites the other.
    """
    said = {"nickname": want.nickname, "groups": want.groups, "changed_at": stamp}
    token = rolecall.sign(server, user_id, contract.LINK, **said)
    if len(token) <= contract.MAX_TOKEN:
        return token
    body = contract.update_all(user_id, groups=want.groups, nickname=want.nickname, changed_at=stamp)
    try:
        taken = queues.send(server, [body])
    except QueueUnavailable as error:
        raise CannotLink(str(error)) from error
    if not taken:
        raise CannotLink("SQS did not take the statement")
    return rolecall.sign(server, user_id, contract.LINK, **said | {"groups": [], "changed_at": stamp - 1})


def unlink(server: Server, user_id: int) -> None:
    """End the link, by the user's own will. Raises Refused and RolecallUnavailable; then all is as it was.

    That they want it is stored first: the notice may be read before Rolecall has answered.
    """
    stamp = take_stamp(server.key, user_id)
    rows = accounts_of(server.key).filter(user_id=user_id)
    before = rows.values("parting", "parting_at").first()
    rows.update(parting=QUIET, parting_at=stamp or 0)
    try:
        rolecall.unlink(server, str(user_id))
    except (Refused, RolecallUnavailable):
        if before:
            rows.filter(parting_at=stamp).update(**before)
        raise
    try:
        learn(server, user_id)
    except RolecallUnavailable as error:  # the link is ended all the same; the notice will bring it here
        logger.warning("%s: user %s was unlinked, but could not be read again: %s", server.title, user_id, error)
