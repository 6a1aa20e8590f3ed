"""What must change for a member to be as the auth site wants. Pure: decides, does nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from chalicelib.discord.models import AS_ASKED, MANAGE_NICKNAMES, Answers, Guild, Member
from chalicelib.members.roles import RoleRules
from chalicelib.messages import Parts
from chalicelib.problems import NO_PROBLEMS, Problem, ProblemKind, Problems, role_refused_like

MAX_NICKNAME = 32  # characters; https://discord.com/developers/docs/resources/user#usernames-and-nicknames
MAX_UNDONE = 3  # jobs in a row whose change of a role Discord accepted and did not make, until it is tried no more
NICKNAME_NOT_PERMITTED = Problem(ProblemKind.NICKNAME_NOT_PERMITTED)
NICKNAME_REFUSED = Problem(ProblemKind.NICKNAME_REFUSED)
ROLE_LIMIT = Problem(ProblemKind.ROLE_LIMIT)
ROLE_OUT_OF_REACH = Problem(ProblemKind.ROLE_OUT_OF_REACH)  # a group's role is managed, above the bot's, or gone
ROLE_UNCHANGED = Problem(ProblemKind.ROLE_UNCHANGED)


ANY_ROLE = ""  # in place of a role's name: Discord refuses whatever the bot would create


@dataclass(frozen=True, slots=True)
class Uncreatable:
    """Roles that cannot be created for the time being. `refused`: those that Discord refused, by name, and why.

    ANY_ROLE among the names stands for all. `full`: the guild has as many roles as Discord allows.
    """

    refused: Mapping[str, Problem] = field(default_factory=dict)
    full: bool = False

    def problem(self, name: str) -> Problem | None:
        """Why the role of that name cannot be created; None if it can."""
        if self.full:
            return ROLE_LIMIT
        if ANY_ROLE in self.refused:
            return role_refused_like(name, self.refused[ANY_ROLE])
        return self.refused.get(name)


CREATABLE = Uncreatable()  # every role, as far as is known


@dataclass(frozen=True, slots=True)
class Rules:
    """What a change may contain: whose roles are whose, and what else the operator allows."""

    roles: RoleRules
    sync_names: bool = False
    create_roles: bool = True
    uncreatable: Uncreatable = CREATABLE


@dataclass(frozen=True, slots=True)
class Desired:
    """The desired state of a user. `groups` None: never stated. `nickname` None: there is none, or never stated.

    `answers`: what Discord made of it so far, where that was not what was asked.
    """

    groups: tuple[str, ...] | None = None
    nickname: str | None = None
    answers: Answers = AS_ASKED


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between a member's actual and desired state. Falsy if there is none.

    `create` are names of roles that must be created first, and given then. `unknown` are ids that the member holds and
    the guild's list lacks: the list is stale, or the role was deleted. `role_by_group`: the role that stands for each
    group, to be stored. `stuck` are roles that differ, but whose change Discord accepted too often without making it.
    No retry can fix `problems`.
    """

    give: frozenset[int] = frozenset()
    take: frozenset[int] = frozenset()
    nickname: str | None = None
    create: tuple[str, ...] = ()
    unknown: frozenset[int] = frozenset()
    role_by_group: dict[str, int] = field(default_factory=dict)
    stuck: frozenset[int] = frozenset()
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
    if rules.roles.protects(member.id):
        return Change()
    by_id = rules.roles.guild.by_id
    roles = Change(unknown=frozenset(role_id for role_id in member.roles if role_id not in by_id))
    if desired.groups is not None and Parts.GROUPS in parts:
        roles = _plan_roles(member, desired.groups, desired.answers, rules, roles.unknown)
        roles = without_uncreatable(roles, rules.uncreatable)
    if Parts.NICKNAME not in parts or not rules.sync_names or rules.roles.keeps_nickname(member.roles | roles.give):
        return roles
    nickname, problems = _plan_nickname(member, desired, rules.roles.guild)
    return replace(roles, nickname=nickname, problems=roles.problems | problems)


def without_uncreatable(change: Change, uncreatable: Uncreatable) -> Change:
    """The change without the roles that cannot be created: those are problems, and no difference."""
    problems = {name: uncreatable.problem(name) for name in change.create}
    create = tuple(name for name, problem in problems.items() if problem is None)
    return replace(change, create=create, problems=change.problems | {one for one in problems.values() if one})


def _plan_roles(
    member: Member, groups: tuple[str, ...], answers: Answers, rules: Rules, unknown: frozenset[int]
) -> Change:
    by_id, match = rules.roles.guild.by_id, rules.roles.match(groups)
    wanted = frozenset(match.ids.values())
    held = frozenset(role_id for role_id in member.roles - unknown if rules.roles.owns(by_id[role_id]))
    give, take = wanted - member.roles, held - wanted
    given_up = {role_id for role_id, times in answers.undone.items() if times >= MAX_UNDONE}
    stuck = (give | take) & given_up
    problems = {ROLE_OUT_OF_REACH: bool(match.out_of_reach), ROLE_UNCHANGED: bool(stuck)}
    return Change(
        give=give - stuck,
        take=take - stuck,
        create=match.missing if rules.create_roles else (),
        unknown=unknown,
        role_by_group=match.ids,
        stuck=stuck,
        problems=frozenset(problem for problem, found in problems.items() if found),
    )


def nickname_of(name: str | None) -> str | None:
    """A name as Discord stores it: trimmed, inner white space squeezed, 32 characters; None if nothing is left."""
    return " ".join((name or "").split())[:MAX_NICKNAME].strip() or None


def standing(member: Member, guild: Guild) -> str:
    """How the member and the bot rank, as text to compare: what decides whether the bot may rename the member."""
    return f"{guild.rank(member.roles)[0]}/{guild.bot_rank[0]}"


def _plan_nickname(member: Member, desired: Desired, guild: Guild) -> tuple[str | None, Problems]:
    wanted, answer = nickname_of(desired.nickname), desired.answers.nickname
    if wanted is None or wanted == nickname_of(member.nick):
        return None, NO_PROBLEMS
    above = member.id == guild.owner_id or guild.rank(member.roles) >= guild.bot_rank
    if above or not guild.bot_may(MANAGE_NICKNAMES):
        return None, frozenset({NICKNAME_NOT_PERMITTED})
    if answer is None or answer.asked != wanted:
        return wanted, NO_PROBLEMS
    as_then = answer.stored == member.nick  # a rename by hand since may have changed the reason, too
    if answer.refused and as_then and answer.standing in ("", standing(member, guild)):
        return None, frozenset({NICKNAME_NOT_PERMITTED if answer.standing else NICKNAME_REFUSED})
    if not answer.refused and as_then:
        return None, NO_PROBLEMS  # that is what Discord makes of it
    return wanted, NO_PROBLEMS
