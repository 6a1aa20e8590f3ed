"""What must change for a member to be as the auth site wants. Pure: decides, does nothing."""

from dataclasses import dataclass, field

from chalicelib.discord.models import MANAGE_NICKNAMES, Guild, Member
from chalicelib.members.roles import RoleRules
from chalicelib.messages import Parts
from chalicelib.problems import NO_PROBLEMS, Problem, ProblemKind, Problems

MAX_NICKNAME = 32  # characters; https://discord.com/developers/docs/resources/user#usernames-and-nicknames
NICKNAME_NOT_PERMITTED = Problem(ProblemKind.NICKNAME_NOT_PERMITTED)
ROLE_OUT_OF_REACH = Problem(ProblemKind.ROLE_OUT_OF_REACH)  # a role of a group's name is managed, or above the bot's


@dataclass(frozen=True, slots=True)
class Rules:
    """What a change may contain: whose roles are whose, and what else the operator allows."""

    roles: RoleRules
    sync_names: bool = False
    create_roles: bool = True


@dataclass(frozen=True, slots=True)
class Desired:
    """The desired state of a user. `groups` None: never stated. `nickname` None: there is none, or never stated."""

    groups: tuple[str, ...] | None = None
    nickname: str | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between a member's actual and desired state. Falsy if there is none.

    `create` are names of roles that must be created first, and given then. `unknown` are ids that the member holds and
    the guild's list lacks: the list is stale, or the role was deleted. `role_by_group`: the role that stands for each
    group, to be stored. No retry can fix `problems`.
    """

    give: frozenset[int] = frozenset()
    take: frozenset[int] = frozenset()
    nickname: str | None = None
    create: tuple[str, ...] = ()
    unknown: frozenset[int] = frozenset()
    role_by_group: dict[str, int] = field(default_factory=dict)
    problems: Problems = NO_PROBLEMS

    def __bool__(self) -> bool:
        return bool(self.give or self.take or self.nickname is not None or self.create)

    @property
    def only_role(self) -> tuple[int, bool] | None:
        """The role that differs and whether it is given, if nothing else differs: then one exact request is enough."""
        if self.nickname is not None or len(self.give) + len(self.take) != 1:
            return None
        return next(((role, True) for role in self.give), None) or next((role, False) for role in self.take)

    def roles_after(self, member: Member) -> frozenset[int]:
        """All roles of the member once this is done."""
        return (member.roles - self.unknown - self.take) | self.give


def plan_change(member: Member, desired: Desired, rules: Rules, *, parts: Parts = Parts.ALL) -> Change:
    """Compare `member` with `desired`. Roles that the auth site does not own are neither given nor taken."""
    guild = rules.roles.guild
    if rules.roles.protects(member.id):
        return Change()
    nickname, problems = None, NO_PROBLEMS
    if Parts.NICKNAME in parts and rules.sync_names:
        nickname, problems = _plan_nickname(member, desired, guild)
    unknown = frozenset(role_id for role_id in member.roles if role_id not in guild.by_id)
    if desired.groups is None or Parts.GROUPS not in parts:
        return Change(nickname=nickname, unknown=unknown, problems=problems)
    match = rules.roles.match(desired.groups)
    wanted = frozenset(match.ids.values())
    held = frozenset(role_id for role_id in member.roles - unknown if rules.roles.owns(guild.by_id[role_id]))
    return Change(
        give=wanted - member.roles,
        take=held - wanted,
        nickname=nickname,
        create=match.missing if rules.create_roles else (),
        unknown=unknown,
        role_by_group=match.ids,
        problems=problems | {ROLE_OUT_OF_REACH} if match.out_of_reach else problems,
    )


def nickname_of(name: str | None) -> str | None:
    """A name as Discord stores it: trimmed, inner white space squeezed, 32 characters; None if nothing is left."""
    return " ".join((name or "").split())[:MAX_NICKNAME].strip() or None


def _plan_nickname(member: Member, desired: Desired, guild: Guild) -> tuple[str | None, Problems]:
    wanted = nickname_of(desired.nickname)
    if wanted is None or wanted == nickname_of(member.nick):
        return None, NO_PROBLEMS
    above = member.id == guild.owner_id or guild.rank(member.roles) >= guild.bot_rank
    if above or not guild.bot_may(MANAGE_NICKNAMES):
        return None, frozenset({NICKNAME_NOT_PERMITTED})
    return wanted, NO_PROBLEMS
