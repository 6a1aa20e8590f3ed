"""How a member stands, as members are told: in step, waiting, or why not; each role and the group behind it. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from chalicelib.members.explain import Explanation, GroupVerdict, NicknameVerdict, RoleVerdict
from chalicelib.problems import ProblemKind, withheld
from chalicelib.store.user import User

UNDER_WAY = 5.0  # seconds that a message takes, apart from its turn at Discord
ROUND_TO = 5  # seconds of an estimate
NO_ROLE = {  # what becomes of a group without a role of its own, by the key of its sentence
    GroupVerdict.EXCLUDED: "group_excluded",
    GroupVerdict.RESERVED: "group_reserved",
    GroupVerdict.OUT_OF_REACH: "group_out_of_reach",
    GroupVerdict.GONE: "group_gone",
    GroupVerdict.NO_ROLE: "group_no_role",
}
OBSTACLES = ("protected", "groups_not_stated", "deleted")  # of an explanation, that a player can make sense of
NICKNAME = {NicknameVerdict.NOT_PERMITTED: "nickname_not_permitted", NicknameVerdict.REFUSED: "nickname_refused"}
SAID_OTHERWISE = (ProblemKind.ROLE_OUT_OF_REACH, ProblemKind.NICKNAME_NOT_PERMITTED, ProblemKind.NICKNAME_REFUSED)


class State(StrEnum):
    """The line at the top of the card."""

    NOT_LINKED = "not_linked"
    JOINING = "joining"
    NOT_IN_SERVER = "not_in_server"
    UNKNOWN = "unknown"  # Discord does not answer
    IN_STEP = "in_step"
    WAITING = "waiting"  # changes are on their way
    DIFFERS = "differs"  # and nothing is on its way: the next sweep will see it
    HELD = "held"  # an operator must answer before anything is taken
    LEFT_ALONE = "left_alone"  # nothing will be changed


@dataclass(frozen=True, slots=True)
class RoleShown:
    """A role, the groups that give it (none: it is the server's own), and what becomes of it."""

    name: str
    groups: tuple[str, ...]
    verdict: str


@dataclass(frozen=True, slots=True)
class Difficulty:
    """Something that could not be done: the key of its sentence, and the group or role that it is about."""

    key: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the card shows. `seconds`: an estimate, for WAITING."""

    state: State
    changes: int = 0
    seconds: int = 0
    roles: tuple[RoleShown, ...] = ()
    own_roles: tuple[str, ...] = ()
    difficulties: tuple[Difficulty, ...] = ()


def standing_of(user: User, explanation: Explanation, *, seen: bool, under_way: bool, wait: float) -> Standing:
    """How the linked user stands. `seen`: Discord was asked for the member. `under_way`: a message will bring about
    what differs. `wait`: seconds until its turn at Discord.
    """
    changes = _changes(explanation)
    return Standing(
        state=_state(user, explanation, changes, seen=seen, under_way=under_way),
        changes=changes,
        seconds=_rounded(UNDER_WAY + wait),
        roles=tuple(
            RoleShown(line.role, line.groups, line.verdict.value)
            for line in explanation.roles
            if line.verdict is not RoleVerdict.LEAVE or line.groups
        ),
        own_roles=tuple(line.role for line in explanation.roles if not line.groups and _is_servers(line.verdict)),
        difficulties=_difficulties(user, explanation),
    )


def _is_servers(verdict: RoleVerdict) -> bool:
    return verdict is RoleVerdict.LEAVE


def _changes(explanation: Explanation) -> int:
    roles = sum(line.verdict in (RoleVerdict.GIVE, RoleVerdict.TAKE) for line in explanation.roles)
    new = sum(line.verdict is GroupVerdict.TO_CREATE for line in explanation.groups or ())
    nickname = explanation.nickname is not None and explanation.nickname.verdict is NicknameVerdict.SET
    return roles + (new if explanation.would else 0) + nickname


def _state(user: User, explanation: Explanation, changes: int, *, seen: bool, under_way: bool) -> State:
    codes = {obstacle.code for obstacle in explanation.obstacles}
    if "joining" in codes:
        return State.JOINING
    if not seen:
        return State.UNKNOWN
    if "not_in_server" in codes:
        return State.NOT_IN_SERVER
    if "protected" in codes:
        return State.LEFT_ALONE
    if not changes:
        return State.IN_STEP
    if under_way:
        return State.WAITING
    return State.HELD if withheld(user.problems) else State.DIFFERS


def _difficulties(user: User, explanation: Explanation) -> tuple[Difficulty, ...]:
    codes = [obstacle.code for obstacle in explanation.obstacles]
    found = [Difficulty(code) for code in OBSTACLES if code in codes]
    found += [
        Difficulty(NO_ROLE[line.verdict], line.group) for line in explanation.groups or () if line.verdict in NO_ROLE
    ]
    found += [Difficulty("role_unchanged", one.role) for one in explanation.roles if one.verdict is RoleVerdict.STUCK]
    if explanation.nickname and explanation.nickname.verdict in NICKNAME:
        found.append(Difficulty(NICKNAME[explanation.nickname.verdict]))
    kinds = {problem.kind for problem in user.problems} - _said(explanation)
    return (*found, *(Difficulty(kind.value) for kind in ProblemKind if kind in kinds))


def _said(explanation: Explanation) -> set[ProblemKind]:
    """Problems that the explanation tells better, since it has just compared the member."""
    return {*SAID_OTHERWISE, ProblemKind.ROLE_UNCHANGED} if explanation.roles or explanation.nickname else set()


def _rounded(seconds: float) -> int:
    return int(-(-seconds // ROUND_TO) * ROUND_TO)
