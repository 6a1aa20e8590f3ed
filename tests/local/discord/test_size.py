"""A guild of 100,000: quick enough that a sweep over it measures the sweep."""

import subprocess
import sys
import time

from local.discord.config import Config
from local.discord.core import Discord
from tests.local.discord.support import GUILD, Bot


def test_a_hundred_thousand_members_come_in_seconds_and_are_read_in_milliseconds() -> None:
    discord = Discord(Config(rate_limits=False))
    admin, bot = discord.admin, Bot(discord)
    role = admin.create_role("Member")
    began = time.perf_counter()
    ids = admin.add_members(100_000, roles=["Member"])
    assert time.perf_counter() - began < 20  # about one second on the machine it was written on
    member = f"{GUILD}/members/{ids[50_000]}"
    calls = {
        "page": ("GET", f"{GUILD}/members?limit=1000&after={ids[50_000]}", None),
        "get": ("GET", member, None),
        "patch": ("PATCH", member, {"roles": [role.id], "nick": "Al"}),
        "take": ("DELETE", f"{member}/roles/{role.id}", None),
        "give": ("PUT", f"{member}/roles/{role.id}", None),
    }
    took = {}
    for name, (method, path, body) in calls.items():
        began = time.perf_counter()
        for _ in range(10):
            assert bot.call(method, path, body).status in (200, 204)
        took[name] = (time.perf_counter() - began) / 10
    assert took.pop("page") < 0.3  # ten times what it takes, for a busy machine
    assert max(took.values()) < 0.01


def test_importing_the_clients_does_not_import_simcord() -> None:
    program = (
        "import sys, local.discord.control, local.discord.adapter, local.discord.server, local.discord.core;"
        "print('simcord' in sys.modules or 'discord' in sys.modules)"
    )
    command = [sys.executable, "-c", program]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert ran.stdout.strip() == "False"
