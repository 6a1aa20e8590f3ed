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


def test_a_change_in_the_second_half_of_a_window_that_has_room_is_made_at_once() -> None:
    world = World(latency=0.05)
    for role in ("Extra", "Other"):
        world.guild.create_role(role)
    for user in ("1", "2", "3"):
        world.link(user, f"pilot-{user}", groups=["Member"])
    world.run(seconds=60)
    waits, wanted = [], {"Member", "Extra", "Other"}
    for user in ("1", "2", "3"):
        asked = world.clock.now()
        world.site.groups(user, sorted(wanted))
        world.run(seconds=30, until=lambda user=user: world.roles(f"pilot-{user}") == wanted)  # type: ignore[misc]
        waits.append(world.clock.now() - asked)
        world.clock.move_to(asked + 6)
    assert max(waits) < 1
