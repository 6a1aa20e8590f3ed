"""DynamoDB is away for an hour: every change posted meanwhile is made once it is back, without a hand."""

from botocore.exceptions import EndpointConnectionError

from local.simulated import World
from tests.members.support import let_sweeps_take

HOUR = 3600.0
USERS = 5


def test_changes_posted_during_an_outage_of_the_store_are_made_afterwards() -> None:
    world = World()
    for number in range(USERS):
        world.link(str(number), f"p{number}", groups=["Director"])
    let_sweeps_take(world)
    world.run(seconds=600)
    world.clock.advance(600)

    def away(*_: object) -> None:
        raise EndpointConnectionError(endpoint_url="https://dynamodb.test")

    world.dynamodb.before = away
    began = world.clock.now()
    for number in range(USERS):
        world.site.groups(str(number), [])
    world.run(seconds=HOUR)
    world.clock.move_to(max(world.clock.now(), began + HOUR))
    world.dynamodb.before = None
    world.run(seconds=4 * HOUR)
    assert [world.roles(f"p{number}") for number in range(USERS)] == [set()] * USERS
    assert list(world.dead_letters()) == []
