"""Many removals at once, each of which makes several requests: every one of them ends."""

import pytest

from local.simulated import World
from tests.members.support import crowd, fault, waiting

MEMBERS = 60
ENOUGH = 240.0  # seconds; Discord takes single roles from one member a second
NO_LIMIT = {"REMOVAL_LIMIT_PERCENT": "100"}


def after_deletions(settings: dict[str, str], *, may_kick: bool) -> World:
    """A world some time after the users of all members were deleted at once."""
    world = World(NO_LIMIT | settings)
    world.guild.create_role("Member")
    ids = crowd(world, MEMBERS, roles=["Member"], groups=["Member"], imported=False)
    if not may_kick:
        world.guild.inject(fault(method="DELETE", path=r"/members/\d+$", status=403, code=50013, times=None))
    for one in ids:
        world.site.delete(one)
    world.run(seconds=ENOUGH)
    return world


@pytest.mark.parametrize(
    ("settings", "may_kick"),
    [
        ({"DISCORD_EXPIRE_BEHAVIOR": "remove_roles"}, True),  # each has a second look, which reads the member twice
        ({"DISCORD_EXPIRE_GRACE_DAYS": "3"}, True),  # each reads the member and takes one role
        ({}, False),  # each reads the guild, the bot and the member once the kick is refused
    ],
    ids=["roles only", "grace days", "kicks refused"],
)
def test_every_removal_keeps_its_turn_for_each_of_its_requests(settings: dict[str, str], *, may_kick: bool) -> None:
    world = after_deletions(settings, may_kick=may_kick)
    assert waiting(world, "jobs") == []
    assert waiting(world, "bulk") == []
    assert not any(world.roles(person.username) for person in world.guild.people())
