"""Messages for a function that cannot start: put back unseen, never lost, never silent."""

import json
from typing import Any

import pytest

from chalicelib.delivery.deferral import PAUSE, Deferral
from chalicelib.delivery.delivery import Undelivered
from chalicelib.errors import BadSettings, Ticket
from chalicelib.metrics import Metrics
from chalicelib.queues import Message, Progress, Queues, message_of
from local.memory.clock import START as NOW
from local.memory.clock import VirtualClock
from local.memory.dynamodb import client_error
from local.memory.sqs import MemorySqs

WHY = BadSettings(["DISCORD_GUILD_ID is missing"])
PROGRESS = Progress("trace-1", since=NOW - 1000, tries=1, received=2, ticket=Ticket("b", 7))


class Scene:
    """Two queues, and a function that cannot start."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.sqs = MemorySqs(self.clock, stage="test")
        self.queues = Queues(self.sqs, "test")
        self.metrics: list[dict[str, Any]] = []
        metrics = Metrics("test", lambda line: self.metrics.append(json.loads(line)))
        self._deferral = Deferral(self.queues, metrics, self.clock.now)

    def invoke(self, queue: str = "jobs", why: Exception = WHY) -> list[Message]:
        """One invocation, as Lambda makes it: what it got, which is deleted where it ended well."""
        records = self.sqs.receive(queue)
        messages = [message_of(record) for record in records]
        self._deferral.defer_all(messages, why, bulk=queue == "bulk")
        self.sqs.delete_all(records)
        return messages

    def refuse_one(self) -> None:
        """SQS does not take the next message that is sent."""

        def refuse(operation: str, _: dict[str, Any]) -> None:
            if operation == "SendMessage":
                self.sqs.before = None
                raise client_error("ServiceUnavailable", "SQS is having a moment", operation)

        self.sqs.before = refuse


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_messages_outlast_a_wrong_setting_however_long_it_stands(scene: Scene) -> None:
    scene.queues.jobs(b"new")
    scene.queues.jobs(b"on its way", PROGRESS)
    for _ in range(50):
        assert {message.received for message in scene.invoke()} == {1}
        scene.clock.sleep(PAUSE)
    assert [sent.body for sent in scene.sqs.waiting("jobs")] == ["new", "on its way"]
    assert scene.sqs.waiting("dead-letters") == []
    new, on_its_way = (message.progress() for message in scene.invoke())
    assert (new.since, new.received, new.tries) == (NOW, 1, 0)  # as if it had just been sent
    assert on_its_way == Progress("trace-1", NOW - 1000, tries=1, received=3, ticket=PROGRESS.ticket)


def test_it_is_tried_again_after_a_while_and_not_before_a_job_is_due(scene: Scene) -> None:
    scene.queues.jobs(b"now", PROGRESS)
    scene.queues.jobs(b"later", Progress("t", NOW, due=NOW + 2 * PAUSE))
    scene.invoke()
    assert [sent.delay for sent in scene.sqs.waiting("jobs")] == [PAUSE, 2 * PAUSE]


def test_the_alarm_on_late_changes_hears_of_it(scene: Scene) -> None:
    scene.queues.jobs(b"old", PROGRESS)
    scene.invoke()
    (line,) = scene.metrics
    assert (line["ChangeAge"], line["stage"]) == ([1000.0], "test")


def test_repairs_of_a_sweep_are_deferred_without_counting_as_late_changes(scene: Scene) -> None:
    scene.queues.bulk(b"repair", PROGRESS)
    scene.invoke("bulk")
    assert [sent.body for sent in scene.sqs.waiting("bulk")] == ["repair"]
    assert scene.metrics == []


def test_whoever_had_it_before_may_have_changed_the_member(scene: Scene) -> None:
    scene.queues.jobs(b"job")
    scene.sqs.receive("jobs")  # by a function that died
    scene.clock.sleep(360)
    scene.invoke()
    scene.clock.sleep(PAUSE)
    (message,) = scene.invoke()
    assert message.progress().touched == NOW + 360


@pytest.mark.parametrize(
    ("why", "said"),
    [(WHY, "DISCORD_GUILD_ID is missing"), (client_error("Throttled", "slow"), "ClientError")],
    ids=["a setting", "Parameter Store"],
)
def test_the_log_says_why(scene: Scene, why: Exception, said: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "rolecall")
    scene.queues.jobs(b"one", PROGRESS)
    scene.invoke(why=why)
    lines = [json.loads(record.getMessage()) for record in caplog.records]
    assert [(line["level"], line["event"]) for line in lines] == [("ERROR", "cannot_start"), ("INFO", "settled")]
    assert lines[0]["faults"] == [said]
    assert (lines[1]["trace"], lines[1]["outcome"]) == ("trace-1", "later")


def test_what_cannot_be_put_back_is_left_to_sqs_and_only_that(scene: Scene) -> None:
    for body in (b"one", b"two", b"three"):
        scene.queues.jobs(body, PROGRESS)
    scene.refuse_one()
    with pytest.raises(Undelivered, match="1 of 3"):
        scene.invoke()
    assert sorted(sent.body for sent in scene.sqs.waiting("jobs")) == ["one", "three", "two"]
    assert scene.metrics[0]["ChangeAge"] == [1000.0] * 3
    scene.clock.sleep(360)
    assert sorted((message.body, message.received) for message in scene.invoke()) == [
        ("one", 2),
        ("three", 1),
        ("two", 1),
    ]
