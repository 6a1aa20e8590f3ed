"""A local Discord whose clock stands still, its backstage, and a bot that calls it."""

from typing import TYPE_CHECKING

import pytest

from local.discord.core import Discord
from tests.local.discord.support import Bot, Clock

if TYPE_CHECKING:  # it imports simcord, whose import warns; `Discord` does that quietly
    from local.discord.backstage import Backstage


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def discord(clock: Clock) -> Discord:
    return Discord(clock=clock)


@pytest.fixture
def backstage(discord: Discord) -> "Backstage":
    return discord.backstage


@pytest.fixture
def bot(discord: Discord) -> Bot:
    return Bot(discord)
