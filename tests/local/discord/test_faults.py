"""What goes wrong on demand, seen by a client without sockets: what happened, and what was told."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import requests

from local.discord.adapter import DiscordAdapter
from local.discord.core import Discord
from local.discord.faults import Fault, Kind
from tests.local.discord.support import GUILD, Bot, Clock, authorise_url

if TYPE_CHECKING:
    from local.discord.admin import Admin
    from local.discord.views import Member

BASE = "https://discord.com/api/v10"


@pytest.fixture
def session(discord: Discord, bot: Bot, clock: Clock) -> Iterator[requests.Session]:
    """A client whose waiting pushes the clock."""
    with requests.Session() as session:
        session.mount("https://discord.com", DiscordAdapter(discord, sleep=clock.push))
        session.headers.update(bot.headers)
        yield session


@pytest.fixture
def alice(admin: "Admin") -> "Member":
    return admin.add_member("alice", nick="before")


def rename(session: requests.Session, member: "Member") -> requests.Response:
    return session.patch(f"{BASE}{GUILD}/members/{member.id}", json={"nick": "after"}, timeout=(5, 30))


def nick(admin: "Admin") -> str | None:
    member = admin.member("alice")
    assert member is not None
    return member.nick


def test_an_answer_of_choice_comes_in_place_of_the_effect(
    admin: "Admin", session: requests.Session, alice: "Member"
) -> None:
    admin.inject(Fault(kind="answer", status=503, code=130000, message="API resource is overloaded"))
    said = rename(session, alice)
    assert (said.status_code, said.json()["code"]) == (503, 130000)
    assert nick(admin) == "before"
    assert rename(session, alice).status_code == 200


@pytest.mark.parametrize(("body", "content_type"), [("<h1>502</h1>", "text/html"), ({"a": 1}, "application/json")])
def test_the_body_may_be_anything(
    admin: "Admin", session: requests.Session, alice: "Member", body: Any, content_type: str
) -> None:
    admin.inject(Fault(kind="answer", status=502, body=body, headers={"X-Odd": "yes"}))
    said = rename(session, alice)
    assert said.headers["Content-Type"] == content_type
    assert said.headers["X-Odd"] == "yes"
    assert said.text in ("<h1>502</h1>", '{"a":1}')


@pytest.mark.parametrize(
    ("kind", "raised", "afterwards", "seconds"),
    [
        ("hang", requests.ReadTimeout, "before", 30),
        ("hang_after", requests.ReadTimeout, "after", 30),
        ("cut", requests.ConnectionError, "before", 0),
        ("cut_after", requests.ConnectionError, "after", 0),
        ("delay", requests.ReadTimeout, "after", 30),
    ],
)
def test_a_lost_answer_may_or_may_not_have_had_its_effect(
    admin: "Admin",
    session: requests.Session,
    clock: Clock,
    alice: "Member",
    kind: Kind,
    raised: type[Exception],
    afterwards: str,
    seconds: float,
) -> None:
    admin.inject(Fault(kind=kind, method="PATCH", path="/members/"))
    began = clock.now
    with pytest.raises(raised):
        rename(session, alice)
    assert nick(admin) == afterwards
    assert clock.now - began == seconds
    (entry,) = admin.received()
    assert (entry.fault, entry.answered) == (kind, kind == "delay")


def test_a_short_delay_is_waited_for(admin: "Admin", session: requests.Session, clock: Clock, alice: "Member") -> None:
    admin.turn(latency=0.5)
    admin.inject(Fault(kind="delay", seconds=2))
    began = clock.now
    assert rename(session, alice).status_code == 200
    assert clock.now - began == 2.5


def test_a_sub_limit_refuses_although_the_bucket_has_room(
    admin: "Admin", session: requests.Session, alice: "Member"
) -> None:
    admin.inject(Fault(kind="rate_limit", scope="user", retry_after=12.5, code=20028))
    said = rename(session, alice)
    assert said.headers["X-RateLimit-Remaining"] == "10"
    assert said.headers["X-RateLimit-Scope"] == "user"
    assert said.headers["Retry-After"] == "13"
    assert (said.json()["retry_after"], said.json()["code"]) == (12.5, 20028)
    assert admin.counts().rate_limited == 0
    assert rename(session, alice).headers["X-RateLimit-Remaining"] == "9"


def test_a_shared_429_is_no_invalid_request(admin: "Admin", session: requests.Session, alice: "Member") -> None:
    admin.inject(Fault(kind="rate_limit", scope="shared", retry_after=3))
    said = rename(session, alice)
    assert said.headers["X-RateLimit-Scope"] == "shared"
    assert said.json()["message"] == "The resource is being rate limited."
    assert admin.counts().invalid == 0
    admin.inject(Fault(kind="rate_limit", scope="global", retry_after=3))
    said = rename(session, alice)
    assert (said.headers["X-RateLimit-Global"], said.json()["global"]) == ("true", True)
    assert [entry.scope for entry in admin.received()] == ["shared", "global"]
    assert admin.counts().invalid == 1


def test_cloudflares_429_is_html_without_rate_limit_headers(
    admin: "Admin", session: requests.Session, alice: "Member"
) -> None:
    admin.inject(Fault(kind="cloudflare"))
    said = rename(session, alice)
    assert said.status_code == 429
    assert said.headers["Content-Type"].startswith("text/html")
    assert not any(name.lower().startswith("x-ratelimit") for name in said.headers)
    assert admin.counts().invalid == 1


def test_a_fault_strikes_where_when_and_as_often_as_it_was_told(
    admin: "Admin", session: requests.Session, alice: "Member"
) -> None:
    admin.inject(Fault(kind="answer", method="PATCH", path=r"/members/\d+$", skip=1, times=2))
    assert session.get(f"{BASE}{GUILD}/members/{alice.id}").status_code == 200
    assert [rename(session, alice).status_code for _ in range(4)] == [200, 500, 500, 200]
    assert admin.faults() == []


def test_a_fault_without_an_end_stays_until_it_is_taken_away(
    admin: "Admin", session: requests.Session, alice: "Member"
) -> None:
    stays = admin.inject(Fault(kind="answer", times=None))
    assert [rename(session, alice).status_code for _ in range(3)] == [500, 500, 500]
    admin.clear_faults(stays)
    assert rename(session, alice).status_code == 200


def test_faults_strike_the_token_endpoint_too(admin: "Admin", session: requests.Session) -> None:
    admin.inject(Fault(kind="rate_limit", path="/oauth2/token", retry_after=1))
    said = session.post("https://discord.com/api/oauth2/token", data={})
    assert said.status_code == 429
    assert "X-RateLimit-Limit" not in said.headers


def test_cookies_travel_through_the_adapter(admin: "Admin", session: requests.Session, alice: "Member") -> None:
    form = {"person": alice.id, "decision": "authorise"}
    session.post(f"https://discord.com{authorise_url()}", data=form, allow_redirects=False)
    again = session.get(f"https://discord.com{authorise_url(prompt='none')}", allow_redirects=False)
    assert again.status_code == 302
    assert len(admin.received()) == 2
