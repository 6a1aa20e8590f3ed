"""SQS, in and out: what a job carries, and how it travels."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.errors import Ticket
from chalicelib.queues import (
    BATCH,
    MAX_DEAD_LETTER,
    MAX_DELAY,
    MAX_REASON,
    Message,
    Progress,
    Queues,
    message_of,
)
from local.memory.clock import START as NOW
from local.memory.clock import VirtualClock
from local.memory.sqs import MAX_MESSAGE_SIZE, MemorySqs, queues_of

BODY = '{"kind":"update_all","user_id":"ü 🚀"}'
WHOLE = Progress(
    "trace-1",
    since=NOW + 0.125,
    tries=2,
    received=7,
    touched=NOW + 2.5,
    ticket=Ticket("bucket:x", 2**40),
    due=NOW + 9.5,
)


@pytest.fixture
def sqs() -> MemorySqs:
    return MemorySqs(VirtualClock(), stage="test")


@pytest.fixture
def queues(sqs: MemorySqs) -> Queues:
    return Queues(sqs, "test")


def received(sqs: MemorySqs, queue: str) -> list[Message]:
    return [message_of(record) for record in sqs.receive(queue)]


def delays(sqs: MemorySqs) -> list[int]:
    return [sent.delay for sent in sqs.sent]


def record(attributes: Any = None, **more: Any) -> dict[str, Any]:
    """A record of Lambda's event, as the documentation shows it."""
    return {
        "messageId": "id-1",
        "receiptHandle": "handle-1",
        "body": BODY,
        "attributes": {"ApproximateReceiveCount": "3", "SentTimestamp": "1767614400250"},
        "messageAttributes": attributes or {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:rolecall-test-jobs",
    } | more


def text(value: str) -> dict[str, Any]:
    return {"stringValue": value, "stringListValues": [], "binaryListValues": [], "dataType": "String"}


# --- reading ---------------------------------------------------------------------------------------------------


def test_a_record_is_read_whole() -> None:
    message = message_of(record({"trace": text("t"), "blob": {"binaryValue": "AAAA", "dataType": "Binary"}}))
    assert message == Message(
        body=BODY,
        id="id-1",
        handle="handle-1",
        queue="rolecall-test-jobs",
        sent_at=1767614400.25,
        attributes={"trace": "t"},
        received=3,
    )


def test_a_message_of_the_auth_site_begins_its_progress_where_it_was_sent() -> None:
    assert message_of(record()).progress() == Progress("id-1", since=1767614400.25, tries=0, received=1)


@pytest.mark.parametrize(("received", "touched"), [(1, WHOLE.touched), (2, NOW + 60)])
def test_whoever_had_a_message_before_may_still_be_writing(received: int, touched: float) -> None:
    message = Message(BODY, "id", "handle", "queue", NOW, {"touched": f"{WHOLE.touched}", "received": "4"}, received)
    assert message.progress_at(NOW + 60) == replace(message.progress(), touched=touched)


@pytest.mark.parametrize("received", [1, 2])
def test_a_message_that_is_put_back_unseen_carries_on_as_if_it_had_not_been_delivered(received: int) -> None:
    message = Message(BODY, "id", "handle", "queue", NOW, {"received": "4", "tries": "2"}, received)
    unseen = message.unseen(NOW + 60)
    assert (unseen.received, unseen.tries) == (4, 2)
    assert unseen.touched == message.progress_at(NOW + 60).touched


def test_a_record_without_any_attributes_is_read_too() -> None:
    message = message_of(record() | {"attributes": None, "messageAttributes": None})
    assert message.progress() == Progress("id-1", since=0.0, tries=0, received=1)


def test_a_blob_is_no_text_even_where_its_text_is_null() -> None:
    assert message_of(record({"trace": text("t") | {"stringValue": None}})).progress().trace == "id-1"


@pytest.mark.parametrize(
    "bad",
    [
        {"tries": "many"},
        {"tries": "-1"},
        {"tries": "nan"},
        {"tries": "inf"},
        {"since": "yesterday"},
        {"since": "-5"},
        {"touched": "true"},
        {"due": "soon"},
        {"due": "1e999"},
        {"received": ""},
        {"ticket_slot": "5"},
        {"ticket_bucket": "b"},
        {"ticket_bucket": "b", "ticket_slot": "-5"},
        {"ticket_bucket": "b", "ticket_slot": "1.5"},
        {"ticket_bucket": "b", "ticket_slot": "²"},
        {"ticket_bucket": "b", "ticket_slot": "9" * 5000},
        {"ticket_bucket": "", "ticket_slot": "5"},
    ],
    ids=lambda bad: str(bad)[:60],
)
def test_an_attribute_that_makes_no_sense_counts_as_absent(bad: dict[str, str]) -> None:
    message = message_of(record({name: text(value) for name, value in bad.items()}))
    assert message.progress() == Progress("id-1", since=1767614400.25, tries=0, received=1)


def test_a_due_time_that_would_put_a_message_off_for_ever_counts_as_absent() -> None:
    message = message_of(record({"due": text("1e18")}))
    assert message.progress().due == 0.0


def test_a_failure_counts_and_spends_the_ticket() -> None:
    failed = WHOLE.failed_once_more()
    assert (failed.tries, failed.ticket, failed.due) == (3, None, 0.0)
    assert (failed.trace, failed.since, failed.received) == (WHOLE.trace, WHOLE.since, WHOLE.received)


# --- sending and coming back --------------------------------------------------------------------------------------


@pytest.mark.parametrize("progress", [WHOLE, Progress("t", since=NOW)], ids=["with everything", "with the least"])
@pytest.mark.parametrize("queue", ["jobs", "bulk"])
def test_progress_comes_back_as_it_was_sent_but_for_one_more_delivery(
    sqs: MemorySqs, queues: Queues, progress: Progress, queue: str
) -> None:
    getattr(queues, queue)(BODY.encode(), progress)
    (message,) = received(sqs, queue)
    assert message.body == BODY
    found = message.progress()
    assert (found.trace, found.since, found.tries, found.ticket, found.due, found.received) == (
        progress.trace,
        progress.since,
        progress.tries,
        progress.ticket,
        progress.due,
        progress.received + 1,
    )


def test_a_job_without_progress_carries_nothing(sqs: MemorySqs, queues: Queues) -> None:
    queues.jobs(BODY.encode())
    assert sqs.sent[0].attributes == {}


@pytest.mark.parametrize(
    ("seconds", "whole"),
    [(0.0, 0), (-3.5, 0), (0.001, 1), (1.0, 1), (1.2, 2), (899.1, MAX_DELAY), (900.0, 900), (5000.0, 900)],
    ids=str,
)
def test_a_delay_is_rounded_up_to_what_sqs_takes(sqs: MemorySqs, queues: Queues, seconds: float, whole: int) -> None:
    queues.jobs(BODY.encode(), delay=seconds)
    queues.bulk(BODY.encode(), delay=seconds)
    queues.bulk_many([(BODY.encode(), WHOLE, seconds)])
    assert delays(sqs) == [whole] * 3


def test_a_job_never_comes_before_its_time(sqs: MemorySqs, queues: Queues) -> None:
    queues.jobs(BODY.encode(), delay=3.2)
    assert sqs.receive("jobs", NOW + 3.2) == []
    assert len(sqs.receive("jobs", NOW + 4)) == 1


def test_a_job_goes_back_to_the_queue_it_came_from(sqs: MemorySqs, queues: Queues) -> None:
    queues.bulk(BODY.encode(), WHOLE)
    (message,) = received(sqs, "bulk")
    queues.again(message, message.progress(), delay=5.5)
    queues.delete(message)
    assert [(sent.queue, sent.body, sent.delay) for sent in sqs.waiting("bulk")] == [("rolecall-test-bulk", BODY, 6)]
    sqs.clock.sleep(6)
    (again,) = received(sqs, "bulk")
    assert again.progress().received == WHOLE.received + 2
    assert again.progress().ticket == WHOLE.ticket


@pytest.mark.parametrize("count", [0, 1, BATCH, BATCH + 1, 35], ids=str)
def test_any_number_of_jobs_is_sent_ten_at_a_time(sqs: MemorySqs, queues: Queues, count: int) -> None:
    queues.bulk_many([(f"{number}".encode(), Progress(f"t{number}", NOW), number) for number in range(count)])
    assert [(sent.body, sent.attributes["trace"], sent.delay) for sent in sqs.sent] == [
        (f"{number}", f"t{number}", number) for number in range(count)
    ]
    assert sqs.counts["SendMessageBatch", "rolecall-test-bulk"] == -(-count // BATCH)


def test_a_batch_of_which_sqs_refuses_one_is_not_passed_over(queues: Queues) -> None:
    with pytest.raises(RuntimeError, match="refused 1 messages: InvalidParameterValue"):
        queues.bulk_many([(b"good", WHOLE, 0.0), (b"", WHOLE, 0.0)])


def test_a_deleted_message_is_gone(sqs: MemorySqs, queues: Queues) -> None:
    queues.jobs(BODY.encode())
    (message,) = received(sqs, "jobs")
    queues.delete(message)
    queues.delete(message)
    assert sqs.next_event_at() is None
    assert [sent.body for sent in sqs.deleted] == [BODY]


def test_a_message_that_is_not_settled_comes_again_and_says_so(sqs: MemorySqs, queues: Queues) -> None:
    queues.jobs(BODY.encode(), WHOLE)
    received(sqs, "jobs")
    sqs.clock.sleep(360)
    (message,) = received(sqs, "jobs")
    assert (message.received, message.progress().received) == (2, WHOLE.received + 1)


# --- set aside, and told --------------------------------------------------------------------------------------------


def test_a_dead_letter_says_why_and_where_it_came_from(sqs: MemorySqs, queues: Queues) -> None:
    queues.jobs(BODY.encode(), WHOLE)
    (message,) = received(sqs, "jobs")
    queues.dead_letter(message, "bad message: unknown kind")
    (dead,) = sqs.waiting("dead-letters")
    assert dead.body == BODY
    assert dead.attributes == {
        "trace": "trace-1",
        "since": f"{WHOLE.since:.3f}",
        "tries": "2",
        "reason": "bad message: unknown kind",
        "queue": "rolecall-test-jobs",
    }


@pytest.mark.parametrize(
    ("reason", "kept"), [("", "-"), ("x" * 5000, "x" * MAX_REASON)], ids=["no reason", "a very long one"]
)
def test_any_reason_fits(sqs: MemorySqs, queues: Queues, reason: str, kept: str) -> None:
    queues.dead_letter(message_of(record()), reason)
    assert sqs.sent[0].attributes["reason"] == kept


@pytest.mark.parametrize("letter", ["x", "ü", "🚀"])
@pytest.mark.parametrize("odd", ["", "y"], ids=["", "not in step"])
def test_a_body_as_large_as_sqs_takes_is_cut_so_that_the_reason_fits(
    sqs: MemorySqs, queues: Queues, letter: str, odd: str
) -> None:
    body = odd + letter * ((MAX_MESSAGE_SIZE - 1) // len(letter.encode()))
    sqs.send_message(QueueUrl=sqs.get_queue_url(QueueName="rolecall-test-jobs")["QueueUrl"], MessageBody=body)
    (message,) = received(sqs, "jobs")
    queues.dead_letter(message, "bad message: over-long")
    (dead,) = sqs.waiting("dead-letters")
    assert body.startswith(dead.body)
    assert MAX_DEAD_LETTER - 4 < len(dead.body.encode()) <= MAX_DEAD_LETTER
    assert dead.attributes["reason"] == f"bad message: over-long (cut: the body had {len(body.encode())} bytes)"


def test_whatever_is_not_larger_than_needs_be_is_set_aside_whole(sqs: MemorySqs, queues: Queues) -> None:
    queues.dead_letter(message_of(record() | {"body": "ü" * (MAX_DEAD_LETTER // 2)}), "why")
    assert sqs.sent[0].body == "ü" * (MAX_DEAD_LETTER // 2)
    assert sqs.sent[0].attributes["reason"] == "why"


def test_that_a_body_was_cut_is_said_beside_the_longest_reason(sqs: MemorySqs, queues: Queues) -> None:
    queues.dead_letter(message_of(record() | {"body": "x" * (MAX_DEAD_LETTER + 1)}), "y" * 5000)
    reason = sqs.sent[0].attributes["reason"]
    assert len(reason) == MAX_REASON
    assert reason.endswith(f"yyy (cut: the body had {MAX_DEAD_LETTER + 1} bytes)")


def test_a_trace_without_end_leaves_room_for_the_reason(sqs: MemorySqs, queues: Queues) -> None:
    queues.dead_letter(message_of(record({"trace": text("x" * (MAX_MESSAGE_SIZE - 200))})), "why")
    assert sqs.sent[0].attributes["trace"] == "x" * MAX_REASON


def test_a_dead_letter_keeps_only_the_attributes_that_are_known(sqs: MemorySqs, queues: Queues) -> None:
    strange = {f"strange_{number}": text("x") for number in range(10)}
    queues.dead_letter(message_of(record(strange)), "why")
    assert sqs.sent[0].attributes.keys() == {"reason", "queue", "trace", "since", "tries"}
    assert sqs.sent[0].attributes["trace"] == "id-1"  # the log calls its lines so


def test_a_notice_is_the_contracts_json_and_nothing_else(sqs: MemorySqs, queues: Queues) -> None:
    queues.notice(b'{"kind":"linked"}')
    (notice,) = sqs.waiting("notices")
    assert (notice.body, notice.attributes, notice.delay) == ('{"kind":"linked"}', {}, 0)


def test_a_queues_address_is_looked_up_once(sqs: MemorySqs, queues: Queues) -> None:
    for _ in range(3):
        queues.jobs(BODY.encode())
        queues.notice(BODY.encode())
    assert [count for (operation, _), count in sqs.counts.items() if operation == "GetQueueUrl"] == [1, 1]


def test_the_queues_are_those_of_the_stage() -> None:
    sqs = MemorySqs(VirtualClock(), queues=[*queues_of("dev"), *queues_of("prod")])
    Queues(sqs, "prod").jobs(BODY.encode())
    assert [sent.queue for sent in sqs.sent] == ["rolecall-prod-jobs"]


# --- what SQS refuses, of any text -----------------------------------------------------------------------------


@pytest.mark.parametrize("odd", ["\ufffe", "\uffff", "\x7f", "\x85"])
def test_whatever_a_text_says_it_arrives_as_it_was(sqs: MemorySqs, queues: Queues, odd: str) -> None:
    body = json.dumps({"username": f"a{odd}b"}, ensure_ascii=False).encode()
    queues.notice(body)
    queues.jobs(body, WHOLE)
    queues.bulk_many([(body, WHOLE, 0.0)])
    for queue in ("notices", "jobs", "bulk"):
        (arrived,) = sqs.waiting(queue)
        assert json.loads(arrived.body) == {"username": f"a{odd}b"}


@pytest.mark.parametrize("odd", ["\x00", "\x1b", "\ufffe", "\ud800"])
def test_a_reason_that_cannot_be_sent_costs_nobody_the_dead_letter(sqs: MemorySqs, queues: Queues, odd: str) -> None:
    queues.dead_letter(message_of(record()), f"Discord refused: {odd}!")
    assert sqs.sent[0].attributes["reason"] == "Discord refused: ?!"
