"""Finishes what a callback leaves to do: a member to reconcile; if it died half-way, a link to notify."""

from dataclasses import replace

from chalicelib.discord.rate_limit import Lane
from chalicelib.members.context import JobContext, Outcome, Removals
from chalicelib.members.guild import GuildView
from chalicelib.members.joining import wait_for_callback
from chalicelib.members.member_sync import MemberSync
from chalicelib.members.reporter import Reporter
from chalicelib.messages import Parts, VerifyLink
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.users import Link, User

TOKEN_TIME = 1.0  # seconds; a token says in whole seconds when it was issued


class LinkCheck:
    """Verifies links some time after their callback."""

    def __init__(self, services: Services, view: GuildView, reporter: Reporter, sync: MemberSync) -> None:
        self._services = services
        self._view = view
        self._reporter = reporter
        self._sync = sync

    def verify(self, job: VerifyLink, context: JobContext) -> Outcome:
        """Reconcile the member unless that was done, and notify the auth site of the link unless it was.

        Where the check is given up, `delivery` notifies: the link stands all the same. Raises LinkInProgress while a
        later callback runs: what this check gave, that one would not take back.
        """
        user, outcome = users.get(job.user_id, now=self._services.now()), Outcome.NOTHING
        self._reporter.notify_pending(user)
        if user is None or user.link is None or not self._view.is_its_own(user.link):
            return outcome
        wait_for_callback(user.link, now=self._services.now())
        if user.synced_version != user.version and not user.is_deleted:  # who is to go is their removal's business
            outcome = self._sync.reconcile(user, Parts.ALL, _context(user, user.link, context))
        if user.link.notify_pending:  # a link that is newer than what was read here has a check of its own
            self._reporter.linked_unless_notified(user.user_id)
        return outcome


def _context(user: User, link: Link, context: JobContext) -> JobContext:
    """The member waits. What the link itself takes, they asked for: it does not count in the removal limit.

    What the auth site stated after the token of the link counts as it does elsewhere.
    """
    context = replace(context, lane=Lane.URGENT)
    if user.groups_at / 1000 >= link.issued_at + TOKEN_TIME:
        return context
    return replace(context, cause="link", removals=Removals.EXEMPT)
