"""Bringing a linked person into the guild, with roles and nickname in one request where possible."""

from dataclasses import replace

from chalicelib import log
from chalicelib.discord.models import Account, Member
from chalicelib.errors import Failure, GiveUp, Reason, TryAgain
from chalicelib.linking.context import JOIN_OPTIONS, LINK_CONTEXT
from chalicelib.linking.follow_ups import FollowUps
from chalicelib.linking.join_request import MIN_JOIN_TIME, JoinOutcome, JoinRequest
from chalicelib.linking.oauth import Authorisation
from chalicelib.linking.refusals import UnlinkedSince
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Change, Desired, plan_change
from chalicelib.members.reconciler import Reconciler
from chalicelib.members.reporter import Reporter
from chalicelib.members.role_creation import RoleCreator
from chalicelib.messages import Parts
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.audit import Entry


class Admission:
    """Joins people to the guild and reconciles those who are members already."""

    def __init__(self, services: Services, reconciler: Reconciler, view: GuildView) -> None:
        self._services = services
        self._reconciler = reconciler
        self._view = view
        self._reporter = Reporter(services, view)
        self._role_creator = RoleCreator(services, view)
        self._request = JoinRequest(services, view)
        self._follow_ups = FollowUps(services)

    def bring_in(self, user_id: str, authorisation: Authorisation) -> bool:
        """Make the account a member. Returns whether they are to be compared at once, which the caller has to queue.

        A newcomer gets roles and nickname in one request (201). Somebody who is a member already (204) was given
        nothing: nobody waits in the browser for what a worker does as well. Raises UnlinkedSince, JoinUnknown, and the
        error that kept them out.
        """
        account = authorisation.user
        user = self._linked_user(user_id, account)
        claim = user.link.claim if user.link else None
        change = self._initial_change(user, account)
        outcome, entry = self._request.send(user, authorisation, change)
        if outcome is JoinOutcome.ALREADY_MEMBER:
            if not users.end_joining(user_id, claim):
                self._linked_user(user_id, account)  # or another callback of theirs linked the same account
            return True
        self._complete(user, change, authorisation, entry)
        return False

    def _complete(self, user: users.User, change: Change, authorisation: Authorisation, entry: Entry | None) -> None:
        """Record what the request gave to somebody who joined, and give what it did not; the queue does the rest.

        Raises UnlinkedSince.
        """
        user_id, account = user.user_id, authorisation.user
        claim = user.link.claim if user.link else None
        try:
            if not (entry and self._settled(user, change, entry)):
                self._reconciler.reconcile(self._linked_user(user_id, account), Parts.ALL, LINK_CONTEXT)
        except TryAgain as later:
            # They are linked members; nobody has to wait for the rest.
            log.info("link_completed_later", user_id=user_id, why=str(later))
            pause = self._services.settings.retry_pause if isinstance(later, Failure) else 0
            self._follow_ups.complete(user_id, claim, delay=pause)
        except UnlinkedSince:
            self._follow_ups.remove_unlinked(user_id, account.id)
            raise
        except GiveUp as error:
            # A person who was let in stays linked: unlinked, they would keep their roles forever.
            log.warning("link_incomplete", user_id=user_id, why=str(error))
            self._follow_ups.complete(user_id, claim, delay=0)

    def _linked_user(self, user_id: str, account: Account) -> users.User:
        """The user as stored now. Raises UnlinkedSince if they are no longer linked to this account."""
        user = users.get(user_id, now=self._services.now())
        if user is None or user.link is None or user.link.account.id != account.id:
            raise UnlinkedSince(Reason.EXPIRED, "unlinked while linking")
        return user

    def _initial_change(self, user: users.User, account: Account) -> Change:
        """What a new member starts with. Missing roles are created first, so that one request is enough.

        Roles that cannot be created in time, for example because another worker is creating them, stay in `create`.
        """
        change = self._plan(user, account)
        if not change.create:
            return change
        spare = self._services.discord.seconds_left - MIN_JOIN_TIME
        try:
            with self._services.discord.until(self._services.now() + spare):
                problems = self._role_creator.create(change.create, JOIN_OPTIONS)
        except TryAgain as later:
            log.info("roles_follow_later", user_id=user.user_id, why=str(later))
            return change
        change = self._plan(user, account)
        return replace(change, create=(), problems=problems | change.problems)

    def _plan(self, user: users.User, account: Account) -> Change:
        """The change that makes somebody without roles and nickname as the user should be."""
        newcomer = Member(account, None, frozenset())
        desired = Desired(user.wanted, user.nickname, user.answers)
        guild = self._view.facts(JOIN_OPTIONS)
        return plan_change(newcomer, desired, self._view.rules(guild))

    def _settled(self, user: users.User, change: Change, joined: Entry) -> bool:
        """Record that the member joined; and that they are as they should be, which is returned.

        They are not if roles are still to be created, or the desired state has changed meanwhile.
        """
        if change.create:
            self._reporter.joined(joined)
            return False
        self._view.remember(change.role_by_group)
        return self._reporter.synced(user, change.problems, entry=joined)
