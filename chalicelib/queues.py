"""SQS, in and out. Bodies are the contract's JSON; Rolecall's own bookkeeping travels in message attributes.

A job that was put back carries `tries` (failures so far), `received` (deliveries so far), `ticket` (its slot in a
rate-limit bucket), `due` (when that is), `since` (when it was first sent), `touched` (when an earlier delivery may last
have written) and `trace` (its correlation id).
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.errors import Ticket

MAX_DELAY = 900  # seconds; SQS allows no longer DelaySeconds
MAX_WAIT = 2 * 86_400  # seconds until a job is due; an attribute that says more is malformed
BATCH = 10  # messages; SQS takes no more at once
MAX_BODY = 64 * 1024  # bytes; far below what SQS takes, far above any change of one user
MAX_DEAD_LETTER = 240 * 1024  # bytes of a dead letter's body; SQS took 256 KiB at first, now 1 MiB, attributes included
MAX_REASON = 1000  # characters of the attribute that gives the reason
# What SQS refuses: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SLOT = re.compile("[0-9]{1,18}")  # a ticket's number; str.isdigit would let "²" pass, and any length


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come. Times are in epoch seconds; `received` counts the deliveries of all its messages.

    `touched`: when a delivery may last have changed the member, 0 if none has. Its request may take effect later.
    """

    trace: str
    since: float
    tries: int = 0
    received: int = 0
    touched: float = 0.0
    ticket: Ticket | None = None
    due: float = 0.0

    def failed_once_more(self) -> "Progress":
        """Return the progress after a failure, whose ticket is used up."""
        return replace(self, tries=self.tries + 1, ticket=None, due=0.0)


@dataclass(frozen=True, slots=True)
class Message:
    """A received message. `handle` is SQS's receipt handle, `sent_at` is in epoch seconds."""

    body: str
    id: str
    handle: str
    queue: str  # the queue's name
    sent_at: float
    attributes: dict[str, str] = field(default_factory=dict)
    received: int = 1

    def progress(self) -> Progress:
        """Return what its attributes say; malformed attributes are ignored."""
        known = self.attributes
        ticket = None
        if SLOT.fullmatch(known.get("ticket_slot", "")) and known.get("ticket_bucket"):
            ticket = Ticket(known["ticket_bucket"], int(known["ticket_slot"]), "ticket_urgent" in known)
        due = _number(known.get("due"), 0.0)
        return Progress(
            trace=known.get("trace") or self.id,
            since=_number(known.get("since"), self.sent_at),
            tries=int(_number(known.get("tries"), 0)),
            received=int(_number(known.get("received"), 0)) + 1,
            touched=_number(known.get("touched"), 0.0),
            ticket=ticket,
            due=due if due <= self.sent_at + MAX_WAIT else 0.0,
        )

    def progress_at(self, now: float) -> Progress:
        """Return the progress for a worker that begins now; one that had the message before may still be writing."""
        progress = self.progress()
        return replace(progress, touched=now) if self.received > 1 else progress

    def unseen(self, now: float) -> Progress:
        """Return the progress of a message that is put back unhandled: this delivery does not count.

        Otherwise the next worker would believe that what the message says was stored.
        """
        progress = self.progress_at(now)
        return replace(progress, received=progress.received - 1)


@dataclass(frozen=True, slots=True)
class Depth:
    """How many messages a queue has, about: to be received now, being worked on, and to be received later."""

    waiting: int
    under_way: int
    later: int


def message_of(record: dict[str, Any]) -> Message:
    """Return the message in a record of Lambda's SQS event."""
    attributes = record.get("messageAttributes") or {}
    system = record.get("attributes") or {}
    return Message(
        body=record["body"],
        id=record["messageId"],
        handle=record["receiptHandle"],
        queue=record["eventSourceARN"].rsplit(":", 1)[-1],
        sent_at=_number(system.get("SentTimestamp"), 0.0) / 1000,
        attributes={name: value["stringValue"] for name, value in attributes.items() if value.get("stringValue")},
        received=int(_number(system.get("ApproximateReceiveCount"), 1)),
    )


