"""A role that Discord does not let us create is a problem of its members, and no difference of each sweep."""

import pytest

from chalicelib.discord.models import MANAGE_ROLES
from local.discord.config import LEAST_PERMISSIONS
from local.simulated import World
from tests.members.support import Meter, crowd, fault, last_error, swept

PILOTS = 5
REFUSALS = {
    "the name": {"status": 400, "code": 50035},
    "the number of roles": {"status": 400, "code": 30005},
    "the bot's permission": {"status": 403, "code": 50013},
}


@pytest.fixture(params=REFUSALS)
def refused(request: pytest.FixtureRequest, world: World) -> World:
    """Everybody lacks a role that Discord has just refused to create."""
    world.guild.create_role("Member")
    crowd(world, PILOTS, roles=["Member"], groups=["Member", "Fresh"])
    world.guild.inject(fault(method="POST", path="/roles$", times=None, **REFUSALS[request.param]))
    swept(world)
    return world


def test_sweeps_try_it_once_for_all_and_find_nobody_different(refused: World) -> None:
    for _ in range(3):
        refused.clock.advance(3600)
        meter = Meter(refused)
        swept(refused)
        assert len(meter.statuses("POST role")) == 1
        assert len(meter.statuses("GET member")) <= 1  # the bot itself; no member is read
    assert refused.sweep(dry_run=True)["differing"] == 0


def test_a_dry_run_creates_nothing_and_shows_it_once_it_would_be_tried(refused: World) -> None:
    refused.clock.advance(3601)
    meter = Meter(refused)
    assert refused.sweep(dry_run=True)["differing"] == PILOTS
    assert meter.statuses("POST role") == []


def test_everybody_has_it_after_the_first_sweep_in_which_discord_allows_it(refused: World) -> None:
    refused.guild.clear_faults()
    refused.clock.advance(3601)
    swept(refused)
    pilots = [one for one in refused.guild.state().members if one.username.startswith("pilot")]
    assert all("Fresh" in pilot.roles for pilot in pilots)
    assert len(pilots) == PILOTS
    creation = refused.http.services.memory.role_creation
    assert (creation.refused(), creation.limit_until()) == ({}, 0.0)
    assert refused.sweep(dry_run=True)["differing"] == 0


# --- the bot may not create any role: https://discord.com/developers/docs/resources/guild#create-guild-role
# is admitted 250 times in 48 hours, refused or not


@pytest.fixture
def pilots(world: World) -> list[str]:
    world.guild.create_role("Member")
    return crowd(world, PILOTS, roles=["Member"], groups=["Member"])


def give_each_a_squad(world: World, pilots: list[str]) -> None:
    """Every member is to have a role of their own, which the server lacks."""
    for number, pilot in enumerate(pilots):
        world.site.groups(pilot, ["Member", f"Squad {number}"])
    world.run(seconds=600)


def test_without_the_permission_discord_is_asked_for_no_role_until_the_bot_has_it(
    world: World, pilots: list[str]
) -> None:
    world.guild.turn(bot_permissions=LEAST_PERMISSIONS & ~MANAGE_ROLES)
    meter = Meter(world)
    give_each_a_squad(world, pilots)
    assert meter.statuses("POST role") == []
    assert "Missing Permissions" in (last_error(world, pilots[0]) or "")
    world.guild.turn(bot_permissions=LEAST_PERMISSIONS)
    world.clock.advance(60)
    give_each_a_squad(world, pilots)
    assert meter.statuses("POST role") == [200] * PILOTS
    assert [last_error(world, pilot) for pilot in pilots] == [None] * PILOTS


def test_a_bot_that_got_the_permission_by_another_role_creates_roles(world: World, pilots: list[str]) -> None:
    world.guild.turn(bot_permissions=LEAST_PERMISSIONS & ~MANAGE_ROLES)
    give_each_a_squad(world, pilots)
    world.guild.create_role("Staff", permissions=MANAGE_ROLES)
    (bot,) = [member for member in world.guild.state().members if member.bot]
    world.guild.change_member(bot.id, give=["Staff"])
    world.clock.advance(60)
    give_each_a_squad(world, pilots)
    assert [last_error(world, pilot) for pilot in pilots] == [None] * PILOTS


def test_a_bot_that_is_refused_for_itself_asks_for_no_role_at_all_for_a_quarter_of_an_hour(
    world: World, pilots: list[str]
) -> None:
    world.guild.inject(fault(method="POST", path="/roles$", status=403, code=60003, message="2FA", times=None))
    meter = Meter(world)
    give_each_a_squad(world, pilots)
    assert meter.statuses("POST role") == [403]
    refusal = "the role 'Squad {}' cannot be created: Discord refused: 403/60003 2FA"
    assert [last_error(world, pilot) for pilot in pilots] == [refusal.format(number) for number in range(PILOTS)]
    world.guild.clear_faults()
    world.clock.advance(900)
    give_each_a_squad(world, pilots)
    assert meter.statuses("POST role") == [403] + [200] * PILOTS
    assert [last_error(world, pilot) for pilot in pilots] == [None] * PILOTS
