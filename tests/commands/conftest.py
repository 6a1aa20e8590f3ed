"""A world in which Kira is linked, and whose commands are registered."""

import pytest

from local.simulated import World
from tests.commands.support import Guild


@pytest.fixture
def guild(world: World) -> Guild:
    world.link("101", "kira", groups=["Member", "Logistics"])
    world.run()
    world.site.notices()
    return Guild(world)
