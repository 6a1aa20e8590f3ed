"""Who goes first where many want the same: taking access never waits for giving it, nor for others."""

from local.simulated import World
from tests.members.support import Meter, crowd

ADDITIONS = 30  # three times as many as Discord lets be patched in ten seconds


def test_a_removal_does_not_wait_for_the_additions_of_others(world: World) -> None:
    for name in ("Member", "Blue", "Red"):
        world.guild.create_role(name)
    world.link("101", "kira", groups=["Member"])
    others = crowd(world, ADDITIONS, roles=["Member"], groups=["Member"])
    world.run()
    for user_id in others:
        world.site.groups(user_id, ["Member", "Blue", "Red"])
    meter = Meter(world)
    world.run(seconds=5)
    assert 0 < meter.routes.count("PATCH member") < ADDITIONS, "many wait for their turn"
    world.site.groups("101", [])
    world.run(seconds=10)
    assert world.roles("kira") == set()
    assert meter.routes.count("PATCH member") < ADDITIONS, "it went before those who waited already"
    world.run()
    given = [member.roles for member in world.guild.state().members if f"u-{member.username}" in others]
    assert [set(roles) for roles in given] == [{"Member", "Blue", "Red"}] * ADDITIONS
