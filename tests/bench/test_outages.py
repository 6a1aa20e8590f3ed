"""The benchmark of an hour's outage measures what it says."""

from bench.outages import CHANGES, HOUR, LINK_EVERY, hour_without
from local.discord.faults import Fault
from local.simulated import World


def test_an_hour_without_dynamodb_loses_nothing_and_lets_nobody_link() -> None:
    hour = hour_without(lambda world: world.outages.begin("dynamodb", HOUR))
    assert (hour.dead_letters, hour.notices, hour.late, hour.wrong) == (0, 0, 0, 0)
    assert hour.refused == CHANGES / LINK_EVERY


def test_what_does_not_end_in_time_is_seen_to_be_late_and_wrong() -> None:
    hour = hour_without(lambda world: world.outages.begin("dynamodb", 4 * HOUR))
    assert hour.late == hour.wrong == CHANGES


def test_what_is_given_up_is_counted_and_told() -> None:
    def all_requests_about_members_fail(world: World) -> None:
        world.guild.inject(Fault(kind="answer", path="/members/", times=None))

    hour = hour_without(all_requests_about_members_fail)
    assert hour.dead_letters > 0
    assert hour.notices > 0
    assert hour.requests > 0
