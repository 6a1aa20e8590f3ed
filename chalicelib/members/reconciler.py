"""One user's job: compare the desired with the actual state, do the least that makes them equal, check that it holds.

Level-triggered: the message says who, the store what should be, Discord what is. Running a job twice does nothing the
second time. Errors are handled in `delivery`, except those that can be fixed here.

- `statements`: what the auth site states, and what has to be compared then
- `storms`: whether the comparison is handed over to one of many members
- `member_sync`: one member, reconciled; `plan` decides, `writer` writes
- `repair`: a member whom a sweep found to differ
- `departures`: a member who left
- `removal`: a user who is to be removed
- `replaced_accounts`: an account whose user has another one now
- `account_removal`: how an account is taken out of the guild
- `unlinked`: a member without a link who holds roles of groups
- `link_check`: what a callback left undone
"""

from dataclasses import replace

from chalicelib.discord.rate_limit import Lane
from chalicelib.members.account_removal import AccountRemoval
from chalicelib.members.context import JobContext, Outcome, Removals
from chalicelib.members.departures import Departures
from chalicelib.members.guild import GuildView, remember_stated
from chalicelib.members.joining import wait_for_callback
from chalicelib.members.link_check import LinkCheck
from chalicelib.members.member_sync import MemberSync
from chalicelib.members.removal import Removal
from chalicelib.members.removal_gate import RemovalGate
from chalicelib.members.removal_limiter import RemovalLimiter
from chalicelib.members.repair import MemberRepair
from chalicelib.members.replaced_accounts import ReplacedAccounts
from chalicelib.members.reporter import Reporter
from chalicelib.members.statements import (
    is_answered,
    parts_to_compare,
    prioritised,
    record_statement,
    stated_groups,
    still_waits,
)
from chalicelib.members.storms import Storms
from chalicelib.members.unlinked import UnlinkedMembers
from chalicelib.members.writer import MemberWriter
from chalicelib.messages import (
    DeleteUser,
    Parts,
    ReleaseRemoval,
    RemoveReplacedAccount,
    RepairMember,
    StripUnlinked,
    UnlinkUser,
    UserJob,
    VerifyLink,
    VerifyRemoval,
    parts_of,
)
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.users import User


class Reconciler:
    """Does the jobs of users, one at a time."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view
        self._reporter = reporter = Reporter(services, view)
        limiter = RemovalLimiter(services, reporter)
        gate = RemovalGate(services, reporter, limiter)
        self._writer = MemberWriter(services, view, reporter, gate)
        account = AccountRemoval(services, view, self._writer, reporter)
        departures = Departures(services, reporter, account)
        self._removal = Removal(services, view, self._writer, reporter, gate, account)
        self._replaced = ReplacedAccounts(services, reporter, account, departures)
        self._sync = MemberSync(services, reporter, self._writer, departures, account, gate)
        self._repair = MemberRepair(
            services, view, reporter, self._writer, self._removal, departures, self._sync, gate, account
        )
        self._unlinked = UnlinkedMembers(services, view, reporter, self._writer, self._sync, limiter)
        self._storms = Storms(services)
        self._link_check = LinkCheck(services, view, reporter, self._sync)

    @property
    def writes(self) -> int:
        """Changes of members that reached Discord, or may have, since this process began."""
        return self._writer.sender.writes

    def change(self, job: UserJob, context: JobContext) -> Outcome:
        """Store what the message states, then reconcile the member, or have them compared together with others.

        Raises LinkInProgress during a callback.
        """
        if isinstance(job, DeleteUser):
            return self._removal.delete(job, replace(context, lane=Lane.URGENT))
        now = self._services.now()
        storm = self._storms.is_near(job, context)
        before = users.get(job.user_id, now=now) if storm else None
        context = prioritised(job, context, self._services.discord.rate_limiter, now=now, before=before)
        may_wait = storm and context.lane is Lane.NORMAL and self._storms.may_wait(job, before)
        waits_after = before.version if before and may_wait else None
        if stated := stated_groups(job):
            remember_stated(self._view, stated.value)
        user = record_statement(job, context, now=now, waits_after=waits_after)
        self._reporter.notify_pending(user)
        if user is None or user.link is None or not self._view.is_its_own(user.link):
            return Outcome.NOTHING
        wait_for_callback(user.link, now=self._services.now())
        if is_answered(user, parts_of(job), context):
            return Outcome.NOTHING
        if still_waits(user, waits_after):
            self._storms.hand_over(user)
            return Outcome.WAITING
        return self.reconcile(user, parts_to_compare(job, user), context)

    def reconcile(self, user: User, parts: Parts, context: JobContext) -> Outcome:
        """Reconcile the member; see `MemberSync.reconcile`."""
        return self._sync.reconcile(user, parts, context)

    def repair(self, job: RepairMember, context: JobContext) -> Outcome:
        """Reconcile a member whom a sweep found to differ."""
        return self._repair.repair(job, context)

    def unlink(self, job: UnlinkUser, context: JobContext) -> Outcome:
        """Unlink the user, because the person asked for it."""
        return self._removal.unlink(job, replace(context, lane=Lane.URGENT))

    def remove_replaced_account(self, job: RemoveReplacedAccount, context: JobContext) -> Outcome:
        """Remove an account that its user replaced by another."""
        return self._replaced.remove(job, context)

    def release(self, job: ReleaseRemoval, context: JobContext) -> Outcome:
        """Take what a person allowed to take, if the store still says so. Raises LinkInProgress during a callback."""
        context = replace(context, removals=Removals.EXEMPT)
        user = users.get(job.user_id, now=self._services.now())
        self._reporter.notify_pending(user)
        # The removal itself raises the version when it begins: a second delivery of this message goes on with it.
        as_released = user is not None and (user.version == job.version or user.is_deleted)
        if job.deletion and (job.version == 0 or as_released):
            return self._removal.delete(job.deletion, replace(context, lane=Lane.URGENT))
        if user is None or user.link is None:
            return Outcome.NOTHING
        wait_for_callback(user.link, now=self._services.now())
        return self._sync.reconcile(user, Parts.ALL, context)

    def verify_link(self, job: VerifyLink, context: JobContext) -> Outcome:
        """Finish what a callback left undone."""
        return self._link_check.verify(job, context)

    def verify_removal(self, job: VerifyRemoval, context: JobContext) -> Outcome:
        """Look at a member from whom a role was taken; reconcile them by requests whose answers show the member.

        Raises LinkInProgress during a callback.
        """
        now = self._services.now()
        user = users.get(job.user_id, now=now)
        self._reporter.notify_pending(user)
        if user is None or user.link is None or user.link.account.id != job.discord_id:
            return Outcome.NOTHING
        wait_for_callback(user.link, now=now)
        return self._sync.verify_removal(user, user.link, replace(context, sees_answer=True))

    def strip_unlinked(self, job: StripUnlinked, context: JobContext) -> Outcome:
        """Take the roles of groups from a member without a link."""
        return self._unlinked.strip(job, context)
