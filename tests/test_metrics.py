"""What is counted becomes one line of CloudWatch's embedded format."""

import json
from contextlib import suppress
from typing import Any

import pytest
from pynamodb.exceptions import PynamoDBException

import app
from chalicelib.delivery.delivery import Undelivered
from chalicelib.metrics import MAX_VALUES, Metrics
from chalicelib.queues import message_of
from chalicelib.store.rows import UserRow
from local.outages import Service
from local.simulated import STAGE, World
from tests.linking.doors import Browser, Doors, standing


def lines_of(metrics: Metrics, lines: list[str]) -> list[dict[str, Any]]:
    metrics.flush(1000.5)
    return [json.loads(line) for line in lines]


def test_all_that_one_invocation_counted_is_one_line_with_the_stage_as_its_only_dimension() -> None:
    lines: list[str] = []
    metrics = Metrics("prod", lines.append)
    metrics.count("SweepsHeld")
    metrics.count("SweepsHeld", 2)
    metrics.seconds("ChangeAge", 1.23456)
    metrics.seconds("ChangeAge", 7)
    (line,) = lines_of(metrics, lines)
    assert line["_aws"]["Timestamp"] == 1_000_500
    assert line["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "Rolecall",
            "Dimensions": [["stage"]],
            "Metrics": [{"Name": "SweepsHeld", "Unit": "Count"}, {"Name": "ChangeAge", "Unit": "Seconds"}],
        }
    ]
    assert (line["stage"], line["SweepsHeld"], line["ChangeAge"]) == ("prod", 3, [1.235, 7])


def test_nothing_is_written_where_nothing_was_counted_and_nothing_is_written_twice() -> None:
    lines: list[str] = []
    metrics = Metrics("prod", lines.append)
    assert lines_of(metrics, lines) == []
    metrics.count("SweepsHeld")
    assert len(lines_of(metrics, lines)) == len(lines_of(metrics, lines)) == 1


def test_a_line_holds_no_more_values_of_a_metric_than_cloudwatch_takes() -> None:
    lines: list[str] = []
    metrics = Metrics("prod", lines.append)
    for _ in range(MAX_VALUES + 1):
        metrics.seconds("ChangeAge", 1.0)
    (line,) = lines_of(metrics, lines)
    assert len(line["ChangeAge"]) == MAX_VALUES


# --- what the real code counts -----------------------------------------------------------------------------------


def values(world: World, name: str) -> list[float]:
    """All that was counted under this name, in order."""
    found: list[float] = []
    for line in world.metrics:
        value = line.get(name, [])
        found += value if isinstance(value, list) else [value]
    return found


def linked(world: World) -> World:
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.metrics.clear()
    return world


def test_the_age_of_a_change_is_that_since_the_auth_site_posted_it(world: World) -> None:
    linked(world).site.groups("101", ["Member", "Pilot"])
    world.run()
    (age,) = values(world, "ChangeAge")
    assert 0 < age < 10
    assert not values(world, "CallsStopped")


def test_while_all_calls_are_stopped_every_look_says_so_and_the_change_grows_older(world: World) -> None:
    linked(world).guild.turn(bot_token="another")
    world.site.groups("101", ["Pilot"])
    world.run(seconds=3600)
    assert sum(values(world, "CallsStopped")) >= 4
    ages = values(world, "ChangeAge")
    assert ages == sorted(ages)
    assert ages[-1] > 1800, "an alarm's threshold"


def test_a_sweep_that_ends_is_counted_with_what_it_found_and_its_jobs_are_no_changes(world: World) -> None:
    linked(world).guild.change_member("kira", take=["Member"])
    world.sweep()
    world.run()
    assert sum(values(world, "SweepDifferences")) == 1
    assert len(values(world, "SweepSeconds")) == 1
    assert not values(world, "SweepsHeld")
    assert not values(world, "SweepsFailed")
    assert not values(world, "ChangeAge")


def test_a_sweep_that_is_held_back_or_given_up_is_counted_as_that(world: World) -> None:
    linked(world).guild.create_role("Stranger")
    world.guild.change_member("kira", give=["Stranger"])
    UserRow("101").update([UserRow.imported_at.set(int(world.clock.now()))])
    world.sweep()
    world.run()
    world.http.services.metrics.flush(world.clock.now())
    assert sum(values(world, "SweepsHeld")) == 1, "it takes nothing from imported members, and says so"
    world.guild.turn(bot_in_guild=False)
    world.sweep()
    world.run()
    assert sum(values(world, "SweepsFailed")) == 1


@pytest.mark.parametrize(
    ("service", "metric", "other"),
    [("dynamodb", "StoreOutages", "QueueOutages"), ("sqs", "QueueOutages", "StoreOutages")],
)
def test_jobs_that_meet_an_outage_of_the_store_or_of_the_queues_are_counted_by_service(
    world: World, service: Service, metric: str, other: str
) -> None:
    container = linked(world).container()
    world.site.groups("101", ["Pilot"])
    world.clock.advance(1)
    records = world.sqs.receive(f"rolecall-{STAGE}-jobs")
    world.outages.begin(service, 60)
    if service == "sqs":  # a message that is to be put back meets it
        world.outages.begin("discord", 60)
    with suppress(Undelivered):
        container.delivery.batch([message_of(record) for record in records], bulk=False, seconds_left=lambda: 60)
    assert values(world, metric) == [1]
    assert not values(world, other)


@pytest.mark.parametrize(("service", "metric"), [("dynamodb", "StoreOutages"), ("sqs", "QueueOutages")])
def test_requests_that_meet_an_outage_are_counted_too(world: World, service: Service, metric: str) -> None:
    browser = Browser(Doors(linked(world)))
    world.outages.begin(service, 60)
    answer = browser.post("/discord/unlink", token=world.site.token("101", "unlink"))
    assert "Wait a few minutes" in answer.body
    assert values(world, metric) == [1]


def test_a_sweep_that_cannot_be_started_is_counted_too(world: World) -> None:
    linked(world).outages.begin("dynamodb", 60)
    with standing(world.http), pytest.raises(PynamoDBException):
        app.sweep("ALL", None, None)
    assert values(world, "StoreOutages") == [1]
