"""All notices and all records go through here: notices to the auth site and to officers, the audit trail, and the row
of the user.

A process may die at any moment, and a notice twice is better than none: problems and names are notified first, then
recorded. That a link ended, or a member left, is recorded first, since it may turn out not to be so; the record holds
the notice until it was sent.
"""

from dataclasses import replace

from chalicelib import log
from chalicelib.discord.models import Account, Answers, Member
from chalicelib.members.audit_entries import AuditEntries
from chalicelib.members.context import JobContext
from chalicelib.members.guild import GuildView
from chalicelib.members.officers_channel import OfficersChannel
from chalicelib.members.plan import Change
from chalicelib.notices import Kind, Unlinked
from chalicelib.problems import Problem, ProblemKind, Problems, in_order, withheld
from chalicelib.services import Services
from chalicelib.store import audit, leaving, users
from chalicelib.store.audit import Entry
from chalicelib.store.removals import Cause, RemovalStore
from chalicelib.store.users import Absent, Link, Look, PendingNotice, User

JOINED = "joined"
PROBLEM_OF = {Cause.LIMIT: ProblemKind.REMOVAL_HELD, Cause.FIRST_RUN: ProblemKind.FIRST_RUN_LOCK}
PERHAPS_JOINED = "perhaps joined"  # the request was sent, and Discord gave no clear answer


