"""An hour's outage of each service: status names it while it lasts, since when and how much waits, and not afterwards.

In virtual time, with the real functions and the real commands. Nobody lends a hand at the end.
"""

from collections.abc import Callable

import pytest

from local.outages import Manner, Service
from local.simulated import ENVIRONMENT, World
from ops.formatting import moment
from ops.outages import Met, Outage, newest_run, of_aws
from tests.members.support import settled_world
from tests.ops.simulated import operator
from tests.ops.world import Said

HOUR = 3600.0
USERS = 6


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")  # any name of a stage is one
    monkeypatch.setenv("COLUMNS", "300")
    return settled_world(USERS)


def passes(world: World, seconds: float) -> None:
    """Time passes, whether there is something to do or not."""
    end = world.clock.now() + seconds
    world.run(seconds=seconds)
    world.clock.move_to(max(world.clock.now(), end))


def take_everything(world: World) -> None:
    for number in range(USERS):
        world.site.groups(str(number), [])


def all_is_done(world: World) -> bool:
    return [world.roles(f"p{number}") for number in range(USERS)] == [set()] * USERS and not list(world.dead_letters())


def is_quiet(said: Said) -> bool:
    return said.code == 0 and "outage" not in said.out and "stopped" not in said.out


def test_while_nothing_is_wrong_status_names_no_outage(world: World) -> None:
    assert is_quiet(operator(world)("status"))


@pytest.mark.parametrize(
    ("manner", "why"), [("503", "HTTP 503"), ("unreachable", "ConnectionError"), ("hangs", "ReadTimeout")]
)
def test_discord_away_is_named_with_since_when_and_what_waits_until_it_is_back(
    world: World, manner: Manner, why: str
) -> None:
    began, ops = world.clock.now(), operator(world)
    world.outages.begin("discord", HOUR, manner=manner)
    take_everything(world)
    passes(world, HOUR - 300)
    said = ops("status")
    assert said.code == 1
    assert f"Discord has answered nobody since {moment(began)[:14]}" in said.out
    assert f"min): {why}; last tried" in said.out
    assert f"{USERS} messages wait; look at discordstatus.com; nothing is lost" in said.out
    (outage,) = ops("status", "--json").json["outages"]
    assert began <= outage["since"] < began + 60
    assert world.clock.now() - outage["seen_at"] <= 300
    passes(world, 300 + 600)
    assert all_is_done(world)
    assert is_quiet(ops("status"))


def test_dynamodb_away_is_named_though_the_store_can_say_nothing(world: World) -> None:
    began, ops = world.clock.now(), operator(world)
    world.outages.begin("dynamodb", HOUR)
    take_everything(world)
    passes(world, HOUR - 300)
    said = ops("status")
    assert said.code == 1
    assert f"DynamoDB has been away since {moment(began)[:17]}" in said.out
    assert "min): Could not connect to the endpoint URL" in said.out
    assert f"{USERS} messages wait; look at health.aws.amazon.com; nothing is lost" in said.out
    assert "not known while DynamoDB is away" in said.out
    passes(world, 300 + 600)
    assert all_is_done(world)
    assert is_quiet(ops("status"))


def test_dynamodb_that_refuses_the_functions_alone_is_named_by_what_they_counted(world: World) -> None:
    ops = operator(world)
    world.outages.begin("dynamodb", HOUR)
    take_everything(world)
    passes(world, HOUR)
    said = ops("status")  # which is let through: the outage has just ended, or was the functions' alone
    assert "DynamoDB answers here, but has failed or refused the functions since" in said.out
    assert f"{USERS} messages wait" in said.out


def test_sqs_away_is_named_and_that_nobody_can_tell_what_waits(world: World) -> None:
    ops = operator(world)
    take_everything(world)
    world.run(seconds=0.05)  # the functions have their messages
    world.outages.begin("sqs", HOUR)
    passes(world, HOUR - 60)
    said = ops("status")
    assert said.code == 1
    assert "SQS has been away" in said.out
    assert "Could not connect to the endpoint URL" in said.out
    assert "how much waits is not known; look at health.aws.amazon.com" in said.out
    assert f"linked {USERS} users" in said.out
    passes(world, 60 + 1800)
    assert all_is_done(world)
    assert is_quiet(ops("status"))


