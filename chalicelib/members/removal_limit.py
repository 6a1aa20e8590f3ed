"""The removal limit: how many members may lose something within an hour before a person is asked. Pure."""

MIN_REMOVALS = 25  # members; fewer than that are never held back
NO_LIMIT = 100  # percent; all members may lose something at once


def max_removals(linked: int, percent: int) -> int:
    """How many of the `linked` members may lose something within an hour."""
    return max(MIN_REMOVALS, linked * percent // 100)


def hold_reason(limit: int, linked: int) -> str:
    """The reason that the notice of a hold gives. `linked`: as the last sweep counted; 0 before the first one."""
    members = f"{limit} of {linked} linked members" if linked else f"{limit} members"
    return (
        f"removals are held: within an hour more than {members} would have lost roles or their link. Nobody "
        "loses anything until an operator answers: python -m ops removals list"
    )
