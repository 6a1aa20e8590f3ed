"""Connections that died while a function was frozen: the request is made once more, and nobody notices."""

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chalicelib.discord.client import MEMBER_GET, MIN_IDLE, Discord, RequestOptions
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import DiscordUnavailable, RateLimited
from local.discord.faults import Fault
from local.simulated import World
from tests.discord.test_rate_limiter import linked

WORKER = RequestOptions(Lane.URGENT)
ROLE = "Member"


def pilot(world: World) -> int:
    """The Discord id of a member."""
    (name,) = linked(world, 1)
    world.run()
    return next(int(person.id) for person in world.guild.people() if person.username == name)


CALLS: dict[str, Callable[[Discord, int, int], object]] = {
    "GET member": lambda discord, member, _: discord.member(member, WORKER),
    "PATCH member": lambda discord, member, role: discord.change(member, WORKER, roles=frozenset({role})),
    "PUT member role": lambda discord, member, role: discord.give_role(member, role, WORKER),
    "DELETE member role": lambda discord, member, role: discord.take_role(member, role, WORKER),
    "DELETE member": lambda discord, member, _: discord.remove(member, WORKER),
}


@pytest.mark.parametrize("kind", ["cut", "cut_after"])
@pytest.mark.parametrize("route", CALLS)
def test_an_idempotent_request_whose_connection_is_cut_is_made_once_more(world: World, route: str, kind: str) -> None:
    member, discord = pilot(world), world.http.services.discord
    role = next(role.id for role in discord.guild(WORKER).roles if role.name == ROLE)
    world.clock.advance(1200)
    before = len(world.asked())
    world.guild.inject(Fault(kind=kind, path="/members/"))  # type: ignore[arg-type]
    CALLS[route](discord, member, role)
    assert (world.asked()[before].route, world.asked()[before].status) == (route, 0)
    assert len(world.asked()) == before + 2


def test_it_is_made_once_more_and_not_for_ever(world: World) -> None:
    member = pilot(world)
    world.guild.inject(Fault(kind="cut", path="/members/", times=None))
    before = len(world.asked())
    with pytest.raises(DiscordUnavailable):
        world.http.services.discord.member(member, WORKER)
    assert len(world.asked()) == before + 2


def test_a_role_is_not_created_twice(world: World) -> None:
    world.guild.inject(Fault(kind="cut_after", method="POST", path="/roles$"))
    with pytest.raises(DiscordUnavailable):
        world.http.services.discord.create_role("Blue", WORKER)
    assert len(world.asked("POST role")) == 1


@pytest.mark.parametrize(("idle", "places"), [(MIN_IDLE, 1), (0.5, 2)], ids=["idle", "in use"])
def test_only_what_may_have_reached_discord_takes_a_second_place(world: World, idle: float, places: int) -> None:
    member, discord = pilot(world), world.http.services.discord
    discord.member(member, WORKER)
    world.clock.advance(30)
    discord.guild(WORKER)
    world.clock.advance(idle)
    world.guild.inject(Fault(kind="cut", path="/members/"))
    discord.member(member, WORKER)
    limiter = discord.rate_limiter
    assert sum(limiter.buckets.read(limiter.bucket_of(MEMBER_GET)).used) == places


def test_a_repeated_write_that_discord_limits_counts_as_one_that_may_have_been_made(world: World) -> None:
    member, discord = pilot(world), world.http.services.discord
    for expected, method in ((DiscordUnavailable, "PATCH"), (RateLimited, "GET")):
        world.clock.advance(1200)
        world.guild.inject(Fault(kind="cut_after", path="/members/"))
        world.guild.inject(Fault(kind="rate_limit", path="/members/", retry_after=20.0))
        with pytest.raises(expected):
            CALLS[f"{method} member"](discord, member, 1)
        world.guild.clear_faults()


def test_who_is_removed_by_a_request_without_an_answer_is_told_of_once_and_with_the_right_reason(world: World) -> None:
    pilot(world)
    world.site.notices()
    world.clock.advance(1200)
    world.guild.inject(Fault(kind="cut_after", method="DELETE", path="/members/"))
    began = world.clock.now()
    world.site.post({"kind": "delete_user", "user_id": "0", "notify": True})
    world.run(seconds=600, until=lambda: world.roles("pilot-0") is None)
    assert world.clock.now() - began < 5
    world.run()
    assert [(one["kind"], one["reason"]) for one in world.site.notices()] == [("unlinked", "asked")]


def test_a_joining_without_an_answer_is_finished_at_once(world: World) -> None:
    world.guild.create_role(ROLE)
    world.guild.inject(Fault(kind="cut_after", method="PUT", path="/members/[0-9]+$"))
    world.link("101", "kira", groups=[ROLE], nickname=None)
    assert world.roles("kira") == {ROLE}
    world.run()
    assert [one["kind"] for one in world.site.notices()] == ["linked"]


# --- with real connections ------------------------------------------------------------------------------------------


class OneAnswerEach(BaseHTTPRequestHandler):
    """Keeps every connection open after its first answer, and closes it where a second request comes on it."""

    protocol_version = "HTTP/1.1"
    answered = 0
    received: list[str]

    def do_GET(self) -> None:
        """Answer, or close."""
        self.received.append(self.path)
        if self.answered:
            self.close_connection = True
            return
        self.answered += 1
        body = b'{"id": "7", "username": "bot"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing to say."""


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """A server on a loopback port."""
    OneAnswerEach.received = []
    with ThreadingHTTPServer(("127.0.0.1", 0), OneAnswerEach) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def at(world: World, port: int) -> Discord:
    """Discord at that port, by real connections."""
    settings = replace(world.settings, api_base_url=f"http://127.0.0.1:{port}")
    return world.container(settings).services.discord


def test_a_kept_connection_that_the_server_closed_is_replaced(world: World, server: ThreadingHTTPServer) -> None:
    discord = at(world, server.server_address[1])
    assert [discord.me(WORKER).id for _ in range(3)] == [7, 7, 7]
    assert len(OneAnswerEach.received) == 5  # the second and the third first went out on a connection that was closed


def test_where_nobody_listens_nothing_is_tried_twice(world: World) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        discord = at(world, unused.getsockname()[1])
        with pytest.raises(DiscordUnavailable):
            discord.me(WORKER)
    assert len(world.asked("GET me")) == 1
