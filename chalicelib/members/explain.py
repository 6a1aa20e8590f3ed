"""Why a member has what they have: what is wanted and why, what is, what would be done, what holds it back. Pure.

For people who ask about one member: `ops user ID --explain`, a page for officers. `explain_words` has the words.
"""

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.discord.models import MANAGE_NICKNAMES, Member
from chalicelib.members.plan import Change, Desired, Rules, nickname_of, plan_change
from chalicelib.members.roles import Match, MatchedBy, RoleRules, WhyNot
from chalicelib.problems import NO_PROBLEMS, Problems, in_order, text


class GroupVerdict(StrEnum):
    """What becomes of a group that the auth site states."""

    ROLE = "role"  # a role stands for it
    EXCLUDED = "excluded"  # DISCORD_EXCLUDED_GROUPS
    RESERVED = "reserved"  # its role belongs to the server: DISCORD_RESERVED_ROLES
    OUT_OF_REACH = "out_of_reach"  # its role can be neither given nor taken
    GONE = "gone"  # it is mapped to a role that does not exist any more
    TO_CREATE = "to_create"  # there is no role yet
    NO_ROLE = "no_role"  # and none is to be created: DISCORD_DISABLE_ROLE_CREATION
    NO_NAME = "no_name"  # nothing but white space


class RoleVerdict(StrEnum):
    """What becomes of a role that the member has or should have."""

    KEEP = "keep"
    GIVE = "give"
    TAKE = "take"
    LEAVE = "leave"  # the auth site does not decide about it
    STUCK = "stuck"  # Discord accepted the change several times and did not make it


class NicknameVerdict(StrEnum):
    """What becomes of the nickname."""

    OFF = "off"  # DISCORD_SYNC_NAMES
    NOT_STATED = "not_stated"
    AS_WANTED = "as_wanted"
    SET = "set"
    EXEMPT = "exempt"  # DISCORD_NICKNAME_EXEMPT_ROLES
    NOT_PERMITTED = "not_permitted"
    REFUSED = "refused"
    AS_DISCORD_STORES_IT = "as_discord_stores_it"


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A stated group, and the role that stands for it. Ids are text. `why`: the reason if it is out of reach."""

    group: str
    verdict: GroupVerdict
    role: str = ""
    role_id: str = ""
    matched_by: MatchedBy | None = None
    held: bool = False
    why: WhyNot | None = None


@dataclass(frozen=True, slots=True)
class RoleLine:
    """A role that the member has or should have, the groups that give it, and why it is left alone if it is."""

    role: str
    role_id: str
    held: bool
    verdict: RoleVerdict
    groups: tuple[str, ...] = ()
    why: WhyNot | None = None


@dataclass(frozen=True, slots=True)
class NicknameLine:
    """The nickname that is wanted, as Discord would store it, beside the one that is."""

    wanted: str | None
    has: str | None
    verdict: NicknameVerdict


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that holds a change back: a code for programs, a sentence for people."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Situation:
    """What else is known of the user. `notes`: what holds them back outside of roles and nickname."""

    linked: bool = True
    joining: bool = False
    deleted: bool = False
    problems: Problems = NO_PROBLEMS
    notes: tuple[Obstacle, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer. `groups` None: never stated. `roles`, `nickname` and `would` are empty without a member.

    `would`: what a sync would do now, a sentence each. `obstacles`: why it would not do more.
    """

    groups: tuple[GroupLine, ...] | None
    roles: tuple[RoleLine, ...]
    nickname: NicknameLine | None
    would: tuple[str, ...]
    obstacles: tuple[Obstacle, ...]


def explain(desired: Desired, member: Member | None, rules: Rules, situation: Situation) -> Explanation:
    """Explain one member. `member` None: the user is not linked, or not in the server."""
    change = plan_change(member, desired, rules) if member else Change()
    groups = None if desired.groups is None else _group_lines(desired.groups, member, rules)
    return Explanation(
        groups=groups,
        roles=_role_lines(member, groups, change, rules.roles) if member else (),
        nickname=_nickname_line(member, desired, change, rules) if member else None,
        would=actions(change, rules.roles),
        obstacles=tuple(_obstacles(desired, member, rules.roles, situation)),
    )


def actions(change: Change, roles: RoleRules) -> tuple[str, ...]:
    """What a change does, in words: `take Blue`, `give Member`."""

    def names(role_ids: frozenset[int]) -> str:
        return ", ".join(sorted(roles.guild.by_id[role_id].name for role_id in role_ids))

    said = {
        f"take {names(change.take)}": change.take,
        f"give {names(change.give)}": change.give,
        f"create and give {', '.join(change.create)}": change.create,
        f"set the nickname to {change.nickname}": change.nickname is not None,
    }
    return tuple(words for words, applies in said.items() if applies)


# --- groups -----------------------------------------------------------------------------------------------------


