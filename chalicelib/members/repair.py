"""Repairs a member whom a sweep found to differ; if one role is all that differs, without reading the member again."""

from dataclasses import replace

from chalicelib.discord.client import MEMBER_PATCH
from chalicelib.discord.errors import is_about_content
from chalicelib.discord.models import Member
from chalicelib.errors import NotPermitted, Refused, UnknownMember, UnknownRole
from chalicelib.members.account_removal import AccountRemoval
from chalicelib.members.context import JobContext, Outcome, Permit, Removals
from chalicelib.members.departures import Departures
from chalicelib.members.guild import GuildView
from chalicelib.members.joining import wait_for_callback
from chalicelib.members.member_sync import MemberSync
from chalicelib.members.plan import Change
from chalicelib.members.removal import Removal
from chalicelib.members.removal_gate import RemovalGate
from chalicelib.members.reporter import Reporter
from chalicelib.members.statements import parts_to_compare
from chalicelib.members.writer import MemberWriter
from chalicelib.messages import Parts, RepairMember, parts_of
from chalicelib.problems import of_the_guild, withheld
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.users import Link, User


class MemberRepair:
    """Does the jobs that sweeps send."""

    def __init__(
        self,
        services: Services,
        view: GuildView,
        reporter: Reporter,
        writer: MemberWriter,
        removal: Removal,
        departures: Departures,
        sync: MemberSync,
        gate: RemovalGate,
        account: AccountRemoval,
    ) -> None:
        self._services = services
        self._view = view
        self._reporter = reporter
        self._writer = writer
        self._removal = removal
        self._departures = departures
        self._sync = sync
        self._gate = gate
        self._account = account

    def repair(self, job: RepairMember, context: JobContext) -> Outcome:
        """Reconcile the member, by a single request if the sweep's finding still holds. Raises LinkInProgress."""
        user = users.get(job.user_id, now=self._services.now())
        self._reporter.notify_pending(user)
        if user is None or user.link is None or not self._view.is_its_own(user.link):
            return Outcome.NOTHING
        wait_for_callback(user.link, now=self._services.now())
        if user.goes_at is not None and user.goes_at <= self._services.now() and job.take:
            return self._removal.carry_out(user, _as_swept(job, context))
        self._view.require_facts_of_sweep(job.sweep_id)
        context, parts = _as_swept(job, context), parts_to_compare(job, user)
        as_found = user.version == job.version and parts == parts_of(job)
        if job.role is None or not as_found or not self._is_still_desired(user, job, context):
            return self._sync.reconcile(user, parts, context)
        if context.ticket and context.ticket.bucket == self._services.discord.rate_limiter.bucket_of(MEMBER_PATCH):
            return self._sync.reconcile(user, parts, context)
        change = Change(give=frozenset({job.role})) if job.give else Change(take=frozenset({job.role}))
        return self._write_unread(user, user.link, change, parts, context)

    def _is_still_desired(self, user: User, job: RepairMember, context: JobContext) -> bool:
        """Is the one role still to be given, or still to be taken, by what the store and the guild say now?"""
        guild = self._view.facts(context.options())
        role = guild.by_id.get(job.role or 0)
        rules = self._view.rules(guild).roles
        if user.wanted is None or role is None or not rules.owns(role):
            return False
        return (role.id in rules.match(user.wanted).ids.values()) == job.give

    def _write_unread(self, user: User, link: Link, change: Change, parts: Parts, context: JobContext) -> Outcome:
        """Give or take the one role without reading the member first."""
        if self._gate.within(user, change, context) != change:
            return self._sync.reconcile(user, parts, context)
        try:
            self._send(user, link, change, context)
        except UnknownMember as gone:
            if self._departures.ends_link(user, link) and not self._gate.may_unlink(user, context):
                return Outcome.HELD
            return self._departures.left(user, link, gone) or self._sync.reconcile(user, parts, context.spent())
        except (UnknownRole, NotPermitted):
            self._view.refresh(context.options())
            return self._sync.reconcile(user, parts, context.spent())
        except Refused as refused:
            if not is_about_content(refused):
                raise
            return self._sync.reconcile(user, parts, context.spent())
        if change.take:
            self._gate.taken(context)
        member = Member(link.account, None, frozenset())
        entry = self._reporter.entries.change(user, member, change, context)
        problems = of_the_guild(user.problems)  # the sweep itself found those
        if user.deletion_held:
            problems |= withheld(user.problems)
        lost_at = context.permit.counted_at if change.take else None
        if self._reporter.synced(user, problems, entry=entry, lost_at=lost_at, made_right=not user.kept):
            return Outcome.DONE
        again, context = users.get(user.user_id, now=self._services.now()), context.spent()
        if again is None or again.link is None:
            self._account.revoke_given(link.account.id, change, context)
            return Outcome.DONE
        return self._sync.reconcile(again, Parts.ALL, context)

    def _send(self, user: User, link: Link, change: Change, context: JobContext) -> None:
        with self._gate.refunded_unless(self._writer.has_written_since(), user, context):
            self._writer.sender.send_role(link.account.id, change, context.options())


def _as_swept(job: RepairMember, context: JobContext) -> JobContext:
    """The context of a job of a sweep: what its verdict counted is not counted once more."""
    if job.brake:
        return replace(context, may_take=job.take)
    permit = Permit(counted_at=job.counted_at or None)
    return replace(context, may_take=job.take, removals=Removals.COUNTED_BEFORE, permit=permit)
