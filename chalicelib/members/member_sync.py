"""Reconciles one member: compare the desired with the actual state, do the least that makes them equal, and check that
the desired state has not changed meanwhile.
"""

from dataclasses import replace

from chalicelib import log
from chalicelib.discord.client import MEMBER_PATCH
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import UnknownMember
from chalicelib.members.account_removal import AccountRemoval
from chalicelib.members.answers import Written
from chalicelib.members.context import MAX_ROUNDS, JobContext, Outcome
from chalicelib.members.departures import Departures
from chalicelib.members.plan import Change
from chalicelib.members.removal_gate import RemovalGate
from chalicelib.members.reporter import Reporter
from chalicelib.members.writer import MemberWriter
from chalicelib.messages import Parts, VerifyRemoval, encode
from chalicelib.problems import of_parts, outside
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.users import Link, Look, User

VERIFY_AFTER = 10  # seconds until a removal is looked at once more; Discord has lost one of two fast ones (#6289)


class MemberSync:
    """Reconciles members with the store."""

    def __init__(
        self,
        services: Services,
        reporter: Reporter,
        writer: MemberWriter,
        departures: Departures,
        account: AccountRemoval,
        gate: RemovalGate,
    ) -> None:
        self._services = services
        self._reporter = reporter
        self._writer = writer
        self._departures = departures
        self._account = account
        self._gate = gate

    def reconcile(self, user: User, parts: Parts, context: JobContext) -> Outcome:
        """Reconcile the member; repeat if the desired state changed meanwhile.

        Raises RuntimeError if it changed MAX_ROUNDS times, and RateLimitDeferred if the write's turn is far off.
        """
        outcome = Outcome.NOTHING
        for _ in range(MAX_ROUNDS):
            if user.link is None:
                return outcome
            context = self._reserve_write(user, parts, context)
            try:
                done, unchanged = self._round(user, user.link, parts, context)
            except UnknownMember as gone:
                if self._departures.ends_link(user, user.link) and not self._gate.may_unlink(user, context):
                    return Outcome.HELD
                if ended := self._departures.left(user, user.link, gone):
                    return ended
                done, unchanged = Change(), False
            finally:
                if context.reservation:
                    self._services.discord.rate_limiter.release(context.reservation)
            outcome = Outcome.DONE if done else outcome
            if unchanged:
                return Outcome.HELD if context.permit.refused else outcome
            context, parts = context.spent(), Parts.ALL
            again = users.get(user.user_id, now=self._services.now())
            if again is None or again.link is None:
                self._account.revoke_given(user.link.account.id, done, context)
                return outcome
            user = self._gate.as_recorded(again, context)
        raise RuntimeError(f"the desired state changed {MAX_ROUNDS} times during the sync; SQS will redeliver")

    def _reserve_write(self, user: User, parts: Parts, context: JobContext) -> JobContext:
        """If the write's turn is far off, read the member then, instead of now and once more then.

        Urgent work does not wait, nor does work that writes nothing. A job with a ticket for a write reserves that slot
        first; it keeps the ticket, for a second request if Discord refuses that one. Raises RateLimitDeferred if the
        slot is still to come.
        """
        rate_limiter = self._services.discord.rate_limiter
        if context.ticket is not None and context.ticket.bucket in (MEMBER_PATCH, rate_limiter.bucket_of(MEMBER_PATCH)):
            reservation = rate_limiter.reserve(MEMBER_PATCH, context.lane, context.ticket, patience=context.patience)
            return replace(context, reservation=reservation)
        if context.ticket is None and not user.settled and context.lane is not Lane.URGENT and parts != Parts.USERNAME:
            rate_limiter.defer_if_far_off(MEMBER_PATCH, context.lane)
        return context

    def _round(self, user: User, link: Link, parts: Parts, context: JobContext) -> tuple[Change, bool]:
        """Read the member once and write what differs. Returns what was done, and whether it is still desired."""
        look = Look(self._services.now(), parts.value)
        member = self._services.discord.member(link.account.id, context.options())
        self._reporter.username_seen(user, member.user)
        context.permit.refused = None
        change = self._writer.plan(user, member, parts, context)
        made = Written(change, change.problems)
        with self._gate.refunded_unless(self._writer.has_written_since(), user, context):
            if change:
                made = self._writer.apply(user, member, change, parts, context)
        done = made.done
        if done.take:
            self._gate.taken(context)
        else:
            self._gate.give_back(context)
        if made.unseen:
            self._look_again(user, link, context)
        entry = self._reporter.entries.change(user, member, done, context) if done else None
        if parts == Parts.USERNAME:
            return Change(), True  # neither groups nor nickname were compared: this says nothing about them
        problems = made.problems | outside(user.problems, parts)
        if Parts.GROUPS in parts:
            problems |= self._gate.problems(user, context)
        return done, self._reporter.synced(
            user,
            problems,
            entry=entry,
            looked=look if context.may_take else None,  # what was left alone has to be compared again
            answers=made.answers_after(user.answers),
            lost_at=context.permit.counted_at if context.permit.stands else None,
            made_right=_is_right(user, parts, context) and not of_parts(problems, Parts.GROUPS),
        )

    def verify_removal(self, user: User, link: Link, context: JobContext) -> Outcome:
        """Reconcile the member if Discord lost a removal; what else differs is for others."""
        try:
            member = self._services.discord.member(link.account.id, context.options())
        except UnknownMember:
            return Outcome.NOTHING  # the next sweep, or message, examines that
        if not self._writer.plan(user, member, Parts.GROUPS, context).take:
            return Outcome.NOTHING
        log.warning("removal_lost", user_id=user.user_id, discord_id=member.id)
        return self.reconcile(user, Parts.GROUPS, context.spent())

    def _look_again(self, user: User, link: Link, context: JobContext) -> None:
        """Have a removal looked at once more whose answer did not show the member; of sweeps, the next one does."""
        if context.lane is not Lane.BULK:
            job = VerifyRemoval(user_id=user.user_id, discord_id=link.account.id)
            progress = Progress(log.bound(), self._services.now())
            self._services.queues.bulk(encode(job), progress, delay=VERIFY_AFTER)


def _is_right(user: User, parts: Parts, context: JobContext) -> bool:
    """Whether the member has exactly what the stated groups give them."""
    compared = Parts.GROUPS in parts and user.wanted is not None
    return compared and context.may_take and context.permit.refused is None and not user.kept
