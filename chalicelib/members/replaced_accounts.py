"""Accounts that their user replaced by another one: out of the guild, unless they are linked again."""

from contextlib import suppress
from dataclasses import replace

from msgspec import UNSET

from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import DiscordUnavailable, GiveUp, RemovalInProgress, UnknownMember
from chalicelib.members.account_removal import CANNOT_REMOVE, AccountRemoval, days_after
from chalicelib.members.context import MAX_ROUNDS, JobContext, Outcome, Removals
from chalicelib.members.departures import Departures
from chalicelib.members.joining import wait_for_callback
from chalicelib.members.reporter import Reporter
from chalicelib.messages import ExpireBehavior, RemoveReplacedAccount
from chalicelib.services import Services
from chalicelib.store import accounts, users
from chalicelib.store.partings import Partings
from chalicelib.store.users import Link, User

CLOCKS_DIFFER = 2.0  # seconds, at most, between ours and Discord's
PARTING_TIME = 60  # seconds that a worker may take to remove an account; no request takes effect later


class ReplacedAccounts:
    """Removes accounts that no link names any more."""

    def __init__(self, services: Services, reporter: Reporter, account: AccountRemoval, departures: Departures) -> None:
        self._services = services
        self._reporter = reporter
        self._account = account
        self._departures = departures
        self._partings = Partings(services.settings.guild_id)

    def remove(self, job: RemoveReplacedAccount, context: JobContext) -> Outcome:
        """Remove an account that its user replaced by another, unless it is linked to somebody again.

        If the new account was not seen in the guild yet, it is looked for first.
        """
        context = replace(context, lane=Lane.URGENT, removals=Removals.EXEMPT)
        for _ in range(MAX_ROUNDS):
            holder = accounts.holder(job.discord_id)
            if holder:
                return Outcome.NOTHING
            user = users.get(job.user_id, now=self._services.now())
            self._departures.notify_pending(user)
            link = user.link if user else None
            if user is None or link is None or link.previous is None or link.previous.account.id != job.discord_id:
                replaced = holder == accounts.NOBODY
                is_meant = self._is_meant(job, context, replaced=replaced)
                return self._part_with(job, context, replaced=replaced) if is_meant else Outcome.NOTHING
            self._look_for_new_account(user, link, context)
        raise RuntimeError(f"the user changed {MAX_ROUNDS} times during the removal; SQS will redeliver")

    def _is_meant(self, job: RemoveReplacedAccount, context: JobContext, *, replaced: bool) -> bool:
        """Whether the account is to go: it was replaced, or is as the job says that it must be."""
        unproven = job.joined_after is not UNSET and not replaced  # the new link may have been refused
        if job.joined_before is UNSET and not unproven:
            return True
        try:
            member = self._services.discord.member(job.discord_id, context.options())
        except UnknownMember:
            return False
        joined_at = member.joined_at or 0.0
        if job.joined_before is not UNSET and not 0 < joined_at <= job.joined_before:
            return False
        if job.joined_after is not UNSET and joined_at > job.joined_after - CLOCKS_DIFFER:
            return True
        return not (job.with_roles or unproven) or self._account.can_take_roles(User(job.user_id), member, context)

    def _part_with(self, job: RemoveReplacedAccount, context: JobContext, *, replaced: bool) -> Outcome:
        """Remove the account while nobody can link it. Raises RemovalInProgress while another worker is at it.

        A user who linked it before is safe, and one who comes meanwhile is let in afterwards.
        """
        now = self._services.now()
        if not accounts.begin_parting(job.discord_id, now=now, seconds=PARTING_TIME):
            until = accounts.parting_until(job.discord_id)
            if until <= now:
                return Outcome.NOTHING  # it is somebody's by now
            raise RemovalInProgress("the account is being removed already", retry_after=until - now)
        try:
            outcome = self._take_out(job, context)
        except DiscordUnavailable:
            raise  # the request may take effect yet: nobody may link the account before that can be seen
        except BaseException:
            (accounts.pause_parting if replaced else accounts.end_parting)(job.discord_id)
            raise
        accounts.end_parting(job.discord_id)
        return outcome

    def _take_out(self, job: RemoveReplacedAccount, context: JobContext) -> Outcome:
        """Kick the account, or take its roles, and remember to kick it once its grace days are over."""
        settings, now, nobody = self._services.settings, self._services.now(), User(job.user_id)
        behavior = settings.expire_behavior if job.expire_behavior is UNSET else job.expire_behavior
        until = days_after(now, settings.expire_grace_days) if job.until is UNSET else job.until
        if behavior == ExpireBehavior.KICK and until <= now:
            removed, entry = self._account.kick(nobody, job.discord_id, context)
            if not removed:
                raise GiveUp(CANNOT_REMOVE.reason)
            if entry:
                self._reporter.removed(entry)
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
            self._services.discord.member(link.account.id, context.options())
        except UnknownMember as gone:
            self._departures.left(user, link, gone)
        else:
            users.mark_seen(user)