def _group_lines(groups: tuple[str, ...], member: Member | None, rules: Rules) -> tuple[GroupLine, ...]:
    match = rules.roles.match(groups)
    held = member.roles if member else frozenset()
    return tuple(_group_line(group, match, held, rules) for group in groups)


def _group_line(group: str, match: Match, held: frozenset[int], rules: Rules) -> GroupLine:
    roles, name = rules.roles, rules.roles.name_of(group)
    if name is None:
        excluded = roles.policy.excludes(group)
        return GroupLine(group, GroupVerdict.EXCLUDED if excluded else GroupVerdict.NO_NAME)
    if roles.sets_aside(name):
        return GroupLine(group, GroupVerdict.RESERVED)
    if name in match.ids:
        role = roles.guild.by_id[match.ids[name]]
        how = roles.matched_by(name, role.id)
        return GroupLine(group, GroupVerdict.ROLE, role.name, str(role.id), how, role.id in held)
    if name in match.out_of_reach:
        why = roles.why_unreached(name)
        return GroupLine(group, GroupVerdict.OUT_OF_REACH if why else GroupVerdict.GONE, why=why)
    return GroupLine(group, GroupVerdict.TO_CREATE if rules.create_roles else GroupVerdict.NO_ROLE)


# --- roles ------------------------------------------------------------------------------------------------------


def _role_lines(
    member: Member, groups: tuple[GroupLine, ...] | None, change: Change, roles: RoleRules
) -> tuple[RoleLine, ...]:
    decides = groups is not None and not roles.protects(member.id)
    ids = {role_id for role_id in member.roles if role_id in roles.guild.by_id} | change.give | change.stuck
    lines = []
    for role in sorted((roles.guild.by_id[role_id] for role_id in ids), key=lambda role: role.rank, reverse=True):
        giving = tuple(line.group for line in groups or () if line.role_id == str(role.id))
        verdict = _role_verdict(role.id, change, owned=decides and roles.owns(role))
        why = roles.why_not(role) if verdict is RoleVerdict.LEAVE else None
        lines.append(RoleLine(role.name, str(role.id), role.id in member.roles, verdict, giving, why))
    return tuple(lines)


def _role_verdict(role_id: int, change: Change, *, owned: bool) -> RoleVerdict:
    if role_id in change.stuck:
        return RoleVerdict.STUCK
    if role_id in change.give:
        return RoleVerdict.GIVE
    if role_id in change.take:
        return RoleVerdict.TAKE
    return RoleVerdict.KEEP if owned else RoleVerdict.LEAVE


# --- the nickname -------------------------------------------------------------------------------------------------


def _nickname_line(member: Member, desired: Desired, change: Change, rules: Rules) -> NicknameLine:
    wanted = nickname_of(desired.nickname)
    return NicknameLine(wanted, member.nick, _nickname_verdict(wanted, member, desired, change, rules))


def _nickname_verdict(
    wanted: str | None, member: Member, desired: Desired, change: Change, rules: Rules
) -> NicknameVerdict:
    guild, answer = rules.roles.guild, desired.answers.nickname
    if not rules.sync_names:
        return NicknameVerdict.OFF
    if wanted is None:
        return NicknameVerdict.NOT_STATED
    if wanted == nickname_of(member.nick):
        return NicknameVerdict.AS_WANTED
    if change.nickname is not None:
        return NicknameVerdict.SET
    if rules.roles.keeps_nickname(member.roles | change.give):
        return NicknameVerdict.EXEMPT
    above = member.id == guild.owner_id or guild.rank(member.roles) >= guild.bot_rank
    if above or not guild.bot_may(MANAGE_NICKNAMES) or (answer and answer.refused and answer.standing):
        return NicknameVerdict.NOT_PERMITTED
    return NicknameVerdict.REFUSED if answer and answer.refused else NicknameVerdict.AS_DISCORD_STORES_IT


# --- what holds it back -------------------------------------------------------------------------------------------


def _obstacles(desired: Desired, member: Member | None, roles: RoleRules, situation: Situation) -> list[Obstacle]:
    protected = member is not None and roles.protects(member.id)
    found = {
        Obstacle("not_linked", "no Discord account is linked to the user"): not situation.linked,
        Obstacle("joining", "a person is linking this account just now: jobs wait for that"): situation.joining,
        Obstacle("not_in_server", "the account is not in the server"): (
            situation.linked and not situation.joining and member is None
        ),
        Obstacle("protected", "the member is in DISCORD_PROTECTED_MEMBERS: nothing is changed"): protected,
        Obstacle(
            "deleted", "the auth site deleted the user, and Discord did not let them be removed: no group counts"
        ): (situation.deleted),
        Obstacle(
            "groups_not_stated", "the auth site never stated the user's groups: their roles are left as they are"
        ): (desired.groups is None),
    }
    problems = [Obstacle(problem.kind.value, text(problem)) for problem in in_order(situation.problems)]
    return [*(obstacle for obstacle, applies in found.items() if applies), *problems, *situation.notes]
