"""Users who are to be removed from the guild, because the auth site or the person asked for it.

What a removal ends, what it leaves alone, and why it is written down first: docs/explanation/link-lifecycle.md.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

from msgspec import UNSET

from chalicelib import log
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import UnknownMember
from chalicelib.members.account_removal import CANNOT_REMOVE, IN_FLIGHT_FOR, STRIP_AGAIN, AccountRemoval, days_after
from chalicelib.members.context import MAX_ROUNDS, JobContext, Outcome, Removals
from chalicelib.members.guild import GuildView
from chalicelib.members.removal_gate import RemovalGate
from chalicelib.members.reporter import Reporter
from chalicelib.members.writer import MemberWriter
from chalicelib.messages import DeleteUser, ExpireBehavior, UnlinkUser
from chalicelib.notices import Unlinked
from chalicelib.problems import NO_PROBLEMS
from chalicelib.services import Services
from chalicelib.store import cutoff, leaving, users
from chalicelib.store.audit import Entry
from chalicelib.store.cutoff import Cutoff
from chalicelib.store.users import Leaving, Link, User


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A removal that somebody asked for. `cutoff`: what it ends; what is newer stands.

    `changed_at` (epoch ms): a statement that is newer stands, too. `leaving`: when they go, and how. `asked`: the
    person asked for it, so the link ends at once. `job`: what the removal limit holds, None if it never does.
    """

    cutoff: Cutoff
    leaving: Leaving
    changed_at: int | None = None
    asked: bool = False
    job: DeleteUser | None = None

    def is_overtaken(self, user: User) -> bool:
        """Has the user a link, or a statement, that is newer?"""
        if self.changed_at is not None and max(user.groups_at, user.nickname_at) > self.changed_at:
            return True
        if self._is_undated_and_waits and max(user.groups_sent, user.nickname_sent) > self.cutoff.clicks:
            return True
        return user.link is not None and not self.cutoff.bars(user.link.issued_at, user.link.opened_at)

    @property
    def _is_undated_and_waits(self) -> bool:
        """Whether it is a deletion without `changed_at`, but with grace days: then what was sent later is newer."""
        return self.changed_at is None and not self.asked and self.leaving.until > self.cutoff.clicks


def _as_message(user: User, leaving: Leaving) -> DeleteUser:
    """The message that would remove the user at once, as the one did that began it."""
    return DeleteUser(
        user_id=user.user_id,
        notify=leaving.notify,
        changed_at=UNSET if user.deleted_sent is not None else int((user.deleted_at or 0) * 1000),
        expire_behavior="kick" if leaving.kick else "remove_roles",
        grace_days=0,
    )


def _later(order: Order, user: User | None, now: float) -> Leaving | None:
    """How the user goes once their grace days are over; None if they go at once.

    A deletion that is repeated, whatever its date, does not prolong the days.
    """
    if order.asked:
        return None
    until = order.leaving.until
    if user and user.goes_at is not None:
        until = min(until, user.goes_at)
    return replace(order.leaving, until=until) if until > now else None


