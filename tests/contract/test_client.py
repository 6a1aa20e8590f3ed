"""Everything that the client asks of Discord, and every answer that it is tried with, as Discord describes them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
import requests
from jsonschema import ValidationError
from requests.adapters import BaseAdapter

from chalicelib.discord import payloads
from local.discord.faults import Fault
from local.simulated import AT, World
from tests.contract.openapi import Description
from tests.linking.doors import Browser, Doors

API = "/api/v10"
FORM_ROUTES = {"/api/oauth2/token", "/api/oauth2/token/revoke"}  # RFC 6749 and 7009; not in the description


@dataclass
class Recorder(BaseAdapter):
    """Lets requests through, and checks them and their answers on the way."""

    real: Any
    description: Description
    seen: list[tuple[str, str, int]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        answer: requests.Response = self.real.send(request, *arguments, **options)
        try:
            self._check(request, answer)
        except (AssertionError, LookupError, ValidationError) as fault:
            self.faults.append(f"{request.method} {request.url}: {fault}")
        return answer

    def _check(self, request: requests.PreparedRequest, answer: requests.Response) -> None:
        parts = urlsplit(request.url or "")
        method, path = request.method or "", str(parts.path).removeprefix(API)
        if parts.path in FORM_ROUTES:
            self._check_form(request)
        if not parts.path.startswith(API):
            return
        self.seen.append((method, path, answer.status_code))
        full = f"{path}?{parts.query}" if parts.query else path
        self.description.check_request(method, full, json.loads(request.body) if request.body else None)
        self._check_headers(request)
        self.description.check_answer(method, full, answer.status_code, answer.content)

    def _check_headers(self, request: requests.PreparedRequest) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        assert str(headers["user-agent"]).startswith("DiscordBot (")
        assert str(headers["authorization"]).split()[0] in ("Bot", "Bearer")
        reason = headers.get("x-audit-log-reason")
        assert reason is None or (1 <= len(reason) <= 512 and str(reason).isascii())
        assert request.body is None or headers["content-type"] == "application/json"

    def _check_form(self, request: requests.PreparedRequest) -> None:
        form = dict(parse_qsl(str(request.body)))
        assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
        assert str(request.headers["Authorization"]).startswith("Basic ")
        assert "client_secret" not in form
        if str(request.url).endswith("/revoke"):
            assert form["token_type_hint"] == "access_token"
        else:
            assert form["grant_type"] == "authorization_code"
            assert len(form["code_verifier"]) >= 43

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture(scope="module")
def description() -> Description:
    return Description()


@pytest.fixture
def recorder(world: World, description: Description) -> Iterator[Recorder]:
    made = Recorder(world.session.get_adapter(AT), description)
    world.session.mount(AT, made)
    yield made
    assert made.faults == []


def test_all_that_rolecall_asks_in_its_life_is_as_discord_describes_it(world: World, recorder: Recorder) -> None:
    browser = Browser(Doors(world))
    browser.link_as(world.site.token("101", "link", groups=["Member", "Blue"], nickname="Kira"), "kira")
    world.guild.add_member("dov", nick="Before")
    browser.link_as(world.site.token("102", "link", groups=["Member"], nickname="Dov"), "dov")
    world.site.groups("101", ["Member"])
    world.run()
    world.site.groups("101", ["Member", "Blue"])
    world.run()
    world.site.nickname("102", "Dov Ashurak")
    world.site.groups("102", ["Blue", "Logistics"])
    world.run()
    world.guild.change_member("kira", take=["Blue"], nick="xX")
    world.sweep(force=True)
    world.run()
    world.guild.leave("dov")
    world.site.groups("102", ["Member"])
    world.run()
    world.site.delete("101")
    world.run()
    routes = {(method, path.replace(str(world.settings.guild_id), "G")[:16]) for method, path, _ in recorder.seen}
    assert {method for method, _ in routes} == {"GET", "PUT", "PATCH", "POST", "DELETE"}
    assert {status for _, _, status in recorder.seen} >= {200, 201, 204, 404}


def test_refusals_are_read_as_discord_describes_them(world: World, recorder: Recorder) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.turn(bot_permissions=0)
    world.site.groups("101", [])
    world.run()
    world.guild.turn(bot_in_guild=False)
    world.site.groups("101", ["Blue"])
    world.run()
    world.guild.inject(Fault(kind="rate_limit", retry_after=3.0))
    world.site.groups("101", ["Member"])
    world.run()
    assert {status for _, _, status in recorder.seen} >= {403, 429}


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        (payloads.GuildPayload, "GuildWithCountsResponse"),
        (payloads.RolePayload, "GuildRoleResponse"),
        (payloads.MemberPayload, "GuildMemberResponse"),
        (payloads.UserPayload, "UserResponse"),
    ],
)
def test_the_client_needs_only_fields_that_discord_promises(
    description: Description, kind: type[Any], schema: str
) -> None:
    described = description._described["components"]["schemas"][schema]
    promised = set(described.get("required", []))
    fields = msgspec.structs.fields(kind)
    assert {one.name for one in fields if one.required} <= promised
    assert {one.name for one in fields} <= set(described["properties"])


def test_a_request_that_discord_does_not_know_is_found_out(description: Description) -> None:
    """Else the tests above would prove nothing."""
    with pytest.raises(KeyError):
        description.check_request("GET", "/guilds/1/membres/2")
    with pytest.raises(KeyError):
        description.check_request("GET", "/guilds/1/members?first=1")
    with pytest.raises(ValidationError):
        description.check_request("PATCH", "/guilds/1/members/2", {"roles": "Member"})
    with pytest.raises(ValidationError):
        description.check_answer("GET", "/guilds/1/members/2", 200, b'{"roles": []}')
