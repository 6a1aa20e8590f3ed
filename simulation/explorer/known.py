"""Overlaps that Rolecall does not survive yet, by kind: which operations, what breaks, why, and an example.

A test runs each example at every call, so that a line that is no longer true shows; the fix of a fault removes it.
"""

from dataclasses import dataclass

from simulation.explorer.interleaving import Inner, Schedule
from simulation.explorer.search import Failure


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


KNOWN: tuple[Known, ...] = (
    Known(
        reason="a role is given to somebody whose link ends, who leaves and comes back by an invite, and the "
        "request has its effect only then: nobody looks once more at an account that left by itself",
        rules="c",
        together=frozenset({"end of the link, and coming back"}),
        others=frozenset({"message that gives", "repair of a member", "request that waits", "narrow sweep repairs"}),
        example=("linked", "message that gives", "end of the link, and coming back"),
    ),
)
