"""Both ways of deploying, whole, on a local AWS that enforces permissions; and taking it all away again."""

import json
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests

from chalicelib import settings
from deploy.__main__ import main
from deploy.project import NotDeployed
from deploy.stacks import Stacks
from local.auth_site import AuthSite
from local.aws import environment as env
from local.aws.server import CREDENTIALS, Server
from tests.deploy.support import STAGE, change_settings, hand_over_package

pytestmark = pytest.mark.stack
UP = ["up", STAGE, "--plain-connections", "allowed"]


def quickly(seconds: float) -> None:
    """The local AWS is ten times as fast."""
    time.sleep(seconds / 10)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An empty account, which boto3 and chalice talk to as they would to AWS."""
    server = Server(enforce_iam=True)
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": server.endpoint_url}.items():
        monkeypatch.setenv(name, value)
    try:
        yield server
    finally:
        server.stop()


def put_secrets(region: str | None = None) -> None:
    ssm = boto3.client("ssm", region_name=region)
    for name in settings.REQUIRED_SECRETS:
        ssm.put_parameter(Name=f"/rolecall/{STAGE}/{name}", Value=env.MADE_UP[name], Type="SecureString")


def answer_of(function: str) -> Any:
    """What the deployed function answers; it has read its settings and secrets and asked its tables by then."""
    answer = boto3.client("lambda").invoke(FunctionName=f"rolecall-{STAGE}-{function}", Payload=b"{}")
    return json.loads(answer["Payload"].read())


def address_of_the_api() -> str:
    api = boto3.client("apigateway").get_rest_apis()["items"][0]["id"]
    return f"{boto3.client('sts').meta.endpoint_url}/_aws/execute-api/{api}/api"


def who_may_read(*secrets: str) -> list[bool]:
    """For each secret, whether the web function takes a token that is signed with it."""
    return [asked_about_a_user(secret) == HTTPStatus.NOT_FOUND for secret in secrets]


def asked_about_a_user(secret: str) -> int:
    """What is answered to an auth site that asks for a user who has no link, with a token signed with `secret`."""
    sqs = boto3.client("sqs")  # which nothing is sent to
    token = AuthSite(sqs, secret=secret, jobs_queue_url="", notices_queue_url="").token("1", "read")
    url = f"{address_of_the_api()}/discord/users/1"
    return requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=30).status_code


def parameter(stack: str, name: str) -> str:
    return Stacks(boto3.client("cloudformation")).parameters(f"rolecall-{STAGE}-{stack}")[name]


def configurations() -> dict[str, str]:
    """When each function was last changed."""
    functions = boto3.client("lambda").list_functions()["Functions"]
    return {function["FunctionName"]: function["LastModified"] for function in functions}


def logs_with_an_end() -> set[str]:
    """The log groups in which nothing is kept for ever. They must be there: no function may make its own."""
    groups = boto3.client("logs").describe_log_groups()["logGroups"]
    return {group["logGroupName"] for group in groups if group.get("retentionInDays")}


def what_is_there() -> dict[str, list[str]]:
    return {
        "functions": [f["FunctionName"] for f in boto3.client("lambda").list_functions()["Functions"]],
        "tables": boto3.client("dynamodb").list_tables()["TableNames"],
        "queues": boto3.client("sqs").list_queues().get("QueueUrls", []),
        "alarms": [a["AlarmName"] for a in boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]],
        "secrets": [p["Name"] for p in boto3.client("ssm").describe_parameters()["Parameters"]],
        "roles": [r["RoleName"] for r in boto3.client("iam").list_roles()["Roles"]],
        "logs": [g["logGroupName"] for g in boto3.client("logs").describe_log_groups()["logGroups"]],
    }


@pytest.mark.slow  # chalice looks every five seconds whether a function is ready
@pytest.mark.usefixtures("account")
def test_chalice_deploys_changes_and_removes_a_stage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_secrets()
    hand_over_package(project)
    assert main(UP, root=project, sleep=quickly) == 0
    assert answer_of("update_all")["state"] == "surveying"
    there = what_is_there()
    assert [len(there[kind]) for kind in ("functions", "tables", "queues", "alarms")] == [9, 7, 4, 0]
    assert {f"/aws/lambda/{name}" for name in there["functions"]} <= logs_with_an_end()
    for worker in ("sync_jobs", "sync_bulk"):
        said = boto3.client("lambda").get_function_recursion_config(FunctionName=f"rolecall-{STAGE}-{worker}")
        assert said["RecursiveLoop"] == "Allow"
    assert main(["up", STAGE, "--packaged"], root=project, sleep=quickly) == 1
    assert "Go on in that way: make deploy STAGE=dev" in capsys.readouterr().err
    assert main(["rollback", STAGE], root=project, sleep=quickly) == 1
    assert "git checkout" in capsys.readouterr().err
    assert main(["down", STAGE, "--yes"], root=project, sleep=quickly) == 0
    assert not any(what_is_there().values()), what_is_there()


@pytest.mark.usefixtures("account")
def test_cloudformation_deploys_changes_and_removes_a_stage(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_secrets()
    hand_over_package(project)
    packaged = [*UP, "--packaged", "--bucket", "made-here"]
    assert main([*packaged, "--email", "me@example.org"], root=project, sleep=quickly) == 0
    assert answer_of("update_all")["state"] == "surveying"
    assert requests.get(f"{address_of_the_api()}/health", timeout=30).json()["status"] == "ok"
    there = what_is_there()
    assert [len(there[kind]) for kind in ("functions", "tables", "queues", "alarms")] == [9, 7, 4, 7]
    assert {f"/aws/lambda/{name}" for name in there["functions"]} <= logs_with_an_end()
    said = capsys.readouterr().out
    assert "/api/discord/callback" in said
    assert "Nobody hears" not in said, "the alarms go to me@example.org"
    versions = configurations()
    assert parameter("watch", "HoursWithoutSweep") == "6"
    assert main(packaged, root=project, sleep=quickly) == 0, "deploying again changes nothing, and keeps the address"
    assert what_is_there() == there
    assert configurations() == versions
    patient = ["--hours-without-sweep", "12", "--oldest-change", "3600", "--visibility-timeout", "720"]
    assert main([*packaged, *patient], root=project, sleep=quickly) == 0
    assert main(packaged, root=project, sleep=quickly) == 0, "what was chosen once is kept"
    assert [parameter("watch", "HoursWithoutSweep"), parameter("watch", "OldestChange")] == ["12", "3600"]
    assert parameter("data", "VisibilityTimeout") == "720"
    topic = boto3.client("sns").list_topics()["Topics"][0]["TopicArn"]
    subscribed = boto3.client("sns").list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [one["Endpoint"] for one in subscribed] == ["me@example.org"]
    assert main(UP, root=project, sleep=quickly) == 1
    assert "Go on in that way: make deploy-package STAGE=dev" in capsys.readouterr().err
    assert main(["down", STAGE, "--yes"], root=project, sleep=quickly) == 0
    assert not any(what_is_there().values()), what_is_there()


@pytest.mark.usefixtures("account")
def test_running_functions_read_a_changed_secret_after_the_next_packaged_deployment(project: Path) -> None:
    put_secrets()
    hand_over_package(project)
    packaged = [*UP, "--packaged", "--bucket", "made-here"]
    assert main(packaged, root=project, sleep=quickly) == 0
    old, new = env.MADE_UP["AUTH_SITE_SECRET"], "n" * settings.MIN_SECRET
    assert who_may_read(old, new) == [True, False]
    boto3.client("ssm").put_parameter(Name=f"/rolecall/{STAGE}/AUTH_SITE_SECRET", Value=new, Overwrite=True)
    assert who_may_read(old, new) == [True, False], "functions that run already keep the old one"
    assert main(packaged, root=project, sleep=quickly) == 0
    assert who_may_read(old, new) == [False, True]


@pytest.mark.usefixtures("account")
def test_the_version_before_can_be_put_back(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    put_secrets()
    hand_over_package(project)
    bucket = ["--bucket", "made-here"]
    assert main([*UP, "--packaged", *bucket], root=project, sleep=quickly) == 0
    assert main(["rollback", STAGE, *bucket], root=project, sleep=quickly) == 1
    assert "No earlier version of dev is kept; nothing was changed" in capsys.readouterr().err
    change_settings(project, {"DISCORD_RESERVED_ROLES": "Wrong"})
    assert main([*UP, "--packaged", *bucket], root=project, sleep=quickly) == 0
    assert reserved_roles() == "Wrong"
    assert main(["rollback", STAGE, *bucket], root=project, sleep=quickly) == 0
    assert reserved_roles() == ""
    assert answer_of("update_all")["state"] == "surveying"
    assert main(["rollback", STAGE, *bucket], root=project, sleep=quickly) == 1, "there is none before the first"
    assert main(["down", STAGE, "--yes", *bucket], root=project, sleep=quickly) == 0
    kept = boto3.client("s3").list_objects_v2(Bucket="made-here").get("Contents", [])
    assert not kept, "what was uploaded of a stage goes with it"


def reserved_roles() -> str:
    config = boto3.client("lambda").get_function_configuration(FunctionName=f"rolecall-{STAGE}-sync_jobs")
    return str(config["Environment"]["Variables"]["DISCORD_RESERVED_ROLES"])


@pytest.mark.usefixtures("account")
def test_a_stage_whose_tables_are_protected_is_left_whole(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    template = (project / ".chalice" / "data-stack.yaml").read_text()
    stacks = Stacks(boto3.client("cloudformation"), quickly)
    stacks.bring_about(f"rolecall-{STAGE}-data", template, {"Stage": STAGE, "Protection": "on"})
    put_secrets()
    there = what_is_there()
    assert main(["down", STAGE, "--yes"], root=project, sleep=quickly) == 1
    assert "PROTECTION=off" in capsys.readouterr().err
    assert what_is_there() == there


@pytest.mark.usefixtures("account")
def test_a_stack_that_failed_does_not_stand_in_the_way_of_the_next_attempt(project: Path) -> None:
    template = (project / ".chalice" / "data-stack.yaml").read_text()
    wrong = template.replace("MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 1", 1)
    stacks = Stacks(boto3.client("cloudformation"), quickly)
    with pytest.raises(NotDeployed, match="JobsQueue: "):
        stacks.bring_about("rolecall-dev-data", wrong, {"Stage": STAGE})
    assert not what_is_there()["tables"]
    assert stacks.bring_about("rolecall-dev-data", template, {"Stage": STAGE})["JobsQueueUrl"]


@pytest.mark.usefixtures("account")
def test_the_region_may_be_named_as_most_aws_programs_name_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    put_secrets("eu-central-1")
    assert main(["check", STAGE], root=project, sleep=quickly) == 0
    assert "times a month (LIMIT_CONCURRENCY: " in capsys.readouterr().out
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert main(["check", STAGE], root=project, sleep=quickly) == 1, "the secrets are in another region"


def test_nothing_is_deployed_while_a_setting_is_missing(
    account: Server, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change_settings(project, {"DISCORD_GUILD_ID": "", "DISCORD_SYNC_NAMES": "perhaps"})
    assert main(UP, root=project, sleep=quickly) == 1
    said = capsys.readouterr().err
    for text in (
        "- DISCORD_GUILD_ID is missing",
        "- DISCORD_SYNC_NAMES must be True or False",
        "make secrets STAGE=dev",
        "- DISCORD_BOT_TOKEN is missing",
    ):
        assert text in said
    assert account.running
    assert not any(what_is_there().values())
