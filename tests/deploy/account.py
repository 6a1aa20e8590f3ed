"""An account in a second AWS, and deployments to it that may be killed at any line that they print."""

import functools
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3

from chalicelib import settings
from deploy.found import find
from local.aws import environment as env
from local.aws.process import Process, port_to_use
from local.aws.server import CREDENTIALS, HOST, PYTHON, ROOT

SERVER = Path(__file__).with_name("second_aws.py")
BLOCKED = 1.5  # seconds for which a deleted queue's name is blocked here; 60 on AWS
PACE = {"Delay": BLOCKED / 30 * 1.5, "MaxAttempts": 600}  # as much faster than AWS as that
DEPLOY = (
    "import sys; from pathlib import Path; from deploy.__main__ import main; sys.exit(main({}, root=Path({}), pace={}))"
)
NUMBER = "123456789012"  # of moto's account


class Account:
    """moto's one account, empty at first, and whose environment makes boto3 and chalice talk to it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://{HOST}:{port}"
        self.environment = {**CREDENTIALS, "AWS_ENDPOINT_URL": self.url}
        session = boto3.Session("test", "test", region_name="us-east-1")
        self.client = functools.cache(functools.partial(_client, session, self.url))

    def reset(self) -> None:
        """Empty it."""
        asked = urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")  # noqa: S310 - loopback
        urllib.request.urlopen(asked).close()  # noqa: S310 - loopback

    def put_secrets(self, stage: str) -> None:
        ssm = self.client("ssm")
        for name in settings.REQUIRED_SECRETS:
            ssm.put_parameter(Name=f"/rolecall/{stage}/{name}", Value=env.MADE_UP[name], Type="SecureString")

    def deploy(self, project: Path, *words: str, killed_at: int | None = None) -> "Ended":
        """Run `python -m deploy` with `words`; with `killed_at` only up to that line (from 0), then kill all of it."""
        program = DEPLOY.format(list(words), repr(str(project)), PACE)
        running = subprocess.Popen(  # noqa: S603 - this file's own text
            [sys.executable, "-u", "-c", program],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert running.stdout is not None
        with running:
            lines = list(itertools.islice(running.stdout, None if killed_at is None else killed_at + 1))
            if killed_at is not None:
                os.killpg(running.pid, signal.SIGKILL)
        return Ended(running.returncode, lines)

    # --- what there is ---

    def made_for(self, stage: str) -> dict[str, Any]:
        """What a whole stage has; counts, and what Lambda is told of loops."""
        found = find(stage, self.client)
        functions = self.client("lambda")
        loops = [
            functions.get_function_recursion_config(FunctionName=f"rolecall-{stage}-{name}")["RecursiveLoop"]
            for name in ("sync_jobs", "sync_bulk")
            if name in found.functions
        ]
        return {
            "functions": len(found.functions),
            "roles": len(found.roles),
            "rules": len(found.rules),
            "triggers": len(found.triggers),
            "apis": len(found.apis),
            "loops": loops,
            "tables": len(self.client("dynamodb").list_tables()["TableNames"]),
            "queues": len(self.client("sqs").list_queues().get("QueueUrls", [])),
        }

    def everything(self) -> list[str]:
        """The names of all that there is, whoever made it."""
        iam, api = self.client("iam"), self.client("apigateway")
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return [
            *(one["FunctionName"] for one in self.client("lambda").list_functions()["Functions"]),
            *(one["UUID"] for one in self.client("lambda").list_event_source_mappings()["EventSourceMappings"]),
            *(one["RoleName"] for one in iam.list_roles()["Roles"]),
            *(one["Name"] for one in self.client("events").list_rules()["Rules"]),
            *(one["id"] for one in api.get_rest_apis()["items"]),
            *self.client("dynamodb").list_tables()["TableNames"],
            *self.client("sqs").list_queues().get("QueueUrls", []),
            *(one["logGroupName"] for one in self.client("logs").describe_log_groups()["logGroups"]),
            *(one["Name"] for one in self.client("ssm").describe_parameters()["Parameters"]),
            *(one["StackName"] for one in stacks if one["StackStatus"] != "DELETE_COMPLETE"),
        ]

    def routes(self) -> set[str]:
        """The paths that the one API answers."""
        api = self.client("apigateway")
        (one,) = api.get_rest_apis()["items"]
        resources = api.get_resources(restApiId=one["id"])["items"]
        return {resource["path"] for resource in resources if resource.get("resourceMethods")}


class Ended:
    """A deployment that came to its end, or was killed: its exit code and what it said."""

    def __init__(self, code: int, lines: list[str]) -> None:
        self.code = code
        self.lines = lines

    @property
    def said(self) -> str:
        return "".join(self.lines)


WHOLE = {
    "functions": 9,
    "roles": 9,
    "rules": 2,
    "triggers": 2,
    "apis": 1,
    "loops": ["Allow", "Allow"],
    "tables": 7,
    "queues": 4,
}


def _client(session: boto3.Session, url: str, service: str) -> Any:
    """Each is made once: that takes longer than all that is asked of it."""
    return session.client(service, endpoint_url=url)  # type: ignore[call-overload]  # the stubs want a literal


@contextmanager
def second_aws() -> Iterator[Account]:
    """moto's server with AWS's rules, for as long as it is needed."""
    port, folder = port_to_use(None), Path(tempfile.mkdtemp(prefix="rolecall-second-aws-"))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "BLOCKED_SECONDS": str(BLOCKED), **CREDENTIALS}
    server = Process(
        [str(PYTHON), str(SERVER), str(port)], environment=environment, folder=folder, log=folder / "server.log"
    )
    account = Account(port)
    try:
        server.wait_until(lambda: _answers(account.url), within=60, what="The second AWS")
        yield account
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=2) as answer:  # noqa: S310 - loopback
            return bool(json.load(answer) is not None)
    except OSError:
        return False
