"""Metrics in CloudWatch's embedded format: counted in memory, written as a log line at the end of an invocation.

Beyond ten per account, CloudWatch charges for each name with each combination of dimensions. So there are only the
metrics that an alarm, the dashboard's graphs or `status` need, with the stage as their only dimension. Counts by route,
status or outcome are taken from the fields of log lines (`discord_request`, `settled`), with Logs Insights.

| metric | unit | what it says |
|---|---|---|
| ChangeAge | s | time since the auth site posted a change, whenever a worker settles or defers it |
| CallsStopped | count | jobs that found all calls stopped: token refused, or several containers blocked at once |
| StoreOutages | count | jobs and requests that met an outage of DynamoDB: no answer, throttled, refused |
| QueueOutages | count | jobs and requests that met an outage of SQS |
| SweepsHeld | count | holds that were opened, and sweeps that take nothing because of a hold or the first-run lock |
| SweepsFailed | count | sweeps that were given up |
| SweepSeconds | s | duration of a sweep that ended, in whatever way |
| SweepDifferences | count | members whom a sweep found to differ |

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections.abc import Callable

NAMESPACE = "Rolecall"
DIMENSION = "stage"
MAX_VALUES = 100  # of one metric in one line; CloudWatch takes no more


class Metrics:
    """The metrics of one invocation. `write` is called with the finished line."""

    def __init__(self, stage: str, write: Callable[[str], None] = print) -> None:
        self._stage = stage
        self._write = write
        self._counts: dict[str, float] = {}
        self._seconds: dict[str, list[float]] = {}

    def count(self, name: str, number: float = 1) -> None:
        """Add to a counter."""
        self._counts[name] = self._counts.get(name, 0) + number

    def seconds(self, name: str, value: float) -> None:
        """Record a duration or an age, in seconds."""
        values = self._seconds.setdefault(name, [])
        if len(values) < MAX_VALUES:
            values.append(round(value, 3))

    def flush(self, now: float) -> None:
        """Write what was counted, if anything, and start anew. `now` is in epoch seconds."""
        counts, self._counts = self._counts, {}
        seconds, self._seconds = self._seconds, {}
        if not (counts or seconds):
            return
        named = [{"Name": name, "Unit": "Count"} for name in counts]
        named += [{"Name": name, "Unit": "Seconds"} for name in seconds]
        directive = {"Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": named}
        about = {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]}
        self._write(json.dumps({"_aws": about, DIMENSION: self._stage, **counts, **seconds}))
