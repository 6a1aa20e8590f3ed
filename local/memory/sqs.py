"""SQS in memory, in the shape of boto3's client, as far as `chalicelib.queues` and a driver need it.

    sqs = MemorySqs(clock, stage="test", seed=7, chaos=Chaos(duplicate=0.1, late=0.1))
    queues = Queues(sqs, "test")

Standard queues: at least once, in no order. Nothing happens by itself: a driver asks `next_event_at()`, moves the clock
there, and calls `receive`, as Lambda's poller would. A batch that a function settled is deleted with `delete_all`;
one that it did not is received again when its visibility timeout is over.
"""

import random
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import md5
from heapq import heappop, heappush
from typing import Any

from botocore.exceptions import EndpointConnectionError, ParamValidationError

from chalicelib.clock import Clock
from local.memory.clock import VirtualClock
from local.memory.dynamodb import client_error

ACCOUNT = "000000000000"
REGION = "us-east-1"
BATCH = 10  # messages
MAX_DELAY = 900  # seconds
MAX_MESSAGE_SIZE = 1024 * 1024  # bytes, body and attributes together
MAX_ATTRIBUTES = 10
MAX_VISIBILITY = 12 * 3600  # seconds
DUPLICATE_WITHIN = 30.0  # seconds; a second copy of a message arrives within this time
EARLY_WITHIN = 20.0  # seconds; a message that is received too early comes again within this time
LATE_BY = 60.0  # seconds; the maximum delay of a late message
FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # characters that SQS refuses
ATTRIBUTE_NAME = re.compile(r"(?!aws\.|amazon\.)[A-Za-z0-9_.-]{1,256}", re.IGNORECASE)
Record = dict[str, Any]  # one record of Lambda's SQS event
Answer = dict[str, Any]
Hook = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True)
class Queue:
    """Attributes of a queue. `dead_letters` takes the messages that were received `max_receives` times."""

    name: str
    visibility: float = 30.0  # seconds
    retention: float = 14 * 86_400.0  # seconds
    dead_letters: str | None = None
    max_receives: int = 5

    @property
    def url(self) -> str:
        return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name}"

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"


def queues_of(stage: str, *, visibility: float = 360.0) -> list[Queue]:
    """The four queues of a stage, as `.chalice/data-stack.yaml` defines them."""
    dead = f"rolecall-{stage}-dead-letters"
    work = [Queue(f"rolecall-{stage}-{name}", visibility, dead_letters=dead) for name in ("jobs", "bulk")]
    return [*work, Queue(dead), Queue(f"rolecall-{stage}-notices")]


@dataclass(frozen=True)
class Chaos:
    """What SQS is allowed to do but seldom does: probabilities from 0 to 1, decided by a seeded generator."""

    duplicate: float = 0.0  # a sent message exists twice
    late: float = 0.0  # a message is delivered up to a minute late
    reorder: float = 0.0  # a receive takes messages in any order
    zombie: float = 0.0  # a deleted message is received once more
    early: float = 0.0  # a message is received again while the first receiver is still at work
    few: float = 0.0  # a receive returns only some of the messages, so that several functions share them
    crowded: int = (
        1000  # messages in a queue from which on none is duplicated: SQS's duplicates do not multiply for ever
    )
    duplicate_within: float = DUPLICATE_WITHIN
    late_by: float = LATE_BY
    early_within: float = EARLY_WITHIN


@dataclass(frozen=True)
class Sent:
    """A message as it was sent, for assertions. `attributes` maps names to their text."""

    queue: str  # its name
    body: str
    attributes: dict[str, str]
    at: float
    delay: int
    id: str
    trace_header: str = ""


@dataclass
class _Copy:
    """A message in a queue."""

    sent: Sent
    raw: dict[str, dict[str, str]]
    visible_at: float
    order: int
    received: int = 0
    first_received_at: float = 0.0
    handle: str = ""


