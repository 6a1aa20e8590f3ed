"""The jobs that a callback leaves behind: they finish its work, or clean up after it, even if its process dies."""

from chalicelib import log
from chalicelib.messages import RemoveReplacedAccount, UpdateAll, VerifyLink, encode
from chalicelib.outages import AWS_ERRORS
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store import users

REMOVE_REPLACED_AFTER = 30  # seconds; by then the link that replaces the account is stored, or never will be
VERIFY_AFTER = 90  # seconds; no callback lasts that long


class FollowUps:
    """Queues the jobs that follow a callback."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def verify(self, user_id: str) -> None:
        """Check later whether the callback finished its work."""
        self._bulk(VerifyLink(user_id=user_id), VERIFY_AFTER)

    def compare(self, user_id: str) -> None:
        """Compare the member now, and give or take what differs: the callback has ended, and the person waits.

        The check was promised before: if SQS does not take this, it comes later, and they are linked all the same.
        """
        try:
            self._bulk(VerifyLink(user_id=user_id), 0)
        except AWS_ERRORS as error:
            log.warning("compared_later", user_id=user_id, why=type(error).__name__)

    def remove_replaced(self, user_id: str, old: users.Link) -> None:
        """Remove the account of a link that is to be replaced now, if it is."""
        job = RemoveReplacedAccount(user_id=user_id, discord_id=old.account.id, joined_after=float(old.activated_at))
        self._bulk(job, REMOVE_REPLACED_AFTER)

    def remove_unlinked(self, user_id: str, discord_id: int) -> None:
        """Remove an account from the guild whose link ended while it was brought in, unless it is linked by then."""
        self._bulk(RemoveReplacedAccount(user_id=user_id, discord_id=discord_id), 0)

    def complete(self, user_id: str, claim: str | None, *, delay: float) -> None:
        """Reconcile the member after `delay` seconds; the callback with that claim has ended.

        The job reads the member itself: a request of the callback that got no answer may still take effect.
        """
        now = self._services.now()
        users.end_joining(user_id, claim)
        progress = Progress(log.bound(), now, touched=now, due=now + delay)
        self._services.queues.jobs(encode(UpdateAll(user_id=user_id)), progress, delay=delay)

    def _bulk(self, job: VerifyLink | RemoveReplacedAccount, delay: int) -> None:
        self._services.queues.bulk(encode(job), Progress(log.bound(), self._services.now()), delay=delay)
