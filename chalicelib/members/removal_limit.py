"""The removal limit: from how many members one sweep may take roles before a person is asked. Pure."""

from dataclasses import dataclass

MIN_REMOVALS = 25  # members; fewer than that are never held back


@dataclass(frozen=True, slots=True)
class SweepAllowance:
    """From how many members a sweep may take roles without having foreseen it (`messages.RepairMember.brake`)."""

    sweep_id: str
    max_members: int


def max_removals(linked: int, percent: int) -> int:
    """How many of the `linked` members may lose roles in one sweep."""
    return max(MIN_REMOVALS, linked * percent // 100)


def stopped_taking(most: int) -> str:
    """What is said of a sweep that reached the limit while it ran."""
    return (
        f"stopped taking roles and unlinking: {most} members whom its survey had not shown to lose any lost some, "
        f'and it would go on. To let it, run it with {{"force": true}}'
    )
