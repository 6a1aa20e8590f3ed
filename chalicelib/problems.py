"""What stands in the way of a user, as values: what kind of problem, of which part of the member, in which words.

A user's problems are a set (`Problems`), so that what is new, settled or left is plain set arithmetic. The contract
knows them as text: the `reason` of a notice, and `last_error`, which joins the reasons of all. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from chalicelib.messages import Parts

SEPARATOR = ", "  # between the reasons in `last_error`
CANNOT_BE_CREATED = " cannot be created: "  # in the reason of ROLE_REFUSED


class ProblemKind(StrEnum):
    """The code of each kind, in the order in which `last_error` names them."""

    FAILED = "failed"  # `detail`: what Discord refused, or what retries did not get done
    ROLE_REFUSED = "role_refused"  # `detail`: which role, and why Discord does not let it be created
    CANNOT_REMOVE = "cannot_remove"  # from here on the code says it all
    ROLE_LIMIT = "role_limit"
    NICKNAME_NOT_PERMITTED = "nickname_not_permitted"
    NICKNAME_REFUSED = "nickname_refused"
    ROLE_OUT_OF_REACH = "role_out_of_reach"
    ROLE_UNCHANGED = "role_unchanged"
    REMOVAL_HELD = "removal_held"
    FIRST_RUN_LOCK = "first_run_lock"

    @property
    def parts(self) -> Parts:
        """The part of a member it belongs to: only comparing that part can find it gone."""
        return Parts.NICKNAME if self in NICKNAME_KINDS else Parts.GROUPS

    @property
    def is_the_guilds(self) -> bool:
        """Is it the guild's order of roles, or Discord's answer to just this change, not a request that may be tried
        again? It then lasts until a comparison finds it gone.
        """
        return self in NICKNAME_KINDS or self in (ProblemKind.ROLE_OUT_OF_REACH, ProblemKind.ROLE_UNCHANGED)

    @property
    def waits_for_an_operator(self) -> bool:
        """Is something not taken from the member until an operator answers? It is not notified for each member."""
        return self in (ProblemKind.REMOVAL_HELD, ProblemKind.FIRST_RUN_LOCK)


NICKNAME_KINDS = (ProblemKind.NICKNAME_NOT_PERMITTED, ProblemKind.NICKNAME_REFUSED)
SENTENCES = {
    ProblemKind.CANNOT_REMOVE: "the owner, or a member ranked above the bot, cannot be removed from the server",
    ProblemKind.ROLE_LIMIT: "the server has as many roles as Discord allows",
    ProblemKind.NICKNAME_NOT_PERMITTED: (
        "the bot may not set the nickname: the member is the owner or ranks above the bot, or the bot lacks the "
        "permission Manage Nicknames"
    ),
    ProblemKind.NICKNAME_REFUSED: "Discord does not accept the nickname; it is tried again when it changes",
    ProblemKind.ROLE_OUT_OF_REACH: (
        "a role that stands for a group is above the bot's, belongs to an integration, or is gone"
    ),
    ProblemKind.ROLE_UNCHANGED: "Discord did not make a change of the member's roles, whether it refused it or not",
    ProblemKind.REMOVAL_HELD: (
        "roles or the link would be taken away, and the removal limit was reached: an operator must answer first"
    ),
    ProblemKind.FIRST_RUN_LOCK: (
        "roles or the link would be taken away from an imported member for the first time: an operator must allow it"
    ),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem. `detail` is empty where the kind says it all."""

    kind: ProblemKind
    detail: str = ""

    @property
    def reason(self) -> str:
        """The contract's text, as notices and `last_error` carry it."""
        return self.detail or self.kind.value


Problems = frozenset[Problem]
NO_PROBLEMS: Problems = frozenset()


def role_refused(name: str, why: object) -> Problem:
    """Discord does not let a role of this name be created."""
    return Problem(ProblemKind.ROLE_REFUSED, f"the role {name!r}{CANNOT_BE_CREATED}{why}")


def role_refused_like(name: str, other: Problem) -> Problem:
    """Discord does not let a role of this name be created either, as it said of another one."""
    return role_refused(name, other.detail.partition(CANNOT_BE_CREATED)[2])


def text(problem: Problem) -> str:
    """One sentence for people."""
    return SENTENCES.get(problem.kind) or problem.reason


def in_order(problems: Problems) -> list[Problem]:
    """The problems in the order of their kinds."""
    kinds = list(ProblemKind)
    return sorted(problems, key=lambda problem: (kinds.index(problem.kind), problem.detail))


def outside(problems: Problems, parts: Parts) -> Problems:
    """Those of other parts of the member: comparing `parts` says nothing about them."""
    return frozenset(problem for problem in problems if problem.kind.parts not in parts)


def of_parts(problems: Problems, parts: Parts) -> Problems:
    """Those of these parts of the member."""
    return problems - outside(problems, parts)


def withheld(problems: Problems) -> Problems:
    """Those that say that something is not taken until an operator answers."""
    return frozenset(problem for problem in problems if problem.kind.waits_for_an_operator)


def of_the_guild(problems: Problems) -> Problems:
    """Those that last until a comparison finds them gone, unlike a request that failed."""
    return frozenset(problem for problem in problems if problem.kind.is_the_guilds)


# --- as text ----------------------------------------------------------------------------------------------------


def last_error(problems: Problems) -> str | None:
    """The contract's `last_error`; None without a problem."""
    return SEPARATOR.join(problem.reason for problem in in_order(problems)) or None


def problem_of(reason: str) -> Problem:
    """Return the problem with this reason. A text that is no known code is a failure."""
    if reason in CODES:
        return Problem(ProblemKind(reason))
    refused = reason.startswith("the role ") and CANNOT_BE_CREATED in reason
    return Problem(ProblemKind.ROLE_REFUSED if refused else ProblemKind.FAILED, reason)


def from_last_error(error: str | None) -> Problems:
    """The problems that a stored `last_error` names, for rows of versions that stored nothing else.

    Codes stand at the end of it. What is before them is one problem, whatever it contains: names of roles have commas.
    """
    found: set[Problem] = set()
    left = error or ""
    while left:
        before, _, last = left.rpartition(SEPARATOR)
        if last not in CODES:
            found.add(problem_of(left))
            break
        found.add(problem_of(last))
        left = before
    return frozenset(found)


def from_stored(stored: Iterable[dict[str, str]]) -> Problems:
    """The problems of a row's list. A kind that only a later version knows counts as a failure."""
    known = {kind.value for kind in ProblemKind}
    return frozenset(
        Problem(ProblemKind(one["kind"]), one.get("detail", ""))
        if one["kind"] in known
        else Problem(ProblemKind.FAILED, one.get("detail") or one["kind"])
        for one in stored
    )


def to_store(problems: Problems) -> list[dict[str, str]]:
    """The problems as a row keeps them."""
    return [
        {"kind": problem.kind.value} | ({"detail": problem.detail} if problem.detail else {})
        for problem in in_order(problems)
    ]


CODES = frozenset(kind.value for kind in SENTENCES)  # reasons that are the code itself
