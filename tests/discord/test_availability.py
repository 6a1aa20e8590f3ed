"""Since when Discord answers nobody is on record, at few writes, until somebody gets an answer."""

import pytest

from chalicelib.discord.availability import INTERVAL, Away
from chalicelib.discord.client import RequestOptions
from chalicelib.discord.halts import CACHE_TTL
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import CallsHalted, DiscordUnavailable, Refused
from chalicelib.store.halts import DynamoHaltStore
from local.discord.faults import Fault
from local.outages import Manner
from local.simulated import Container, World

WORKER = RequestOptions(Lane.URGENT)


def on_record(world: World) -> Away | None:
    return DynamoHaltStore(world.settings.app_id, world.settings.guild_id).shared_state().away


def fails(container: Container) -> None:
    with pytest.raises(DiscordUnavailable):
        container.services.discord.guild(WORKER)


def succeeds(container: Container) -> None:
    container.services.discord.guild(WORKER)


def writes(world: World) -> list[str]:
    """The writes of the record from here on, as they happen."""
    found: list[str] = []
    plain = world.dynamodb.before

    def before(operation: str, arguments: dict[str, object]) -> None:
        if operation == "UpdateItem" and "away_at" in str(arguments):
            found.append(operation)
        if plain:
            plain(operation, arguments)

    world.dynamodb.before = before
    return found


@pytest.mark.parametrize(
    ("manner", "why"), [("503", "HTTP 503"), ("unreachable", "ConnectionError"), ("hangs", "ReadTimeout")]
)
def test_each_way_of_being_away_is_on_record_with_its_first_and_its_last_moment(manner: Manner, why: str) -> None:
    world = World()
    world.outages.begin("discord", 3600, manner=manner)
    container = world.container()
    fails(container)
    first = world.clock.now()
    world.clock.advance(INTERVAL)
    fails(container)
    assert on_record(world) == Away(first, world.clock.now(), why)


def test_the_first_answer_ends_the_record_whoever_gets_it() -> None:
    world = World()
    sees_it, gets_an_answer = world.container(), world.container()
    world.outages.begin("discord", 10)
    fails(sees_it)
    world.clock.advance(CACHE_TTL)
    succeeds(gets_an_answer)
    assert on_record(world) is None


def test_a_refusal_is_an_answer() -> None:
    world = World()
    container = world.container()
    world.outages.begin("discord", 10)
    fails(container)
    world.clock.advance(10)
    world.guild.inject(Fault(kind="answer", status=404, code=10004, path="/guilds/"))
    with pytest.raises(Refused):
        succeeds(container)
    assert on_record(world) is None


def test_a_refused_token_is_an_answer() -> None:
    world = World()
    container = world.container()
    world.outages.begin("discord", 10)
    fails(container)
    world.clock.advance(10)
    world.guild.turn(bot_token="another")
    with pytest.raises(CallsHalted):
        succeeds(container)
    assert on_record(world) is None


def test_since_when_is_the_first_failure_after_the_last_answer_though_it_is_written_later() -> None:
    world = World()
    container = world.container()
    world.outages.begin("discord", 5)
    fails(container)
    world.clock.advance(5)
    succeeds(container)
    world.outages.begin("discord", 3600)
    fails(container)
    first = world.clock.now()
    assert on_record(world) is None  # written within this minute before
    world.clock.advance(INTERVAL)
    fails(container)
    away = on_record(world)
    assert away
    assert away.since == first


def test_a_process_writes_once_a_minute_however_many_of_its_requests_fail() -> None:
    world = World()
    container, written = world.container(), writes(world)
    world.outages.begin("discord", 3600)
    began = world.clock.now()
    while world.clock.now() < began + 3 * INTERVAL:
        fails(container)
        world.clock.advance(1)
    assert len(written) == 3


def test_where_discord_answers_nothing_is_written() -> None:
    world = World()
    container, written = world.container(), writes(world)
    for _ in range(5):
        succeeds(container)
        world.clock.advance(CACHE_TTL)
    assert written == []


def test_what_was_deleted_is_not_deleted_with_every_answer() -> None:
    world = World()
    container = world.container()
    world.outages.begin("discord", 10)
    fails(container)
    world.clock.advance(10)
    written = writes(world)
    for _ in range(5):
        succeeds(container)
        world.clock.advance(1)
    assert len(written) == 1


def test_a_connection_that_died_while_the_function_was_frozen_is_no_sign_of_an_outage() -> None:
    world = World(idle_limit=60)
    container = world.container()
    succeeds(container)
    written = writes(world)
    world.clock.advance(1200)
    succeeds(container)
    assert written == []
