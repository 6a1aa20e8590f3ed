"""The two queues, by boto3."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .app_settings import Server
from .contract import MAX_BATCH, MAX_BATCH_BYTES

TIMEOUTS = Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2, "mode": "standard"})
LONG_POLL = 1  # seconds that a receive waits for a first message


class QueueUnavailable(Exception):
    """SQS could not be asked, or said no. Says why without a key in it."""


@dataclass(frozen=True)
class Received:
    """A message as it came, and what it is deleted by."""

    body: str
    receipt: str


@lru_cache(maxsize=16)
def client(server: Server) -> Any:  # noqa: ANN401 - boto3's clients have no types of their own
    """An SQS client for the queues of this server; without a key in the settings boto3 looks where it always does."""
    return boto3.client(
        "sqs",
        region_name=server.region,
        endpoint_url=server.endpoint_url or None,
        aws_access_key_id=server.access_key_id or None,
        aws_secret_access_key=server.secret_access_key or None,
        config=TIMEOUTS,
    )


def batches(bodies: Sequence[str]) -> Iterator[range]:
    """The indexes of `bodies` in batches that SQS takes: at most ten, at most 256 KB together."""
    first, size = 0, 0
    for index, body in enumerate(bodies):
        length = len(body.encode())
        if index > first and (index - first == MAX_BATCH or size + length > MAX_BATCH_BYTES):
            yield range(first, index)
            first, size = index, 0
        size += length
    if first < len(bodies):
        yield range(first, len(bodies))


def send(server: Server, bodies: Sequence[str]) -> set[int]:
    """Send one batch to the jobs queue; the indexes of those that SQS took. Raises QueueUnavailable."""
    entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
    answer = _ask(server, "send_message_batch", QueueUrl=server.jobs_queue_url, Entries=entries)
    return {int(entry["Id"]) for entry in answer.get("Successful", [])}


def receive(server: Server, *, wait: int = LONG_POLL, hide: int | None = None) -> list[Received]:
    """Up to ten notices. `hide`: seconds that others do not see them. Raises QueueUnavailable."""
    hidden = {} if hide is None else {"VisibilityTimeout": hide}
    answer = _ask(
        server,
        "receive_message",
        QueueUrl=server.notices_queue_url,
        MaxNumberOfMessages=MAX_BATCH,
        WaitTimeSeconds=wait,
        **hidden,
    )
    return [Received(one["Body"], one["ReceiptHandle"]) for one in answer.get("Messages", [])]


def delete(server: Server, message: Received) -> None:
    """A notice is done with. Raises QueueUnavailable."""
    _ask(server, "delete_message", QueueUrl=server.notices_queue_url, ReceiptHandle=message.receipt)


def _ask(server: Server, what: str, **arguments: object) -> dict[str, Any]:
    try:
        return getattr(client(server), what)(**arguments)
    except ClientError as error:
        said = error.response.get("Error", {})
        raise QueueUnavailable(f"{what}: {said.get('Code')}") from error
    except (BotoCoreError, ValueError) as error:  # ValueError: an endpoint or a region that is none
        raise QueueUnavailable(f"{what}: {type(error).__name__}") from error
