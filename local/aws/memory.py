"""What the functions ask of AWS, answered from memory in the form that botocore reads: DynamoDB, SQS, Parameter Store.

For functions under AWS's runtime client (`runtime.running`), which work through real clients of AWS and not through
those that a test could hand them.
"""

import re
import threading
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from chalicelib.clock import Clock, SystemClock
from local.memory.dynamodb import MemoryDynamoDB
from local.memory.sqs import MemorySqs

Json = dict[str, Any]


class MemoryAws:
    """The tables, queues and secrets of a stage. `parameters` is what Parameter Store holds, by full name."""

    def __init__(self, stage: str, parameters: Mapping[str, str], clock: Clock | None = None) -> None:
        clock = clock or SystemClock()
        self.dynamodb = MemoryDynamoDB(clock, stage=stage)
        self.sqs = MemorySqs(clock, stage=stage)
        self._parameters = parameters
        self._services: dict[str, Callable[[str, Json], Json]] = {
            "DynamoDB_20120810": lambda operation, asked: self.dynamodb.call(operation, **asked),
            "AmazonSQS": lambda operation, asked: getattr(self.sqs, _snake(operation))(**asked),
            "AmazonSSM": lambda _, asked: self._parameters_named(asked["Names"]),
        }
        self._alone = threading.Lock()

    def answer(self, target: str, asked: Json) -> tuple[int, Json]:
        """The status and body of AWS's answer to `asked`; `target` is the request's X-Amz-Target."""
        service, _, operation = target.partition(".")
        with self._alone:
            try:
                return 200, self._services[service](operation, asked)
            except ClientError as refused:
                return 400, _error(refused)

    def _parameters_named(self, names: list[str]) -> Json:
        found = [name for name in names if name in self._parameters]
        return {
            "Parameters": [{"Name": name, "Value": self._parameters[name]} for name in found],
            "InvalidParameters": sorted(set(names) - set(found)),
        }


def _error(refused: ClientError) -> Json:
    said: Json = dict(refused.response)
    error = said.pop("Error")
    said.pop("ResponseMetadata", None)
    return {"__type": error["Code"], "message": error.get("Message", ""), **said}


def _snake(operation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