class Queues:
    """The four queues of a stage. The URL of each is looked up once."""

    def __init__(self, sqs: Any, stage: str) -> None:  # noqa: ANN401 - boto3's client has no type of its own
        self._sqs = sqs
        self._stage = stage
        self._urls: dict[str, str] = {}

    def jobs(self, body: bytes, progress: Progress | None = None, *, delay: float = 0.0) -> None:
        """Send a job that a person or the auth site waits for. `delay` is in seconds."""
        self._send(self._name("jobs"), body, _attributes(progress), delay)

    def bulk(self, body: bytes, progress: Progress | None = None, *, delay: float = 0.0) -> None:
        """Send a job of a sweep. `delay` is in seconds."""
        self._send(self._name("bulk"), body, _attributes(progress), delay)

    def bulk_many(self, jobs: list[tuple[bytes, Progress, float]]) -> None:
        """Send jobs of a sweep, each with its delay in seconds. Raises RuntimeError if SQS refused any."""
        name = self._name("bulk")
        for start in range(0, len(jobs), BATCH):
            entries = [
                {
                    "Id": str(number),
                    "MessageBody": _body(body),
                    "DelaySeconds": _delay(delay),
                    "MessageAttributes": _attributes(progress),
                }
                for number, (body, progress, delay) in enumerate(jobs[start : start + BATCH])
            ]
            answer = self._sqs.send_message_batch(QueueUrl=self._url(name), Entries=entries)
            if answer.get("Failed"):
                raise RuntimeError(f"SQS refused {len(answer['Failed'])} messages: {answer['Failed'][0].get('Code')}")

    def again(self, message: Message, progress: Progress, *, delay: float) -> None:
        """Put a job back where it came from, to be received again after `delay` seconds or more."""
        self._send(message.queue, message.body.encode(), _attributes(progress), delay)

    def dead_letter(self, message: Message, reason: str) -> None:
        """Send a message to the dead-letter queue with the reason, for a person to look at.

        A body that is too large is cut: it could not be read anyway.
        """
        progress, body = message.progress(), message.body.encode()
        cut = f" (cut: the body had {len(body)} bytes)" if len(body) > MAX_DEAD_LETTER else ""
        attributes = {
            "trace": progress.trace[:MAX_REASON],
            "since": f"{progress.since:.3f}",
            "tries": str(progress.tries),
            "reason": reason[: MAX_REASON - len(cut)] + cut,
            "queue": message.queue,
        }
        shortened = body[:MAX_DEAD_LETTER].decode(errors="ignore").encode()  # without a part of a character at its end
        self._send(self._name("dead-letters"), shortened, {n: _text(v) for n, v in attributes.items()}, 0.0)

    def notice(self, body: bytes) -> None:
        """Send a notice to the auth site."""
        self._send(self._name("notices"), body, {}, 0.0)

    def delete(self, message: Message) -> None:
        """Delete a message that is settled."""
        self._sqs.delete_message(QueueUrl=self._url(message.queue), ReceiptHandle=message.handle)

    def depth(self, short: str) -> Depth:
        """How many messages one of the queues has now; `short`: jobs, bulk, notices or dead-letters."""
        names = ["", "NotVisible", "Delayed"]
        said = self._sqs.get_queue_attributes(
            QueueUrl=self._url(self._name(short)),
            AttributeNames=[f"ApproximateNumberOfMessages{name}" for name in names],
        )["Attributes"]
        return Depth(*(int(said.get(f"ApproximateNumberOfMessages{name}", 0)) for name in names))

    def _send(self, name: str, body: bytes, attributes: dict[str, Any], delay: float) -> None:
        self._sqs.send_message(
            QueueUrl=self._url(name),
            MessageBody=_body(body),
            DelaySeconds=_delay(delay),
            MessageAttributes=attributes,
        )

    def _name(self, short: str) -> str:
        return f"rolecall-{self._stage}-{short}"

    def _url(self, name: str) -> str:
        if name not in self._urls:
            self._urls[name] = self._sqs.get_queue_url(QueueName=name)["QueueUrl"]
        return self._urls[name]


def _delay(seconds: float) -> int:
    """Return whole seconds, rounded up: a job that arrives too early would have to be put back."""
    return min(MAX_DELAY, max(0, -int(-seconds // 1)))


def _attributes(progress: Progress | None) -> dict[str, Any]:
    if progress is None:
        return {}
    values = {
        "trace": progress.trace,
        "since": f"{progress.since:.3f}",
        "tries": str(progress.tries),
        "received": str(progress.received),
    }
    if progress.ticket:
        values |= {"ticket_bucket": progress.ticket.bucket, "ticket_slot": str(progress.ticket.slot)}
        values |= {"ticket_urgent": "true"} if progress.ticket.urgent else {}
    if progress.touched:
        values["touched"] = f"{progress.touched:.3f}"
    if progress.due:
        values["due"] = f"{progress.due:.3f}"
    return {name: _text(value) for name, value in values.items()}


def _text(value: str) -> dict[str, str]:
    return {"DataType": "String", "StringValue": FORBIDDEN.sub("?", value) or "-"}


def _body(body: bytes) -> str:
    """The JSON as SQS takes it: characters that it refuses, which can only be part of JSON's texts, are escaped."""
    return FORBIDDEN.sub(lambda found: f"\\u{ord(found[0]):04x}", body.decode())


def _number(text: str | None, default: float) -> float:
    try:
        value = float(text) if text else default
    except ValueError:
        return default
    return value if 0 <= value < float("inf") else default
