"""Rolecall's two stacks in the local AWS: tables and queues, then the packaged functions."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from chalicelib import settings
from local.aws import environment as env
from local.aws import package
from local.aws.process import CannotStart
from local.aws.server import CREDENTIALS, HOST, REGION, ROOT, Server

API_ID = "rolecall"  # chosen, so that the callback URL is known before the functions that need it
API_STAGE = "api"
API_ID_TAG = "ms-custom-id"  # by which ministack lets a template choose an API's id
BUCKET = "rolecall-deployments"
JUDGED_WITHOUT_RESOURCE = {"ssm:GetParameters"}  # by ministack, where IAM is enforced
SLOWEST_STACK = 60  # seconds

Tell = Callable[[str], None]
AwsClient = Any  # boto3 makes a client's methods at run time: no type describes them
Payload = Any  # any JSON value


@dataclass(frozen=True)
class LocalAws:
    """A running local AWS with Rolecall in it. Stays up until the `local_aws` that made it ends."""

    server: Server
    stage: str
    settings: Mapping[str, str] = field(repr=False)
    """Every setting as the functions have it, secrets too."""
    jobs_queue_url: str
    bulk_queue_url: str
    dead_letter_queue_url: str
    notices_queue_url: str
    api_url: str
    """Ends before /discord/…"""
    functions: Mapping[str, str]
    """The Lambda's name of every function of app.py, by its name there; the HTTP API is `api_handler`."""

    @property
    def endpoint_url(self) -> str:
        return self.server.endpoint_url

    @property
    def log(self) -> Path:
        """What the emulator and the functions print."""
        return self.server.log

    @property
    def running(self) -> bool:
        return self.server.running

    def log_end(self) -> str:
        """The last lines of `log`, for a person."""
        return self.server.log_end()

    @cached_property
    def _session(self) -> boto3.Session:
        return _session()

    def client(self, service: str) -> AwsClient:
        """A boto3 client of that service, in the local AWS."""
        return _client(self._session, self.server, service)

    def invoke(self, function: str, payload: Payload = None) -> Payload:
        """What app.py's `function` answers to `payload`. Raises FunctionFailed if it raises."""
        answer = self.client("lambda").invoke(
            FunctionName=self.functions[function], Payload=json.dumps(payload if payload is not None else {})
        )
        body = json.loads(answer["Payload"].read() or "null")
        if "FunctionError" in answer:
            raise FunctionFailed(f"{function}: {body}")
        return body

    def logs(self, function: str) -> list[str]:
        """The lines that app.py's `function` logged so far, oldest first, with Lambda's own START, END and REPORT."""
        pages = self.client("logs").get_paginator("filter_log_events")
        events = [
            event
            for page in pages.paginate(logGroupName=f"/aws/lambda/{self.functions[function]}")
            for event in page["events"]
        ]
        return [event["message"].rstrip("\n") for event in sorted(events, key=lambda event: event["timestamp"])]

    def workers(self, function: str) -> list[int]:
        """The ids of the processes that run app.py's `function` now: one for each invocation that ran at the same time.

        They wait for their next event; one that is killed in the middle of an event fails that invocation.
        """
        return self.server.workers(self.functions[function])


class FunctionFailed(Exception):
    """An invoked function raised, ran out of time or died; carries its answer as text."""


@contextmanager
def local_aws(
    environment: Mapping[str, str] | None = None,
    *,
    stage: str = "local",
    port: int | None = None,
    visibility_timeout: int | None = None,
    enforce_iam: bool = False,
    source: Path = ROOT,
    tell: Tell = lambda _: None,
) -> Iterator[LocalAws]:
    """Start an empty local AWS, put Rolecall into it, and remove all of it at the end.

    `environment` holds settings by their environment variable's name; what is required and missing is made up. Secrets
    go to SSM, the rest to the functions. `visibility_timeout` (seconds) is that of the jobs and bulk queues. With
    `enforce_iam` the functions may do only what their policies allow. `source` is the folder of app.py. `tell` hears
    what is being done.
    """
    given = dict(environment or {})
    at_import = {settings.STAGE: stage} | {name: given.pop(name) for name in env.READ_AT_IMPORT if name in given}
    tell("Packaging the functions (some seconds whenever the requirements change)")
    packaged = package.build(stage, import_environment=at_import, source=source)
    tell("Starting the local AWS")
    server = Server(port=port, enforce_iam=enforce_iam)
    try:
        session = _session()
        api_url = api_url_at(server.port)
        all_settings = env.complete(given, api_url=api_url)
        cloudformation = _client(session, server, "cloudformation")
        tell("Creating tables and queues")
        queues = _create_data_stack(
            cloudformation,
            source,
            Stage=stage,
            VisibilityTimeout=visibility_timeout,
            # The emulator speaks HTTP, and enforces queue policies together with everybody else's.
            PlainConnections="allowed" if enforce_iam else None,
        )
        _store_secrets(_client(session, server, "ssm"), stage, all_settings)
        tell("Creating the functions")
        open_settings = {name: value for name, value in all_settings.items() if name not in settings.SECRETS}
        _upload(_client(session, server, "s3"), packaged.zip_file)
        template = _deployable(packaged.template, open_settings | at_import | env.LOCAL_ONLY)
        functions = _create_functions_stack(cloudformation, stage, template)
        yield LocalAws(
            server=server,
            stage=stage,
            settings=all_settings,
            jobs_queue_url=queues["JobsQueueUrl"],
            bulk_queue_url=queues["BulkQueueUrl"],
            dead_letter_queue_url=queues["DeadLettersQueueUrl"],
            notices_queue_url=queues["NoticesQueueUrl"],
            api_url=api_url,
            functions=functions,
        )
    finally:
        server.stop()


