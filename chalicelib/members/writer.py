"""Writes a planned change of a member to Discord; taking away comes first.

If Discord refuses a change, it is planned once more with the guild's facts read anew. What is still refused is raised
or returned as a problem. What Discord answers is believed (`answers`): a change that it did not make is asked for once
more, and counts as undone after that.
"""

from collections.abc import Callable
from dataclasses import replace

from chalicelib import log
from chalicelib.discord.errors import TWO_FACTOR, is_about_content
from chalicelib.discord.models import Answers, Guild, Member, NicknameAnswer
from chalicelib.errors import NotPermitted, Refused, RolecallError, TryAgain, UnknownRole
from chalicelib.members.answers import Written, written
from chalicelib.members.context import JobContext
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import (
    NICKNAME_NOT_PERMITTED,
    NICKNAME_REFUSED,
    Change,
    Desired,
    plan_change,
    standing,
)
from chalicelib.members.removal_gate import RemovalGate
from chalicelib.members.reporter import Reporter
from chalicelib.members.role_creation import RoleCreator
from chalicelib.members.sender import ChangeSender
from chalicelib.messages import Parts
from chalicelib.problems import NO_PROBLEMS, problem_of
from chalicelib.services import Services
from chalicelib.store.users import User


class MemberWriter:
    """Plans and writes changes of members; `sender` makes the requests."""

    def __init__(self, services: Services, view: GuildView, reporter: Reporter, gate: RemovalGate) -> None:
        self._services = services
        self._view = view
        self._reporter = reporter
        self._gate = gate
        self.sender = ChangeSender(services)
        self._role_creator = RoleCreator(services, view)

    def plan(self, user: User, member: Member, parts: Parts, context: JobContext, guild: Guild | None = None) -> Change:
        """Plan the change; read the guild's roles anew if the cached list lacks one that the member holds."""
        options = context.options()
        guild = guild or self._view.facts(options)
        desired = Desired(user.wanted, user.nickname, user.answers)

        def plan(guild: Guild) -> Change:
            planned = plan_change(member, desired, self._view.rules(guild), parts=parts)
            return self._role_creator.without_uncreatable(planned)

        change = plan(guild)
        if change.unknown and Parts.GROUPS in parts:
            change = plan(self._view.refresh(options))  # the list is stale, or the role is gone (behaviours 9, 10)
            if change.unknown:
                log.warning("unknown_roles", user_id=user.user_id, roles=sorted(change.unknown))
        if self._view.role_policy.known_only:
            self._view.remember(change.role_by_group)  # what is in order now must be known when it is taken
        change = change if context.may_take else replace(change, take=frozenset())
        return self._gate.within(user, change, context)

    def apply(self, user: User, member: Member, change: Change, parts: Parts, context: JobContext) -> Written:
        """Make the change. Returns what came of it."""
        if not change.create:
            return self._write(user, member, change, parts, context)
        if not change.take and change.nickname is None:
            return self._give_new(user, member, change, parts, context)
        # Taking never waits for giving: what can be done without the new roles is done first.
        first = self._write(user, member, replace(change, create=()), parts, context)
        changed = replace(member, roles=first.done.roles_after(member), nick=first.done.nickname or member.nick)
        try:
            return first.then(self._give_new(user, changed, change, parts, context.spent()))
        except RolecallError:
            self._reporter.changed(user, member, first.done, context)
            raise

    def _give_new(self, user: User, member: Member, change: Change, parts: Parts, context: JobContext) -> Written:
        """Create the roles that the change needs, and give them together with whatever is left to do."""
        limit, trouble = NO_PROBLEMS, None
        try:
            limit = self._role_creator.create(change.create, context.options())
        except RolecallError as error:
            trouble = error  # a role that cannot be created must not hold up those that are there
        left = replace(self.plan(user, member, parts & Parts.GROUPS, context), create=())
        made = self._write(user, member, left, parts, context) if left else Written(left)
        if trouble:
            if made.done:
                self._reporter.changed(user, member, made.done, context)
            raise trouble
        return replace(made, problems=made.problems | limit | change.problems)

    def _write(self, user: User, member: Member, change: Change, parts: Parts, context: JobContext) -> Written:
        """Send the change; if Discord refuses it, or a part of it, send what is possible."""
        try:
            answer = self.sender.send(member, change, context)
        except UnknownRole:
            self._view.refresh(context.options())
            return self._once_more(user, member, parts, context)
        except NotPermitted as refused:
            self._view.refresh(context.options())
            again = self.plan(user, member, parts, context)
            if replace(again, create=()) != replace(change, create=()):
                log.warning("not_permitted", user_id=user.user_id, code=refused.code)
                return self._once_more(user, member, parts, context)
            # Nothing we know of forbids it. It may be the nickname alone: a PATCH is refused whole.
            if change.nickname is None or refused.code == TWO_FACTOR:
                raise
            return self._without_nickname(user, member, change, refused, context)
        except Refused as refused:
            # Of a name that is well formed, too: AutoMod may be about the member's server tag (discord-api-docs#7711).
            if not is_about_content(refused):
                raise
            if change.nickname is None:
                return self._role_by_role(user, member, change, refused, context)
            return self._without_nickname(user, member, change, refused, context)
        self._view.remember(change.role_by_group)
        first = written(member, change, answer)
        if first.as_asked or answer is None:
            return first
        return self._mend(user, answer, change, first, parts, context)

    def _without_nickname(
        self, user: User, member: Member, change: Change, refused: Refused, context: JobContext
    ) -> Written:
        """Send the rest of a change whose nickname was refused."""
        ranks = isinstance(refused, NotPermitted)
        guild = self._view.facts(context.options())
        nickname = change.nickname or ""
        answer = NicknameAnswer(nickname, member.nick, refused=True, standing=standing(member, guild) if ranks else "")
        problem = NICKNAME_NOT_PERMITTED if ranks else NICKNAME_REFUSED
        log.warning("nickname_refused", discord_id=member.id, code=refused.code)
        rest = replace(change, nickname=None, problems=change.problems | {problem})
        if not rest:
            return Written(rest, rest.problems, answer)
        try:
            made = written(member, rest, self.sender.send(member, rest, context.spent()))
        except Refused as roles_refused:
            if not is_about_content(roles_refused):
                raise
            return self._role_by_role(
                user, member, rest, roles_refused, context
            )  # they are the reason, not the nickname
        self._view.remember(rest.role_by_group)
        return replace(made, nickname=answer)

    def _role_by_role(
        self, user: User, member: Member, change: Change, refused: Refused, context: JobContext
    ) -> Written:
        """Make each change of a role by itself: a list is refused whole, and one role of it may be the reason.

        Raises `refused` if none can be made, and none was found to be the reason before.
        """
        pieces = [Change(take=frozenset({one})) for one in sorted(change.take)]
        pieces += [Change(give=frozenset({one})) for one in sorted(change.give)]
        made = [piece for piece in pieces if len(pieces) > 1 and self._is_made(member, piece, context.spent())]
        if not made and not (change.give | change.take) & user.answers.undone.keys():
            raise refused
        give = frozenset[int]().union(*(piece.give for piece in made))
        take = frozenset[int]().union(*(piece.take for piece in made))
        undone = (change.give - give) | (change.take - take)
        # The refusal is on record even if each role by itself was accepted: the next comparison finds it gone.
        problems = (change.problems - {NICKNAME_REFUSED}) | {problem_of(str(refused))}
        return Written(replace(change, give=give, take=take, nickname=None), problems, undone=undone, unseen=take)

    def _is_made(self, member: Member, piece: Change, context: JobContext) -> bool:
        try:
            self.sender.send_role(member.id, piece, context.options(takes=bool(piece.take)))
        except (UnknownRole, NotPermitted):
            return False
        except Refused as refused:
            if not is_about_content(refused):
                raise
            return False
        return True

    def _mend(
        self, user: User, member: Member, change: Change, first: Written, parts: Parts, context: JobContext
    ) -> Written:
        """Ask once more for what Discord accepted and did not do. `member` is as Discord's answer shows them.

        What is still undone then is for a later job.
        """
        log.warning("change_not_made", user_id=user.user_id, roles=sorted(first.undone))
        if first.undone - change.take:  # a role that was left out may be gone
            self._view.refresh(context.options())
        unheard = first.nickname is not None and first.nickname.refused
        user = user if unheard or not first.nickname else replace(user, answers=Answers(first.nickname))
        first_done = replace(
            first, undone=frozenset(), problems=change.problems, nickname=None if unheard else first.nickname
        )
        try:
            again = self._planned_with_roles(user, member, parts, context.spent())
            again = replace(again, take=again.take & change.take)
            if not again:
                return first_done
            return first_done.then(written(member, again, self.sender.patch(member, again, context.spent())))
        except RolecallError as error:
            log.warning("change_not_made_again", user_id=user.user_id, why=str(error))
            # What was done is to be recorded, and a nickname that was asked for once to be asked for again.
            return replace(first, nickname=None) if unheard and isinstance(error, TryAgain) else first

    def _planned_with_roles(self, user: User, member: Member, parts: Parts, context: JobContext) -> Change:
        """The change by the guild's facts as they are now, with the roles created that it needs."""
        planned = self.plan(user, member, parts, context)
        if planned.create:
            self._role_creator.create(planned.create, context.options())
            planned = self.plan(user, member, parts, context)
        return replace(planned, create=())

    def _once_more(self, user: User, member: Member, parts: Parts, context: JobContext) -> Written:
        """Plan anew with the guild's newest facts, and send that. Nothing that is refused then is tried again."""
        again = self._planned_with_roles(user, member, parts, context)
        if not again:
            return Written(again, again.problems)
        try:
            return written(member, again, self.sender.send(member, again, context.spent()))
        except Refused as refused:
            if again.nickname is None or not (is_about_content(refused) or isinstance(refused, NotPermitted)):
                raise
            return self._without_nickname(user, member, again, refused, context)

    def has_written_since(self) -> Callable[[], bool]:
        """A function that says whether anything reached Discord, or may have, after this call."""
        return self.sender.has_written_since()
