"""Calls of DynamoDB, by what Rolecall does: each by its name. A request is a call: a transaction or a batch is one.

The functions are warm: they did the same a quarter of a minute ago, so that what they cache for half a minute is
there, and the rate limits' windows are over. Nothing else is under way.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from bench.figures import Figure, at_most
from bench.guilds import LATENCY, STORE_LATENCY
from chalicelib.linking.tokens import Purpose
from chalicelib.web import entry
from local.simulated import World

QUIET = 300.0  # virtual seconds in which what the one before left behind comes to its end
PAUSE = 16.0  # virtual seconds between two of a kind: longer than a window, shorter than the caches
ROUND_TRIPS = 4  # of a callback to Discord, in a row
OWN_TIME = 0.06  # seconds of a callback beside them

Prepared = Callable[[], Callable[[], object]]  # prepares something, and returns what does it
CALLBACKS = ("callback of a new member", "callback of a member")

MAX_CALLS = {  # docs/explanation/dynamodb-calls.md names each of them
    "callback of a new member": 7,
    "callback of a member": 7,
    "giving a role": 4,
    "taking a role": 5,
    "several differences": 5,
    "a message that changes nothing": 3,
    "deletion": 5,
    "unlinking": 7,
    "click on a link": 2,
    "account for the auth site": 3,
    "My Discord": 4,
}


@dataclass(frozen=True)
class Path:
    """What one of them cost: the calls by name, Discord's requests, and the (virtual) seconds until it was done."""

    name: str
    calls: tuple[str, ...]
    requests: tuple[str, ...]
    seconds: float


class _Meter:
    def __init__(self) -> None:
        self.world = World({"DISCORD_SYNC_NAMES": "True"}, latency=LATENCY)
        self.world.dynamodb.before = self._called
        self._calls: list[str] = []
        for role in ("Member", "Extra", "Other"):
            self.world.guild.create_role(role)
        for number in range(8):
            self.world.link(f"{number}", f"person-{number}", groups=["Member"], nickname=f"Person {number}")
        self.world.run(seconds=QUIET)
        for known in (["Member", "Extra", "Other"], ["Member"]):  # and the roles of all groups are remembered
            self.world.site.groups("0", known)
            self.world.run(seconds=QUIET)

    def _called(self, operation: str, arguments: dict[str, Any]) -> None:
        self.world.clock.sleep(STORE_LATENCY)
        self._calls.append(call_name(operation, arguments))

    def measure(self, name: str, *twice: Prepared) -> Path:
        """Do the first, which warms everything up, and measure the second."""
        self.world.run(seconds=QUIET)
        self.world.clock.advance(QUIET)
        twice[0]()()
        began = self.world.clock.now()
        self.world.run(seconds=PAUSE)
        self.world.clock.move_to(began + PAUSE)
        do = twice[1]()
        self._calls.clear()
        asked, began = len(self.world.guild.received()), self.world.clock.now()
        do()
        took = self.world.clock.now() - began
        requests = (one.route for one in self.world.guild.received()[asked:])
        return Path(name, tuple(self._calls), tuple(requests), took)

    def message(self, name: str, *twice: Callable[[], object]) -> Path:
        """The same for what is posted: until the message is settled."""
        return self.measure(name, *(partial(self._posting, post) for post in twice))

    def _posting(self, post: Callable[[], object]) -> Callable[[], object]:
        def settle() -> None:
            post()
            self.world.run(seconds=2)

        return settle


def paths() -> list[Path]:
    """What each way through the code costs."""
    meter = _Meter()
    world, groups = meter.world, meter.world.site.groups
    for name in ("in already", "in, too"):
        world.guild.add_member(name)
    both, one = ["Extra", "Other"], ["Member"]
    return [
        meter.measure("callback of a new member", _callback(world, "a", "new 1"), _callback(world, "b", "new 2")),
        meter.measure("callback of a member", _callback(world, "c", "in already"), _callback(world, "d", "in, too")),
        meter.message("giving a role", lambda: groups("0", [*one, "Extra"]), lambda: groups("0", [*one, *both])),
        meter.message("taking a role", lambda: groups("0", [*one, "Extra"]), lambda: groups("0", one)),
        meter.message("several differences", lambda: groups("0", both), lambda: groups("0", one)),
        meter.message("a message that changes nothing", lambda: groups("0", one), lambda: groups("0", one)),
        meter.message("deletion", lambda: world.site.delete("1"), lambda: world.site.delete("2")),
        meter.measure("unlinking", _unlinking(world, "3"), _unlinking(world, "4")),
        meter.measure("click on a link", lambda: lambda: _click(world, "x"), lambda: lambda: _click(world, "y")),
        meter.measure("account for the auth site", _reading(world, "5"), _reading(world, "6")),
        meter.measure("My Discord", _page(world, "5"), _page(world, "6")),
    ]


def by_path() -> list[Figure]:
    """Calls of each path, and how long a person waits at the callback."""
    found = paths()
    figures = [
        at_most(f"DynamoDB calls: {path.name}", len(path.calls), MAX_CALLS[path.name], note="; ".join(path.calls))
        for path in found
    ]
    limit = ROUND_TRIPS * LATENCY + OWN_TIME
    figures += [
        at_most(
            f"{callback.name}: seconds to the redirect",
            callback.seconds,
            limit,
            shown="{:.3f}",
            note=", ".join(callback.requests),
        )
        for callback in found
        if callback.name in CALLBACKS
    ]
    return figures


def call_name(operation: str, arguments: dict[str, Any]) -> str:
    """A call for people: the operation, and the tables with what is done to each."""
    if operation == "TransactWriteItems":
        parts = [(kind, one[kind]["TableName"]) for one in arguments["TransactItems"] for kind in one]
        return f"{operation} ({', '.join(f'{kind} {_table(name)}' for kind, name in parts)})"
    if operation == "BatchGetItem":
        return f"{operation} {', '.join(_table(name) for name in arguments['RequestItems'])}"
    return f"{operation} {_table(arguments['TableName'])}"


def _table(name: str) -> str:
    return name.rsplit("-", 1)[-1]


def _click(world: World, user_id: str) -> Any:  # noqa: ANN401 - Started
    return world.http.linking.start(world.site.token(user_id, "link", groups=["Member"], nickname="Kira"))


def _callback(world: World, user_id: str, who: str) -> Prepared:
    def prepare() -> Callable[[], object]:
        if world.guild.member(who) is None:
            world.guild.add_person(who)
        started = _click(world, user_id)
        said = world.consent(started.url, who)
        return lambda: world.http.linking.finish(cookie=started.cookie, **said)

    return prepare


def _unlinking(world: World, user_id: str) -> Prepared:
    return lambda: partial(world.http.linking.unlink, world.site.token(user_id, "unlink"))


def _reading(world: World, user_id: str) -> Prepared:
    return lambda: partial(world.http.linking.account, world.site.token(user_id, "read"), user_id)


def _page(world: World, user_id: str) -> Prepared:
    def prepare() -> Callable[[], object]:
        parts: Any = world.http
        token = parts.linking.token(world.site.token(user_id, "me"), Purpose.ME)
        browser = (entry.opened(parts, token).split(";")[0], "en")
        return lambda: entry.show_member(parts, browser, None)

    return prepare
