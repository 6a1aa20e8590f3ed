"""What Discord answers during a callback, field by field: missing, null, of another type, huge.

Whatever it says, a person reads one of the closed list of reasons or is linked, to the account that they agreed with;
nobody sees an error of ours, and a token that was read is given back.
"""

import json
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter

from chalicelib.errors import Reason
from local.discord.faults import Fault
from local.simulated import AT, GUILD, World
from tests.linking.doors import Browser, callback, logged
from tests.linking.state import id_of, linked_id, tokens_alive

HUGE = "x" * 1_000_000
MISSING = object()
ODD: dict[str, object] = {
    "missing": MISSING,
    "null": None,
    "empty": "",
    "a number": 7,
    "a huge number": 10**400,
    "a fraction": 0.5,
    "true": True,
    "a list": ["a"],
    "an object": {"a": "b"},
    "huge": HUGE,
    "two lines": "a\r\nSet-Cookie: b",
    "half a character": "\ud800",
    "not ASCII": "１２３",
    "negative": "-1",
}


@dataclass
class Rewriting(BaseAdapter):
    """Lets requests through; in answers to `method` and addresses that end so, one field says something else."""

    real: Any
    method: str
    ending: str
    name: str
    value: object
    body: bytes | None = None  # say this instead
    told: int = 0

    def send(self, request: requests.PreparedRequest, *arguments: Any, **options: Any) -> requests.Response:
        answer: requests.Response = self.real.send(request, *arguments, **options)
        if request.method == self.method and str(request.url).endswith(self.ending):
            said = answer.json() | {self.name: self.value}
            fields = {name: one for name, one in said.items() if one is not MISSING}
            answer._content = json.dumps(fields).encode() if self.body is None else self.body
            self.told += 1
        return answer

    def close(self) -> None:
        """Nothing is open."""


def rewriting(world: World, method: str, ending: str, name: str, odd: str) -> Rewriting:
    adapter = Rewriting(world.session.get_adapter(AT), method, ending, name, ODD[odd])
    world.session.mount(AT, adapter)
    return adapter


@pytest.fixture
def back(world: World, browser: Browser) -> str:
    """The address of a callback that would work."""
    world.guild.create_role("Member")
    return callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")


def is_answered(world: World, browser: Browser, back: str, *, never_read: bool = False) -> str:
    """Follow it; return the reason, empty where the person is linked. Nothing of ours is shown, or broken.

    `never_read`: the token could not be read, so it cannot be given back.
    """
    with logged() as output:
        answer = browser.follow(back)
    assert '"broken"' not in output.getvalue(), output.getvalue()[-2000:]
    assert answer.status == (400 if answer.reason else 200)
    assert answer.reason == "" or answer.reason in set(Reason)
    assert "set-cookie" not in answer.headers
    assert linked_id(world) == (None if answer.reason else id_of(world, "kira"))
    assert tokens_alive(world) == (1 if never_read else 0)
    return answer.reason


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["access_token", "token_type", "expires_in", "refresh_token", "scope"])
def test_an_odd_field_of_the_token(world: World, browser: Browser, back: str, name: str, odd: str) -> None:
    adapter = rewriting(world, "POST", "/token", name, odd)
    reason = is_answered(world, browser, back, never_read=name == "access_token")
    assert adapter.told == 1
    assert reason in ("", Reason.DISCORD_UNAVAILABLE, Reason.EXPIRED, Reason.DENIED)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["id", "username", "discriminator", "global_name", "avatar"])
def test_an_odd_field_of_the_account(world: World, browser: Browser, back: str, name: str, odd: str) -> None:
    adapter = rewriting(world, "GET", "/users/@me", name, odd)
    reason = is_answered(world, browser, back)
    assert adapter.told >= 1
    assert reason in ("", Reason.DISCORD_UNAVAILABLE)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["id", "name", "owner_id", "roles"])
def test_an_odd_field_of_the_server(world: World, browser: Browser, back: str, name: str, odd: str) -> None:
    rewriting(world, "GET", f"/guilds/{GUILD}", name, odd)
    assert is_answered(world, browser, back) in ("", Reason.DISCORD_UNAVAILABLE)


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", ["user", "roles", "nick", "joined_at"])
def test_an_odd_field_of_the_newcomer(world: World, browser: Browser, back: str, name: str, odd: str) -> None:
    adapter = rewriting(world, "PUT", f"/members/{id_of(world, 'kira')}", name, odd)
    assert is_answered(world, browser, back) == ""  # they are in, whatever else it says
    assert adapter.told == 1
    assert world.roles("kira") == {"Member"}


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"7", b'"x"', b"{", b"{}", b"[" * 100_000, b"\xff\xfe", b"<html>"]
)
@pytest.mark.parametrize("path", ["/token", "/users/@me", f"/guilds/{GUILD}"])
def test_an_answer_that_is_no_object(world: World, browser: Browser, back: str, path: str, body: bytes) -> None:
    adapter = rewriting(world, "POST" if path == "/token" else "GET", path, "", "null")
    adapter.body = body
    assert is_answered(world, browser, back, never_read=path == "/token") == Reason.DISCORD_UNAVAILABLE


@pytest.mark.parametrize("status", [200, 202, 206, 299])
def test_a_success_that_is_not_discords_leaves_nobody_linked_who_is_not_in(
    world: World, browser: Browser, back: str, status: int
) -> None:
    world.guild.inject(Fault(kind="answer", method="PUT", path="/members/", status=status, body="<html>"))
    browser.follow(back)
    world.run()
    assert (linked_id(world), world.roles("kira"), tokens_alive(world)) == (None, None, 0)
    assert [(one["kind"], one["reason"]) for one in world.site.notices()] == [
        ("linked", None),
        ("unlinked", "left_server"),
    ]
