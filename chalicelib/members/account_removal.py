"""Removes an account from the guild: by a kick, or by taking every role that can be taken."""

from contextlib import suppress
from dataclasses import replace

from chalicelib import log
from chalicelib.discord.models import Guild
from chalicelib.errors import NotPermitted, UnknownMember, UnknownRole
from chalicelib.members.context import PERSON_PATIENCE, JobContext
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Change
from chalicelib.members.reporter import Reporter
from chalicelib.members.writer import MemberWriter
from chalicelib.messages import Parts
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.users import User


class AccountRemoval:
    """What is done to the member; links are not its business."""

    def __init__(self, services: Services, view: GuildView, writer: MemberWriter, reporter: Reporter) -> None:
        self._services = services
        self._view = view
        self._writer = writer
        self._reporter = reporter

    def kick(self, user: User, discord_id: int, context: JobContext) -> bool:
        """Remove the account from the guild. Returns False if the bot may not, after taking the roles it can take."""
        if self._view.role_policy.protects(discord_id):
            log.warning("protected_member", user_id=user.user_id, discord_id=discord_id)
            return True
        try:
            with self._writer.sender.counted():
                self._services.discord.remove(discord_id, context.options())
        except UnknownMember:
            return True
        except NotPermitted:
            # The guild is read anew: the refusal may mean that its facts are old.
            options = replace(context.options(takes=True), ticket=None)
            self.take_roles(user, discord_id, context, self._view.refresh(options))
            return False
        self._reporter.removed(user.user_id, discord_id, context)
        return True

    def take_roles(self, user: User, discord_id: int, context: JobContext, guild: Guild | None = None) -> None:
        """Take the roles that the bot can take. Raises UnknownMember."""
        options = replace(context.options(takes=True), ticket=None)
        member = self._services.discord.member(discord_id, options)
        nobody = replace(user, groups=(), nickname=None)
        change = self._writer.plan(nobody, member, Parts.GROUPS, context, guild)
        if change.take:
            self._writer.sender.send(member, change, context.spent())
            self._reporter.changed(user, member, change, context)

    def revoke_given(self, discord_id: int, done: Change, context: JobContext) -> None:
        """Take back roles given while the account was unlinked: it would keep those roles forever."""
        if not done.give or users.owner_of(discord_id) is not None:
            return
        options = replace(context.options(takes=True), patience=PERSON_PATIENCE)
        for role_id in sorted(done.give):
            with suppress(UnknownMember, UnknownRole), self._writer.sender.counted():
                self._services.discord.take_role(discord_id, role_id, options)
