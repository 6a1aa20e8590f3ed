"""Members without a link who hold roles that stand for a group: who they are, and taking those roles from them."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from chalicelib import log
from chalicelib.discord.models import Member
from chalicelib.errors import RolecallError, UnknownMember, UnknownRole
from chalicelib.members.answers import written
from chalicelib.members.context import JobContext, Outcome
from chalicelib.members.guild import GuildView
from chalicelib.members.member_sync import MemberSync
from chalicelib.members.plan import Change
from chalicelib.members.removal_limiter import Counted, RemovalLimiter
from chalicelib.members.reporter import Reporter
from chalicelib.members.roles import RoleRules
from chalicelib.members.writer import MemberWriter
from chalicelib.messages import Parts, StripUnlinked
from chalicelib.services import Services
from chalicelib.settings import REMOVE_ROLES
from chalicelib.store import users
from chalicelib.store.users import User


@dataclass(frozen=True, slots=True)
class Holder:
    """A member without a link, and the roles that would be taken from them."""

    member: Member
    take: frozenset[int]


def holders(members: Iterable[Member], linked: Collection[int], roles: RoleRules) -> list[Holder]:
    """Those of `members` who are not among the `linked` accounts and hold a role that stands, or once stood, for a
    group. Bots and protected members are spared, and so are roles that are not the auth site's.
    """
    found = [Holder(member, _known(member, roles)) for member in members if member.id not in linked]
    return [one for one in found if one.take and not one.member.is_bot and not roles.protects(one.member.id)]


def _known(member: Member, roles: RoleRules) -> frozenset[int]:
    held = (roles.guild.by_id[role_id] for role_id in member.roles if role_id in roles.guild.by_id)
    return frozenset(role.id for role in held if roles.is_known(role) and roles.owns(role))


class UnlinkedMembers:
    """Takes roles from members without a link (DISCORD_UNLINKED_MEMBERS=remove_roles)."""

    def __init__(
        self,
        services: Services,
        view: GuildView,
        reporter: Reporter,
        writer: MemberWriter,
        sync: MemberSync,
        limiter: RemovalLimiter,
    ) -> None:
        self._services = services
        self._view = view
        self._reporter = reporter
        self._writer = writer
        self._sync = sync
        self._limiter = limiter

    def strip(self, job: StripUnlinked, context: JobContext) -> Outcome:
        """Take the roles unless the member was linked meanwhile, or the removal limit is reached."""
        if self._services.settings.unlinked_members != REMOVE_ROLES or users.owner_of(job.discord_id) is not None:
            return Outcome.NOTHING
        self._view.require_facts_of_sweep(job.sweep_id)
        rules = self._view.rules(self._view.facts(context.options())).roles
        try:
            member = self._services.discord.member(job.discord_id, context.options())
        except UnknownMember:
            return Outcome.NOTHING
        found = holders([member], (), rules)
        if not found or not self._admitted(job):
            return Outcome.NOTHING
        done = self._take(found[0], job, replace(context.spent(), sees_answer=True))
        if done:
            self._reporter.changed(audit_user(member.id), member, done, context)
            log.info("unlinked_member_stripped", discord_id=member.id, roles=sorted(done.take))
        return self._give_back_if_linked(job.discord_id, context)

    def _admitted(self, job: StripUnlinked) -> bool:
        """Count the member in the removal limit. Once it is reached, a person has to force a sweep again."""
        if job.exempt or (self._limiter.has_room() and self._limiter.admit(1) is not None):
            return True
        self._services.memory.sweeps.forbid_stripping()
        log.warning("unlinked_members_held", sweep_id=job.sweep_id)
        self._services.metrics.count("SweepsHeld")
        return False

    def _take(self, holder: Holder, job: StripUnlinked, context: JobContext) -> Change:
        """Take the roles; returns what was taken, by Discord's answer."""
        change, writes, now = Change(take=holder.take), self._writer.sender.writes, self._services.now()
        try:
            answer = self._writer.sender.send(holder.member, change, context)
        except (UnknownMember, UnknownRole) as gone:
            log.warning("unlinked_member_changed", discord_id=holder.member.id, why=str(gone))
            return Change()  # the next sweep looks again
        except RolecallError:
            if not job.exempt and self._writer.sender.writes == writes:
                self._limiter.give_back(1, Counted(now))
            raise
        return written(holder.member, change, answer).done

    def _give_back_if_linked(self, discord_id: int, context: JobContext) -> Outcome:
        """A callback may have linked them meanwhile, and given them roles that this job took."""
        owner = users.owner_of(discord_id)
        user = users.get(owner, now=self._services.now()) if owner else None
        if user and user.link:
            self._sync.reconcile(user, Parts.ALL, context.spent())
        return Outcome.DONE


def audit_user(discord_id: int) -> User:
    """Under which user the audit trail has what was done to an account that no user has."""
    return User(f"discord:{discord_id}")
