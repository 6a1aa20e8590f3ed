"""An outage of Discord, DynamoDB or SQS loses no message; a request that fails for good is still a dead letter."""

import pytest

from local.discord.faults import Fault
from local.discord.messages import Request
from local.outages import Service
from local.simulated import World
from tests.faults.support import before, is_member, refusal
from tests.linking.doors import logged
from tests.members.support import settled_world

HOUR = 3600.0
USERS = 4
ALLOWED = 4  # tries of one message: the first one, and DISCORD_TASKS_MAX_RETRIES


@pytest.fixture
def world() -> World:
    world = settled_world(USERS)
    world.site.notices()
    return world


def take_everything(world: World) -> None:
    for number in range(USERS):
        world.site.groups(str(number), [])


def roles(world: World) -> list[set[str] | None]:
    return [world.roles(f"p{number}") for number in range(USERS)]


@pytest.mark.parametrize("service", ["dynamodb", "sqs", "discord"])
def test_changes_wait_for_the_end_of_an_outage_of_an_hour(world: World, service: Service) -> None:
    take_everything(world)
    world.outages.begin(service, HOUR)
    world.run(seconds=HOUR)
    assert roles(world) == [{"Director"}] * USERS
    world.run(seconds=600)
    assert roles(world) == [set()] * USERS
    assert list(world.dead_letters()) == []
    assert [notice for notice in world.site.notices() if notice["kind"] == "sync_failed"] == []


def test_the_longer_an_outage_lasts_the_less_often_a_message_is_tried(world: World) -> None:
    world.site.groups("0", [])
    world.outages.begin("dynamodb", 6 * HOUR)
    tries = []
    for _ in range(6):
        with logged() as log:
            world.run(seconds=HOUR)
        tries.append(log.getvalue().count('"event": "outage"'))
    assert tries[0] > tries[1] > tries[2] > tries[-1] >= 3, "at most a quarter of an hour apart"


def test_a_discord_that_answers_every_request_with_500_is_waited_for(world: World) -> None:
    until = world.clock.now() + 600
    before(world, lambda _: refusal(500, {"message": "internal"}) if world.clock.now() < until else None)
    take_everything(world)
    world.run(seconds=2 * HOUR)
    assert roles(world) == [set()] * USERS
    assert list(world.dead_letters()) == []


def test_a_message_whose_last_request_hung_until_the_end_of_an_outage_is_tried_once_more(world: World) -> None:
    world.guild.inject(Fault(kind="hang", method="GET", path="/members/[0-9]+$", times=ALLOWED, seconds=60))
    world.site.groups("0", [])
    world.run(seconds=HOUR)
    assert sum(bool(request.fault) for request in world.guild.received()) == ALLOWED
    assert list(world.dead_letters()) == []
    assert world.roles("p0") == set()


def test_a_message_whose_requests_always_hang_is_given_up_while_discord_answers_others(world: World) -> None:
    world.guild.inject(Fault(kind="hang", method="GET", path="/members/[0-9]+$", times=None, seconds=60))
    world.site.groups("0", [])
    world.run(seconds=2 * HOUR)
    (letter,) = world.dead_letters()
    assert "given up after 4 tries" in str(letter)
    assert sum(bool(request.fault) for request in world.guild.received()) == ALLOWED + 1


def test_one_request_that_always_fails_is_given_up_while_discord_answers_others(world: World) -> None:
    def reads_a_member(request: Request) -> bool:
        return request.method == "GET" and is_member(request)

    before(world, lambda request: refusal(500, {"message": "internal"}) if reads_a_member(request) else None)
    world.site.groups("0", [])
    world.run(seconds=2 * HOUR)
    (letter,) = world.dead_letters()
    assert "given up after 4 tries" in str(letter)
