"""The arithmetic of the removal limit, and where it ends."""

import pytest

from chalicelib.members.removal_limit import MIN_REMOVALS, hold_reason, max_removals
from chalicelib.members.removal_limiter import RemovalLimiter
from chalicelib.members.reporter import Reporter
from local.simulated import World


def test_it_is_a_part_of_the_linked_members_and_never_fewer_than_25() -> None:
    assert MIN_REMOVALS == 25
    assert [max_removals(linked, 20) for linked in (0, 125, 129, 130, 1000)] == [25, 25, 25, 26, 200]


def test_the_reason_of_a_hold_names_no_linked_members_before_a_sweep_counted_any() -> None:
    assert "within an hour more than 25 of 60 linked members would have lost" in hold_reason(25, 60)
    assert "within an hour more than 25 members would have lost" in hold_reason(25, 0)


@pytest.mark.parametrize(("percent", "is_off"), [("99", False), ("100", True)])
def test_there_is_none_at_100_percent(percent: str, is_off: bool) -> None:
    world = World({"REMOVAL_LIMIT_PERCENT": percent})
    services = world.http.services
    limiter = RemovalLimiter(services, Reporter(services, world.http.delivery.view))
    assert limiter.is_off is is_off
    assert limiter.max_members(1000) == (1000 if is_off else 990)
