"""What the demo says of each step."""

import pytest

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.rate_limit import Lane
from local.demo import Meter
from local.discord.control import Control
from local.simulated import AT, World


@pytest.mark.parametrize(("asked", "said"), [(0, "0 requests"), (1, "1 request"), (3, "3 requests")])
def test_a_step_says_what_the_bot_asked_since_the_one_before(world: World, asked: int, said: str) -> None:
    meter = Meter(Control(AT, world.session))
    world.link("101", "kira", groups=["Member"])
    meter.step()
    at_discord = world.http.linking.start(world.site.token("103", "link"))
    world.consent(at_discord.url, "kira")  # a browser's requests, which are not counted
    for _ in range(asked):
        world.http.services.discord.me(RequestOptions(Lane.NORMAL))
    assert meter.step().endswith(f"s, {said} to Discord")
