"""Removes an account from the guild: by a kick, or by taking every role that can be taken."""

from contextlib import suppress
from dataclasses import replace

from chalicelib import log
from chalicelib.discord.models import Guild, Member
from chalicelib.errors import NotPermitted, UnknownMember, UnknownRole
from chalicelib.members.context import PERSON_PATIENCE, JobContext
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Change
from chalicelib.members.reporter import Reporter
from chalicelib.members.writer import MemberWriter
from chalicelib.messages import ExpireBehavior, Parts, RemoveReplacedAccount, encode
from chalicelib.problems import Problem, ProblemKind
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.audit import Entry
from chalicelib.store.users import Leaving, Link, User

DAY = 86_400  # seconds
STRIP_AGAIN = 30  # seconds until roles are taken once more from members the bot may not remove; no write takes so long
IN_FLIGHT_FOR = 60  # seconds after a callback's time within which its request to join may still take effect
CANNOT_REMOVE = Problem(ProblemKind.CANNOT_REMOVE)  # the owner, or a member ranked above the bot


def days_after(moment: float, days: int) -> float:
    """That many days later; 0 for at once, whatever the clocks of different functions say."""
    return moment + days * DAY if days else 0.0


class AccountRemoval:
    """What is done to the member; links are not its business."""

    def __init__(self, services: Services, view: GuildView, writer: MemberWriter, reporter: Reporter) -> None:
        self._services = services
        self._view = view
        self._writer = writer
        self._reporter = reporter

    def kick(self, user: User, discord_id: int, context: JobContext) -> tuple[bool, Entry | None]:
        """Remove the account from the guild. Returns False if the bot may not, after taking the roles it can take.

        With it comes the entry of the audit trail that the caller has to record, if there was somebody to remove.
        """
        if self._view.role_policy.protects(discord_id):
            log.warning("protected_member", user_id=user.user_id, discord_id=discord_id)
            return True, None
        try:
            with self._writer.sender.counted():
                self._services.discord.remove(discord_id, context.options())
        except UnknownMember:
            return True, None
        except NotPermitted:
            # The guild is read anew: the refusal may mean that its facts are old.
            guild = self._view.refresh(context.options(takes=True))
            try:
                self.take_roles(user, discord_id, context, guild)
            except UnknownMember:  # Discord looks at what the bot may do before it looks for the member
                return True, None
            return False, None
        return True, self._reporter.entries.removed(user.user_id, discord_id, context)

    def take_roles(self, user: User, discord_id: int, context: JobContext, guild: Guild | None = None) -> None:
        """Take the roles that the bot can take. Raises UnknownMember."""
        options = context.options(takes=True)
        member = self._services.discord.member(discord_id, options)
        change = self._without_roles(user, member, context, guild)
        if change.take:
            self._writer.sender.send(member, change, context)
            self._reporter.changed(user, member, change, context)

    def can_take_roles(self, user: User, member: Member, context: JobContext) -> bool:
        """Whether the member holds any role that the bot can take."""
        return bool(self._without_roles(user, member, context).take)

    def _without_roles(self, user: User, member: Member, context: JobContext, guild: Guild | None = None) -> Change:
        """The change after which the member holds none of the roles that the bot can take."""
        nobody = replace(user, groups=(), nickname=None)
        return self._writer.plan(nobody, member, Parts.GROUPS, context, guild)

    def revoke_given(self, discord_id: int, done: Change, context: JobContext) -> None:
        """Take back roles given while the account was unlinked: it would keep those roles forever."""
        if not done.give or users.owner_of(discord_id) is not None:
            return
        options = replace(context.options(takes=True), patience=PERSON_PATIENCE)
        for role_id in sorted(done.give):
            with suppress(UnknownMember, UnknownRole), self._writer.sender.counted():
                self._services.discord.take_role(discord_id, role_id, options)

    def look_again(self, user_id: str, link: Link, delay: int, how: Leaving, *, with_roles: bool = False) -> None:
        """Look once more for what other requests did that were on their way, and nothing else.

        `with_roles`: a member without roles is left alone.
        """
        later = RemoveReplacedAccount(
            user_id=user_id,
            discord_id=link.account.id,
            joined_before=max(self._services.now(), link.joining_until + IN_FLIGHT_FOR),
            expire_behavior=ExpireBehavior.KICK if how.kick else ExpireBehavior.REMOVE_ROLES,
            until=how.until,
            with_roles=with_roles,
        )
        self._services.queues.bulk(encode(later), Progress(log.bound(), self._services.now()), delay=delay)
