"""The local Discord on a socket, and the control client that drives it."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
import requests

from local.discord.config import Config
from local.discord.control import Control, Fault
from local.discord.core import Discord
from local.discord.server import serve
from tests.local.discord.support import CONFIG, GUILD, REDIRECT, USER_AGENT, authorise_url

if TYPE_CHECKING:
    from local.discord.server import Running


@pytest.fixture(scope="module")
def running() -> "Iterator[Running]":
    with serve(Discord(Config(rate_limits=False))) as running:
        yield running


@pytest.fixture
def control(running: "Running") -> Iterator[Control]:
    with Control(running.url) as control:
        yield control
        control.clear_faults()
        control.clear_received()


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers.update({"Authorization": f"Bot {CONFIG.bot_token}", "User-Agent": USER_AGENT})
        yield session


def test_a_person_links_by_clicking_and_the_bot_adds_them(
    running: "Running", control: Control, session: requests.Session
) -> None:
    carol = control.add_person("carol", global_name="Carol")
    role = control.create_role("Linked")
    assert "Carol (@carol)" in session.get(running.url + authorise_url()).text
    back = control.consent(running.url + authorise_url(), "carol")
    assert back.startswith(f"{REDIRECT}?code=")
    form = {
        "grant_type": "authorization_code",
        "code": back.partition("code=")[2].partition("&")[0],
        "redirect_uri": REDIRECT,
    }
    tokens = requests.post(
        f"{running.url}/api/oauth2/token",
        data=form,
        auth=(CONFIG.app_id, CONFIG.app_secret),
        headers={"User-Agent": USER_AGENT},
        timeout=5,
    ).json()
    body = {"access_token": tokens["access_token"], "roles": [role.id]}
    joined = session.put(f"{running.url}/api/v10{GUILD}/members/{carol.id}", json=body)
    assert joined.status_code == 201
    member = control.member("carol")
    assert member is not None
    assert member.roles == ("Linked",)
    assert "error=access_denied" in control.consent(running.url + authorise_url(), "carol", agree=False)


def test_the_control_api_does_what_people_do(control: Control) -> None:
    control.add_person("dora", discriminator="0007", person_id="1573960169505680000")
    control.change_person("dora", username="Dora", guild_count=7)
    person = next(person for person in control.people() if person.username == "Dora")
    assert (person.id, person.discriminator, person.guild_count) == ("1573960169505680000", "0007", 7)
    control.create_role("Scout/Recon")
    control.create_role("Boost", managed=True, tags={"premium_subscriber": None}, position=1)
    control.add_member("Dora", roles=["Scout/Recon"], nick="D")
    changed = control.change_member(person.id, give=["Boost"], take=["Scout/Recon"], nick="Dee")
    assert (changed.roles, changed.nick) == (("Boost",), "Dee")
    assert control.change_member("Dora", clear_nick=True).nick is None
    control.change_role("Scout/Recon", name="Recon", position=2)
    state = control.state()
    assert state.member("Dora") == control.member("Dora")
    recon, boost = state.role("Recon"), state.role("Boost")
    assert recon is not None
    assert boost is not None
    assert (recon.position, boost.position, boost.tags) == (2, 1, {"premium_subscriber": None})
    control.delete_role("Recon")
    control.ban("Dora", reason="rude")
    assert control.member("Dora") is None
    assert control.state().bans == (person.id,)
    control.unban("Dora")
    control.add_member("Dora")
    control.leave("Dora")
    control.delete_account("Dora")
    with pytest.raises(LookupError, match="nobody is called 'Dora'"):
        control.leave("Dora")
    assert [entry["action_type"] for entry in control.audit_log()[-2:]] == [22, 23]


def test_mistakes_at_the_control_api_are_told(control: Control) -> None:
    with pytest.raises(LookupError, match="no role 'Nothing'"):
        control.delete_role("Nothing")
    with pytest.raises(LookupError, match="no switch 'colour'"):
        control.turn(colour="red")
    with pytest.raises(ValueError, match="is taken"):
        control.add_person(CONFIG.owner)
    with pytest.raises(LookupError, match="nobody is called 'nobody'"):
        control.consent("http://127.0.0.1/", "nobody")


def test_switches_and_faults_travel_both_ways(control: Control) -> None:
    fault = Fault(kind="rate_limit", path="/members", times=None, scope="shared", retry_after=2.5)
    fault_id = control.inject(fault)
    (waiting,) = control.faults()
    assert (waiting.id, waiting.kind, waiting.retry_after, waiting.times) == (fault_id, "rate_limit", 2.5, None)
    control.clear_faults(fault_id)
    assert control.faults() == []
    assert control.turn(guild_name="Renamed", redirect_uris=[REDIRECT, "https://x.example/"])["guild_name"] == "Renamed"
    assert control.switches()["redirect_uris"] == [REDIRECT, "https://x.example/"]
    control.turn(guild_name=CONFIG.guild_name, redirect_uris=[REDIRECT])
    control.reset_limits()


def test_requests_received_can_be_read_and_counted(
    running: "Running", control: Control, session: requests.Session
) -> None:
    control.clear_received()
    session.get(f"{running.url}/api/v10{GUILD}?with_counts=true")
    (entry,) = control.received(route="GET /guilds/{guild_id}")
    assert entry.query == {"with_counts": "true"}
    assert CONFIG.bot_token not in str(entry)
    assert control.received(after=entry.number) == []
    assert control.counts().routes["GET /guilds/{guild_id}"].requests == 1


@pytest.mark.parametrize("kind", ["cut", "cut_after"])
def test_a_cut_connection_is_an_error_of_the_connection(
    running: "Running", control: Control, session: requests.Session, kind: str
) -> None:
    control.inject(Fault(kind="cut" if kind == "cut" else "cut_after", path="/users/@me"))
    with pytest.raises(requests.ConnectionError):
        session.get(f"{running.url}/api/v10/users/@me", timeout=5)
    assert session.get(f"{running.url}/api/v10/users/@me", timeout=5).status_code == 200


def test_who_is_left_hanging_runs_into_the_time_limit_and_nobody_else_waits(
    running: "Running", control: Control, session: requests.Session
) -> None:
    control.inject(Fault(kind="hang", path="/users/@me"))
    ended = threading.Event()

    def hang() -> None:
        with pytest.raises(requests.ReadTimeout):
            requests.get(f"{running.url}/api/v10/users/@me", headers=dict(session.headers), timeout=1)
        ended.set()

    hanging = threading.Thread(target=hang)
    hanging.start()
    while not any(entry.fault == "hang" for entry in control.received()):
        time.sleep(0.01)
    assert session.get(f"{running.url}/api/v10/users/@me", timeout=5).status_code == 200
    assert not ended.is_set()
    hanging.join()
    assert ended.is_set()


def test_many_clients_at_once_lose_nothing(running: "Running", control: Control) -> None:
    headers = {"Authorization": f"Bot {CONFIG.bot_token}", "User-Agent": USER_AGENT}
    before = len(control.state().roles)

    def create() -> None:
        with requests.Session() as session:
            for number in range(10):
                body = {"name": f"Role {number}"}
                answer = session.post(f"{running.url}/api/v10{GUILD}/roles", json=body, headers=headers, timeout=30)
                assert answer.status_code == 200

    threads = [threading.Thread(target=create) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    roles = control.state().roles
    assert len(roles) == before + 80
    assert len({role.position for role in roles}) == before + 80


def test_a_stopped_discord_refuses_connections_and_comes_back_with_its_guild() -> None:
    discord = Discord()
    with requests.Session() as session, serve(discord) as first:
        session.headers.update({"Authorization": f"Bot {CONFIG.bot_token}", "User-Agent": USER_AGENT})
        discord.admin.create_role("Member")
        assert session.get(f"{first.url}/api/v10{GUILD}").status_code == 200
        first.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(f"{first.url}/api/v10{GUILD}", timeout=5)
        assert len(discord.admin.received()) == 1  # nothing came over the connection that was kept alive
        with serve(discord, port=first.port) as second:
            assert second.url == first.url
            names = {role["name"] for role in session.get(f"{second.url}/api/v10{GUILD}/roles").json()}
            assert "Member" in names


def test_it_runs_as_a_program_until_it_is_told_to_stop() -> None:
    command = [sys.executable, "-m", "local.discord", "--guild-id", "1100000000000000077", "--person", "alice"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:  # noqa: S603 - our own program
        assert program.stdout is not None
        line = program.stdout.readline()
        url = line.split('"')[3]
        with Control(url) as control:
            assert control.state().guild_id == "1100000000000000077"
            assert any(person.username == "alice" for person in control.people())
        program.terminate()
        assert program.wait(timeout=10) == 0
