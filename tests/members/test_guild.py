"""The guild as workers see it: how old the facts may be that a worker believes."""

from local.simulated import World
from tests.members.support import crowd, deliver


def test_who_repairs_sees_what_the_sweep_found_however_lately_they_looked_for_themselves() -> None:
    """Else they would find nothing to do for a role made just now, and say that the member is as they should be."""
    world = World({"DISCORD_DISABLE_ROLE_CREATION": "True"})
    (account,) = crowd(world, 1, groups=["Fresh"])
    surveyor, repairer = world.container(), world.container()
    world.site.post({"kind": "update_all", "user_id": account})
    deliver(world, repairer)  # from now on it believes for half a minute that there is no such role
    world.guild.create_role("Fresh")
    world.clock.advance(1)
    world.sweep()
    deliver(world, surveyor, "bulk")  # the survey, which reads the guild anew
    deliver(world, surveyor, "bulk")  # the repair, which sends the job
    deliver(world, repairer, "bulk")
    assert world.roles(account.removeprefix("u-")) == {"Fresh"}
