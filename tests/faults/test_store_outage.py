"""DynamoDB is away for an hour: every change posted meanwhile is made once it is back, without a hand."""

from botocore.exceptions import EndpointConnectionError

from tests.members.support import settled_world

HOUR = 3600.0
USERS = 5


def test_changes_posted_during_an_outage_of_the_store_are_made_afterwards() -> None:
    world = settled_world(USERS)

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
