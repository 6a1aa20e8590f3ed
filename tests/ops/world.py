"""A healthy stage of Rolecall: tables and queues and functions in an AWS in memory, and a local Discord on loopback."""

import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

from chalicelib import VERSION
from chalicelib.store import rows
from local.discord.config import Config
from local.discord.server import Running
from ops.doctor.alarms import ALARMS as ALARM_NAMES
from ops.doctor.base import Result, examine
from ops.doctor.command import REGISTRIES
from ops.doctor.context import DoctorContext
from ops.stage import FUNCTIONS, Stage

STAGE = "prod"
DISCORD = Config()
NOON = 1_780_000_000
SECRETS = {
    "DISCORD_APP_SECRET": DISCORD.app_secret,
    "DISCORD_BOT_TOKEN": DISCORD.bot_token,
    "AUTH_SITE_SECRET": "0123456789abcdef0123456789abcdef",
}
WITH_TTL = ("users", "attempts", "guild", "budgets", "sweeps", "audit")
ALARMS = f"rolecall-{STAGE}-alarms"
TIMEOUT = 60  # seconds, of every function


@dataclass
class Health:
    """What the API answers at /health."""

    url: str
    status: int = 200
    body: dict[str, str] = field(default_factory=lambda: {"status": "ok", "version": VERSION})


