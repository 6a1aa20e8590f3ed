"""Rolecall as it is played: it answers as the real one, and takes note of what is wrong."""

import json
from typing import Any

import pytest
import requests

from chalicelib.linking.account import LinkedAccount
from local.auth_site import AuthSite
from local.conformance.rolecall import MAX_TOKEN, FakeRolecall, account, serving
from local.memory.clock import VirtualClock

SECRET = "a secret of these tests, 32 bytes or more"


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def rolecall(clock: VirtualClock) -> FakeRolecall:
    return FakeRolecall(secret=SECRET, now=clock.now)


@pytest.fixture
def site(clock: VirtualClock) -> AuthSite:
    return AuthSite(None, secret=SECRET, jobs_queue_url="", notices_queue_url="", now=clock.now)


def read(rolecall: FakeRolecall, token: str, *, user_id: str = "101", query: str = "") -> tuple[int, Any]:
    answer = rolecall.handle("GET", f"/api/discord/users/{user_id}{query}", {"authorization": f"Bearer {token}"})
    return answer.status, answer.body


def test_an_account_has_every_field_of_the_contract(rolecall: FakeRolecall) -> None:
    assert set(LinkedAccount.__struct_fields__) < set(account("101", rolecall.link("101", "@kira")))


def test_a_user_without_a_link_is_answered_as_the_real_one_does(rolecall: FakeRolecall, site: AuthSite) -> None:
    assert read(rolecall, site.token("101", "read")) == (404, {"error": "not_linked"})
    assert rolecall.faults == []


def test_an_account_is_read_with_a_token_of_its_user(rolecall: FakeRolecall, site: AuthSite) -> None:
    link = rolecall.link("101", "@kira")
    status, body = read(rolecall, site.token("101", "read"))
    assert (status, body["discord_id"], body["username"]) == (200, link.discord_id, "@kira")
    assert rolecall.reads == 1


@pytest.mark.parametrize(
    ("claims", "fault"),
    [
        ({"sub": "102"}, "another user's token"),
        ({"exp": 9999999999}, "it lives longer than"),
        ({"padding": "x" * MAX_TOKEN}, f"more than {MAX_TOKEN}"),
    ],
)
def test_a_token_that_is_wrong_is_noted(
    rolecall: FakeRolecall, site: AuthSite, claims: dict[str, Any], fault: str
) -> None:
    read(rolecall, site.token("101", "read", **claims))
    (noted,) = rolecall.faults
    assert fault in noted


def test_a_token_for_another_purpose_is_noted(rolecall: FakeRolecall, site: AuthSite) -> None:
    assert read(rolecall, site.token("101", "unlink"))[0] == 401
    assert "another purpose" in rolecall.faults[0]


def test_a_token_that_is_used_twice_is_noted(rolecall: FakeRolecall, site: AuthSite) -> None:
    token = site.token("101", "read")
    read(rolecall, token)
    read(rolecall, token)
    assert rolecall.faults == ["two tokens have the same jti (the second was for read)"]


def test_a_read_without_a_token_or_with_a_query_is_noted(rolecall: FakeRolecall, site: AuthSite) -> None:
    assert rolecall.handle("GET", "/api/discord/users/101", {}).status == 401
    read(rolecall, site.token("101", "read"), query="?token=x")
    assert ["no token" in fault or "query" in fault for fault in rolecall.faults] == [True, True]


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_a_link_is_ended_by_a_post_of_json_or_of_a_form(rolecall: FakeRolecall, site: AuthSite, kind: str) -> None:
    rolecall.link("101", "@kira")
    token = site.token("101", "unlink")
    body = json.dumps({"token": token}) if "json" in kind else f"token={token}"
    assert rolecall.handle("POST", "/api/discord/unlink", {"content-type": kind}, body.encode()).status == 200
    assert rolecall.links == {}


def test_a_page_of_rolecalls_uses_no_token_up(rolecall: FakeRolecall, site: AuthSite) -> None:
    token = site.token("101", "unlink")
    for _ in range(2):
        assert rolecall.handle("GET", f"/api/discord/unlink?token={token}", {}).status == 200
    assert rolecall.faults == []


def test_a_route_that_rolecall_has_not_is_noted(rolecall: FakeRolecall) -> None:
    assert rolecall.handle("GET", "/api/users/101", {}).status == 404
    assert rolecall.faults == ["Rolecall has no route GET /users/101"]


def test_it_is_served_on_a_port_of_loopback(rolecall: FakeRolecall, site: AuthSite) -> None:
    rolecall.link("101", "@kira")
    with serving(rolecall, 0) as url:
        assert requests.get(f"{url}/health", timeout=5).json() == {"status": "ok"}
        headers = {"Authorization": f"Bearer {site.token('101', 'read')}"}
        assert requests.get(f"{url}/discord/users/101", headers=headers, timeout=5).json()["username"] == "@kira"
