"""Overlaps that Rolecall does not survive yet, by kind: which operations, what breaks, why, and an example.

A test runs each example at every call, so that a line that is no longer true shows; the fix of a fault removes it.
"""

from dataclasses import dataclass

from simulation.explorer.interleaving import Inner, Schedule
from simulation.explorer.search import Failure

LINKS = frozenset({"callback", "new link", "callback with another account", "check after a callback"})
REFUSED = "callback that is refused"
CHANGES = frozenset({"callback with another account", REFUSED, "removal of a replaced account"})


@dataclass(frozen=True)
class Known:
    """A kind of failure: one of `together` overlaps one of `others` (anything, if that is empty), and `rules` break."""

    reason: str
    rules: str  # the letters of the checks
    together: frozenset[str]
    others: frozenset[str]
    example: tuple[str, str, str]  # a state, an operation, and one inside it

    def explains(self, failure: Failure) -> bool:
        """Whether the failure is of this kind."""
        names = _operations(failure.schedule)
        overlap = bool(names & self.together) and (not self.others or _overlap(names, self.together, self.others))
        return overlap and all(breach[1] in self.rules for breach in failure.breaches)


def explained(failure: Failure) -> bool:
    """Whether a failure is of a known kind."""
    return any(known.explains(failure) for known in KNOWN)


def _operations(schedule: Schedule) -> set[str]:
    inner = schedule.inner
    inside = {inner.outer, inner.inner} if isinstance(inner, Inner) else {inner} if inner else set()
    return {schedule.outer, *inside}


def _overlap(names: set[str], some: frozenset[str], others: frozenset[str]) -> bool:
    return any(names & others - {name} or (name in others and len(names) == 1) for name in names & some)


KNOWN = (
    Known(
        "two callbacks of one user at once: the account that loses stays in the server",
        "c",
        LINKS,
        LINKS | {REFUSED, "removal of a replaced account"},
        ("linked", "callback", "callback with another account"),
    ),
    Known(
        "undoing a refused callback forgets that the auth site was never notified of the link",
        "n",
        LINKS,
        frozenset({REFUSED}),
        ("new", "callback", "callback that is refused"),
    ),
    Known(
        "a change of account that ends badly loses both accounts",
        "a",
        CHANGES,
        frozenset(),
        ("linked", "callback that is refused", "sweep repairs"),
    ),
    Known(
        "a notice that a link ended is sent before the link is deleted, which may not happen",
        "n",
        frozenset(
            {"message that gives", "message that takes", "sweep repairs", "repair of a member", "delete", "unlink"}
        ),
        LINKS | {"coming back", "import"},
        ("left", "message that takes", "new link"),
    ),
    Known(
        "a user who links again while they are deleted is linked to nobody, and keeps the roles",
        "ac",
        frozenset({"delete", "unlink"}),
        LINKS | {"import"},
        ("linked", "delete", "new link"),
    ),
)
