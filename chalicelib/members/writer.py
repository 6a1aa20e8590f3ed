"""Writes a planned change of a member to Discord with the cheapest exact request; taking away comes first.

If Discord refuses a change, it is planned once more with the guild's facts read anew. What is still refused is raised
or returned as a problem.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from chalicelib import log
from chalicelib.discord.client import RequestOptions
from chalicelib.discord.errors import TWO_FACTOR
from chalicelib.discord.models import Guild, Member
from chalicelib.errors import NotPermitted, Refused, RolecallError, UnknownRole, Wait
from chalicelib.members.context import JobContext
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import NICKNAME_NOT_PERMITTED, Change, Desired, plan_change
from chalicelib.members.reporter import Reporter
from chalicelib.members.role_creation import RoleCreator
from chalicelib.messages import Parts
from chalicelib.problems import NO_PROBLEMS, Problems
from chalicelib.services import Services
from chalicelib.store.users import User


class MemberWriter:
    """Plans and writes changes of members. `writes` counts those that reached Discord, or may have."""

    def __init__(self, services: Services, view: GuildView, reporter: Reporter) -> None:
        self._services = services
        self._view = view
        self._reporter = reporter
        self._role_creator = RoleCreator(services, view)
        self.writes = 0

    def plan(self, user: User, member: Member, parts: Parts, context: JobContext, guild: Guild | None = None) -> Change:
        """Plan the change; read the guild's roles anew if the cached list lacks one that the member holds."""
        options = context.options()
        guild = guild or self._view.facts(options)
        desired = Desired(user.wanted, user.nickname)

        def plan(guild: Guild) -> Change:
            return plan_change(member, desired, self._view.rules(guild), parts=parts)

        change = plan(guild)
        if change.unknown and Parts.GROUPS in parts:
            change = plan(self._view.refresh(options))  # the list is stale, or the role is gone (behaviours 9, 10)
            if change.unknown:
                log.warning("unknown_roles", user_id=user.user_id, roles=sorted(change.unknown))
        return change if context.may_take else replace(change, take=frozenset())

    def apply(
        self, user: User, member: Member, change: Change, parts: Parts, context: JobContext
    ) -> tuple[Change, Problems]:
        """Make the change. Returns what was done, and the problems that are left."""
        if not change.create:
            return self._write(user, member, change, parts, context)
        if not change.take and change.nickname is None:
            done, problems = self._give_new(user, member, change, parts, context)
            return done, problems | change.problems
        # Taking never waits for giving: what can be done without the new roles is done first.
        done, problems = self._write(user, member, replace(change, create=()), parts, context)
        changed = replace(member, roles=done.roles_after(member), nick=done.nickname or member.nick)
        try:
            more, left = self._give_new(user, changed, change, parts, context.spent())
        except RolecallError:
            self._reporter.changed(user, member, done, context)
            raise
        done = replace(more, take=done.take | more.take, give=done.give | more.give, nickname=done.nickname)
        return done, left | problems | change.problems

    def _give_new(
        self, user: User, member: Member, change: Change, parts: Parts, context: JobContext
    ) -> tuple[Change, Problems]:
        """Create the roles that the change needs, and give them together with whatever is left to do."""
        limit, trouble = NO_PROBLEMS, None
        try:
            limit = self._role_creator.create(change.create, context.options())
        except RolecallError as error:
            trouble = error  # a role that cannot be created must not hold up those that are there
        done, problems = replace(self.plan(user, member, parts & Parts.GROUPS, context), create=()), NO_PROBLEMS
        if done:
            done, problems = self._write(user, member, done, parts, context)
        if trouble:
            if done:
                self._reporter.changed(user, member, done, context)
            raise trouble
        return done, limit | problems

    def _write(
        self, user: User, member: Member, change: Change, parts: Parts, context: JobContext
    ) -> tuple[Change, Problems]:
        """Send the change; if Discord refuses it, read the guild anew and send what is possible then."""
        try:
            self.send(member, change, context)
        except UnknownRole:
            self._view.refresh(context.options())
            return self._once_more(user, member, parts, context)
        except NotPermitted as refused:
            self._view.refresh(context.options())
            again = self.plan(user, member, parts, context)
            if replace(again, create=()) == replace(change, create=()):
                # Nothing we know of forbids it. It may be the nickname alone: a PATCH is refused whole.
                if change.nickname is None or refused.code == TWO_FACTOR:
                    raise
                without = replace(change, nickname=None, problems=change.problems | {NICKNAME_NOT_PERMITTED})
                if without:
                    self.send(member, without, context)
                return without, without.problems
            log.warning("not_permitted", user_id=user.user_id, code=refused.code)
            return self._once_more(user, member, parts, context)
        self._view.remember(change.role_by_group)
        return change, change.problems

    def _once_more(self, user: User, member: Member, parts: Parts, context: JobContext) -> tuple[Change, Problems]:
        again = self.plan(user, member, parts, context)
        if again.create:
            self._role_creator.create(again.create, context.options())
            again = self.plan(user, member, parts, context)
        again = replace(again, create=())
        if again:
            self.send(member, again, context.spent())
        return again, again.problems

    def send(self, member: Member, change: Change, context: JobContext) -> None:
        """Make one request: for a single role if that is all and no slot is reserved for a PATCH; else a PATCH."""
        options = context.options(takes=bool(change.take))
        if change.only_role and context.reservation is None:
            self.send_role(member.id, change, options)
            return
        roles = change.roles_after(member) if change.give or change.take else None
        with self.counted():
            self._services.discord.change(member.id, options, roles=roles, nick=change.nickname)

    def send_role(self, discord_id: int, change: Change, options: RequestOptions) -> None:
        """Give or take the one role that `change` consists of; the member's other roles need not be known."""
        if change.only_role is None:
            raise ValueError("the change is more than one role")
        role_id, give = change.only_role
        discord = self._services.discord
        with self.counted():
            (discord.give_role if give else discord.take_role)(discord_id, role_id, options)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count a change of a member. A Wait means that it was not sent, Refused that Discord did not make it."""
        self.writes += 1
        try:
            yield
        except (Wait, Refused):
            self.writes -= 1
            raise
