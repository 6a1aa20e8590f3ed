"""`commands`: what is registered at Discord, and what the operator reads of it."""

import json
from collections.abc import Iterator, Mapping

import pytest

from local.discord.keys import public_key
from tests.ops.world import DISCORD, Command, World


class Endpoint:
    """In the place of the deployed functions: answers a PING; `checks` says whether it refuses wrong signatures."""

    def __init__(self) -> None:
        self.checks = True
        self.asked: list[str] = []

    def __call__(self, url: str, headers: Mapping[str, str], _body: bytes) -> tuple[int, bytes]:
        self.asked.append(url)
        wrong = self.checks and headers["X-Signature-Ed25519"] == "0" * 128
        return (401, b"{}") if wrong else (200, json.dumps({"type": 1}).encode())


@pytest.fixture
def endpoint(world: World) -> Iterator[Endpoint]:
    world.configure(DISCORD_PUBLIC_KEY=public_key(DISCORD.app_id))
    model = world.running.discord.admin.world.interactions
    model.send = Endpoint()
    yield model.send
    model.endpoint, model.commands = "", []


def test_registering_makes_the_commands_and_their_address_known(world: World, ops: Command, endpoint: Endpoint) -> None:
    said = ops("commands", "register")
    assert said.code == 0
    assert "Registered: /whoami, /refresh, /whois." in said.out
    assert endpoint.asked[0].endswith("/discord/interactions")
    assert world.running.discord.admin.commands() == ["whoami", "refresh", "whois"]
    assert ops("commands", "list").code == 0


def test_registering_again_changes_nothing(world: World, ops: Command, endpoint: Endpoint) -> None:
    ops("commands", "register")
    before = len(endpoint.asked)
    world.running.discord.admin.clear_received()
    said = ops("commands", "register")
    assert "already" in said.out
    assert len(endpoint.asked) == before
    methods = {one.method for one in world.running.discord.admin.received()}
    assert methods == {"GET"}


@pytest.mark.usefixtures("endpoint")
def test_a_command_that_somebody_changed_is_registered_anew(world: World, ops: Command) -> None:
    ops("commands", "register")
    model = world.running.discord.admin.world.interactions
    model.commands[2]["default_member_permissions"] = None
    listed = ops("commands", "list")
    assert listed.code == 1
    assert "commands register" in listed.err
    assert "Registered: /whois." in ops("commands", "register").out
    assert model.commands[2]["default_member_permissions"] == "268435456"


def test_an_address_that_refuses_nothing_is_not_accepted(world: World, ops: Command, endpoint: Endpoint) -> None:
    endpoint.checks = False
    said = ops("commands", "register")
    assert said.code == 1
    assert "Discord did not accept" in said.err
    assert world.running.discord.admin.commands() == []


def test_a_key_of_another_application_is_refused(world: World, ops: Command, endpoint: Endpoint) -> None:
    world.configure(DISCORD_PUBLIC_KEY="ab" * 32)
    said = ops("commands", "register")
    assert said.code == 1
    assert public_key(DISCORD.app_id) in said.err
    assert endpoint.asked == []


def test_without_a_key_nothing_is_registered(world: World, ops: Command, endpoint: Endpoint) -> None:
    world.configure(DISCORD_PUBLIC_KEY=None)
    said = ops("commands", "register")
    assert said.code == 1
    assert "DISCORD_PUBLIC_KEY is not set" in said.err
    assert endpoint.asked == []


@pytest.mark.usefixtures("endpoint")
@pytest.mark.parametrize("spoil", ["nothing", "commands", "endpoint", "key"])
def test_doctor_says_what_is_missing(world: World, ops: Command, spoil: str) -> None:
    ops("commands", "register")
    model = world.running.discord.admin.world.interactions
    if spoil == "commands":
        model.commands = model.commands[:1]
    elif spoil == "endpoint":
        model.endpoint = ""
    elif spoil == "key":
        world.configure(DISCORD_PUBLIC_KEY="ab" * 32)
    [*findings] = world.examine("commands")["commands"].findings
    said = {
        "nothing": [],
        "commands": ["not registered as they should be: /refresh, /whois"],
        "endpoint": ["Discord does not send commands to"],
        "key": ["DISCORD_PUBLIC_KEY is not this application's"],
    }[spoil]
    assert [finding.text[: len(text)] for finding, text in zip(findings, said, strict=True)] == said
