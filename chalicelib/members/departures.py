"""Members who left the guild by themselves, or never came: their link ends, or is kept for the grace days.

What ends a link, and what is left alone: docs/explanation/link-lifecycle.md.
"""

from chalicelib import log
from chalicelib.errors import UnknownMember
from chalicelib.members.account_removal import DAY, IN_FLIGHT_FOR, STRIP_AGAIN, AccountRemoval
from chalicelib.members.context import Outcome
from chalicelib.members.reporter import Reporter
from chalicelib.messages import VerifyLink, encode
from chalicelib.notices import Unlinked
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.users import Absent, Claim, Leaving, Link, Previous, User

ACCOUNT_DELETED = 10013  # Discord's "unknown user"


class Departures:
    """Ends the links of members who are missing."""

    def __init__(self, services: Services, reporter: Reporter, account: AccountRemoval) -> None:
        self._services = services
        self._reporter = reporter
        self._account = account

    def notify_pending(self, user: User | None) -> None:
        """See `Reporter.notify_pending`."""
        self._reporter.notify_pending(user)

    def left(self, user: User, link: Link, gone: UnknownMember) -> Outcome | None:
        """The member left, or deleted their account: end the link, or keep it for the grace days; notify the auth site.

        An account that never came, and should have replaced another one, gives way to that. Returns None if the user
        changed meanwhile: a callback may have linked them and brought them in again.
        """
        now = self._services.now()
        if link.joining_until > now:
            return Outcome.NOTHING  # a callback is bringing them in, and has a check of its own afterwards
        if user.synced_at is None or link.previous:
            self._expect_late_join(user, link)
        if link.previous and link.claim and not user.is_deleted:
            self._put_back(user, link, link.previous, link.claim)
            return None
        if gone.code == ACCOUNT_DELETED:
            return self._unlinked(user, link, Unlinked.ACCOUNT_DELETED, notify=True)
        if user.leaving and user.goes_at is not None:
            if user.goes_at > now:
                return Outcome.NOTHING
            return self._unlinked(user, link, Unlinked.ASKED, notify=user.leaving.notify)
        return self._absent(user, link, now)

    def ends_link(self, user: User, link: Link) -> bool:
        """Would `left` end the link of this missing member now?"""
        now = self._services.now()
        if link.joining_until > now or link.previous:
            return False
        if user.goes_at is not None:
            return user.goes_at <= now
        if user.absent:
            return user.absent.until <= now
        return self._services.settings.expire_grace_days == 0

    def _absent(self, user: User, link: Link, now: float) -> Outcome | None:
        """Keep the link for the grace days, then end it."""
        days = self._services.settings.expire_grace_days
        if user.absent is None and days > 0:
            return Outcome.DONE if self._reporter.absent(user, link, Absent(now, now + days * DAY)) else None
        if user.absent and user.absent.until > now:
            return Outcome.NOTHING
        return self._unlinked(user, link, Unlinked.LEFT_SERVER, notify=True)

    def _unlinked(self, user: User, link: Link, reason: Unlinked, *, notify: bool) -> Outcome | None:
        done = self._reporter.unlinked(user, link, reason, notify=notify, version=user.version)
        return Outcome.DONE if done else None

    def _expect_late_join(self, user: User, link: Link) -> None:
        """The account was never seen in the guild: a request to join that took effect late must leave nobody behind.

        Such a request brings roles. A member without any came by an invite, and nobody asked for their removal.
        """
        if link.claim and self._services.now() - link.joining_until < IN_FLIGHT_FOR:
            how = Leaving(0.0, kick=True, notify=False)
            self._account.look_again(user.user_id, link, IN_FLIGHT_FOR, how, with_roles=True)

    def _put_back(self, user: User, link: Link, previous: Previous, attempt: str) -> None:
        """Link the account again that the user had before, unless it is somebody else's by now."""
        now = self._services.now()
        claim = Claim(
            issued_at=link.issued_at, opened_at=link.opened_at, activated_at=previous.activated_at, notify=True
        )
        self._verify_later(user.user_id)
        try:
            before = users.link(user.user_id, link.guild_id, previous.account, claim, now=now, instead_of=attempt)
        except users.UserDeletedSince:
            return
        except users.AccountTaken:
            users.mark_seen(user)  # there is nothing to go back to
            return
        if before and before.link and before.link.claim == attempt:
            log.info("put_back", user_id=user.user_id, discord_id=previous.account.id, instead_of=link.account.id)
            self._reporter.linked(user.user_id, previous.account)

    def _verify_later(self, user_id: str) -> None:
        """Have the auth site notified of the link if this process dies before it does that."""
        progress = Progress(log.bound(), self._services.now())
        self._services.queues.bulk(encode(VerifyLink(user_id=user_id)), progress, delay=STRIP_AGAIN)
