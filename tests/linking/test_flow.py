"""Linking as people live it: through the routes, to Discord and back, what the world looks like after."""

from urllib.parse import parse_qs, urlsplit

import pytest

from chalicelib.linking.cookie import LIFE
from chalicelib.linking.follow_ups import REMOVE_REPLACED_AFTER
from chalicelib.store import audit
from local.simulated import World
from tests.linking.doors import Browser, callback
from tests.linking.state import REVOKE, TOKEN, id_of, linked_id, tokens_alive


def test_a_new_member_joins_with_roles_and_nickname_in_one_request(world: World, browser: Browser) -> None:
    world.guild.create_role("Member")
    answer = browser.link_as(world.site.token("101", "link", groups=["Member"], nickname="Kira V"), "kira")
    assert (answer.status, answer.reason) == (200, "")
    assert "You are linked" in answer.body
    assert (world.roles("kira"), world.nick("kira")) == ({"Member"}, "Kira V")
    assert [(one.route, one.status) for one in world.asked() if one.route[0:3] != "GET"] == [("PUT member", 201)]
    notice = world.site.notices()
    assert [(one["kind"], one["user_id"], one["username"]) for one in notice] == [("linked", "101", "@kira")]
    (entry,) = audit.of_user("101", now=world.clock.now())
    told = (entry["what"], entry["given"], entry["nickname_to"], entry["cause"])
    assert told == ("joined", ["Member"], "Kira V", "link")


def test_the_happy_path_asks_discord_five_times_at_most(world: World, browser: Browser) -> None:
    world.guild.create_role("Member")
    browser.link_as(world.site.token("100", "link", groups=["Member"]), "first")
    world.guild.clear_received()
    browser.link_as(world.site.token("101", "link", groups=["Member"], nickname="Kira V"), "kira")
    ours = [one.route for one in world.guild.received() if "authorize" not in one.path]
    assert ours == [TOKEN, "GET /users/@me", "PUT /guilds/{guild_id}/members/{user_id}", REVOKE]


def test_a_person_who_is_a_member_already_is_made_right_without_leaving_first(world: World, browser: Browser) -> None:
    world.guild.create_role("Stale")
    world.guild.add_member("kira", roles=["Stale"], nick="Old Name")
    world.guild.create_role("Member")
    answer = browser.link_as(world.site.token("101", "link", groups=["Member"], nickname="Kira V"), "kira")
    assert "You are linked" in answer.body
    world.run(seconds=1)
    assert (world.roles("kira"), world.nick("kira")) == ({"Member"}, "Kira V")
    changes = [(one.route, one.status) for one in world.asked() if one.route[0:3] != "GET"]
    assert changes == [("PUT member", 204), ("PATCH member", 200)]


def test_roles_that_the_guild_lacks_are_made_before_the_person_joins(world: World, browser: Browser) -> None:
    browser.link_as(world.site.token("101", "link", groups=["Member", "Logistics"]), "kira")
    assert world.roles("kira") == {"Member", "Logistics"}
    changes = [one.route for one in world.asked() if one.route[0:3] != "GET"]
    assert changes == ["POST role", "POST role", "PUT member"]


@pytest.mark.parametrize("ahead", [-60, 0, 59])
def test_a_token_that_says_from_when_it_holds_is_taken_by_the_auth_sites_clock(
    world: World, browser: Browser, ahead: int
) -> None:
    token = world.site.token("101", "link", groups=["Member"], nbf=int(world.clock.now()) + ahead)
    assert "You are linked" in browser.link_as(token, "kira").body


def test_linking_the_same_account_again_changes_nothing(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    answer = browser.link_as(world.site.token("101", "link", groups=["Member"]), "kira")
    assert "You are linked" in answer.body
    assert world.roles("kira") == {"Member"}
    assert linked_id(world) == id_of(world, "kira")


def test_linking_another_account_parts_with_the_old_one(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    browser.link_as(world.site.token("101", "link", groups=["Member"]), "kira.second")
    world.run(seconds=REMOVE_REPLACED_AFTER + 60)
    assert (world.roles("kira"), world.roles("kira.second")) == (None, {"Member"})
    assert linked_id(world) == id_of(world, "kira.second")


def test_groups_that_the_auth_site_changed_meanwhile_win_over_the_tokens(world: World, browser: Browser) -> None:
    token = world.site.token("101", "link", groups=["Member", "Director"])
    started = browser.link(token)
    world.site.groups("101", ["Member"])
    world.run(seconds=5)
    browser.follow(callback(world, started, "kira"))
    world.run(seconds=200)
    assert world.roles("kira") == {"Member"}


def test_the_oauth_token_is_given_back_and_kept_nowhere(world: World, browser: Browser) -> None:
    browser.link_as(world.site.token("101", "link", groups=[]), "kira")
    assert tokens_alive(world) == 0
    assert [one.status for one in world.guild.received(route=REVOKE)] == [200]


def test_discord_is_asked_with_pkce_and_the_least_scopes(world: World, browser: Browser) -> None:
    started = browser.link(world.site.token("101", "link"))
    asked = {name: values[0] for name, values in parse_qs(urlsplit(started.location).query).items()}
    assert started.location.startswith(world.settings.oauth_base_url + "?")
    assert asked.pop("state")
    assert len(asked.pop("code_challenge")) == 43
    assert asked == {
        "response_type": "code",
        "client_id": str(world.settings.app_id),
        "scope": "identify guilds.join",
        "redirect_uri": world.settings.callback_url,
        "code_challenge_method": "S256",
        "prompt": "none",
    }


def test_the_cookie_is_for_the_callback_alone(browser: Browser) -> None:
    started = browser.link(browser.doors.world.site.token("101", "link"))
    _, *attributes = started.headers["set-cookie"].split("; ")
    assert attributes == [f"Max-Age={LIFE}", "Path=/discord/callback", "HttpOnly", "SameSite=Lax", "Secure"]


def test_two_tabs_do_not_spoil_each_others_attempts(world: World, browser: Browser) -> None:
    one = browser.link(world.site.token("101", "link", groups=["Member"]))
    browser.link(world.site.token("101", "link", groups=["Member"]))
    assert "You are linked" in browser.follow(callback(world, one, "kira")).body


def test_the_bot_is_added_with_the_least_permissions(world: World, browser: Browser) -> None:
    answer = browser.get("/discord/add_bot", token=world.site.token("1", "add_bot"))
    assert answer.location.startswith(world.settings.oauth_base_url)
    assert answer.said == {
        "client_id": str(world.settings.app_id),
        "scope": "bot",
        "permissions": str((1 << 28) + (1 << 27) + (1 << 1) + (1 << 0)),
        "guild_id": str(world.settings.guild_id),
        "disable_guild_select": "true",
    }
