"""`python -m ops` on the simulated world: its DynamoDB, SQS and clock, and a CloudWatch that reads its log."""

import io
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from local.simulated import ENVIRONMENT, STAGE, World
from ops.cli import main
from ops.stage import Stage
from tests.ops.world import Said

DEPLOYED_AT = "2026-01-01T00:00:00.000+0000"


class CloudWatch:
    """What it makes of the lines in the embedded metric format."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get_metric_statistics(self, **asked: Any) -> dict[str, Any]:
        sums: dict[float, float] = {}
        for line in self._world.metrics:
            at = line["_aws"]["Timestamp"] / 1000
            minute = at - at % asked["Period"]
            if asked["MetricName"] in line and asked["StartTime"].timestamp() <= minute < asked["EndTime"].timestamp():
                value = line[asked["MetricName"]]
                sums[minute] = sums.get(minute, 0.0) + (value if not isinstance(value, list) else sum(value))
        return {"Datapoints": [{"Timestamp": datetime.fromtimestamp(at, UTC), "Sum": sums[at]} for at in sums]}


class Lambda:
    """Functions that were deployed with the world's settings."""

    meta = SimpleNamespace(region_name="eu-central-1")

    def get_function_configuration(self, **asked: str) -> dict[str, Any]:
        name = asked["FunctionName"]
        environment = {"Variables": ENVIRONMENT}
        return {"FunctionArn": name, "Timeout": 60, "Environment": environment, "LastModified": DEPLOYED_AT}


class Ssm:
    """A Parameter Store without anything: the secrets are in the functions' environment."""

    def get_parameters(self, **_: Any) -> dict[str, Any]:
        return {"Parameters": []}


class Session:
    """What boto3's session is to `Stage`."""

    def __init__(self, world: World) -> None:
        self._clients: dict[str, object] = {
            "dynamodb": world.dynamodb,
            "sqs": world.sqs,
            "cloudwatch": CloudWatch(world),
            "lambda": Lambda(),
            "ssm": Ssm(),
        }

    def client(self, service: str, config: object = None) -> object:  # noqa: ARG002 - retries are none of a test's business
        return self._clients[service]


def stage_of(world: World) -> Stage:
    """The world's stage as an operator finds it who looks now."""
    return Stage(STAGE, {}, world.clock.now, Session(world), pause=0)  # type: ignore[arg-type]  # a session of few services


def operator(world: World) -> Callable[..., Said]:
    """A terminal on which commands of `python -m ops` are typed."""

    def run(*arguments: str) -> Said:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main(["--stage", STAGE, *arguments], lambda _: stage_of(world))
        return Said(code, " ".join(out.getvalue().split()), " ".join(err.getvalue().split()))

    return run