@dataclass
class _Holding:
    """A queue and its messages, by order and by the time from which they can be received (with stale entries)."""

    queue: Queue
    copies: dict[int, _Copy] = field(default_factory=dict)
    times: list[tuple[float, int]] = field(default_factory=list)

    def show(self, copy: _Copy, at: float) -> None:
        """Make the copy receivable from that time on."""
        copy.visible_at = at
        heappush(self.times, (at, copy.order))

    def first(self) -> _Copy | None:
        """The copy that can be received first."""
        while self.times:
            at, order = self.times[0]
            copy = self.copies.get(order)
            if copy and copy.visible_at == at:
                return copy
            heappop(self.times)
        return None

    def ready(self, now: float) -> Iterator[_Copy]:
        """The copies that can be received now, in order. Each must be shown again or dropped."""
        while (copy := self.first()) and copy.visible_at <= now:
            heappop(self.times)
            yield copy


class MemorySqs:
    """The queues of a stage. Everything ever sent is in `sent`; `counts` counts calls by operation and queue.

    `before(operation, arguments)` and `after` are called around each call; what they raise, the caller gets. `ahead`:
    seconds that the timestamps of messages are ahead of the clock. While `is_away`, nobody can reach SQS.

    One method for each call of boto3's client, and for each step in the life of a message: hence so many.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        stage: str = "test",
        queues: Iterable[Queue] | None = None,
        seed: int = 0,
        chaos: Chaos | None = None,
        before: Hook | None = None,
        after: Hook | None = None,
        ahead: float = 0.0,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.is_away: Callable[[], bool] = lambda: False
        self._ahead = ahead
        self.chaos = chaos or Chaos()
        self.before = before
        self.after = after
        self.sent: list[Sent] = []
        self.deleted: list[Sent] = []
        self.redriven: list[Sent] = []  # messages that SQS itself moved to the dead letters, as first sent
        self.counts: Counter[tuple[str, str]] = Counter()
        self.trace_header: Callable[[], str] = lambda: ""  # of the caller; messages keep it
        self._random = random.Random(seed)  # noqa: S311 - chance that can be repeated, not secrecy
        self._queues = {made.name: _Holding(made) for made in (queues_of(stage) if queues is None else queues)}
        self._number = 0

    # --- boto3's client ---

    def get_queue_url(self, *, QueueName: str) -> Answer:  # noqa: N803 - as boto3 names it
        """The URL of a queue."""
        return self._called(
            "GetQueueUrl", QueueName, {"QueueName": QueueName}, lambda held: {"QueueUrl": held.queue.url}
        )

    def send_message(self, *, QueueUrl: str, **entry: Any) -> Answer:  # noqa: N803, ANN401 - as boto3 names it
        """Send one message."""
        return self._called("SendMessage", QueueUrl, entry, lambda held: self._send(held, entry))

    def send_message_batch(self, *, QueueUrl: str, Entries: list[dict[str, Any]]) -> Answer:  # noqa: N803
        """Send up to ten messages; rejected ones are in `Failed`."""

        def send(held: _Holding) -> Answer:
            if not Entries:
                raise _Refused("EmptyBatchRequest", "There should be at least one entry")
            if len(Entries) > BATCH:
                raise _Refused("TooManyEntriesInBatchRequest", f"Maximum number of entries per request are {BATCH}")
            if len({entry["Id"] for entry in Entries}) < len(Entries):
                raise _Refused("BatchEntryIdsNotDistinct", "Id repeated")
            if sum(_size(entry) for entry in Entries) > MAX_MESSAGE_SIZE:
                raise _Refused("BatchRequestTooLong", f"Batch requests cannot be longer than {MAX_MESSAGE_SIZE} bytes")
            answer: Answer = {"Successful": []}
            for entry in Entries:
                try:
                    answer["Successful"].append({"Id": entry["Id"]} | self._send(held, entry))
                except _Refused as error:
                    failure = {"Id": entry["Id"], "SenderFault": True, "Code": error.code, "Message": error.message}
                    answer.setdefault("Failed", []).append(failure)
            return answer

        return self._called("SendMessageBatch", QueueUrl, {"Entries": Entries}, send)

    def receive_message(
        self,
        *,
        QueueUrl: str,  # noqa: N803 - as boto3 names it
        MaxNumberOfMessages: int = 1,  # noqa: N803
        VisibilityTimeout: float | None = None,  # noqa: N803
        **_more: Any,  # noqa: ANN401 - how long to wait, which attributes: all are given, at once
    ) -> Answer:
        """Receive messages that are visible now; never waits."""

        def take(held: _Holding) -> Answer:
            if not 1 <= MaxNumberOfMessages <= BATCH:
                message = f"Value {MaxNumberOfMessages} for parameter MaxNumberOfMessages is invalid"
                raise _Refused("InvalidParameterValue", message)
            found = self._take(held, self.clock.now(), MaxNumberOfMessages, VisibilityTimeout)
            return {"Messages": [_message(copy, self._ahead) for copy in found]} if found else {}

        return self._called("ReceiveMessage", QueueUrl, {}, take)

    def delete_message(self, *, QueueUrl: str, ReceiptHandle: str) -> Answer:  # noqa: N803 - as boto3 names it
        """Delete the message. Not an error if it is gone already."""

        def delete(held: _Holding) -> Answer:
            self._delete(held, ReceiptHandle)
            return {}

        return self._called("DeleteMessage", QueueUrl, {"ReceiptHandle": ReceiptHandle}, delete)

    def change_message_visibility(
        self,
        *,
        QueueUrl: str,  # noqa: N803 - as boto3 names it
        ReceiptHandle: str,  # noqa: N803
        VisibilityTimeout: int,  # noqa: N803
    ) -> Answer:
        """Make the message visible again after that many seconds."""

        def change(held: _Holding) -> Answer:
            for copy in held.copies.values():
                if copy.handle == ReceiptHandle:
                    held.show(copy, self.clock.now() + min(VisibilityTimeout, MAX_VISIBILITY))
            return {}

        return self._called("ChangeMessageVisibility", QueueUrl, {"ReceiptHandle": ReceiptHandle}, change)

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: Iterable[str] = ()) -> Answer:  # noqa: N803, ARG002
        """Number of messages, ARN and visibility timeout of a queue."""

        def count(held: _Holding) -> Answer:
            now = self.clock.now()
            waiting = [copy for copy in held.copies.values() if copy.visible_at > now]
            flying = sum(1 for copy in waiting if copy.received)
            found = {
                "ApproximateNumberOfMessages": len(held.copies) - len(waiting),
                "ApproximateNumberOfMessagesNotVisible": flying,
                "ApproximateNumberOfMessagesDelayed": len(waiting) - flying,
                "QueueArn": held.queue.arn,
                "VisibilityTimeout": int(held.queue.visibility),
            }
            return {"Attributes": {name: str(value) for name, value in found.items()}}

        return self._called("GetQueueAttributes", QueueUrl, {}, count)

    # --- for a driver ---

    def receive(self, queue: str, now: float | None = None, *, most: int = BATCH) -> list[Record]:
        """The records that Lambda's poller would pass to the queue's function now, at most `most`."""
        held = self._held(queue)
        if self.chaos.few and self._random.random() < self.chaos.few:
            most = self._random.randint(1, most)
        return [_record(copy, held.queue, self._ahead) for copy in self._take(held, self._at(now), most, None)]

    def delete_all(self, records: Iterable[Record]) -> None:
        """Delete a whole batch, as Lambda does when the function succeeds."""
        for record in records:
            self._delete(self._held(record["eventSourceARN"]), record["receiptHandle"])

    def next_event_at(self, queue: str | None = None) -> float | None:
        """When the next message can be received (perhaps in the past); None if the queues are empty.

        Of the queues that a function reads, or of `queue`: dead letters and notices wait for a person.
        """
        names = (
            [self._held(queue).queue.name] if queue else [n for n, h in self._queues.items() if h.queue.dead_letters]
        )
        first = [self._queues[name].first() for name in names]
        return min((copy.visible_at for copy in first if copy), default=None)

    def waiting(self, queue: str) -> list[Sent]:
        """The messages in the queue, visible or not."""
        return [copy.sent for copy in self._held(queue).copies.values()]

    # --- internals ---

    def _called(self, operation: str, queue: str, arguments: Answer, act: Callable[[_Holding], Answer]) -> Answer:
        held = self._held(queue, operation)
        self.counts[operation, held.queue.name] += 1
        if self.is_away():
            raise EndpointConnectionError(endpoint_url="https://sqs.test")
        if self.before:
            self.before(operation, arguments)
        try:
            answer = act(held)
        except _Refused as error:
            raise client_error(error.code, error.message, operation) from None
        if self.after:
            self.after(operation, arguments)
        return answer

    def _held(self, queue: str, operation: str = "GetQueueUrl") -> _Holding:
        """A queue by its name, the end of its name, its URL or its ARN."""
        name = queue.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
        held = self._queues.get(name) or next((h for n, h in self._queues.items() if n.endswith("-" + name)), None)
        if held is None:
            code = "AWS.SimpleQueueService.NonExistentQueue"
            raise client_error(code, "The specified queue does not exist.", operation)
        return held

    def _send(self, held: _Holding, entry: dict[str, Any]) -> Answer:
        _refuse_bad(entry)
        now = self.clock.now()
        body, raw = entry["MessageBody"], entry.get("MessageAttributes") or {}
        delay = int(entry.get("DelaySeconds") or 0)
        attributes = {name: value["StringValue"] for name, value in raw.items()}
        sent = Sent(held.queue.name, body, attributes, now, delay, f"{self._next():032x}", self.trace_header())
        self.sent.append(sent)
        self._add(held, sent, raw, now + delay + self._lateness())
        if self._happens(self.chaos.duplicate) and len(held.copies) < self.chaos.crowded:
            self._add(held, sent, raw, now + delay + self._random.uniform(0, self.chaos.duplicate_within))
        return {"MessageId": sent.id, "MD5OfMessageBody": _md5(body)}

    def _add(self, held: _Holding, sent: Sent, raw: dict[str, Any], visible_at: float, received: int = 0) -> None:
        order = self._next()
        held.copies[order] = _Copy(sent, raw, visible_at, order, received)
        held.show(held.copies[order], visible_at)

    def _take(self, held: _Holding, now: float, most: int, visibility: float | None) -> list[_Copy]:
        queue = held.queue
        found: list[_Copy] = []
        with closing(self._ready(held, now)) as ready:
            while len(found) < most and (copy := next(ready, None)):
                if now - copy.sent.at > queue.retention:
                    del held.copies[copy.order]
                elif queue.dead_letters and copy.received >= queue.max_receives:
                    self._redrive(held, copy, now)
                else:
                    copy.received += 1
                    copy.first_received_at = copy.first_received_at or now
                    copy.handle = f"{copy.order}-{copy.received}"
                    found.append(copy)
        for copy in found:  # only now: with a visibility timeout of 0 it would be taken twice
            timeout = queue.visibility if visibility is None else visibility
            if self._happens(self.chaos.early):
                timeout = self._random.uniform(0, min(timeout, self.chaos.early_within))
            held.show(copy, now + timeout)
        return [replace(copy) for copy in found]

    def _ready(self, held: _Holding, now: float) -> Generator[_Copy, None, None]:
        """The copies that can be received now. Each one taken must be shown again or dropped; the others stay."""
        if not self._happens(self.chaos.reorder):
            yield from held.ready(now)
            return
        shuffled = list(held.ready(now))
        self._random.shuffle(shuffled)
        try:
            while shuffled:
                yield shuffled.pop()
        finally:
            for copy in shuffled:
                held.show(copy, copy.visible_at)

    def _redrive(self, held: _Holding, copy: _Copy, now: float) -> None:
        """Move a copy to the dead letters unchanged: with id, attributes and receive count, without a reason."""
        del held.copies[copy.order]
        self.redriven.append(copy.sent)
        self._add(self._held(held.queue.dead_letters or ""), copy.sent, copy.raw, now, copy.received)

    def _delete(self, held: _Holding, handle: str) -> None:
        order, _, received = handle.partition("-")
        copy = held.copies.get(int(order)) if order.isdigit() else None
        if copy is None or str(copy.received) != received:
            return  # deleted, or received again since: a standard queue deletes only by the newest handle
        if self._happens(self.chaos.zombie):
            held.show(copy, self.clock.now() + self._random.uniform(0, self.chaos.duplicate_within))
            return
        del held.copies[copy.order]
        self.deleted.append(copy.sent)

    def _lateness(self) -> float:
        return self._random.uniform(0, self.chaos.late_by) if self._happens(self.chaos.late) else 0.0

    def _happens(self, chance: float) -> bool:
        return chance > 0 and self._random.random() < chance

    def _at(self, now: float | None) -> float:
        return self.clock.now() if now is None else now

    def _next(self) -> int:
        self._number += 1
        return self._number


class _Refused(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def _refuse_bad(entry: dict[str, Any]) -> None:
    """Raise what boto3 or SQS raises for a message that SQS refuses."""
    body, delay = entry.get("MessageBody"), entry.get("DelaySeconds", 0)
    if not isinstance(body, str) or not isinstance(delay, int):
        raise ParamValidationError(report=f"Invalid type in MessageBody {type(body)} or DelaySeconds {type(delay)}")
    if not 0 <= delay <= MAX_DELAY:
        reason = f"Value {delay} for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900"
        raise _Refused("InvalidParameterValue", reason)
    if not body:
        raise _Refused("InvalidParameterValue", "The request must contain the parameter MessageBody.")
    if FORBIDDEN.search(body):
        raise _Refused("InvalidMessageContents", "Invalid characters in the message")
    if _size(entry) > MAX_MESSAGE_SIZE:
        reason = f"One or more parameters are invalid. Reason: Message must be shorter than {MAX_MESSAGE_SIZE} bytes."
        raise _Refused("InvalidParameterValue", reason)
    attributes = entry.get("MessageAttributes") or {}
    if len(attributes) > MAX_ATTRIBUTES:
        raise _Refused("InvalidParameterValue", f"Number of message attributes [{len(attributes)}] exceeds the allowed")
    for name, value in attributes.items():
        _refuse_bad_attribute(name, value)


def _refuse_bad_attribute(name: str, value: dict[str, str]) -> None:
    if not ATTRIBUTE_NAME.fullmatch(name):
        raise _Refused("InvalidParameterValue", f"Invalid name of a message attribute: {name!r}")
    if value.get("DataType") not in ("String", "Number"):
        raise NotImplementedError(f"message attribute of type {value.get('DataType')}")
    text = value.get("StringValue")
    if not text:
        reason = f"The message attribute '{name}' must contain non-empty message attribute value of its type."
        raise _Refused("InvalidParameterValue", reason)
    if FORBIDDEN.search(text):
        raise _Refused("InvalidMessageContents", "Invalid characters in the message")


def _size(entry: dict[str, Any]) -> int:
    attributes: dict[str, dict[str, str]] = entry.get("MessageAttributes") or {}
    texts = [entry["MessageBody"], *attributes, *(text for value in attributes.values() for text in value.values())]
    return sum(len(text.encode()) for text in texts)


def _system_attributes(copy: _Copy, ahead: float) -> dict[str, str]:
    traced = {"AWSTraceHeader": copy.sent.trace_header} if copy.sent.trace_header else {}
    return traced | {
        "ApproximateReceiveCount": str(copy.received),
        "SentTimestamp": str(int((copy.sent.at + ahead) * 1000)),
        "SenderId": ACCOUNT,
        "ApproximateFirstReceiveTimestamp": str(int((copy.first_received_at + ahead) * 1000)),
    }


def _message(copy: _Copy, ahead: float) -> Answer:
    """A message in boto3's shape."""
    found: Answer = {"MessageId": copy.sent.id, "ReceiptHandle": copy.handle, "Body": copy.sent.body}
    found["Attributes"] = _system_attributes(copy, ahead)
    return found | {"MessageAttributes": copy.raw} if copy.raw else found


def _record(copy: _Copy, queue: Queue, ahead: float) -> Record:
    """A message in the shape of Lambda's event.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    return {
        "messageId": copy.sent.id,
        "receiptHandle": copy.handle,
        "body": copy.sent.body,
        "attributes": _system_attributes(copy, ahead),
        "messageAttributes": {
            name: {
                "stringValue": value["StringValue"],
                "stringListValues": [],
                "binaryListValues": [],
                "dataType": value["DataType"],
            }
            for name, value in copy.raw.items()
        },
        "md5OfBody": _md5(copy.sent.body),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue.arn,
        "awsRegion": REGION,
    }


def _md5(text: str) -> str:
    return md5(text.encode(), usedforsecurity=False).hexdigest()
