"""The two queues between an auth site and Rolecall, from Rolecall's end."""

import json
from dataclasses import dataclass
from typing import Any

BATCH = 10  # messages
COUNTS = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")


@dataclass(frozen=True)
class Posted:
    """A message as the auth site posted it."""

    body: str
    has_attributes: bool


class QueueClient:
    """Reads the jobs queue and fills the notices queue. `sqs` is a boto3 client."""

    def __init__(self, sqs: Any, *, jobs_queue_url: str, notices_queue_url: str) -> None:  # noqa: ANN401 - boto3's client
        self._sqs = sqs
        self._jobs = jobs_queue_url
        self._notices = notices_queue_url

    def take(self) -> list[Posted]:
        """The messages that were posted since the last time."""
        found: list[Posted] = []
        while messages := self._receive():
            for message in messages:
                found.append(Posted(message["Body"], bool(message.get("MessageAttributes"))))
                self._sqs.delete_message(QueueUrl=self._jobs, ReceiptHandle=message["ReceiptHandle"])
        return found

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._jobs, MaxNumberOfMessages=BATCH, MessageAttributeNames=["All"]
        )
        found: list[dict[str, Any]] = answer.get("Messages", [])
        return found

    def notify(self, notice: dict[str, Any]) -> None:
        """Put a notice into the queue."""
        self._sqs.send_message(QueueUrl=self._notices, MessageBody=json.dumps(notice))

    def left(self) -> int:
        """How many notices have not been deleted."""
        answer = self._sqs.get_queue_attributes(QueueUrl=self._notices, AttributeNames=list(COUNTS))
        return sum(int(answer["Attributes"][name]) for name in COUNTS)
