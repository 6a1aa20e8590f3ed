"""Runs deployments in forks of one process that has imported all that they need, the programs that they start too.

    python -m tests.deploy.runner       with a socket as its standard input

Starting Python four times, and reading AWS's descriptions of itself twice, takes longer than deploying to an AWS on
this machine. Each request on the socket is what to run, with the file that it writes to; answered are the id of its
process group, and in the end its exit code.
"""

import functools
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any

import boto3
import botocore.loaders
import chalice.awsclient
import chalice.cli
import chalice.deploy.deployer
import jwt  # noqa: F401 - app.py imports it, as it does the next ones
import msgspec  # noqa: F401
import pynamodb.models  # noqa: F401
import requests  # noqa: F401

import deploy.lint  # noqa: F401
from deploy import bundle, project
from deploy.__main__ import main

SERVICES = (
    *("apigateway", "cloudformation", "dynamodb", "events", "iam", "lambda", "logs", "s3", "sqs", "ssm", "sts"),
    "cloudwatch",
)
MAX_REQUEST = 65536  # bytes


class Forked:
    """As much of `subprocess.Popen` as the deployment uses, for programs that are imported here already."""

    def __init__(self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], **_: Any) -> None:
        program = _program(list(command))
        readable, writable = os.pipe()
        self.returncode: int | None = None
        self._process = os.fork()
        if not self._process:
            os.close(readable)
            os.environ.clear()
            os.environ.update(env)
            os.chdir(cwd)
            _become(writable, program)
        os.close(writable)
        self.stdout: IO[str] = os.fdopen(readable)

    def __enter__(self) -> "Forked":
        return self

    def __exit__(self, *_: object) -> None:
        self.stdout.close()
        status = os.waitpid(self._process, 0)[1]
        self.returncode = os.waitstatus_to_exitcode(status)


def serve(control: socket.socket) -> None:
    """Run what is asked for, one after the other, for as long as somebody may ask."""
    while True:
        asked, files, *_ = socket.recv_fds(control, MAX_REQUEST, 1)
        if not asked:
            return
        process = os.fork()
        if not process:
            os.setsid()
            _become(files[0], functools.partial(_deploy, **json.loads(asked)))
        os.close(files[0])
        control.sendall(f"{process}\n".encode())
        _, status = os.waitpid(process, 0)
        control.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())


def _deploy(words: list[str], root: str, tester: str, killed: str) -> int:
    urllib.request.urlopen(f"{tester}begin?group={os.getpid()}&{killed}").close()  # noqa: S310 - loopback

    def sleep(seconds: float) -> None:
        urllib.request.urlopen(f"{tester}sleep?seconds={seconds}").close()  # noqa: S310 - loopback

    time.sleep = sleep  # type: ignore[assignment]  # botocore waits for AWS too, and Chalice does
    chalice.awsclient.TypedAWSClient.__init__.__defaults__ = (sleep,)
    return main(words, root=Path(root), sleep=sleep)


def _program(command: list[str]) -> Callable[[], Any]:
    """What the command would run in a Python of its own."""
    if command[:3] == project.CHALICE:
        sys.argv = ["chalice", *command[3:]]
        return chalice.cli.main
    assert command[:3] == [sys.executable, "-P", str(project.BUNDLE)], command
    return lambda: bundle.main(*command[3:])


def _become(output: int, program: Callable[[], Any]) -> None:
    """Be that program, writing to that file, until its end."""
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    code: Any = 1
    try:
        code = program()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        os._exit(code if isinstance(code, int) else int(bool(code)))


def _warm_up() -> None:
    """Read AWS's descriptions of itself, once for all sessions to come."""
    loader = botocore.loaders.Loader()
    botocore.loaders.create_loader = lambda *_: loader
    session = boto3.Session("test", "test", region_name="us-east-1")
    for service in SERVICES:
        session.client(service)  # type: ignore[call-overload]  # the stubs want a literal
    in_forks = SimpleNamespace(Popen=Forked, PIPE=subprocess.PIPE, STDOUT=subprocess.STDOUT)
    vars(project)["subprocess"] = in_forks


if __name__ == "__main__":
    _warm_up()
    serve(socket.socket(fileno=0))
