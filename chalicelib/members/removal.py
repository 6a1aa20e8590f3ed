"""Ends links: of members who left the server, and of users who are to be removed from it.

What a removal ends, what it leaves alone, and why it is written down first: docs/explanation/link-lifecycle.md.
"""

from contextlib import suppress
from dataclasses import dataclass, replace

from msgspec import UNSET

from chalicelib import log
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import GiveUp, UnknownMember
from chalicelib.members.account_removal import AccountRemoval
from chalicelib.members.context import MAX_ROUNDS, JobContext, Outcome, Removals
from chalicelib.members.guild import GuildView
from chalicelib.members.joining import wait_for_callback
from chalicelib.members.plan import Change
from chalicelib.members.removal_gate import RemovalGate
from chalicelib.members.reporter import Reporter
from chalicelib.members.writer import MemberWriter
from chalicelib.messages import DeleteUser, ExpireBehavior, RemoveReplacedAccount, UnlinkUser, VerifyLink, encode
from chalicelib.notices import Unlinked
from chalicelib.problems import NO_PROBLEMS, Problem, ProblemKind
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store import cutoff, leaving, users
from chalicelib.store.cutoff import Cutoff
from chalicelib.store.partings import Partings
from chalicelib.store.users import Absent, Claim, Leaving, Link, Previous, User

DAY = 86_400  # seconds
ACCOUNT_DELETED = 10013  # Discord's "unknown user"
STRIP_AGAIN = 30  # seconds until roles are taken once more from members the bot may not remove; no write takes so long
IN_FLIGHT_FOR = 60  # seconds after a callback's time within which its request to join may still take effect
CANNOT_REMOVE = Problem(ProblemKind.CANNOT_REMOVE)  # the owner, or a member ranked above the bot


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
        return user.link is not None and not self.cutoff.bars(user.link.issued_at, user.link.opened_at)


