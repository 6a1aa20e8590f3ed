"""SQS in memory: what boto3 sees of it is what moto shows; the rest is what AWS documents."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError
from moto import mock_aws

from local.memory.clock import VirtualClock
from local.memory.sqs import BATCH, Chaos, MemorySqs, Queue, queues_of

JOBS = "rolecall-test-jobs"
ATTRIBUTE = {"DataType": "String", "StringValue": "ü"}


@pytest.fixture(params=["memory", "moto"])
def sqs(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A client of either, with the four queues of a stage."""
    if request.param == "memory":
        yield MemorySqs(VirtualClock())
        return
    client = request.getfixturevalue("moto_clients")["sqs"]
    with mock_aws():
        for queue in queues_of("test"):
            client.create_queue(QueueName=queue.name)
        yield client


@pytest.fixture
def memory(clock: VirtualClock) -> MemorySqs:
    return MemorySqs(clock)


@pytest.fixture
def url(sqs: Any) -> str:
    return str(sqs.get_queue_url(QueueName=JOBS)["QueueUrl"])


def send(memory: MemorySqs, body: str = "{}", delay: int = 0) -> None:
    memory.send_message(QueueUrl=JOBS, MessageBody=body, DelaySeconds=delay)


def bodies(records: list[dict[str, Any]]) -> list[str]:
    return [record["body"] for record in records]


# --- as boto3 sees it: on both ----------------------------------------------------------------------------------


