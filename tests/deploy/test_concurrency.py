"""How many functions a queue may take at once: what a deployment chooses, and that it takes away an earlier limit."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from bench.prices import LIMITED
from bench.prices import idle as idle_usage
from chalicelib.settings import QUEUE_LIMIT
from deploy.functions import lift_limits, package
from deploy.polling import POLLS, TRIAL, idle, limited_queues
from tests.deploy.support import STAGE, change_settings, hand_over_package

Client = Any


@pytest.fixture
def functions() -> Client:
    return boto3.client("lambda", region_name="eu-central-1")


@pytest.mark.parametrize(
    ("stage", "quota", "chosen"),
    [
        ("prod", 10, "True"),
        ("prod", 999, "True"),
        ("prod", 1000, "jobs"),
        ("prod", 5000, "jobs"),
        (TRIAL, 10, "True"),
        (TRIAL, 1000, "False"),
    ],
)
def test_queues_are_limited_by_what_may_run_in_the_account_and_none_in_the_stage_for_trying_out(
    project: Path, functions: Client, stage: str, quota: int, chosen: str
) -> None:
    with Stubber(functions) as aws:
        aws.add_response("get_account_settings", {"AccountLimit": {"ConcurrentExecutions": quota}})
        assert limited_queues(stage, project, functions) == chosen


@pytest.mark.parametrize("limited", LIMITED)
def test_what_a_stage_costs_that_stands_idle_is_told_as_the_price_list_has_it(limited: str) -> None:
    asked = idle_usage(1, limited=limited).sqs_requests
    assert POLLS[limited] == asked
    assert f"it asks SQS {asked:,.0f} times a month (LIMIT_CONCURRENCY: {limited})" in idle(limited)


def test_both_queues_are_limited_where_aws_does_not_tell(project: Path, functions: Client) -> None:
    with Stubber(functions) as aws:
        aws.add_client_error("get_account_settings", "AccessDeniedException")
        assert limited_queues(STAGE, project, functions) == "True"


@pytest.mark.parametrize("said", ["True", "jobs", "False"])
def test_what_config_json_says_is_done_and_aws_is_not_asked(project: Path, functions: Client, said: str) -> None:
    change_settings(project, {QUEUE_LIMIT: said})
    with Stubber(functions):
        assert limited_queues(STAGE, project, functions) == said


@pytest.mark.parametrize(
    ("limited", "freed"), [("True", []), ("jobs", ["sync_bulk"]), ("False", ["sync_jobs", "sync_bulk"])]
)
def test_a_limit_that_an_earlier_deployment_set_is_taken_away(
    functions: Client, limited: str, freed: list[str]
) -> None:
    with Stubber(functions) as aws:
        for name in freed:
            mapping = {"UUID": f"id-of-{name:0<30}", "ScalingConfig": {"MaximumConcurrency": 3}}
            of_function = {"FunctionName": f"rolecall-{STAGE}-{name}"}
            aws.add_response("list_event_source_mappings", {"EventSourceMappings": [mapping]}, of_function)
            change = {"UUID": f"id-of-{name:0<30}", "ScalingConfig": {}}
            aws.add_response("update_event_source_mapping", {}, change)
        lift_limits(STAGE, limited, functions)
        aws.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["ResourceInUseException", "ResourceConflictException"])
def test_a_trigger_that_chalice_has_just_changed_is_asked_again(functions: Client, code: str) -> None:
    slept: list[float] = []
    with Stubber(functions) as aws:
        mapping = {"UUID": "u" * 36, "ScalingConfig": {"MaximumConcurrency": 3}}
        aws.add_response("list_event_source_mappings", {"EventSourceMappings": [mapping]})
        aws.add_client_error("update_event_source_mapping", code)
        aws.add_response("update_event_source_mapping", {})
        lift_limits(STAGE, "jobs", functions, slept.append)
        aws.assert_no_pending_responses()
    assert slept == [2.0]


def test_a_trigger_that_stays_busy_ends_the_deployment(functions: Client) -> None:
    slept: list[float] = []
    with Stubber(functions) as aws:
        mapping = {"UUID": "u" * 36, "ScalingConfig": {"MaximumConcurrency": 3}}
        aws.add_response("list_event_source_mappings", {"EventSourceMappings": [mapping]})
        for _ in range(61):
            aws.add_client_error("update_event_source_mapping", "ResourceInUseException")
        with pytest.raises(functions.exceptions.ResourceInUseException):
            lift_limits(STAGE, "jobs", functions, slept.append)
    assert sum(slept) == 120


def test_a_queue_without_a_limit_is_left_as_it_is(functions: Client) -> None:
    with Stubber(functions) as aws:
        aws.add_response("list_event_source_mappings", {"EventSourceMappings": [{"UUID": "u" * 36}]})
        lift_limits(STAGE, "jobs", functions)
        aws.assert_no_pending_responses()


@pytest.mark.parametrize(("limited", "limits"), [("", (4, 3)), ("jobs", (4, None))])
def test_the_packaged_template_limits_what_was_chosen_also_where_config_json_says_empty(
    project: Path, limited: str, limits: tuple[int | None, int | None]
) -> None:
    change_settings(project, {QUEUE_LIMIT: ""})
    hand_over_package(project)
    made = json.loads((package(STAGE, project, limited) / "sam.json").read_text())["Resources"]
    found = [limit_of(made[function]) for function in ("SyncJobs", "SyncBulk")]
    assert tuple(found) == limits


def limit_of(function: dict[str, Any]) -> int | None:
    """The limit of the one queue that a function reads, in the packaged template."""
    (trigger,) = function["Properties"]["Events"].values()
    limit: int | None = trigger["Properties"].get("ScalingConfig", {}).get("MaximumConcurrency")
    return limit