class Removal:
    """Removes users from the guild and ends their links, at once or after their grace days."""

    def __init__(
        self,
        services: Services,
        view: GuildView,
        writer: MemberWriter,
        reporter: Reporter,
        gate: RemovalGate,
        account: AccountRemoval,
    ) -> None:
        self._services = services
        self._view = view
        self._writer = writer
        self._reporter = reporter
        self._gate = gate
        self._account = account

    def delete(self, job: DeleteUser, context: JobContext) -> Outcome:
        """Remove the member and delete the link, unless the removal limit holds that.

        Raises the error if Discord refuses it.
        """
        settings = self._services.settings
        days = settings.expire_grace_days if job.grace_days is UNSET else job.grace_days
        behavior = settings.expire_behavior if job.expire_behavior is UNSET else job.expire_behavior
        sent_at = self._services.now() if context.sent_at is None else context.sent_at
        changed_at = None if job.changed_at is UNSET else job.changed_at
        decided_at = sent_at if changed_at is None else min(sent_at, changed_at / 1000)
        ends = cutoff.of_message(sent_at) if changed_at is None else cutoff.of_change(changed_at)
        leaving = Leaving(days_after(decided_at, days), behavior == ExpireBehavior.KICK, job.notify)
        order = Order(cutoff=ends, leaving=leaving, changed_at=changed_at, job=job)
        return self._remove(job.user_id, order, context)

    def unlink(self, job: UnlinkUser, context: JobContext) -> Outcome:
        """The same, because the person asked for it."""
        settings = self._services.settings
        until = days_after(job.asked_at, settings.expire_grace_days)
        leaving = Leaving(until, settings.expire_behavior == ExpireBehavior.KICK, notify=True)
        order = Order(cutoff=cutoff.of_person(job.issued_at, job.asked_at), leaving=leaving, asked=True)
        return self._remove(job.user_id, order, replace(context, removals=Removals.EXEMPT))

    def carry_out(self, user: User, context: JobContext) -> Outcome:
        """Remove a user whose grace days are over."""
        if user.link is None or user.leaving is None:
            return Outcome.NOTHING
        context = replace(context, lane=Lane.URGENT)
        order = Order(cutoff=user.barred, leaving=user.leaving, job=_as_message(user, user.leaving))
        allowed = self._is_allowed(user, order, context)
        if allowed is False:
            return Outcome.HELD
        done = allowed and self._end(user, user.link, order, context)
        return Outcome.DONE if done else Outcome.NOTHING

    def _is_allowed(self, user: User, order: Order, context: JobContext) -> bool | None:
        """Whether the user may be removed; if not, that is recorded. None if the user changed."""
        return self._gate.may_delete(user, order.job, order.cutoff, context) if order.job else True

    def _remove(self, user_id: str, order: Order, context: JobContext) -> Outcome:
        """Write down that the user is to go, remove the member, end the link; begin again if the user changed."""
        for _ in range(MAX_ROUNDS):
            now = self._services.now()
            user = users.get(user_id, now=now)
            self._reporter.notify_pending(user)
            if user and order.is_overtaken(user):
                log.info("removal_overtaken", user_id=user_id)
                return Outcome.NOTHING
            allowed = self._is_allowed(user, order, context) if user and user.link else True
            if allowed is False:
                return Outcome.HELD
            if allowed is None:
                continue
            later = _later(order, user, now)
            if not leaving.begin(user_id, user, order.cutoff, changed_at=order.changed_at, now=now, leaving=later):
                continue
            if user is None or user.link is None:
                return Outcome.NOTHING
            begun = replace(user, version=user.version + 1)
            if later:
                self._begin_leaving(begun, user.link, context)
                return Outcome.DONE
            if self._end(begun, user.link, order, context):
                return Outcome.DONE
        raise RuntimeError(f"the user changed {MAX_ROUNDS} times during the removal; SQS will redeliver")

    def _begin_leaving(self, user: User, link: Link, context: JobContext) -> None:
        """Take the roles; the rest waits for the grace days. A member who is absent has none."""
        if not self._view.is_its_own(link):
            return
        with self._gate.refunded_unless(self._writer.has_written_since(), user, context), suppress(UnknownMember):
            self._account.take_roles(user, link.account.id, context)
        self._reporter.synced(user, NO_PROBLEMS)

    def _end(self, user: User, link: Link, order: Order, context: JobContext) -> bool:
        """Remove the member and end the link. Returns False if the user changed meanwhile."""
        if not self._view.is_its_own(link):
            return self._unlinked(user, link, order)
        now, account, stays = self._services.now(), link.account, not order.leaving.kick
        waits = order.leaving.until > now
        removed, entry = True, None
        with self._gate.refunded_unless(self._writer.has_written_since(), user, context):
            if stays or waits:
                with suppress(UnknownMember):
                    self._account.take_roles(user, account.id, context)
            else:
                removed, entry = self._account.kick(user, account.id, context)
        if stays or waits or not removed or link.joining_until > now:
            # Another worker may be giving roles just now, or a callback bringing them in; neither can happen once
            # the link is gone.
            joining = max(0, int(link.joining_until - now) + 1 + IN_FLIGHT_FOR) if link.joining_until > now else 0
            self._account.look_again(user.user_id, link, max(STRIP_AGAIN, joining), order.leaving)
        if not self._unlinked(user, link, order, entry):
            return False
        if not removed:
            self._reporter.problem(user.user_id, account.id, account.shown, CANNOT_REMOVE)
        return True

    def _unlinked(self, user: User, link: Link, order: Order, removed: Entry | None = None) -> bool:
        notify = order.leaving.notify
        return self._reporter.unlinked(user, link, Unlinked.ASKED, notify=notify, version=user.version, removed=removed)
