"""Fixtures: a local Discord whose clock stands still, its `Admin`, and a bot that calls the API."""

from typing import TYPE_CHECKING

import pytest

from local.discord.core import Discord
from tests.local.discord.support import Bot, Clock

if TYPE_CHECKING:  # it imports simcord, whose import warns; `Discord` does that quietly
    from local.discord.admin import Admin


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def discord(clock: Clock) -> Discord:
    return Discord(clock=clock)


@pytest.fixture
def admin(discord: Discord) -> "Admin":
    return discord.admin


@pytest.fixture
def bot(discord: Discord) -> Bot:
    return Bot(discord)
