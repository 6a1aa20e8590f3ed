"""The repair: who goes first, how many requests each member costs, what wins over what was found."""

from local.simulated import World
from tests.members.support import (
    Meter,
    crowd,
    let_sweeps_take,
    swept,
)
from tests.sweeps.support import losers, names, roles_of_all


def test_who_loses_goes_before_who_gains(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.create_role("Old")
    crowd(world, 15, groups=["Member"], prefix="gainer")
    crowd(world, 15, roles=["Member", "Old"], groups=["Member"], prefix="loser")
    let_sweeps_take(world)
    world.sweep()
    world.run(until=lambda: frozenset({"Member", "Old"}) not in roles_of_all(world, "loser"))
    assert frozenset() in roles_of_all(world, "gainer"), "nobody gains before everybody has lost"
    world.run()
    assert roles_of_all(world, "gainer") == roles_of_all(world, "loser") == {frozenset({"Member"})}


def test_one_role_is_one_request_without_another_look(world: World) -> None:
    losers(world, 5, of=10)
    let_sweeps_take(world)
    meter = Meter(world)
    swept(world)
    assert sorted(set(meter.routes)) == ["DELETE member role", "GET guild", "GET member", "GET members"]
    assert meter.routes.count("DELETE member role") == 5
    assert meter.routes.count("GET member") == 1


def test_what_the_auth_site_said_meanwhile_wins_over_what_the_sweep_found(world: World) -> None:
    losers(world, 3, of=10)
    let_sweeps_take(world)
    user_id = next(f"u-{name}" for name in names(world, "loser"))
    world.sweep()
    world.run(seconds=0.3)
    world.site.groups(user_id, ["Member", "Old"])
    world.run()
    assert world.roles(user_id.removeprefix("u-")) == {"Member", "Old"}


def test_a_member_who_differs_in_several_ways_is_two_requests(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.create_role("Old")
    crowd(world, 1, roles=["Old"], groups=["Member"])
    let_sweeps_take(world)
    meter = Meter(world)
    swept(world)
    assert meter.writes == ["PATCH member"]
    assert meter.routes.count("GET member") == 2, "the bot's own and the member's"
