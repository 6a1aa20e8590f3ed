"""AWS's own runtime on this machine: `awslambdaric` and what it talks to, a Lambda runtime API, small.

One container of one function, for tests and for measuring how it starts; the local stack has functions of its own.
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

import json
import os
import queue
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import Any

PARTS = ("awslambdaric", "runtime_client*", "simplejson", "snapshot_restore_py")  # of the runtime, in site-packages
REQUEST_ID = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"  # of every invocation
TRACE = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:15"


@dataclass
class Call:
    """A request that the function made to AWS: its target (`SQS.SendMessage`), headers in lower case, and body."""

    target: str
    headers: dict[str, str]
    body: Any


Answer = Callable[[str, Any], tuple[int, Any]]
"""AWS: the status and body of its answer to a call, of which it is told the X-Amz-Target and the body."""


@dataclass
class Runtime:
    """A function under AWS's runtime. `lines` is what it printed, `calls` what it asked of AWS, `parameters` what
    Parameter Store holds. `aws` answers the calls; without it each gets an answer that says little.

    `seconds` from the start of its process to its first answer; `cpu_seconds` that the process used, once it has ended.
    """

    parameters: Mapping[str, str] = field(default_factory=dict)
    aws: Answer | None = None
    calls: list[Call] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    events: "queue.Queue[Any]" = field(default_factory=queue.Queue)
    answers: "queue.Queue[tuple[str, Any]]" = field(default_factory=queue.Queue)
    began: float = 0.0
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    def invoke(self, event: Any) -> tuple[str, Any]:  # noqa: ANN401 - whatever JSON can say
        """Let it work on the event: `response` or `error`, and what it answered."""
        self.events.put(event)
        answer = self.answers.get(timeout=60)
        self.seconds = self.seconds or time.perf_counter() - self.began
        return answer

    def logged(self) -> list[dict[str, Any]]:
        """Every line that it printed, each of which is JSON."""
        return [json.loads(line) for line in self.lines]


@contextmanager
def running(
    handler: str,
    code: Path,
    folder: Path,
    settings: Mapping[str, str],
    parameters: Mapping[str, str] = MappingProxyType({}),
    aws: Answer | None = None,
) -> Iterator[Runtime]:
    """`handler` of the unpacked zip in `code`, which finds its libraries there and nowhere else."""
    runtime, site = Runtime(parameters, aws), Path(sysconfig.get_paths()["purelib"])
    own = folder / "runtime"
    own.mkdir(parents=True)
    for path in (found for part in PARTS for found in site.glob(part)):
        (own / path.name).symlink_to(path)
    server = _Server(("127.0.0.1", 0), _handler_of(runtime))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    address = f"127.0.0.1:{server.server_port}"
    environment = {
        "PYTHONPATH": f"{code}:{own}",
        "AWS_LAMBDA_RUNTIME_API": address,
        "AWS_LAMBDA_FUNCTION_NAME": "rolecall-prod-sync_jobs",  # with the trace, what botocore looks for
        "AWS_LAMBDA_LOG_STREAM_NAME": "2026/11/25/[$LATEST]53995c3f42cd8ad8",
        "_HANDLER": handler,  # by which the function knows what to import ahead of its first event
        "AWS_ENDPOINT_URL": f"http://{address}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
        **settings,
    }
    python = str(Path(sys.executable).resolve())
    runtime.began = time.perf_counter()
    process = subprocess.Popen(
        [python, "-S", "-u", "-m", "awslambdaric", handler],
        cwd=code,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    reader = threading.Thread(target=_read, args=(process, runtime), daemon=True)
    reader.start()
    try:
        yield runtime
    finally:
        process.kill()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        runtime.cpu_seconds = used.ru_utime + used.ru_stime
        reader.join(timeout=10)
        server.shutdown()
        server.server_close()


def _read(process: "subprocess.Popen[str]", runtime: Runtime) -> None:
    assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
    with process.stdout:
        runtime.lines.extend(line.rstrip("\n") for line in process.stdout)


def http_event(path: str, **query: str) -> dict[str, Any]:
    """A GET, as a REST API's proxy integration sends it."""
    return {
        "resource": path,
        "path": path,
        "httpMethod": "GET",
        "headers": {"Accept": "*/*"},
        "multiValueHeaders": {"Accept": ["*/*"]},
        "queryStringParameters": query or None,
        "multiValueQueryStringParameters": {name: [value] for name, value in query.items()} or None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {"resourcePath": path, "httpMethod": "GET", "requestId": "r-1", "path": path},
        "body": None,
        "isBase64Encoded": False,
    }


def post_event(path: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """A POST, as a REST API's proxy integration sends it."""
    event = http_event(path)
    event["requestContext"]["httpMethod"] = "POST"
    sent = {"multiValueHeaders": {name: [value] for name, value in headers.items()}, "headers": dict(headers)}
    return event | sent | {"httpMethod": "POST", "body": body.decode()}


def queue_event(queue_name: str, *bodies: dict[str, Any]) -> dict[str, Any]:
    """Messages of a queue, as its trigger sends them, delivered for the first time."""
    records = [
        {
            "messageId": f"m-{number}",
            "receiptHandle": "h",
            "body": json.dumps(body),
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:eu-central-1:1:{queue_name}",
            "awsRegion": "eu-central-1",
            "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1"},
            "messageAttributes": {},
            "md5OfBody": "",
        }
        for number, body in enumerate(bodies, 1)
    ]
    return {"Records": records}


def schedule_event() -> dict[str, Any]:
    """What EventBridge sends when a schedule fires."""
    return {
        "version": "0",
        "id": "e-1",
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "1",
        "time": "2026-11-25T00:00:00Z",
        "region": "eu-central-1",
        "resources": [],
        "detail": {},
    }


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Silence: a container that is ended cuts its connections."""


def _handler_of(runtime: Runtime) -> type[BaseHTTPRequestHandler]:
    class Api(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # or each answer waits 40 ms for the function's acknowledgement
        wbufsize = -1  # head and body leave together

        def do_GET(self) -> None:
            event = json.dumps(runtime.events.get())
            self._answer(
                event,
                {
                    "Lambda-Runtime-Aws-Request-Id": REQUEST_ID,
                    "Lambda-Runtime-Deadline-Ms": str(int((time.time() + 60) * 1000)),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:1:function:worker",
                    "Lambda-Runtime-Trace-Id": TRACE,
                },
            )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if "/runtime/" in self.path:
                self._answer("{}", {}, 202)
                runtime.answers.put((self.path.rpartition("/")[2], json.loads(body)))
                return
            target = self.headers.get("X-Amz-Target", "")
            headers = {name.lower(): value for name, value in self.headers.items()}
            runtime.calls.append(Call(target.replace("AmazonSQS", "SQS"), headers, json.loads(body or b"{}")))
            status, said = (runtime.aws or self._little)(target, runtime.calls[-1].body)
            self._answer(json.dumps(said), {}, status)

        def _little(self, _target: str, _asked: object) -> tuple[int, Any]:
            stored = [{"Name": name, "Value": value} for name, value in runtime.parameters.items()]
            return 200, {"Parameters": stored, "QueueUrl": "http://127.0.0.1/1/q", "MessageId": "1"}

        def _answer(self, text: str, headers: dict[str, str], status: int = 200) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json"}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
            """Silence."""

    return Api
