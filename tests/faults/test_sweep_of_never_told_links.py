"""A sweep over imported links whose groups were never stated finds nothing to take: that is no agreement."""

from chalicelib.store import users
from local.simulated import World
from tests.members.support import crowd

DAY = 86_400.0


def test_the_first_sweep_that_compares_anything_takes_nothing() -> None:
    world = World()
    world.guild.create_role("Director")
    ids = crowd(world, 25, roles=["Director"])
    world.sweep()
    world.run(seconds=3600)
    for user_id in ids:
        users.record_groups(user_id, (), world.site.stamp(), now=world.clock.now())
    world.clock.advance(3600)
    world.sweep()
    world.run(seconds=DAY)
    assert sum("Director" in member.roles for member in world.guild.state().members) == len(ids)
