"""Metrics in CloudWatch's embedded format: counted in memory, written as a log line at the end of an invocation.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from collections import defaultdict
from collections.abc import Callable
from typing import Any

NAMESPACE = "Rolecall"
MOST_VALUES = 100  # of one metric in one line; CloudWatch takes no more
Dimensions = tuple[tuple[str, str], ...]


class Metrics:
    """What one invocation counted. `write` gets each finished line."""

    def __init__(self, stage: str, write: Callable[[str], None] = print) -> None:
        self._stage = stage
        self._write = write
        self._values: dict[Dimensions, dict[str, list[float]]] = {}
        self._units: dict[str, str] = {}

    def count(self, name: str, number: float = 1, **dimensions: str) -> None:
        """Add to a counter."""
        values = self._of(dimensions)[name]
        if values:
            values[0] += number
        else:
            values.append(number)
        self._units[name] = "Count"

    def seconds(self, name: str, value: float, **dimensions: str) -> None:
        """Record a duration or an age."""
        values = self._of(dimensions)[name]
        if len(values) < MOST_VALUES:
            values.append(round(value, 3))
        self._units[name] = "Seconds"

    def flush(self, now: float) -> None:
        """Write what was counted, and start anew."""
        values, self._values = self._values, {}
        for dimensions, metrics in values.items():
            self._write(json.dumps(self._line(dimensions, metrics, now)))

    def _of(self, dimensions: dict[str, str]) -> dict[str, list[float]]:
        key: Dimensions = (("stage", self._stage), *sorted(dimensions.items()))
        return self._values.setdefault(key, defaultdict(list))

    def _line(self, dimensions: Dimensions, metrics: dict[str, list[float]], now: float) -> dict[str, Any]:
        names = [name for name, _ in dimensions]
        directive = {
            "Namespace": NAMESPACE,
            "Dimensions": [names],
            "Metrics": [{"Name": name, "Unit": self._units[name]} for name in metrics],
        }
        return {
            "_aws": {"Timestamp": int(now * 1000), "CloudWatchMetrics": [directive]},
            **dict(dimensions),
            **{name: values[0] if len(values) == 1 else values for name, values in metrics.items()},
        }
