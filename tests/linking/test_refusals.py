"""Every refusal of the closed list: its reason, what is left behind, and the way back to the auth site."""

from collections.abc import Callable

import pytest

from chalicelib.errors import Reason
from local.simulated import World
from tests.linking.doors import Browser, Doors
from tests.linking.refusals import REFUSALS
from tests.linking.state import linked_id, tokens_alive


@pytest.mark.parametrize(
    ("play", "reason"), [pytest.param(play, reason, id=f"{name}-{reason}") for name, play, reason in REFUSALS]
)
def test_each_refusal_says_why_links_nobody_and_gives_the_token_back(
    world: World, browser: Browser, play: Callable[[World, Browser], str], reason: str
) -> None:
    assert play(world, browser) == reason
    world.guild.clear_faults()
    world.guild.turn(app_secret=world.settings.app_secret)
    world.run()
    assert linked_id(world) is None
    assert world.roles("kira") in (None, {"Member"})
    assert tokens_alive(world) == 0


def test_every_reason_of_the_closed_list_can_be_met() -> None:
    assert {reason for _, _, reason in REFUSALS} == {str(reason) for reason in Reason}


def test_a_refused_attempt_can_be_followed_by_one_that_works(world: World, browser: Browser) -> None:
    for _, play, _ in REFUSALS[-1:]:
        play(world, browser)
    assert "You are linked" in browser.link_as(world.site.token("101", "link"), "kira").body


# --- back to the auth site -----------------------------------------------------------------------------------------

AUTH_SITE = "https://auth.test/services/?tab=discord&empty="


@pytest.fixture
def homeward() -> Browser:
    """The browser of a world whose auth site takes people back."""
    return Browser(Doors(World({"AUTH_SITE_URL": AUTH_SITE})))


def test_people_go_back_to_the_auth_site_with_what_happened(homeward: Browser) -> None:
    world = homeward.doors.world
    answer = homeward.link_as(world.site.token("101", "link"), "kira")
    assert (answer.status, answer.location) == (302, f"{AUTH_SITE}&discord=linked")
    answer = homeward.post("/discord/unlink", token=world.site.token("101", "unlink"))
    assert (answer.status, answer.location) == (302, f"{AUTH_SITE}&discord=unlinked")
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("play", "reason"), [pytest.param(play, reason, id=f"{name}-{reason}") for name, play, reason in REFUSALS]
)
def test_each_refusal_goes_back_to_the_auth_site_with_its_reason(
    homeward: Browser, play: Callable[[World, Browser], str], reason: str
) -> None:
    assert play(homeward.doors.world, homeward) == reason
    answer = homeward.doors.answers[-1]
    outcome = "denied" if reason == "denied" else "failed"
    assert (answer.status, answer.location) == (302, f"{AUTH_SITE}&discord={outcome}&reason={reason}")