def test_what_is_sent_is_received_whole(sqs: Any, url: str) -> None:
    sent = sqs.send_message(QueueUrl=url, MessageBody="é 🚀", MessageAttributes={"trace": ATTRIBUTE})
    answer = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], AttributeNames=["All"])
    (message,) = answer["Messages"]
    assert (message["Body"], message["MessageId"]) == ("é 🚀", sent["MessageId"])
    assert message["MessageAttributes"]["trace"] == ATTRIBUTE
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_what_is_deleted_is_gone(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x")
    (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    assert "Messages" not in sqs.receive_message(QueueUrl=url)


def test_what_is_not_deleted_comes_again_and_is_counted(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x")
    counts = [
        sqs.receive_message(QueueUrl=url, VisibilityTimeout=0, AttributeNames=["All"])["Messages"][0]["Attributes"]
        for _ in range(3)
    ]
    assert [count["ApproximateReceiveCount"] for count in counts] == ["1", "2", "3"]


def test_a_delayed_message_is_counted_but_not_received(sqs: Any, url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=900)
    sqs.send_message(QueueUrl=url, MessageBody="y")
    assert [message["Body"] for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]] == [
        "y"
    ]
    found = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    counts = {name: found[f"ApproximateNumberOfMessages{name}"] for name in ("", "Delayed", "NotVisible")}
    assert counts == {"": "0", "Delayed": "1", "NotVisible": "1"}


def test_too_long_a_delay_is_refused(sqs: Any, url: str) -> None:
    with pytest.raises(ClientError) as error:
        sqs.send_message(QueueUrl=url, MessageBody="x", DelaySeconds=901)
    assert error.value.response["Error"]["Code"] == "InvalidParameterValue"


@pytest.mark.parametrize(
    ("body", "attributes", "code"),
    [
        ("", {}, "InvalidParameterValue"),
        ("\x00", {}, "InvalidMessageContents"),
        ("x", {"": ATTRIBUTE}, "InvalidParameterValue"),
        ("x", {"a": {"DataType": "String", "StringValue": ""}}, "InvalidParameterValue"),
        ("x", {"a": {"DataType": "String", "StringValue": "\x07"}}, "InvalidMessageContents"),
        ("x", {f"a{number}": ATTRIBUTE for number in range(11)}, "InvalidParameterValue"),
        ("x" * (1024 * 1024 + 1), {}, "InvalidParameterValue"),
    ],
    ids=[
        "empty",
        "a control character",
        "a nameless attribute",
        "an empty attribute",
        "a control character in an attribute",
        "too many attributes",
        "too large",
    ],
)
def test_what_sqs_does_not_take_is_refused(memory: MemorySqs, body: str, attributes: Any, code: str) -> None:
    """moto lets some of these through; SQS's documentation does not."""
    with pytest.raises(ClientError) as error:
        memory.send_message(QueueUrl=JOBS, MessageBody=body, MessageAttributes=attributes)
    assert error.value.response["Error"]["Code"] == code
    assert memory.sent == []


@pytest.mark.parametrize("arguments", [{"MessageBody": b"x"}, {"MessageBody": "x", "DelaySeconds": 1.5}], ids=str)
def test_what_boto3_does_not_send_is_refused(sqs: Any, url: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(ParamValidationError):
        sqs.send_message(QueueUrl=url, **arguments)


def test_a_batch_takes_ten(sqs: Any, url: str) -> None:
    entries = [{"Id": str(number), "MessageBody": str(number)} for number in range(11)]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries[:10])["Successful"]) == 10
    with pytest.raises(ClientError) as error:
        sqs.send_message_batch(QueueUrl=url, Entries=entries)
    assert error.value.response["Error"]["Code"].endswith("TooManyEntriesInBatchRequest")
    with pytest.raises(ClientError):
        sqs.send_message_batch(QueueUrl=url, Entries=entries[:1] * 2)


def test_a_queue_that_does_not_exist_is_not_found(sqs: Any) -> None:
    with pytest.raises(ClientError) as error:
        sqs.get_queue_url(QueueName="nowhere")
    assert error.value.response["Error"]["Code"].endswith("NonExistentQueue")


# --- time -------------------------------------------------------------------------------------------------------


def test_the_queues_are_those_of_the_template() -> None:
    assert {queue.name for queue in queues_of("dev")} == {
        f"rolecall-dev-{name}" for name in ("jobs", "bulk", "dead-letters", "notices")
    }
    assert queues_of("dev")[0] == Queue("rolecall-dev-jobs", 360.0, dead_letters="rolecall-dev-dead-letters")


def test_a_message_comes_when_its_delay_is_over(memory: MemorySqs, clock: VirtualClock) -> None:
    send(memory, "later", 7)
    send(memory, "soon", 3)
    due = memory.next_event_at()
    assert due == clock.now() + 3
    assert memory.receive("jobs", due - 0.001) == []
    assert bodies(memory.receive("jobs", due)) == ["soon"]
    assert memory.next_event_at() == clock.now() + 7


def test_a_message_that_nobody_settled_comes_again_after_its_visibility_timeout(
    memory: MemorySqs, clock: VirtualClock
) -> None:
    send(memory)
    (record,) = memory.receive("jobs")
    assert memory.next_event_at() == clock.now() + 360
    clock.advance(360)
    (again,) = memory.receive("jobs")
    assert again["attributes"]["ApproximateReceiveCount"] == "2"
    assert again["messageId"] == record["messageId"]
    memory.delete_all([record])  # by a handle that is not the newest
    assert len(memory.waiting("jobs")) == 1
    memory.delete_all([again])
    assert memory.next_event_at() is None


def test_what_was_received_five_times_is_set_aside_with_its_count(memory: MemorySqs, clock: VirtualClock) -> None:
    send(memory, "poison")
    for _ in range(5):
        assert bodies(memory.receive("jobs")) == ["poison"]
        clock.advance(360)
    assert memory.receive("jobs") == []
    assert [sent.body for sent in memory.redriven] == ["poison"]
    (dead,) = memory.receive("dead-letters")
    assert (dead["body"], dead["attributes"]["ApproximateReceiveCount"]) == ("poison", "6")
    assert memory.next_event_at() is None  # of the queues that a function reads


def test_a_message_is_kept_for_fourteen_days(memory: MemorySqs, clock: VirtualClock) -> None:
    memory.send_message(QueueUrl="notices", MessageBody="old")
    clock.advance(14 * 86_400 + 1)
    assert memory.receive("notices") == []


def test_a_receive_takes_ten_and_leaves_the_rest(memory: MemorySqs) -> None:
    for number in range(25):
        send(memory, str(number))
    taken = [len(memory.receive("jobs")) for _ in range(4)]
    assert taken == [BATCH, BATCH, 5, 0]


def test_one_receive_never_takes_a_message_twice(memory: MemorySqs) -> None:
    send(memory)
    assert len(memory.receive_message(QueueUrl=JOBS, MaxNumberOfMessages=10, VisibilityTimeout=0)["Messages"]) == 1
    assert len(memory.receive("jobs")) == 1


# --- chaos ------------------------------------------------------------------------------------------------------


def delivered(chaos: Chaos, seed: int = 1, count: int = 200) -> list[tuple[float, str]]:
    """When each of so many messages was received and deleted."""
    clock = VirtualClock(0.0)
    memory = MemorySqs(clock, seed=seed, chaos=chaos)
    for number in range(count):
        send(memory, str(number))
    found = []
    while (due := memory.next_event_at()) is not None:
        clock.move_to(due)
        records = memory.receive("jobs")
        memory.delete_all(records)
        found += [(clock.now(), body) for body in bodies(records)]
    return found


def test_without_chaos_each_message_comes_once_in_order() -> None:
    assert delivered(Chaos()) == [(0.0, str(number)) for number in range(200)]


def test_a_crowded_queue_duplicates_nothing_more() -> None:
    """A queue whose messages are sent again and again would grow without end."""
    assert len(delivered(Chaos(duplicate=1.0, crowded=50))) == 200 + 25


@pytest.mark.parametrize("chaos", [Chaos(duplicate=0.3), Chaos(zombie=0.3)], ids=["duplicate", "zombie"])
def test_some_messages_come_twice_and_none_is_lost(chaos: Chaos) -> None:
    found = [body for _, body in delivered(chaos)]
    assert set(found) == {str(number) for number in range(200)}
    assert 220 < len(found) < 330


def test_some_messages_come_late_and_none_is_lost() -> None:
    found = delivered(Chaos(late=0.3))
    assert sorted(int(body) for _, body in found) == list(range(200))
    assert 30 < sum(at > 0 for at, _ in found) < 90
    assert max(at for at, _ in found) <= 60


def test_messages_come_in_any_order_and_none_is_lost() -> None:
    found = [body for _, body in delivered(Chaos(reorder=1.0))]
    assert found != sorted(found, key=int)
    assert sorted(found, key=int) == [str(number) for number in range(200)]


def test_one_seed_decides_everything() -> None:
    chaos = Chaos(duplicate=0.2, late=0.2, reorder=0.5, zombie=0.1)
    assert delivered(chaos, seed=7) == delivered(chaos, seed=7)
    assert delivered(chaos, seed=7) != delivered(chaos, seed=8)


# --- hooks and history ------------------------------------------------------------------------------------------


def test_a_crash_can_come_before_or_after_the_effect(memory: MemorySqs) -> None:
    def crash(operation: str, _arguments: object) -> None:
        raise RuntimeError(operation)

    memory.before = crash
    with pytest.raises(RuntimeError, match="SendMessage"):
        send(memory)
    assert memory.sent == []
    memory.before, memory.after = None, crash
    with pytest.raises(RuntimeError, match="SendMessage"):
        send(memory)
    assert len(memory.sent) == 1


def test_everything_that_was_sent_stays_on_record(memory: MemorySqs, clock: VirtualClock) -> None:
    clock.advance(5)
    memory.send_message(QueueUrl=JOBS, MessageBody="x", DelaySeconds=2, MessageAttributes={"trace": ATTRIBUTE})
    memory.delete_all(memory.receive("jobs", clock.now() + 2))
    (sent,) = memory.sent
    assert (sent.queue, sent.body, sent.attributes, sent.at, sent.delay) == (JOBS, "x", {"trace": "ü"}, clock.now(), 2)
    assert memory.deleted == [sent]
    assert memory.counts == {("SendMessage", JOBS): 1}