def test_a_refused_token_is_named_with_since_when_and_what_waits_until_discord_takes_it_again(world: World) -> None:
    began, ops = world.clock.now(), operator(world)
    world.guild.turn(bot_token="another")
    take_everything(world)
    passes(world, 3 * HOUR)
    said = ops("status")
    assert said.code == 1
    assert f"no calls to Discord since {moment(began)[:17]}" in said.out
    assert ": Discord refused the bot's token" in said.out
    assert f"{USERS} messages wait" in said.out
    world.guild.turn(bot_token=ENVIRONMENT["DISCORD_BOT_TOKEN"])
    passes(world, HOUR + 1800)
    assert all_is_done(world)
    assert is_quiet(ops("status"))


def test_a_list_of_members_that_is_refused_is_named_with_the_first_sweep_that_lacked_it(world: World) -> None:
    ops = operator(world)
    world.guild.turn(member_intent=False)
    first = world.clock.now()
    for _ in range(3):
        world.sweep()
        passes(world, HOUR)
    said = ops("status")
    assert f"Discord has listed no members to the bot since {moment(first)}" in said.out
    world.guild.turn(member_intent=True)
    world.sweep()
    passes(world, HOUR)
    assert "listed no members" not in ops("status").out


@pytest.mark.parametrize("services", [("dynamodb", "sqs")])
def test_where_nothing_of_aws_can_be_reached_it_is_the_operators_connection(
    world: World, services: tuple[Service, ...]
) -> None:
    for service in services:
        world.outages.begin(service, HOUR)
    said = operator(world)("status")
    assert said.code == 1
    assert "Could not connect" in said.err
    assert "check the connection and AWS_REGION" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda world: world.outages.begin("discord", HOUR), "Discord has answered nobody"),
        (lambda world: world.guild.turn(bot_token="another"), "refused the bot's token"),
    ],
)
def test_nothing_of_it_is_said_before_somebody_met_it(world: World, spoil: Callable[[World], None], word: str) -> None:
    ops = operator(world)
    spoil(world)
    assert is_quiet(ops("status"))
    world.site.groups("0", [])
    passes(world, 10)
    assert word in ops("status").out


# --- since when, by what functions counted ------------------------------------------------------------------------


def minutes(*numbers: int) -> list[float]:
    return [60.0 * number for number in numbers]


def test_an_outage_is_what_was_met_again_within_the_pauses_that_grow_with_it() -> None:
    hour = [*range(10), 12, 15, 19, 24, 29, 35, 42, 50, 58]
    assert newest_run(minutes(*hour), now=60.0 * 61) == Met(0.0, 60.0 * 58, len(hour))


def test_what_was_met_long_before_is_another_outage() -> None:
    assert newest_run(minutes(0, 1, 2, 30, 31), now=60.0 * 32) == Met(1800.0, 1860.0, 2)


def test_an_outage_is_over_once_nothing_was_met_for_longer_than_a_message_waits() -> None:
    short, hour = minutes(0, 1), minutes(*range(61))
    assert newest_run(short, now=60.0 * 4)
    assert newest_run(short, now=60.0 * 6) is None
    assert newest_run(hour, now=60.0 * 70)
    assert newest_run(hour, now=60.0 * 72) is None
    assert newest_run([], now=0.0) is None


def test_a_single_hiccup_of_the_functions_is_no_outage_unless_the_operator_meets_it_too() -> None:
    assert of_aws("SQS", "", Met(0.0, 0.0, 1)) is None
    assert of_aws("SQS", "refused", Met(0.0, 0.0, 1)) == Outage("SQS", "has been away", "refused", 0.0)
    assert of_aws("SQS", "refused", None) == Outage("SQS", "has been away", "refused", None)


def test_the_end_is_noticed_the_later_the_longer_an_outage_lasted() -> None:
    assert "within 30 s after the end" in Outage("Discord", "has been away", since=0.0).fix(60.0)
    assert "within 8 min after the end" in Outage("Discord", "has been away", since=0.0).fix(3600.0)
    assert "within 15 min after the end" in Outage("Discord", "has been away").fix(3600.0)
