"""Without the member list, the removal limit holds over all sweeps until a person answers; it never starts anew."""

from chalicelib.store import users
from local.discord.config import Config
from local.simulated import World
from tests.members.support import crowd, let_sweeps_take

LINKED = 60
LIMIT = 26  # members; more than 25 and 20 percent of the linked
HOUR = 3600.0


def test_hourly_sweeps_together_take_no_more_than_the_limit() -> None:
    world = World(discord=Config(member_intent=False))
    world.guild.create_role("Director")
    ids = crowd(world, LINKED, roles=["Director"], groups=["Director"])
    let_sweeps_take(world)
    for user_id in ids:
        users.record_groups(user_id, (), 2, now=world.clock.now())
    for _ in range(4):
        began = world.clock.now()
        world.sweep()
        world.run(seconds=HOUR - 100)
        world.clock.move_to(max(world.clock.now(), began + HOUR))
    left = sum("Director" in member.roles for member in world.guild.state().members)
    assert left >= LINKED - LIMIT
