"""`unlinked` is sent for links that ended, and for no others; also if the process dies right after it ended one."""

import json
from typing import Any

import pytest

from chalicelib.members.reporter import Reporter
from chalicelib.store import users
from chalicelib.store.users import Absent
from local.simulated import World
from simulation.explorer.checks import check
from simulation.explorer.interleaving import Schedule, play
from simulation.explorer.operations import Case
from simulation.explorer.search import overlaps

DIES = [one for one in overlaps("left", "message that takes", None) if one.point and one.point.mode == "dies after"]


def notices(world: World, *kinds: str) -> list[dict[str, Any]]:
    bodies = [json.loads(one.body) for one in world.sqs.sent if one.queue.endswith("notices")]
    return [body for body in bodies if body["kind"] in kinds]


def last_heard(case: Case) -> str:
    """What the newest notice about the user's link says."""
    heard = sorted(notices(case.world, "linked", "unlinked"), key=lambda notice: notice["at"])  # stable
    return str(heard[-1]["kind"])


@pytest.mark.parametrize("schedule", DIES, ids=str)
def test_whoever_left_is_reported_wherever_the_process_dies(schedule: Schedule) -> None:
    case, _ = play(schedule)
    assert check(case) == []
    assert last_heard(case) == "unlinked"
    (reason,) = {notice["reason"] for notice in notices(case.world, "unlinked")}
    assert reason == "left_server"


def test_a_link_that_is_made_anew_meanwhile_is_not_reported_as_ended() -> None:
    schedules = [one for one in overlaps("left", "message that takes", "new link") if one.inner]
    linked = 0
    for schedule in schedules:
        case, _ = play(schedule)
        assert check(case) == []
        assert last_heard(case) == ("linked" if case.tokens else "unlinked"), str(schedule)
        linked += bool(case.tokens)
    assert linked > 20


def test_absence_is_not_reported_of_somebody_who_changed_meanwhile(world: World) -> None:
    services = world.http.services
    world.guild.add_person("kira")
    world.link("101", "kira", groups=[])
    world.run()
    user = users.get("101", now=world.clock.now())
    assert user is not None
    assert user.link is not None
    world.site.groups("101", ["Member"])
    world.run()
    reporter, now = Reporter(services, world.http.delivery.view), world.clock.now()
    assert not reporter.absent(user, user.link, Absent(now, now + 60))
    assert notices(world, "absent") == []
    newer = users.get("101", now=now)
    assert newer is not None
    assert reporter.absent(newer, user.link, Absent(now, now + 60))
    assert [notice["user_id"] for notice in notices(world, "absent")] == ["101"]
    left = users.get("101", now=now)
    assert left is not None
    assert left.pending_notice is None
