"""Somebody leaves, which ends their link, and comes back by an invite, all while a job is giving them a role.

A repair of one role reads no member. If it does not look what became of the link, a stranger keeps the role.
"""

import pytest

from simulation.explorer.search import attempt, overlaps


@pytest.mark.parametrize("giver", ["message that gives", "repair of a member"])
def test_who_came_back_without_a_link_keeps_nothing_that_was_given_meanwhile(giver: str) -> None:
    found = overlaps("linked", giver, "end of the link, and coming back")
    for schedule in [one for one in found if one.point is None or one.point.mode == "before"]:
        failure, _ = attempt(schedule)
        assert failure is None, str(failure)
