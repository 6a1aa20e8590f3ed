"""The dead-letter queue of a stage: read it, redrive messages, discard them.

SQS cannot list messages. Dead letters are received, which hides them for `VISIBILITY_TIMEOUT` seconds, and made
visible again as soon as the reader is done; if the reader dies, they become visible by themselves.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from chalicelib import log
from chalicelib.delivery.kinds import Kind, kind_of
from chalicelib.errors import BadMessage
from chalicelib.messages import read_job
from chalicelib.queues import BATCH
from ops.stage import AwsClient

VISIBILITY_TIMEOUT = 120  # seconds that a letter stays hidden from others while it is read
REASON_BY_SQS = "delivered too often, and never settled"  # SQS moved it by itself and gave no reason
SECRET_WORDS = ("token", "secret", "password", "authorization", "code")
Done = Callable[[int], None]


@dataclass(frozen=True)
class DeadLetter:
    """A message in the dead-letter queue. `queue` is its source queue's short name, `since` when it was first seen."""

    id: str
    body: str
    handle: str
    sent_at: float
    since: float
    reason: str
    queue: str | None
    attributes: dict[str, str]

    @property
    def content(self) -> dict[str, Any]:
        """The body's JSON object; empty if the body is not one."""
        with suppress(ValueError, RecursionError):
            read = json.loads(self.body)
            if isinstance(read, dict):
                return read
        return {}

    @property
    def kind(self) -> str:
        """The kind of message."""
        return str(self.content.get("kind") or "unreadable")[:40]

    @property
    def user_id(self) -> str:
        """The user that it concerns; empty if it names none."""
        return str(self.content.get("user_id") or "")[:256]

    @property
    def tries(self) -> int:
        """How often it failed."""
        tries = self.attributes.get("tries", "")
        return int(tries) if tries.isdigit() else 0

    @property
    def safe_body(self) -> str:
        """The body, indented, with everything that looks like a secret removed."""
        if not self.content:
            return log.redacted(self.body)
        return log.redacted(json.dumps(_without_secrets(self.content), indent=2, ensure_ascii=False))


def _without_secrets(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, dict):
        return {
            name: "[hidden]" if any(word in name.lower() for word in SECRET_WORDS) else _without_secrets(inner)
            for name, inner in value.items()
        }
    return [_without_secrets(inner) for inner in value] if isinstance(value, list) else value


class DeadLetterQueue:
    """The dead-letter queue of a stage."""

    def __init__(self, sqs: AwsClient, stage: str, *, wait: float) -> None:
        self._sqs = sqs
        self._prefix = f"rolecall-{stage}-"
        self._wait = int(wait)  # seconds; a long poll asks all of SQS's servers, a short one only some
        self._url = self._url_of("dead-letters")

    @contextmanager
    def held(
        self, *, most: int, hidden: int = VISIBILITY_TIMEOUT, seen: Done = lambda _: None
    ) -> Iterator[list[DeadLetter]]:
        """Receive up to `most` dead letters, oldest first; other readers do not see them until the block ends."""
        letters: dict[str, DeadLetter] = {}
        try:
            self._receive(letters, most, hidden, seen)
            yield sorted(letters.values(), key=lambda letter: (letter.sent_at, letter.id))
        finally:
            self._return(list(letters.values()))

    def number(self) -> int:
        """Return roughly how many there are."""
        said = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["ApproximateNumberOfMessages"])
        return int(said["Attributes"]["ApproximateNumberOfMessages"])

    def redrive(self, letter: DeadLetter, queue: str) -> None:
        """Send it to `queue` again: the body unchanged, and when it was first sent.

        Other bookkeeping of earlier attempts is left out. A deletion ends no link that was made since it was sent.
        """
        since = {"DataType": "String", "StringValue": f"{letter.since:.3f}"}
        self._sqs.send_message(
            QueueUrl=self._url_of(queue), MessageBody=letter.body, MessageAttributes={"since": since}
        )
        self.discard(letter)

    def discard(self, letter: DeadLetter) -> None:
        """Delete it permanently."""
        self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=letter.handle)

    def _receive(self, letters: dict[str, DeadLetter], most: int, hidden: int, seen: Done) -> None:
        while len(letters) < most:
            answer = self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(BATCH, most - len(letters)),
                VisibilityTimeout=hidden,
                WaitTimeSeconds=self._wait,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            found = [self._letter(message) for message in answer.get("Messages", [])]
            fresh = {letter.id: letter for letter in found if letter.id not in letters}
            letters.update({letter.id: letter for letter in found})  # the newest handle is the one that holds
            seen(len(letters))
            if not fresh:
                return

    def _return(self, letters: list[DeadLetter]) -> None:
        for start in range(0, len(letters), BATCH):
            entries = [
                {"Id": str(place), "ReceiptHandle": letter.handle, "VisibilityTimeout": 0}
                for place, letter in enumerate(letters[start : start + BATCH])
            ]
            with suppress(ClientError):  # those that were deleted meanwhile
                self._sqs.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)

    def _letter(self, message: dict[str, Any]) -> DeadLetter:
        system = message.get("Attributes", {})
        attributes = {
            name: value["StringValue"]
            for name, value in message.get("MessageAttributes", {}).items()
            if "StringValue" in value
        }
        sent_at = float(system.get("SentTimestamp", 0)) / 1000
        origin = attributes.get("queue") or system.get("DeadLetterQueueSourceArn", "").rsplit(":", 1)[-1]
        return DeadLetter(
            id=message["MessageId"],
            body=message["Body"],
            handle=message["ReceiptHandle"],
            sent_at=sent_at,
            since=_number(attributes.get("since")) or sent_at,
            reason=attributes.get("reason") or REASON_BY_SQS,
            queue=origin.removeprefix(self._prefix) or origin_of(message["Body"]),
            attributes=attributes,
        )

    def _url_of(self, queue: str) -> str:
        url: str = self._sqs.get_queue_url(QueueName=self._prefix + queue)["QueueUrl"]
        return url


def origin_of(body: str) -> str | None:
    """Return the queue that a body belongs to by its kind; None if it cannot be read."""
    kind = _kind_of(body)
    return kind.queue if kind else None


def summary_of(body: str) -> str | None:
    """Describe in words what the message asks for; None if it cannot be read."""
    kind = _kind_of(body)
    return kind.summary if kind else None


def _kind_of(body: str) -> Kind[Any] | None:
    try:
        return kind_of(read_job(body, now=float("inf"), own=True))
    except BadMessage:
        return None


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
