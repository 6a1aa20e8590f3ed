"""Builds the entries of the audit trail, with roles by the names they have at that moment."""

from chalicelib import log
from chalicelib.discord.models import Member
from chalicelib.members.context import JobContext
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Change
from chalicelib.services import Services
from chalicelib.store.audit import Entry
from chalicelib.store.users import User


class AuditEntries:
    """Builds entries; it stores none."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view

    def change(self, user: User, member: Member, done: Change, context: JobContext) -> Entry:
        """The entry for a change of a member. `member` is as before it."""
        return Entry(
            user_id=user.user_id,
            discord_id=member.id,
            at=self._services.now(),
            cause=context.cause,
            trace=log.bound(),
            given=self.names(done.give),
            taken=self.names(done.take),
            nickname_from=member.nick if done.nickname is not None else None,
            nickname_to=done.nickname,
            keep_days=self._services.settings.audit_days,
        )

    def event(self, user_id: str, discord_id: int, what: str, cause: str) -> Entry:
        """The entry for anything else that was done to a member, in a word: `removed`, `unlinked: <reason>`."""
        now, days = self._services.now(), self._services.settings.audit_days
        return Entry(user_id, discord_id, now, cause, log.bound(), what=what, keep_days=days)

    def removed(self, user_id: str, discord_id: int, context: JobContext) -> Entry:
        """The entry for an account that was removed from the guild."""
        return self.event(user_id, discord_id, "removed", context.cause)

    def names(self, role_ids: frozenset[int]) -> tuple[str, ...]:
        """The roles' names; their ids if they are not known, since asking Discord may fail and the entry must not."""
        by_id = self._view.known.by_id if self._view.known else {}
        return tuple(sorted(by_id[role_id].name if role_id in by_id else str(role_id) for role_id in role_ids))
