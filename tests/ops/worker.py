# ruff: noqa: N803 - boto3 names its arguments so
"""The functions at work in this process: what Lambda would do with the stage's queues, and with an invocation."""

import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ReadTimeoutError

from chalicelib.messages import Parts
from chalicelib.queues import Message
from tests.ops.world import STAGE, World, function

PARTS = {
    function("update_all"): Parts.ALL,
    function("update_all_groups"): Parts.GROUPS,
    function("update_all_nicknames"): Parts.NICKNAME,
    function("update_all_usernames"): Parts.USERNAME,
}


class Lambda:
    """Lambda's client, with the sweeping functions behind it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.invoked: list[tuple[str, dict[str, Any]]] = []
        self.patience: list[float] = []  # for how long the callers would have waited for an answer, in seconds
        self.error = ""  # what the function fails with
        self.silent = False  # the answer never comes

    def get_function_configuration(self, FunctionName: str) -> dict[str, Any]:
        return {
            "FunctionArn": f"arn:aws:lambda:us-east-1:1:function:{FunctionName}",
            "Timeout": 300,
            "Environment": {"Variables": self._world.settings},
        }

    def invoke(self, FunctionName: str, Payload: str) -> dict[str, Any]:
        options = json.loads(Payload)
        self.invoked.append((FunctionName, options))
        if self.silent:
            raise ReadTimeoutError(endpoint_url="https://lambda")
        if self.error:
            error = {"errorMessage": self.error, "errorType": "BadSettings"}
            return {"FunctionError": "Unhandled", "Payload": io.BytesIO(json.dumps(error).encode())}
        said = self._world.stage().wired.delivery.sweeper.start(PARTS[FunctionName], **options)
        return {"Payload": io.BytesIO(json.dumps(said).encode())}


class WithLambda:
    """The session, with that Lambda in it."""

    def __init__(self, world: World) -> None:
        self._session = world.session
        self.awslambda = Lambda(world)

    def client(self, service: str, config: object = None) -> Any:
        if service != "lambda":
            return self._session.client(service, config=config)
        self.awslambda.patience.append(getattr(config, "read_timeout", 0))
        return self.awslambda


@contextmanager
def at_work(world: World) -> Iterator[None]:
    """Deliver what is in the jobs and bulk queues until the block ends."""
    delivery = world.stage().wired.delivery
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            for short in ("jobs", "bulk"):
                for message in _received(world, short):
                    delivery.batch([message], bulk=short == "bulk", seconds_left=lambda: 60.0)
                    world.sqs.delete_message(QueueUrl=world.queue_url(short), ReceiptHandle=message.handle)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()


def _received(world: World, short: str) -> list[Message]:
    answer = world.sqs.receive_message(
        QueueUrl=world.queue_url(short), MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
    )
    return [
        Message(
            body=message["Body"],
            id=message["MessageId"],
            handle=message["ReceiptHandle"],
            queue=f"rolecall-{STAGE}-{short}",
            sent_at=float(message["Attributes"]["SentTimestamp"]) / 1000,
            attributes={name: value["StringValue"] for name, value in message.get("MessageAttributes", {}).items()},
        )
        for message in answer.get("Messages", [])
    ]
