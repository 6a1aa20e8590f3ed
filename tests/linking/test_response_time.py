"""How long a person waits: always less than API Gateway does, however slow Discord is."""

import pytest

from chalicelib.errors import Reason
from chalicelib.linking.context import MAX_RESPONSE_TIME
from local.discord.faults import Fault
from local.simulated import World
from tests.linking.doors import Browser, callback
from tests.linking.state import linked_id

API_GATEWAY = 29.0  # seconds after which it sends a person away with an error of its own


@pytest.mark.parametrize("path", ["token$", "/users/@me", "/guilds/[0-9]+$", "/members/", "/roles$", "revoke$", "."])
def test_a_person_gets_a_page_before_api_gateway_ends_the_request(world: World, browser: Browser, path: str) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.guild.inject(Fault(kind="hang", path=path, times=None))
    began = world.clock.now()
    linked = path in ("/roles$", "revoke$")  # these can follow later, or do without
    assert browser.follow(back).reason == ("" if linked else "discord_unavailable")
    assert 7 < world.clock.now() - began < API_GATEWAY


SLOW = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 7.9]  # seconds that each of Discord's answers takes


@pytest.mark.parametrize("was_in", [True, False], ids=["a member", "a newcomer"])
@pytest.mark.parametrize("known", [True, False], ids=["guild known", "guild not known"])
@pytest.mark.parametrize("seconds", SLOW)
def test_a_person_gets_a_true_answer_in_time_however_slow_discord_is(
    world: World, browser: Browser, seconds: float, *, known: bool, was_in: bool
) -> None:
    world.guild.create_role("Member")
    world.guild.add_person("kira")
    if was_in:
        world.guild.add_member("kira")
    if known:
        world.link("100", "first", groups=["Member"])
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.guild.inject(Fault(kind="delay", seconds=seconds, times=None))
    began = world.clock.now()
    answer = browser.follow(back)
    assert world.clock.now() - began < MAX_RESPONSE_TIME
    assert answer.reason in ("", "discord_unavailable")
    assert answer.reason == "" or seconds > (6 if known else 3)
    assert (linked_id(world) is not None) is (answer.reason == "")
    world.guild.clear_faults()
    world.run()
    assert world.roles("kira") == ({"Member"} if linked_id(world) else set() if was_in else None)


def test_roles_that_cannot_be_made_in_time_follow_later(world: World, browser: Browser) -> None:
    groups = [f"Group {number}" for number in range(12)]
    back = callback(world, browser.link(world.site.token("101", "link", groups=groups)), "kira")
    world.guild.inject(Fault(kind="delay", seconds=1.5, times=None))
    began = world.clock.now()
    assert "You are linked" in browser.follow(back).body
    assert world.clock.now() - began < MAX_RESPONSE_TIME
    world.guild.clear_faults()
    world.run()
    assert world.roles("kira") == set(groups)


@pytest.mark.parametrize("path", ["/guilds/[0-9]+$", "/members/", "/roles$", "."])
def test_limits_are_waited_out_only_as_long_as_the_person_can_be_answered(
    world: World, browser: Browser, path: str
) -> None:
    world.guild.create_role("Stale")
    world.guild.add_member("kira", roles=["Stale"])
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"], nickname="K")), "kira")
    world.guild.inject(Fault(kind="rate_limit", path=path, retry_after=3.5, times=None))
    world.guild.inject(Fault(kind="delay", seconds=4.0, times=None))
    began = world.clock.now()
    browser.follow(back)
    assert world.clock.now() - began < MAX_RESPONSE_TIME


@pytest.mark.parametrize("seconds", SLOW)
def test_who_unlinks_gets_an_answer_in_time_however_slow_discord_is(
    world: World, browser: Browser, seconds: float
) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.turn(owner="kira")  # so that roles are taken one after the other
    world.guild.inject(Fault(kind="delay", seconds=seconds, times=None))
    began = world.clock.now()
    assert "You are unlinked" in browser.post("/discord/unlink", token=world.site.token("101", "unlink")).body
    assert world.clock.now() - began < MAX_RESPONSE_TIME
    world.guild.clear_faults()
    world.run()
    assert (linked_id(world), world.roles("kira")) == (None, set())


def test_a_limit_that_lasts_for_ages_is_not_believed(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(Fault(kind="rate_limit", retry_after=1e12))
    world.site.groups("101", ["Member", "Blue"])
    world.run(seconds=3 * 86_400)
    assert world.roles("kira") == {"Member", "Blue"}


@pytest.mark.parametrize("status", [200, 400, 403, 404, 429, 502])
@pytest.mark.parametrize("path", ["token$", "/users/@me", "/guilds/[0-9]+$", "/members/"])
def test_an_answer_nested_without_end_is_no_answer(world: World, browser: Browser, path: str, status: int) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.guild.inject(Fault(kind="answer", path=path, status=status, body="[" * 100_000))
    answer = browser.follow(back)
    assert (answer.status, answer.reason in {str(reason) for reason in Reason}) == (400, True)
