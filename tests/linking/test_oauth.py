"""Discord's OAuth2, where the bot's address or its token is in trouble: these calls stop and count like all others."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from chalicelib.discord.halts import BOT_PAUSE, MIN_ADDRESS_PAUSE
from chalicelib.errors import AddressBlocked, CallsHalted
from chalicelib.linking.oauth import OAuth
from chalicelib.store.halts import DynamoHaltStore
from local.discord.faults import Fault
from local.simulated import AT, World
from tests.linking.doors import Browser, Doors, callback
from tests.linking.state import REVOKE, TOKEN, linked_id, tokens_alive

ME = "GET /users/@me"
JOIN = "PUT /guilds/{guild_id}/members/{user_id}"


@pytest.fixture
def back(world: World, browser: Browser) -> str:
    """The address of a callback that would work."""
    world.guild.create_role("Member")
    address = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.guild.clear_received()
    return address


def asked(world: World) -> list[str]:
    return [one.route for one in world.guild.received()]


def halt_store(world: World) -> DynamoHaltStore:
    return DynamoHaltStore(world.settings.app_id, world.settings.guild_id)


def stop(world: World) -> str:
    """For what reason a new process would find all calls stopped; empty where it would not."""
    try:
        world.container().services.discord.halts.check()
    except CallsHalted as halted:
        return halted.reason
    return ""


@pytest.mark.parametrize("why", ["address_banned", "too_many_invalid"])
def test_a_callback_asks_discord_nothing_while_the_address_is_blocked(
    world: World, browser: Browser, back: str, why: str
) -> None:
    halt_store(world).halt_until(world.clock.now() + BOT_PAUSE, why)
    assert browser.follow(back).reason == "discord_unavailable"
    assert asked(world) == []
    assert linked_id(world) is None


def test_a_callback_asks_discord_nothing_while_the_bots_token_is_refused(
    world: World, browser: Browser, back: str
) -> None:
    world.guild.inject(Fault(kind="answer", method="GET", path="/guilds/", status=401))
    assert browser.follow(back).reason == "misconfigured"
    assert stop(world) == "token_refused"
    assert (asked(world)[-1], tokens_alive(world)) == (REVOKE, 0)  # bought before; to give it back needs no bot
    world.guild.clear_received()
    assert browser.link_as(world.site.token("102", "link"), "liam").reason == "misconfigured"
    assert [route for route in asked(world) if "authorize" not in route] == []


def test_the_bots_global_limit_keeps_nobody_from_buying_the_token(world: World, browser: Browser, back: str) -> None:
    halt_store(world).halt_until(world.clock.now() + 0.1, "global_limit")
    assert "You are linked" in browser.follow(back).body
    assert set(asked(world)) >= {TOKEN, ME, JOIN, REVOKE}


@pytest.mark.parametrize(
    ("path", "expected", "is_linked"),
    [("token$", [TOKEN], False), ("/users/@me", [TOKEN, ME], False), ("revoke$", [REVOKE], True)],
)
@pytest.mark.parametrize(
    "block",
    [
        pytest.param({"kind": "cloudflare"}, id="Cloudflare's page"),
        pytest.param({"kind": "answer", "status": 403, "code": 40333}, id="code 40333"),
        pytest.param({"kind": "answer", "status": 429, "body": ""}, id="a 429 that says nothing"),
        pytest.param({"kind": "answer", "status": 403, "body": "<html>1020</html>"}, id="Cloudflare's page, as 403"),
        pytest.param(
            {"kind": "answer", "status": 403, "body": {"cloudflare_error": True, "error_code": 1020}}, id="JSON"
        ),
    ],
)
def test_cloudflares_block_met_on_the_way_stops_this_containers_calls_at_once(
    world: World,
    browser: Browser,
    back: str,
    path: str,
    expected: list[str],
    is_linked: bool,
    block: dict[str, object],
) -> None:
    world.guild.inject(Fault(**{"path": path} | block))  # type: ignore[arg-type]  # as each kind needs
    assert browser.follow(back).reason == ("" if is_linked else "discord_unavailable")
    assert (linked_id(world) is not None) is is_linked
    assert asked(world)[-len(expected) :] == expected
    assert is_linked or len(asked(world)) == len(expected)
    world.guild.clear_received()
    with pytest.raises(AddressBlocked, match="address_banned"):
        browser.doors.container.services.discord.halts.check()
    assert stop(world) == ""  # another container may get through
    world.clock.advance(MIN_ADDRESS_PAUSE)
    assert browser.link_as(world.site.token("102", "link"), "liam").reason == ""


@pytest.mark.parametrize("path", ["token$", "/users/@me", "revoke$"])
@pytest.mark.parametrize(
    ("answer", "counted"),
    [
        pytest.param({"kind": "answer", "status": 401}, 1, id="401"),
        pytest.param({"kind": "answer", "status": 403}, 1, id="403"),
        pytest.param({"kind": "rate_limit", "scope": "user"}, 1, id="429"),
        pytest.param({"kind": "rate_limit", "scope": "shared"}, 0, id="429, shared"),
        pytest.param({"kind": "answer", "status": 400}, 0, id="400"),
        pytest.param({"kind": "answer", "status": 503}, 0, id="503"),
    ],
)
def test_invalid_requests_are_counted_whatever_token_they_bear(
    world: World, browser: Browser, back: str, path: str, answer: dict[str, object], counted: int
) -> None:
    world.guild.inject(Fault(**{"path": path} | answer))  # type: ignore[arg-type]  # as each kind needs
    browser.follow(back)
    assert halt_store(world).invalid(world.clock.now()) == counted
    assert stop(world) == ""


# --- how long it waits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["token$", "/users/@me", "revoke$"])
@pytest.mark.parametrize(("told", "seconds"), [("2", 2.0), ("30", 8.0)])
def test_shorter_timeouts_of_the_settings_count_here_too(path: str, told: str, seconds: float) -> None:
    world = World({"DISCORD_API_TIMEOUT_READ": told, "DISCORD_API_TIMEOUT_CONNECT": "1"})
    browser = Browser(Doors(world))
    back = callback(world, browser.link(world.site.token("101", "link")), "kira")
    world.guild.inject(Fault(kind="hang", path=path))
    began = world.clock.now()
    browser.follow(back)
    assert world.clock.now() - began == pytest.approx(seconds, abs=1)


def test_a_token_is_not_given_back_where_no_time_is_left_for_it(world: World) -> None:
    services = world.http.services
    with services.discord.until(world.clock.now()):
        OAuth(services, world.session).revoke("a-token")
    assert asked(world) == []


# --- scopes ---------------------------------------------------------------------------------------------------------


@dataclass
class Saying(BaseAdapter):
    """Lets requests through; answers that bear a token say this of its scopes, and no more."""

    real: Any
    scopes: dict[str, object]
    said: list[dict[str, object]] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        answer: requests.Response = self.real.send(request, *arguments, **options)
        if str(request.url).endswith("/token"):
            told = {name: value for name, value in answer.json().items() if name != "scope"} | self.scopes
            self.said.append(told)
            answer._content = json.dumps(told).encode()
        return answer

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("scopes", "reason"),
    [
        pytest.param({}, "", id="not a word: as asked for"),
        pytest.param({"scope": "guilds.join identify"}, "", id="both, in another order"),
        pytest.param({"scope": "identify guilds.join email"}, "", id="more"),
        pytest.param({"scope": "identify"}, "denied", id="fewer"),
        pytest.param({"scope": ""}, "denied", id="none"),
    ],
)
def test_a_token_that_names_no_scopes_has_those_that_were_asked_for(
    world: World, browser: Browser, back: str, scopes: dict[str, object], reason: str
) -> None:
    saying = Saying(world.session.get_adapter(AT), scopes)
    world.session.mount(AT, saying)
    assert browser.follow(back).reason == reason
    assert (len(saying.said), linked_id(world) is None, tokens_alive(world)) == (1, bool(reason), 0)


# --- connections that are cut -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "times", "reason"), [("/users/@me", 1, ""), ("/users/@me", 2, "discord_unavailable")])
def test_whose_account_it_is_is_asked_once_more_where_the_connection_is_cut(
    world: World, browser: Browser, back: str, path: str, times: int, reason: str
) -> None:
    world.guild.inject(Fault(kind="cut", path=path, times=times))
    assert browser.follow(back).reason == reason
    assert asked(world).count(ME) == 2


@pytest.mark.parametrize("path", ["token$", "revoke$"])
def test_a_code_is_bought_and_a_token_given_back_only_once(
    world: World, browser: Browser, back: str, path: str
) -> None:
    world.guild.inject(Fault(kind="cut", path=path))
    browser.follow(back)
    assert [asked(world).count(route) for route in (TOKEN, REVOKE)] == [1, path == "revoke$"]
