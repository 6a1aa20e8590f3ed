"""Ends links: of members who left the server, and of users who are to be removed from it."""

from contextlib import suppress
from dataclasses import replace

from chalicelib import log
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import GiveUp, NotPermitted, UnknownMember, UnknownRole
from chalicelib.members.context import MAX_ROUNDS, PERSON_PATIENCE, JobContext, Outcome, Removals
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Change
from chalicelib.members.removal_gate import RemovalGate
from chalicelib.members.reporter import Reporter
from chalicelib.members.writer import MemberWriter
from chalicelib.messages import DeleteUser, Parts, RemoveReplacedAccount, encode
from chalicelib.notices import Unlinked
from chalicelib.problems import Problem, ProblemKind
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.users import Link, User

ACCOUNT_DELETED = 10013  # Discord's "unknown user"
STRIP_AGAIN = 30  # seconds until roles are taken once more from members the bot may not remove; no write takes so long
CANNOT_REMOVE = Problem(ProblemKind.CANNOT_REMOVE)  # the owner, or a member ranked above the bot


class Removal:
    """Ends links and removes members from the guild."""

    def __init__(
        self, services: Services, view: GuildView, writer: MemberWriter, reporter: Reporter, gate: RemovalGate
    ) -> None:
        self._services = services
        self._view = view
        self._writer = writer
        self._reporter = reporter
        self._gate = gate

    def left(self, user: User, link: Link, gone: UnknownMember) -> Outcome | None:
        """The member left, or deleted their account: end the link and notify the auth site.

        Returns None if the user changed meanwhile: a callback may have linked them and brought them in again.
        """
        now = self._services.now()
        if link.joining_until > now:
            return Outcome.NOTHING  # a callback is bringing them in, and has a check of its own afterwards
        reason = Unlinked.ACCOUNT_DELETED if gone.code == ACCOUNT_DELETED else Unlinked.LEFT_SERVER
        if self._reporter.unlinked(user, link, reason, notify=True, version=user.version):
            return Outcome.DONE
        return None

    def delete(self, job: DeleteUser, context: JobContext) -> Outcome:
        """Remove the member from the guild and delete the link, unless the removal limit holds that.

        Raises the error if Discord refuses it.
        """
        for _ in range(MAX_ROUNDS):
            now = self._services.now()
            user = users.get(job.user_id, now=now)
            if user is None or user.link is None:
                if users.mark_deleted(job.user_id, now=now):
                    return Outcome.NOTHING
                continue
            allowed = self._gate.may_delete(user, job, context)
            if allowed is False:
                return Outcome.HELD
            if allowed is None:
                continue
            with self._gate.refunded_unless(self._writer.has_written_since(), context):
                removed = self._kick(user, user.link.account.id, context)
            if not removed or user.link.joining_until > now:
                # Another worker may be giving roles just now, or a callback bringing them in; neither can happen once
                # the link is gone.
                later = RemoveReplacedAccount(user_id=user.user_id, discord_id=user.link.account.id)
                self._services.queues.bulk(encode(later), Progress(log.bound(), now), delay=STRIP_AGAIN)
            if self._reporter.unlinked(user, user.link, Unlinked.ASKED, notify=job.notify):
                if not removed:
                    account = user.link.account
                    self._reporter.problem(user.user_id, account.id, account.shown, CANNOT_REMOVE)
                return Outcome.DONE
        raise RuntimeError(f"the link changed {MAX_ROUNDS} times during the removal; SQS will redeliver")

    def revoke_given(self, discord_id: int, done: Change, context: JobContext) -> None:
        """Take back roles given while a callback unlinked the account: they would keep those roles forever."""
        if not done.give or users.owner_of(discord_id) is not None:
            return
        options = replace(context.options(takes=True), patience=PERSON_PATIENCE)
        for role_id in sorted(done.give):
            with suppress(UnknownMember, UnknownRole), self._writer.counted():
                self._services.discord.take_role(discord_id, role_id, options)

    def _kick(self, user: User, discord_id: int, context: JobContext) -> bool:
        """Remove the account from the guild. Returns False if the bot may not, after taking the roles it can take."""
        if self._view.role_policy.protects(discord_id):
            log.warning("protected_member", user_id=user.user_id, discord_id=discord_id)
            return True
        try:
            with self._writer.counted():
                self._services.discord.remove(discord_id, context.options())
        except UnknownMember:
            return True
        except NotPermitted:
            self._revoke_roles(user, discord_id, context)
            return False
        self._reporter.removed(user.user_id, discord_id, context)
        return True

    def _revoke_roles(self, user: User, discord_id: int, context: JobContext) -> None:
        """Take the roles that the bot can take. The guild is read anew: the refusal may mean that its facts are old."""
        options = replace(context.options(takes=True), ticket=None)
        guild = self._view.refresh(options)
        member = self._services.discord.member(discord_id, options)
        nobody = replace(user, groups=(), nickname=None)
        change = self._writer.plan(nobody, member, Parts.GROUPS, context, guild)
        if change.take:
            self._writer.send(member, change, context)
            self._reporter.changed(user, member, change, context)

    def remove_replaced_account(self, job: RemoveReplacedAccount, context: JobContext) -> Outcome:
        """Remove an account that its user replaced by another, unless it is linked to somebody again."""
        if users.owner_of(job.discord_id) is not None:
            return Outcome.NOTHING
        context = replace(context, lane=Lane.URGENT, removals=Removals.EXEMPT)
        if not self._kick(User(job.user_id), job.discord_id, context):
            raise GiveUp(CANNOT_REMOVE.reason)
        return Outcome.DONE
