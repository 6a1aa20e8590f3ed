"""Nobody gets in who should not: each attempt of the list is refused, and changes nothing."""

import pytest

from chalicelib.store import users
from local.simulated import World
from tests.linking.doors import Browser, Doors
from tests.security.attack import Attack
from tests.security.attacks import ATTACKS, MALLORY, VICTIM


@pytest.fixture
def attacked() -> World:
    """A world in which the victim is linked."""
    world = World()
    world.link(VICTIM, "kira", groups=["Member"])
    world.site.notices()
    return world


@pytest.mark.parametrize("attack", [pytest.param(one, id=f"{one.name}: {'/'.join(one.answers)}") for one in ATTACKS])
def test_an_attack_is_refused_and_changes_nothing(attacked: World, attack: Attack) -> None:
    guild, links = attacked.guild.state(), linked(attacked)
    assert attack.answer(attacked, Browser(Doors(attacked))) in attack.answers
    attacked.run()
    assert (attacked.guild.state(), linked(attacked)) == (guild, links)
    assert attacked.site.notices() == []


def linked(world: World) -> list[object]:
    """Who is linked to what."""
    found = [users.get(user_id, now=world.clock.now()) for user_id in (VICTIM, "102", MALLORY, "667")]
    return [user.link.account if user and user.link else None for user in found]


def test_the_same_doors_open_for_who_may_enter(attacked: World) -> None:
    """Else the tests above would prove nothing."""
    browser = Browser(Doors(attacked))
    assert "You are linked" in browser.link_as(attacked.site.token(MALLORY, "link", groups=["Blue"]), "mal").body
    assert attacked.roles("mal") == {"Blue"}
    assert "You are unlinked" in browser.post("/discord/unlink", token=attacked.site.token(MALLORY, "unlink")).body