class Reporter:
    """Notifies the auth site and records what was done. `entries` builds audit entries for `synced` and `joined`.

    One method for each event that is reported, so that a caller cannot forget the notice or the record: hence so many.
    """

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self.entries = AuditEntries(services, view)
        self._removals = RemovalStore(services.settings.guild_id)
        self.officers = OfficersChannel(services)

    # --- links ---

    def linked(self, user_id: str, account: Account) -> None:
        """The account was linked to the user."""
        self._services.notices.linked(user_id, account.id, account.shown, now=self._services.now())
        users.mark_notified(user_id, account.id)

    def linked_unless_notified(self, user_id: str) -> None:
        """Notify of the user's link unless their callback did, or a newer one is at work, which has its own check."""
        now = self._services.now()
        user = users.get(user_id, now=now)
        if user and user.link and user.link.notify_pending and user.link.joining_until <= now:
            self.linked(user_id, user.link.account)

    def unlinked(
        self,
        user: User,
        link: Link,
        reason: Unlinked,
        *,
        notify: bool,
        version: int | None = None,
        removed: Entry | None = None,
    ) -> bool:
        """Delete the link. Returns False if the user is not linked to that account any more.

        `version`: only if nothing has changed since then (see `users.unlink`). `removed`: the entry of the removal from
        the guild that came before; it is recorded in any case.
        """
        now, account = self._services.now(), link.account
        self.notify_pending(user)
        notice = PendingNotice(Kind.UNLINKED, str(account.id), account.shown, reason, now) if notify else None
        entry = self.entries.event(user.user_id, account.id, f"unlinked: {reason}", reason)
        entries = (removed, entry) if removed else (entry,)
        if not users.unlink(user.user_id, account.id, now=now, version=version, notice=notice, entries=entries):
            if removed:
                audit.keep(removed)
            return False
        self._notify(user.user_id, notice)
        log.info("unlinked", user_id=user.user_id, discord_id=account.id, reason=reason)
        self._forget_withheld(user, frozenset())
        return True

    def absent(self, user: User, link: Link, absent: Absent) -> bool:
        """The member left, and the link is kept. Returns False if the user has changed."""
        account = link.account
        self.notify_pending(user)
        notice = PendingNotice(Kind.ABSENT, str(account.id), account.shown, None, self._services.now())
        if not leaving.mark_absent(user, absent, notice):
            return False
        self._notify(user.user_id, notice)
        audit.keep(self.entries.event(user.user_id, account.id, "absent", "left the server"))
        log.info("absent", user_id=user.user_id, discord_id=account.id, until=absent.until)
        return True

    def notify_pending(self, user: User | None) -> None:
        """Notify what a process recorded and did not live to notify.

        To be called where a job reads its user: SQS delivers the job of a process that died once more.
        """
        if user is not None:
            self._notify(user.user_id, user.pending_notice)

    def _notify(self, user_id: str, notice: PendingNotice | None) -> None:
        if notice is None:
            return
        discord_id, name = int(notice.discord_id), notice.username
        if notice.kind == Kind.ABSENT:
            self._services.notices.absent(user_id, discord_id, name, now=notice.at)
        else:
            self._services.notices.unlinked(
                user_id, discord_id, name, Unlinked(notice.reason or Unlinked.ASKED), now=notice.at
            )
        users.notice_sent(user_id, notice)

    def username_seen(self, user: User, account: Account) -> None:
        """Store the account's username if it is a new one; the auth site is notified if the shown name changed.

        An imported link may lack a part of the name; learning that part is no change.
        """
        if user.link is None or account == user.link.account:
            return
        before = user.link.account.shown
        if before and before != account.shown:
            now = self._services.now()
            self._services.notices.username_changed(user.user_id, account.id, account.shown, now=now)
        users.rename(user, account)

    # --- what was done to a member ---

    def changed(self, user: User, member: Member, done: Change, context: JobContext) -> None:
        """Part of a change was made, and what should follow failed."""
        audit.keep(self.entries.change(user, member, done, context))

    def joined(self, entry: Entry) -> None:
        """A person was let into the guild, or may have been."""
        audit.keep(entry)

    def removed(self, entry: Entry) -> None:
        """An account that is no longer the user's was removed from the guild."""
        audit.keep(entry)

    def answered(self, user_id: str, discord_id: int, what: str, by: str) -> None:
        """A person answered what was withheld from the user; `by` says who."""
        audit.keep(self.entries.event(user_id, discord_id, what, by))

    def officer_did(self, what: str, by: str) -> None:
        """An officer did something that is not about one member; `by` says who."""
        audit.keep(self.entries.event(audit.THE_SERVER, 0, what, by))

    # --- how a user stands ---

    def synced(
        self,
        user: User,
        problems: Problems,
        *,
        entry: Entry | None = None,
        looked: Look | None = None,
        answers: Answers | None = None,
        lost_at: float | None = None,
        made_right: bool = False,
    ) -> bool:
        """Discord is as `user` says, but for `problems`. New problems are notified.

        Entry and row are written in one transaction. Returns False if the desired state has changed since `user` was
        read (see `users.mark_synced`).
        """
        self._notify_new(user, problems)
        self._forget_withheld(user, problems)
        now = self._services.now()
        return users.mark_synced(
            user,
            now=now,
            problems=problems,
            entry=entry,
            looked=looked,
            answers=answers,
            lost_at=lost_at,
            made_right=made_right,
        )

    def failed(self, user: User, problems: Problems, *, always: bool = False) -> None:
        """The user could not be synced. New problems are notified; with `always` the known ones, too."""
        self._notify_new(replace(user, problems=frozenset()) if always else user, problems)
        users.mark_failed(user, problems, now=self._services.now())

    def problem(self, user_id: str, discord_id: int, username: str | None, problem: Problem) -> None:
        """Notify a problem without recording it, for an account that is no longer the user's."""
        log.warning("sync_problem", user_id=user_id, reason=problem.reason)
        self._services.notices.sync_failed(user_id, discord_id, username, problem.reason, now=self._services.now())

    def sweep_problem(self, reason: str, *, hold: bool = False) -> None:
        """A sweep failed, or stopped taking roles. `hold`: because of a hold, of which officers are told anyway."""
        self._services.notices.sync_failed("", None, None, reason, now=self._services.now())
        if not hold:
            self.officers.sweep_problem(reason)

    def removals_held(self, reason: str) -> None:
        """The removal limit was reached, and a hold is open."""
        now = self._services.now()
        self._services.notices.removals_held(reason, now=now)
        if self._services.settings.webhook_url:
            self.officers.removals_held(reason, self._removals.window().held_since or now)

    def _forget_withheld(self, user: User, problems: Problems) -> None:
        """What was withheld from the user, and is not among the `problems` any more, is forgotten; an empty hold ends.

        The record goes first: if the process dies before the row is written, the next job does both.
        """
        settled = {problem.kind for problem in withheld(user.problems - problems)}
        for cause in (cause for cause, kind in PROBLEM_OF.items() if kind in settled):
            self._removals.forget(user.user_id, cause)
            if cause is Cause.LIMIT and self._removals.close_hold_if_empty():
                log.info("removals_released", by="nothing is held any more")

    def _notify_new(self, user: User, problems: Problems) -> None:
        """Notify those problems that are not on record. What waits for an operator is not notified for each member."""
        if user.link is None:
            return
        for problem in in_order(problems - user.problems - withheld(problems)):
            self.problem(user.user_id, user.link.account.id, user.link.account.shown, problem)
            self.officers.problem(problem)