def api_url_at(port: int) -> str:
    """Where the HTTP API of a local AWS on `port` answers; known before it runs."""
    return f"http://{HOST}:{port}/_aws/execute-api/{API_ID}/{API_STAGE}"


def _session() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=REGION,
    )


def _client(session: boto3.Session, server: Server, service: str) -> AwsClient:
    """A client that never tries twice: what fails here is a fault to be seen."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=120)
    # The stubs know one overload a service; which service it is, only the caller knows.
    return session.client(service, endpoint_url=server.endpoint_url, config=config)  # type: ignore[call-overload]


def _create_data_stack(cloudformation: AwsClient, source: Path, **parameters: str | int | None) -> dict[str, str]:
    name = f"rolecall-{parameters['Stage']}-data"
    template = (source / ".chalice" / "data-stack.yaml").read_text()
    cloudformation.create_stack(
        StackName=name,
        # Lambda reads no queue whose messages come back within 60 s. The emulator does: tests need not wait so long.
        TemplateBody=template.replace("MinValue: 60 ", "MinValue: 0 "),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": str(value)}
            for key, value in parameters.items()
            if value is not None
        ],
    )
    stack = _created(cloudformation, name)
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _store_secrets(ssm: AwsClient, stage: str, values: Mapping[str, str]) -> None:
    for name in (name for name in settings.SECRETS if values.get(name)):
        ssm.put_parameter(Name=f"/rolecall/{stage}/{name}", Value=values[name], Type="SecureString")


def _upload(s3: AwsClient, zip_file: Path) -> None:
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key=zip_file.name, Body=zip_file.read_bytes())


def _deployable(template: package.Json, environment: Mapping[str, str]) -> package.Json:
    """The packaged template, with the code's place, the settings and the API's id filled in."""
    filled: package.Json = json.loads(json.dumps(template))
    for resource in filled["Resources"].values():
        properties = resource.get("Properties", {})
        if resource["Type"] == "AWS::Serverless::Function":
            properties["CodeUri"] = {"Bucket": BUCKET, "Key": "deployment.zip"}
            properties.setdefault("Environment", {}).setdefault("Variables", {}).update(environment)
        if resource["Type"] == "AWS::IAM::Role":
            for policy in properties["Policies"]:
                fit_to_emulator(policy["PolicyDocument"])
        if resource["Type"] == "AWS::Serverless::Api":
            properties.setdefault("Tags", {})[API_ID_TAG] = API_ID
            properties["PropagateTags"] = True
    return filled


def fit_to_emulator(policy: package.Json) -> None:
    """Say what a policy means in the words by which the emulator judges. Nothing is allowed that AWS would not allow.

    But for the resource of what it judges without one: tests of the policy itself must see to that.
    """
    for statement in policy["Statement"]:
        if JUDGED_WITHOUT_RESOURCE & set(statement["Action"]):
            statement["Resource"] = ["*"]
        if "sqs:SendMessage" in statement["Action"]:
            statement["Action"].append("sqs:SendMessageBatch")  # on AWS SendMessage covers it; no such action exists


def _create_functions_stack(cloudformation: AwsClient, stage: str, template: package.Json) -> dict[str, str]:
    name = f"rolecall-{stage}"
    cloudformation.create_stack(
        StackName=name,
        TemplateBody=json.dumps(template, separators=(",", ":")),
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    _created(cloudformation, name)
    names = {
        resource["LogicalResourceId"]: resource["PhysicalResourceId"]
        for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=name)
        for resource in page["StackResourceSummaries"]
    }
    return {
        _python_name(logical): names[logical]
        for logical, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function"
    }


def _python_name(logical_id: str) -> str:
    """The name in app.py of a function that Chalice calls `logical_id` in its template: SyncJobs → sync_jobs."""
    return "_".join(re.findall("[A-Z]+(?![a-z])|[A-Z][a-z0-9]*", logical_id)).lower()


def _created(cloudformation: AwsClient, name: str) -> package.Json:
    try:
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": SLOWEST_STACK * 10}
        )
    except Exception as error:
        events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
        reasons = [
            f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in reversed(events)
            if "FAILED" in event["ResourceStatus"]
        ]
        raise CannotStart(f"The stack {name} could not be created:\n" + "\n".join(reasons)) from error
    stack: package.Json = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return stack
