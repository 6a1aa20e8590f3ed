"""Addresses for a running stack: each opens what it says, for the user it names."""

import argparse

import pytest

from local import link_url
from local.simulated import World
from tests.linking.doors import Browser, Doors


def options(*typed: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    link_url.add_options(parser)
    return parser.parse_args(typed)


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        (("101", "--page", "me"), "@kira"),
        (("101", "--page", "admin"), "You are here as 101."),
        (("101", "--page", "admin", "--nickname", "Vera"), "You are here as Vera."),
    ],
)
def test_an_address_of_a_page_opens_it(world: World, typed: tuple[str, ...], shown: str) -> None:
    world.link("101", "kira", groups=["Member"])
    browser = Browser(Doors(world))
    found = link_url.address(world.site, "https://api.test", options(*typed))
    assert browser.follow(found).status == 302
    assert shown in browser.get(f"/discord/{typed[2]}").body


def test_without_a_page_it_leads_to_discord_with_the_users_groups(world: World) -> None:
    found = link_url.address(world.site, "https://api.test", options("anna", "Member"))
    started = Browser(Doors(world)).follow(found)
    assert started.status == 302
    assert "/oauth2/authorize" in started.location