@dataclass
class World:
    """A stage, and everything behind it that a test can spoil. `shell` is the environment of the operator's shell."""

    health: Health
    running: Running
    session: Any
    shell: dict[str, str] = field(default_factory=dict)
    clock: Callable[[], float] = time.time

    @property
    def discord(self) -> Any:
        """What people do behind the API's back."""
        return self.running.discord.admin

    @property
    def callback_url(self) -> str:
        return f"{self.health.url}/api/discord/callback"

    @cached_property
    def settings(self) -> dict[str, str]:
        """What the functions have in their environment."""
        return {
            "DISCORD_APP_ID": DISCORD.app_id,
            "DISCORD_GUILD_ID": DISCORD.guild_id,
            "DISCORD_CALLBACK_URL": self.callback_url,
            "DISCORD_API_BASE_URL": f"{self.running.url}/api/v10",
            "DISCORD_OAUTH_TOKEN_URL": f"{self.running.url}/api/oauth2/token",
        }

    def stage(self) -> Stage:
        """The stage as somebody finds it who looks now."""
        return Stage(STAGE, self.shell, self.clock, self.session, pause=0.05)

    def examine(self, name: str | None = None) -> dict[str, Result]:
        """Make all checks, or the named one and those that it needs."""
        every = {check.name: check for registry in REGISTRIES for check in registry.checks}
        wanted = set(every) if name is None else _closure(name, {n: check.needs for n, check in every.items()})
        context, results = DoctorContext(self.stage()), dict[str, Result]()
        for check_name, check in every.items():
            if check_name in wanted:
                results[check_name] = examine(check, context, results)
        return results

    # --- building ---

    def build(self) -> None:
        """Everything as `make deploy` leaves it."""
        self.create_tables()
        self.create_queues()
        self.put_secrets(SECRETS)
        self.deploy()
        self.watch("you@example.org")

    def build_for_discord(self) -> None:
        """Tables and secrets; the settings stand in the shell."""
        self.create_tables()
        self.put_secrets(SECRETS)
        self.shell.update(self.settings)

    def create_tables(self) -> None:
        client = self.session.client("dynamodb")
        rows.connect(STAGE, client=client)
        for model in rows.ALL:
            client.create_table(TableName=model.Meta.table_name, BillingMode="PAY_PER_REQUEST", **_keys(model))
        for short in WITH_TTL:
            client.update_time_to_live(
                TableName=f"rolecall-{STAGE}-{short}",
                TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": True},
            )
        for short in ("users", "accounts"):
            client.update_continuous_backups(
                TableName=f"rolecall-{STAGE}-{short}",
                PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
            )

    def create_queues(self) -> None:
        kept = {"MessageRetentionPeriod": str(14 * 86_400)}
        for short in ("dead-letters", "notices"):
            self.sqs.create_queue(QueueName=f"rolecall-{STAGE}-{short}", Attributes=kept)
        redrive = json.dumps({"deadLetterTargetArn": self.queue_arn("dead-letters"), "maxReceiveCount": 5})
        for short in ("jobs", "bulk"):
            attributes = kept | {"VisibilityTimeout": str(6 * TIMEOUT), "RedrivePolicy": redrive}
            self.sqs.create_queue(QueueName=f"rolecall-{STAGE}-{short}", Attributes=attributes)

    def put_secrets(self, secrets: dict[str, str], kind: Any = "SecureString") -> None:
        for name, value in secrets.items():
            self.session.client("ssm").put_parameter(
                Name=f"/rolecall/{STAGE}/{name}", Value=value, Type=kind, Overwrite=kind == "SecureString"
            )

    def deploy(self) -> None:
        role = self.session.client("iam").create_role(RoleName="rolecall", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        code, events = _empty_zip(), self.session.client("events")
        for short in FUNCTIONS:
            arn = self.awslambda.create_function(
                FunctionName=function(short),
                Runtime="python3.11",
                Role=role,
                Handler="app.app",
                Code={"ZipFile": code},
                Timeout=TIMEOUT,
                Environment={"Variables": self.settings},
            )["FunctionArn"]
            self.session.client("logs").create_log_group(logGroupName=f"/aws/lambda/{function(short)}")
            if short.endswith("_on_schedule"):
                events.put_rule(Name=f"rule-{short}", ScheduleExpression="rate(1 hour)")
                events.put_targets(Rule=f"rule-{short}", Targets=[{"Id": "1", "Arn": arn}])
        for short, queue in (("sync_jobs", "jobs"), ("sync_bulk", "bulk")):
            self.awslambda.create_event_source_mapping(
                FunctionName=function(short), EventSourceArn=self.queue_arn(queue)
            )

    def watch(self, email: str) -> None:
        """Alarms and a dashboard, somewhere for alarms to go, and somebody who hears them."""
        arn = self.session.client("sns").create_topic(Name=ALARMS)["TopicArn"]
        for short in ALARM_NAMES:
            self.alarm(short, [arn])
        self.session.client("cloudwatch").put_dashboard(DashboardName=f"rolecall-{STAGE}", DashboardBody="{}")
        if email:
            self.session.client("sns").subscribe(TopicArn=arn, Protocol="email", Endpoint=email)

    def alarm(self, short: str, actions: list[str]) -> None:
        self.session.client("cloudwatch").put_metric_alarm(
            AlarmName=f"rolecall-{STAGE}-{short}",
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            Namespace="Rolecall",
            MetricName="SweepsHeld",
            Period=300,
            Statistic="Sum",
            Threshold=0,
            AlarmActions=actions,
        )

    def unwatch(self) -> None:
        """Nowhere for alarms to go."""
        client = self.session.client("sns")
        for topic in client.list_topics()["Topics"]:
            client.delete_topic(TopicArn=topic["TopicArn"])

    # --- spoiling, and looking ---

    @cached_property
    def sqs(self) -> Any:
        return self.session.client("sqs")

    @cached_property
    def awslambda(self) -> Any:
        return self.session.client("lambda")

    def configure(self, **settings: str | None) -> None:
        """Change settings of all functions, or of the shell that has them; None takes one away."""
        merged = self.settings | settings
        if self.shell.get("DISCORD_APP_ID"):
            self.shell = {name: value for name, value in merged.items() if value is not None}
            return
        variables = {name: value for name, value in merged.items() if value is not None}
        for short in FUNCTIONS:
            self.awslambda.update_function_configuration(
                FunctionName=function(short), Environment={"Variables": variables}
            )

    def queue_url(self, short: str) -> str:
        url: str = self.sqs.get_queue_url(QueueName=f"rolecall-{STAGE}-{short}")["QueueUrl"]
        return url

    def queue_arn(self, short: str) -> str:
        answer = self.sqs.get_queue_attributes(QueueUrl=self.queue_url(short), AttributeNames=["QueueArn"])
        arn: str = answer["Attributes"]["QueueArn"]
        return arn

    def bodies(self, short: str) -> list[str]:
        """What can be received from a queue, in any order."""
        answer = self.sqs.receive_message(QueueUrl=self.queue_url(short), MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", [])]

    def set_aside(self, body: str, **attributes: str) -> str:
        """Put a dead letter; its id."""
        typed = {name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()}
        url = self.queue_url("dead-letters")
        answer = self.sqs.send_message(QueueUrl=url, MessageBody=body, MessageAttributes=typed)
        message_id: str = answer["MessageId"]
        return message_id


@dataclass(frozen=True)
class Said:
    """What a command printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command(Protocol):
    """Runs `python -m ops --stage prod` with these arguments."""

    def __call__(self, *arguments: str) -> Said: ...


def _keys(model: Any) -> dict[str, Any]:
    """Keys and indexes of a table as its model has them, in boto3's words. Quicker than PynamoDB's own create_table."""
    schema = model._get_schema()

    def hash_first(keys: list[dict[str, str]]) -> list[dict[str, str]]:
        return sorted(keys, key=lambda key: key["KeyType"])

    indexes = [
        {
            "IndexName": index["index_name"],
            "KeySchema": hash_first(index["key_schema"]),
            "Projection": index["projection"],
        }
        for index in schema["global_secondary_indexes"]
    ]
    return {
        "KeySchema": hash_first(schema["key_schema"]),
        "AttributeDefinitions": schema["attribute_definitions"],
        **({"GlobalSecondaryIndexes": indexes} if indexes else {}),
    }


def function(short: str) -> str:
    """The Lambda's name."""
    return f"rolecall-{STAGE}-{short}"


def _closure(name: str, needs: dict[str, tuple[str, ...]]) -> set[str]:
    return {name}.union(*(_closure(other, needs) for other in needs[name]))


def _empty_zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("app.py", "")
    return packed.getvalue()
