"""SQS, in and out. Bodies are the contract's JSON; Rolecall's own bookkeeping travels in message attributes.

A job on its way carries `tries` (failures so far), `ticket` (its place in a rate-limit bucket), `due` (when that is),
`since` (when it was sent), `touched` (when an earlier try may last have written) and `trace` (its correlation id).
"""

import re
from dataclasses import dataclass, field, replace
from typing import Any

from chalicelib.errors import Ticket

MAX_DELAY = 900  # seconds; SQS allows no longer DelaySeconds
MAX_WAIT = 2 * 86_400  # seconds until a job is due; whatever says more makes no sense
BATCH = 10  # messages; the most that SQS takes at once
MAX_BODY = 64 * 1024  # bytes; far less than SQS takes, and far above any change of one user
MAX_DEAD_LETTER = 240 * 1024  # bytes of what is set aside; SQS takes 1 MiB, once 256 KiB, with the attributes in it
MAX_REASON = 1000  # characters of a message attribute that says why
SLOT = re.compile("[0-9]{1,18}")  # a ticket's number; str.isdigit would let "²" pass, and any length


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job has come. Times are epoch seconds; `received` counts deliveries of all its messages.

    `touched`: when a delivery may last have changed the member, 0 where none did. What it sent may arrive late.
    """

    trace: str
    since: float
    tries: int = 0
    received: int = 0
    touched: float = 0.0
    ticket: Ticket | None = None
    due: float = 0.0

    def failed_once_more(self) -> "Progress":
        """After a failure: its ticket is spent."""
        return replace(self, tries=self.tries + 1, ticket=None, due=0.0)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it came in. `handle` deletes it, `attributes` is what it carries beside its body."""

    body: str
    id: str
    handle: str
    queue: str  # the queue's name
    sent_at: float
    attributes: dict[str, str] = field(default_factory=dict)
    received: int = 1

    def progress(self) -> Progress:
        """What its attributes say; malformed attributes are ignored."""
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
        """The same for a worker that begins now: if it was delivered before, that worker may still be writing."""
        progress = self.progress()
        return replace(progress, touched=now) if self.received > 1 else progress

    def unseen(self, now: float) -> Progress:
        """The same for a message that is put back unhandled: this delivery does not count.

        Otherwise the next worker would believe that what the message says was stored.
        """
        progress = self.progress_at(now)
        return replace(progress, received=progress.received - 1)


def message_of(record: dict[str, Any]) -> Message:
    """A record of Lambda's SQS event."""
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
    """The four queues of a stage. Looks a queue's address up once."""

    def __init__(self, sqs: Any, stage: str) -> None:  # noqa: ANN401 - boto3's client has no type of its own
        self._sqs = sqs
        self._stage = stage
        self._urls: dict[str, str] = {}

    def jobs(self, body: bytes, progress: Progress | None = None, *, delay: float = 0.0) -> None:
        """A job that a person or the auth site waits for."""
        self._send(self._name("jobs"), body, _attributes(progress), delay)

    def bulk(self, body: bytes, progress: Progress | None = None, *, delay: float = 0.0) -> None:
        """A job of a whole-guild repair."""
        self._send(self._name("bulk"), body, _attributes(progress), delay)

    def bulk_many(self, jobs: list[tuple[bytes, Progress, float]]) -> None:
        """Jobs of a whole-guild repair, each with its delay in seconds. Raises where any was not taken."""
        name = self._name("bulk")
        for start in range(0, len(jobs), BATCH):
            entries = [
                {
                    "Id": str(number),
                    "MessageBody": body.decode(),
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
        """Set a message aside, with the reason, for a person to look at.

        What is too large to be set aside with a reason is cut: it could not be read anyway.
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
        shortened = body[:MAX_DEAD_LETTER].decode(errors="ignore").encode()  # without half a character at its end
        self._send(self._name("dead-letters"), shortened, {n: _text(v) for n, v in attributes.items()}, 0.0)

    def notice(self, body: bytes) -> None:
        """Tell the auth site."""
        self._send(self._name("notices"), body, {}, 0.0)

    def delete(self, message: Message) -> None:
        """The message is settled."""
        self._sqs.delete_message(QueueUrl=self._url(message.queue), ReceiptHandle=message.handle)

    def _send(self, name: str, body: bytes, attributes: dict[str, Any], delay: float) -> None:
        self._sqs.send_message(
            QueueUrl=self._url(name),
            MessageBody=body.decode(),
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
    """Whole seconds, rounded up: a job that comes too early comes in vain."""
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
    return {"DataType": "String", "StringValue": value or "-"}


def _number(text: str | None, default: float) -> float:
    try:
        value = float(text) if text else default
    except ValueError:
        return default
    return value if 0 <= value < float("inf") else default
