"""One user's job: compare what should be with what is, do the least that makes them equal, check that it still holds.

Level-triggered: the message says who, the store what should be, Discord what is. Running a job twice does nothing the
second time. Errors are not handled here but in `delivery`, except those that have a cure of their own.
"""

from dataclasses import replace

from msgspec import UNSET

from chalicelib.discord.client import MEMBER_PATCH
from chalicelib.discord.models import Member
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import GiveUp, LinkInProgress, NotPermitted, RolecallError, UnknownMember, UnknownRole
from chalicelib.members.context import ROUNDS, JobContext, Outcome
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Change
from chalicelib.members.removal import Removal
from chalicelib.members.removal_counter import RemovalCounter
from chalicelib.members.removal_limit import SweepAllowance
from chalicelib.members.reporter import Reporter
from chalicelib.members.writer import MemberWriter
from chalicelib.messages import (
    DeleteUser,
    Parts,
    RemoveReplacedAccount,
    RepairMember,
    UpdateAll,
    UpdateGroups,
    UpdateNickname,
    UserJob,
    VerifyLink,
    parts_of,
)
from chalicelib.problems import of_the_guild, outside
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.users import Link, Look, User

CALLBACK_TAKES = 5.0  # seconds, as a rule at most


class Reconciler:
    """Does jobs, one at a time."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view
        self._reporter = Reporter(services, view)
        self._removals = RemovalCounter(services, self._reporter)
        self._writer = MemberWriter(services, view, self._reporter)
        self._removal = Removal(services, view, self._writer, self._reporter)

    @property
    def writes(self) -> int:
        """Changes of members that reached Discord, or may have, since this process began."""
        return self._writer.writes

    # --- what the auth site asks for ---

    def change(self, job: UserJob, context: JobContext) -> Outcome:
        """Store what the message says, then make the member right."""
        if isinstance(job, DeleteUser):
            return self._removal.delete(job, replace(context, lane=Lane.URGENT))
        context = self._hurried(job, context)
        user = self._told(job, context)
        if user is None or user.link is None:
            return Outcome.NOTHING
        self._wait_for_callback(user.link)
        if _looked_at_since(user, parts_of(job), context):
            return Outcome.NOTHING
        return self.reconcile(user, _parts_to_look_at(job, user), context)

    def _told(self, job: UserJob, context: JobContext) -> User | None:
        now, user = self._services.now(), None
        if not context.already_recorded:
            if isinstance(job, UpdateGroups | UpdateAll) and job.groups is not UNSET and job.changed_at is not UNSET:
                user = users.record_groups(job.user_id, tuple(job.groups), job.changed_at, now=now)
            if (
                isinstance(job, UpdateNickname | UpdateAll)
                and job.nickname is not UNSET
                and job.changed_at is not UNSET
            ):
                user = users.record_nickname(job.user_id, job.nickname, job.changed_at, now=now)
        return user or users.get(job.user_id, now=now)

    def _hurried(self, job: UserJob, context: JobContext) -> JobContext:
        """A change that takes a group away waits behind nothing that gives some. Looked up where many wait, only."""
        if not isinstance(job, UpdateGroups | UpdateAll) or job.groups is UNSET or job.changed_at is UNSET:
            return context
        if context.lane is not Lane.NORMAL or not self._services.discord.rate_limiter.is_far_off(
            MEMBER_PATCH, context.lane
        ):
            return context
        before = users.get(job.user_id, now=self._services.now())
        takes = before and job.changed_at > before.groups_at and not set(before.groups or ()) <= set(job.groups)
        return replace(context, lane=Lane.URGENT) if takes else context

    def _wait_for_callback(self, link: Link) -> None:
        """Raise LinkInTheMaking while a callback is at work: when that gives up, it takes back what it gave itself."""
        left = link.joining_until - self._services.now()
        if left > 0:
            raise LinkInProgress("a callback is bringing the member in", retry_after=min(left, CALLBACK_TAKES))

    # --- one member ---

    def reconcile(self, user: User, parts: Parts, context: JobContext) -> Outcome:
        """Make the member as the store says, until what was stored did not move meanwhile."""
        outcome = Outcome.NOTHING
        for _ in range(ROUNDS):
            if user.link is None:
                return outcome
            context = self._reserve_write(user, parts, context)
            try:
                done, stands = self._round(user, user.link, parts, context)
            except UnknownMember as gone:
                if context.allowance and not self._removals.try_count(context.allowance):
                    return outcome
                if left := self._removal.left(user, user.link, gone):
                    return left
                done, stands = Change(), False
            finally:
                if context.reservation:
                    self._services.discord.rate_limiter.release(context.reservation)
            outcome = Outcome.DONE if done else outcome
            if stands:
                return outcome
            context, parts = context.spent(), Parts.ALL
            again = users.get(user.user_id, now=self._services.now())
            if again is None or again.link is None:
                self._removal.revoke_given(user.link.account.id, done, context)
                return outcome
            user = again
        raise RuntimeError(f"what should be moved {ROUNDS} times; SQS will deliver the message again")

    def _reserve_write(self, user: User, parts: Parts, context: JobContext) -> JobContext:
        """Where the write's turn is far off, look at the member then, not now and then again.

        But not where it has the right of way, or nothing is to be written. Whoever comes with a ticket to write takes
        the place first. Raises TurnLater where it is not to be had yet.
        """
        rate_limiter = self._services.discord.rate_limiter
        if context.ticket is not None and context.ticket.bucket in (MEMBER_PATCH, rate_limiter.bucket_of(MEMBER_PATCH)):
            reservation = rate_limiter.reserve(MEMBER_PATCH, context.lane, context.ticket, patience=context.patience)
            return replace(context, ticket=None, reservation=reservation)
        if context.ticket is None and not user.settled and context.lane is not Lane.URGENT and parts != Parts.USERNAME:
            rate_limiter.defer_if_far_off(MEMBER_PATCH, context.lane)
        return context

    def _round(self, user: User, link: Link, parts: Parts, context: JobContext) -> tuple[Change, bool]:
        """One look and what follows from it: what was done, and whether that is still what is wanted."""
        look = Look(self._services.now(), parts.value)
        member = self._services.discord.member(link.account.id, context.options())
        self._reporter.username_seen(user, member.user)
        change = self._writer.plan(user, member, parts, context)
        change, context = self._within_limit(change, context)
        writes = self._writer.writes
        done, found = change, change.problems
        try:
            if change:
                done, found = self._writer.apply(user, member, change, parts, context)
        except RolecallError:
            if context.allowance and self._writer.writes == writes:
                self._removals.uncount(context.allowance)
            raise
        entry = self._reporter.entry(user, member, done, context) if done else None
        if parts == Parts.USERNAME:
            return Change(), True  # nothing of what should be was looked at: by this it is neither right nor wrong
        problems = found | outside(user.problems, parts)
        seen = look if context.may_take else None  # what was left as it was is still to be looked at
        return done, self._reporter.synced(user, problems, entry=entry, looked=seen)

    # --- a member whom a sweep found to differ ---

    def repair(self, job: RepairMember, context: JobContext) -> Outcome:
        """Make one member right; where one role is all that differs, without looking at the member again."""
        user = users.get(job.user_id, now=self._services.now())
        if user is None or user.link is None:
            return Outcome.NOTHING
        self._wait_for_callback(user.link)
        self._view.know_as_sweep(job.sweep_id)
        allowance = SweepAllowance(job.sweep_id, job.brake) if job.brake else None
        context, parts = replace(context, may_take=job.take, allowance=allowance), _parts_to_look_at(job, user)
        as_found = user.version == job.version and parts == parts_of(job)
        if job.role is None or not as_found or not self._still_wanted(user, job, context):
            return self.reconcile(user, parts, context)
        if context.ticket and context.ticket.bucket == self._services.discord.rate_limiter.bucket_of(MEMBER_PATCH):
            return self.reconcile(user, parts, context)
        return self._give_or_take(user, user.link, job.role, job.give, parts, context)

    def _give_or_take(
        self, user: User, link: Link, role: int, give: bool, parts: Parts, context: JobContext
    ) -> Outcome:
        """The one role that a sweep found to differ, unseen."""
        discord, options = self._services.discord, context.options()
        try:
            with self._writer.counted():
                (discord.give_role if give else discord.take_role)(link.account.id, role, options)
        except UnknownMember as gone:
            return self._removal.left(user, link, gone) or self.reconcile(user, parts, context.spent())
        except (UnknownRole, NotPermitted):
            self._view.refresh(options)
            return self.reconcile(user, parts, context.spent())
        done = Change(give=frozenset({role})) if give else Change(take=frozenset({role}))
        entry = self._reporter.entry(user, Member(link.account, None, frozenset()), done, context)
        problems = of_the_guild(user.problems)  # the sweep itself found them
        if self._reporter.synced(user, problems, entry=entry):
            return Outcome.DONE
        moved = users.get(user.user_id, now=self._services.now())
        return self.reconcile(moved, Parts.ALL, context.spent()) if moved else Outcome.DONE

    def _within_limit(self, change: Change, context: JobContext) -> tuple[Change, JobContext]:
        """What the sweep may do of the change. `brake` stays in the errand only where this member was counted."""
        if context.allowance is None or not change.take:
            return change, replace(context, allowance=None)
        if self._removals.try_count(context.allowance):
            return change, context
        return replace(change, take=frozenset()), replace(context, may_take=False, allowance=None)

    def _still_wanted(self, user: User, job: RepairMember, context: JobContext) -> bool:
        """Is the one role still to be given, or still to be taken, by what the store and the guild say now?"""
        guild = self._view.facts(context.options())
        role = guild.by_id.get(job.role or 0)
        rules = self._view.rules(guild).roles
        if user.wanted is None or role is None or not rules.owns(role):
            return False
        return (role.id in rules.match(user.wanted).ids.values()) == job.give

    # --- what a callback left ---

    def remove_replaced_account(self, job: RemoveReplacedAccount, context: JobContext) -> Outcome:
        """Remove an account that its user replaced by another."""
        return self._removal.remove_replaced_account(job, context)

    def verify_link(self, job: VerifyLink, context: JobContext) -> Outcome:
        """A callback that died half-way left work: a member to be made right, a link to tell the auth site of."""
        user, outcome = users.get(job.user_id, now=self._services.now()), Outcome.NOTHING
        if user is None or user.link is None:
            return outcome
        try:
            if user.synced_version != user.version:
                outcome = self.reconcile(user, Parts.ALL, replace(context, lane=Lane.NORMAL))
        except GiveUp:
            self._tell_of_link(job.user_id)  # it stands all the same
            raise
        self._tell_of_link(job.user_id)
        return outcome

    def _tell_of_link(self, user_id: str) -> None:
        """Tell the auth site, unless the callback did, or another one is at it: that one's own check comes later."""
        now = self._services.now()
        user = users.get(user_id, now=now)
        if user is None or user.link is None or user.link.joining_until > now:
            return
        if user.link.notify_pending:
            self._reporter.linked(user_id, user.link.account)


def _looked_at_since(user: User, parts: Parts, context: JobContext) -> bool:
    """Was the member made right, in these parts, by a look that began after the message was sent?

    Of many messages about one user the first that is worked on then answers for all.
    """
    if context.since is None or user.looked is None or not user.settled:
        return False
    return user.looked.at >= context.since and parts in Parts(user.looked.parts)


def _parts_to_look_at(job: UserJob | RepairMember, user: User) -> Parts:
    """What the job is about, and all else where some other change has not been brought to Discord yet.

    For once this job says that the newest version is synced, nobody looks for what was left undone.
    """
    parts, is_newest = parts_of(job), False
    match job:
        case UpdateGroups():
            is_newest = job.changed_at == user.groups_at
        case UpdateNickname():
            is_newest = job.changed_at == user.nickname_at
    undone = user.version - (user.synced_version or 0) - is_newest
    if parts == Parts.USERNAME or undone <= 0:  # a look at the username says nothing of versions
        return parts
    return Parts.ALL
