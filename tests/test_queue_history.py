"""What CloudWatch says of the queues' past, asked seldom, and shown without if it does not answer."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.queue_history import FRESH, LENGTH, SPAN, Moment, QueueHistory
from chalicelib.queues import Depth, Queues
from local.memory.clock import START as NOW
from local.memory.clock import VirtualClock
from local.memory.sqs import MemorySqs


class CloudWatch:
    """Answers `values` (by metric and moment) and remembers what it was asked."""

    def __init__(self, values: dict[str, dict[float, float]]) -> None:
        self.values, self.asked = values, list[dict[str, Any]]()

    def get_metric_data(self, **asked: Any) -> dict[str, Any]:
        self.asked.append(asked)
        results = []
        for query in asked["MetricDataQueries"]:
            values = self.values.get(query["Id"], {})
            moments = [datetime.fromtimestamp(at, UTC) for at in values]
            results.append({"Id": query["Id"], "Timestamps": moments, "Values": list(values.values())})
        return {"MetricDataResults": results}


def history(cloudwatch: CloudWatch) -> QueueHistory:
    return QueueHistory(cloudwatch, "x")


def test_both_queues_are_counted_together_and_the_oldest_of_them_is_told() -> None:
    start = NOW - NOW % SPAN
    cloudwatch = CloudWatch(
        {
            "waiting_jobs": {start: 3.0, start - SPAN: 1.0},
            "waiting_bulk": {start: 4.0},
            "oldest_jobs": {start: 10.0},
            "oldest_bulk": {start: 70.0},
        }
    )
    moments = history(cloudwatch).read(now=NOW)
    assert len(moments) == LENGTH // SPAN
    assert moments[-2:] == (Moment(start - SPAN, 1), Moment(start, 7, 70.0))
    assert {moment.waiting for moment in moments[:-2]} == {0}
    names = {one["MetricStat"]["Metric"]["Dimensions"][0]["Value"] for one in cloudwatch.asked[0]["MetricDataQueries"]}
    assert names == {"rolecall-x-jobs", "rolecall-x-bulk"}


def test_it_is_asked_once_a_minute_at_most() -> None:
    cloudwatch = CloudWatch({})
    kept = history(cloudwatch)
    for seconds in (0.0, 1.0, FRESH - 1, FRESH, FRESH + 1):
        kept.read(now=NOW + seconds)
    assert len(cloudwatch.asked) == 2


def test_without_an_answer_there_is_no_history_and_no_harm() -> None:
    class Refuses:
        def get_metric_data(self, **_: object) -> object:
            raise PermissionError("not authorised to perform cloudwatch:GetMetricData")

    assert QueueHistory(Refuses(), "x").read(now=NOW) == ()


@pytest.mark.parametrize(("delays", "taken", "depth"), [([], 0, (0, 0, 0)), ([0, 0, 60], 1, (1, 1, 1))])
def test_a_queue_says_how_much_waits_now(delays: list[int], taken: int, depth: tuple[int, int, int]) -> None:
    sqs = MemorySqs(VirtualClock(), stage="x")
    queues = Queues(sqs, "x")
    for delay in delays:
        queues.jobs(b"{}", delay=delay)
    for _ in range(taken):
        sqs.receive("rolecall-x-jobs", most=1)
    assert queues.depth("jobs") == Depth(*depth)
    assert queues.depth("bulk") == Depth(0, 0, 0)
