"""A role that Discord does not let us create is a problem of its members, and no difference of each sweep."""

import pytest

from local.simulated import World
from tests.members.support import Meter, crowd, fault, swept

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
