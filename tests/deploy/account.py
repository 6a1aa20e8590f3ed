"""An account in a second AWS, and deployments to it that may be killed anywhere."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

import boto3

from chalicelib import settings
from local.aws import environment as env
from local.aws.process import Process, port_to_use
from local.aws.server import CREDENTIALS, HOST, PYTHON, ROOT

SERVER = Path(__file__).with_name("second_aws")
NUMBER = "123456789012"  # of moto's account


@dataclass(frozen=True)
class Point:
    """Where a deployment is killed: once it printed a line (from 0), before a call to AWS is done, or after it was
    done but before it is answered.
    """

    when: Literal["line", "before", "after"]
    number: int

    def __str__(self) -> str:
        return f"{self.when}-{self.number}"


@dataclass(frozen=True)
class Moment:
    """After a call, when it would be killed: a further run would find something else than after the call before."""

    index: int
    number: int
    """Of the call, from 0."""
    call: str
    folder: str
    """A copy of the project's folder."""

    def __str__(self) -> str:
        return f"call {self.number}, {self.call}"


@dataclass(frozen=True)
class Ended:
    """A deployment that came to its end, or was killed: its exit code, what it said, what it asked of AWS."""

    code: int
    lines: tuple[str, ...]
    calls: tuple[str, ...]

    @property
    def said(self) -> str:
        return "".join(self.lines)

    @property
    def killed(self) -> bool:
        return self.code == -signal.SIGKILL


class Account:
    """moto's one account, empty at first."""

    def __init__(self, port: int, runner: "Runner") -> None:
        self.url = f"http://{HOST}:{port}"
        self._runner = runner
        self._session = boto3.Session("test", "test", region_name="us-east-1")
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """Each is made once: that takes longer than all that is asked of it."""
        if service not in self._clients:
            made = self._session.client(service, endpoint_url=self.url)  # type: ignore[call-overload]  # wants a literal
            self._clients[service] = made
        return self._clients[service]

    def reset(self) -> None:
        """Empty it."""
        self._tester("reset")

    def save(self) -> None:
        """Let `restore` put back all that there is now, as often as one likes, until something else is saved."""
        self._tester("save")

    def restore(self) -> None:
        self._tester("restore")

    def sleep(self, seconds: float) -> None:
        """Let time pass there."""
        self._tester(f"sleep?seconds={seconds}")

    def allow_functions(self, number: int) -> None:
        """So many may run at once from here on; 10 at first."""
        self._tester(f"quota?functions={number}")

    def fail(self, **resources: str) -> None:
        """From here on what is named fails: resources of stacks, by their logical ids, while they are `create`d,
        `update`d, `delete`d, or while an update is taken back (`rollback`). Nothing else does.
        """
        self._tester("fail?" + urllib.parse.urlencode(resources))

    def moments(self) -> "list[Moment]":
        """Those of the last run that was recorded."""
        return [Moment(index, *said) for index, said in enumerate(self._tester("moments"))]

    @contextmanager
    def at(self, moment: "Moment") -> Iterator[None]:
        """Everything is as it was at that moment, and afterwards as it is now."""
        self._tester(f"visit?moment={moment.index}")
        try:
            yield
        finally:
            self._tester("leave")

    def put_secrets(self, stage: str) -> None:
        """Those that are not there; others stay as they are."""
        ssm = self.client("ssm")
        for name in settings.REQUIRED_SECRETS:
            with suppress(ssm.exceptions.ParameterAlreadyExists):
                ssm.put_parameter(Name=f"/rolecall/{stage}/{name}", Value=env.MADE_UP[name], Type="SecureString")

    def deploy(self, project: Path, *words: str, killed: Point | None = None, into: Path | None = None) -> Ended:
        """Run `python -m deploy` with `words`, to its end or until it is `killed`, with all that it started. With
        `into` its moments are recorded, and copies of the project's folder are put there.
        """
        at_call = f"{killed.when}={killed.number}" if killed and killed.when != "line" else ""
        if into:
            at_call = f"record={project}&into={into}"
        lines = []
        group, output = self._runner.start(list(words), project, f"{self.url}/tester/", at_call)
        with output:
            for line in output:
                lines.append(line)
                if killed and killed.when == "line" and len(lines) > killed.number:
                    with suppress(ProcessLookupError):  # it has just ended
                        os.killpg(group, signal.SIGKILL)
                    break
        return Ended(self._runner.end(), tuple(lines), tuple(self._tester("calls")))

    def _tester(self, command: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/tester/{command}") as answer:  # noqa: S310 - loopback
            return json.load(answer)


class Runner:
    """tests/deploy/runner.py, running."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._control, other = socket.socketpair()
        with other:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.deploy.runner"], cwd=ROOT, env=environment, stdin=other.fileno()
            )
        self._answers = self._control.makefile()

    def start(self, words: list[str], project: Path, tester: str, killed: str) -> tuple[int, IO[str]]:
        """Begin; the process group, and what it says."""
        readable, writable = os.pipe()
        asked = {"words": words, "root": str(project), "tester": tester, "killed": killed}
        socket.send_fds(self._control, [json.dumps(asked).encode()], [writable])
        os.close(writable)
        return int(self._answers.readline()), os.fdopen(readable)

    def end(self) -> int:
        """Its exit code; negative where it was killed."""
        return int(self._answers.readline())

    def stop(self) -> None:
        self._answers.close()
        self._control.close()
        self._process.wait()


@contextmanager
def second_aws() -> Iterator[Account]:
    """moto's server with AWS's rules, for as long as it is needed."""
    port, folder = port_to_use(None), Path(tempfile.mkdtemp(prefix="rolecall-second-aws-"))
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), **CREDENTIALS}
    server = Process(
        [str(PYTHON), str(SERVER), str(port)], environment=environment, folder=folder, log=folder / "server.log"
    )
    runner = Runner({**environment, "AWS_ENDPOINT_URL": f"http://{HOST}:{port}"})
    account = Account(port, runner)
    try:
        server.wait_until(lambda: _answers(account), within=60, what="The second AWS")
        yield account
        assert server.running, f"The second AWS ended by itself:\n{server.last_lines()}"
    finally:
        runner.stop()
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(account: Account) -> bool:
    try:
        account.reset()
    except OSError:
        return False
    return True
