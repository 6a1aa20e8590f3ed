"""How many messages waited in the queues at each moment, and how long the oldest: what CloudWatch knows of SQS.

For people who look at a page. SQS itself says only how many there are now.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib import log

SPAN = 300  # seconds; SQS reports once a minute, and a page has room for some dozens of bars
LENGTH = 3 * 3600  # seconds that are shown
FRESH = 60.0  # seconds for which an answer is used again: each costs $0.00004, and CloudWatch learns nothing sooner
QUEUES = ("jobs", "bulk")
METRICS = {"waiting": "ApproximateNumberOfMessagesVisible", "oldest": "ApproximateAgeOfOldestMessage"}


@dataclass(frozen=True, slots=True)
class Moment:
    """The most messages that waited in five minutes from `at` on, of both queues, and the greatest age in seconds."""

    at: float
    waiting: int = 0
    oldest: float = 0.0


class QueueHistory:
    """The last three hours of a stage's queues. `cloudwatch` is a client of CloudWatch."""

    def __init__(self, cloudwatch: Any, stage: str) -> None:  # noqa: ANN401 - botocore's client has no type of its own
        self._cloudwatch, self._stage = cloudwatch, stage
        self._read_at, self._last = float("-inf"), ()  # type: tuple[float, tuple[Moment, ...]]

    def read(self, *, now: float) -> tuple[Moment, ...]:
        """The moments, oldest first; empty if CloudWatch does not answer: a picture is no reason to show no page."""
        if now - self._read_at < FRESH:
            return self._last
        try:
            self._last = self._ask(now)
        except Exception as why:  # noqa: BLE001 - whatever it is: no permission, no connection, an emulator without it
            log.warning("queue_history_not_read", why=f"{type(why).__name__}: {why}")
            self._last = ()
        self._read_at = now
        return self._last

    def _ask(self, now: float) -> tuple[Moment, ...]:
        end = int(now // SPAN + 1) * SPAN
        said = self._cloudwatch.get_metric_data(
            MetricDataQueries=[self._query(queue, short) for queue in QUEUES for short in METRICS],
            StartTime=datetime.fromtimestamp(end - LENGTH, UTC),
            EndTime=datetime.fromtimestamp(end, UTC),
        )
        waiting: dict[float, float] = {}
        oldest: dict[float, float] = {}
        for result in said["MetricDataResults"]:
            for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
                at = moment.timestamp()
                if result["Id"].startswith("waiting"):
                    waiting[at] = waiting.get(at, 0.0) + value
                else:
                    oldest[at] = max(oldest.get(at, 0.0), value)
        starts = [float(at) for at in range(end - LENGTH, end, SPAN)]
        return tuple(Moment(at, int(waiting.get(at, 0)), oldest.get(at, 0.0)) for at in starts)

    def _query(self, queue: str, short: str) -> dict[str, Any]:
        dimensions = [{"Name": "QueueName", "Value": f"rolecall-{self._stage}-{queue}"}]
        metric = {"Namespace": "AWS/SQS", "MetricName": METRICS[short], "Dimensions": dimensions}
        return {"Id": f"{short}_{queue}", "MetricStat": {"Metric": metric, "Period": SPAN, "Stat": "Maximum"}}