def _after(moment: float, days: int) -> float:
    """That many days later; 0 for at once, whatever the clocks of different functions say."""
    return moment + days * DAY if days else 0.0


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
    """Ends links and removes members from the guild."""

    def __init__(
        self, services: Services, view: GuildView, writer: MemberWriter, reporter: Reporter, gate: RemovalGate
    ) -> None:
        self._services = services
        self._view = view
        self._reporter = reporter
        self._gate = gate
        self._writer = writer
        self._partings = Partings(services.settings.guild_id)
        self._account = AccountRemoval(services, view, writer, reporter)

    # --- who left by themselves ---

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
        """The account was never seen in the guild: a request to join that took effect late must leave nobody behind."""
        if link.claim and self._services.now() - link.joining_until < IN_FLIGHT_FOR:
            self._remove_later(user.user_id, link, IN_FLIGHT_FOR, Leaving(0.0, kick=True, notify=False))

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

    # --- who is to go ---

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
        leaving = Leaving(_after(decided_at, days), behavior == ExpireBehavior.KICK, job.notify)
        order = Order(cutoff=ends, leaving=leaving, changed_at=changed_at, job=job)
        return self._remove(job.user_id, order, context)

    def unlink(self, job: UnlinkUser, context: JobContext) -> Outcome:
        """The same, because the person asked for it."""
        settings = self._services.settings
        until = _after(job.asked_at, settings.expire_grace_days)
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
        return self._gate.may_delete(user, order.job, context) if order.job else True

    def _remove(self, user_id: str, order: Order, context: JobContext) -> Outcome:
        """Write down that the user is to go, remove the member, end the link; begin again if the user changed."""
        for _ in range(MAX_ROUNDS):
            now = self._services.now()
            user = users.get(user_id, now=now)
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
        with self._gate.refunded_unless(self._writer.has_written_since(), context), suppress(UnknownMember):
            self._account.take_roles(user, link.account.id, context)
        self._reporter.synced(user, NO_PROBLEMS)

    def _end(self, user: User, link: Link, order: Order, context: JobContext) -> bool:
        """Remove the member and end the link. Returns False if the user changed meanwhile."""
        if not self._view.is_its_own(link):
            return self._unlinked(user, link, Unlinked.ASKED, notify=order.leaving.notify) is not None
        now, account, stays = self._services.now(), link.account, not order.leaving.kick
        waits = order.leaving.until > now
        removed = True
        with self._gate.refunded_unless(self._writer.has_written_since(), context):
            if stays or waits:
                with suppress(UnknownMember):
                    self._account.take_roles(user, account.id, context)
            else:
                removed = self._account.kick(user, account.id, context)
        if stays or waits or not removed or link.joining_until > now:
            # Another worker may be giving roles just now, or a callback bringing them in; neither can happen once
            # the link is gone.
            joining = max(0, int(link.joining_until - now) + 1 + IN_FLIGHT_FOR) if link.joining_until > now else 0
            self._remove_later(user.user_id, link, max(STRIP_AGAIN, joining), order.leaving)
        if self._unlinked(user, link, Unlinked.ASKED, notify=order.leaving.notify) is None:
            return False
        if not removed:
            self._reporter.problem(user.user_id, account.id, account.shown, CANNOT_REMOVE)
        return True

    def _remove_later(self, user_id: str, link: Link, delay: int, how: Leaving) -> None:
        """Look once more for what other requests did that were on their way, and nothing else."""
        later = RemoveReplacedAccount(
            user_id=user_id,
            discord_id=link.account.id,
            joined_before=max(self._services.now(), link.joining_until + IN_FLIGHT_FOR),
            expire_behavior=ExpireBehavior.KICK if how.kick else ExpireBehavior.REMOVE_ROLES,
            until=how.until,
        )
        self._services.queues.bulk(encode(later), Progress(log.bound(), self._services.now()), delay=delay)

    def remove_replaced_account(self, job: RemoveReplacedAccount, context: JobContext) -> Outcome:
        """Remove an account that its user replaced by another, unless it is linked to somebody again.

        If the new account was not seen in the guild yet, it is looked for first.
        """
        context = replace(context, lane=Lane.URGENT, removals=Removals.EXEMPT)
        for _ in range(MAX_ROUNDS):
            if users.owner_of(job.discord_id) is not None:
                return Outcome.NOTHING
            user = users.get(job.user_id, now=self._services.now())
            link = user.link if user else None
            if user is None or link is None or link.previous is None or link.previous.account.id != job.discord_id:
                return self._part_with(job, context) if self._joined_in_time(job, context) else Outcome.NOTHING
            self._look_for_new_account(user, link, context)
        raise RuntimeError(f"the user changed {MAX_ROUNDS} times during the removal; SQS will redeliver")

    def _joined_in_time(self, job: RemoveReplacedAccount, context: JobContext) -> bool:
        if job.joined_before is UNSET:
            return True
        try:
            member = self._services.discord.member(job.discord_id, replace(context.options(), ticket=None))
        except UnknownMember:
            return False
        return member.joined_at is not None and member.joined_at <= job.joined_before

    def _part_with(self, job: RemoveReplacedAccount, context: JobContext) -> Outcome:
        """Kick the account, or take its roles, and remember to kick it once its grace days are over."""
        settings, now, nobody = self._services.settings, self._services.now(), User(job.user_id)
        behavior = settings.expire_behavior if job.expire_behavior is UNSET else job.expire_behavior
        until = _after(now, settings.expire_grace_days) if job.until is UNSET else job.until
        if behavior == ExpireBehavior.KICK and until <= now:
            if not self._account.kick(nobody, job.discord_id, context):
                raise GiveUp(CANNOT_REMOVE.reason)
            return Outcome.DONE
        with suppress(UnknownMember):
            self._account.take_roles(nobody, job.discord_id, context)
            if behavior == ExpireBehavior.KICK:
                self._partings.keep(job.user_id, job.discord_id, until)
        return Outcome.DONE

    def _look_for_new_account(self, user: User, link: Link, context: JobContext) -> None:
        """See whether the account that replaces another is in the guild; if not, put that one back.

        Raises LinkInProgress while the callback may still bring it in.
        """
        wait_for_callback(link, now=self._services.now())
        try:
            self._services.discord.member(link.account.id, replace(context.options(), ticket=None))
        except UnknownMember as gone:
            self.left(user, link, gone)
        else:
            users.mark_seen(user)

    def revoke_given(self, discord_id: int, done: Change, context: JobContext) -> None:
        """Take back roles given while a callback unlinked the account: they would keep those roles forever."""
        self._account.revoke_given(discord_id, done, context)
