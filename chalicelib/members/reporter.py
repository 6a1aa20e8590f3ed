"""What is put on record of a member's change: the audit trail, and notices of what is in the way."""

from chalicelib import log
from chalicelib.discord.models import Member
from chalicelib.members.context import JobContext
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Change
from chalicelib.problems import Problem
from chalicelib.services import Services
from chalicelib.store import audit
from chalicelib.store.users import Link, User


class Reporter:
    """Writes the trail of one process."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view

    def entry(self, user: User, member: Member, done: Change, context: JobContext) -> audit.Entry:
        """What was done to the member, with the roles as they are called now; to be kept."""
        guild = self._view.known  # what was done is done: to ask Discord now, and be refused, must not lose it
        by_id = guild.by_id if guild else {}

        def names(role_ids: frozenset[int]) -> tuple[str, ...]:
            return tuple(sorted(by_id[r].name if r in by_id else str(r) for r in role_ids))

        return audit.Entry(
            user_id=user.user_id,
            discord_id=member.id,
            at=self._services.now(),
            cause=context.cause,
            trace=log.bound(),
            given=names(done.give),
            taken=names(done.take),
            nickname_from=member.nick if done.nickname is not None else None,
            nickname_to=done.nickname,
            keep_days=self._services.settings.audit_days,
        )

    def keep(self, user: User, discord_id: int, what: str, cause: str) -> None:
        """Anything else that was done to a member, in a word."""
        now, days = self._services.now(), self._services.settings.audit_days
        audit.keep(audit.Entry(user.user_id, discord_id, now, cause, log.bound(), what=what, keep_days=days))

    def report(self, user: User, link: Link, problem: Problem) -> None:
        """Tell the auth site of a problem that no retry fixes."""
        log.warning("sync_problem", user_id=user.user_id, reason=problem.reason)
        self._services.notices.sync_failed(
            user.user_id, link.account.id, link.account.shown, problem.reason, now=self._services.now()
        )
