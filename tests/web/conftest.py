"""A world with its doors open, and a browser before them."""

import pytest

from local.simulated import World
from tests.linking.doors import Browser, Doors


@pytest.fixture
def doors(world: World) -> Doors:
    return Doors(world)


@pytest.fixture
def browser(doors: Doors) -> Browser:
    return Browser(doors)
