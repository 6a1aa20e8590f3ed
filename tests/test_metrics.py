"""What is counted becomes one line of CloudWatch's embedded format."""

import json
from typing import Any

from chalicelib.metrics import MOST_VALUES, Metrics


def lines_of(metrics: Metrics, lines: list[str]) -> list[dict[str, Any]]:
    metrics.flush(1000.5)
    return [json.loads(line) for line in lines]


def test_all_that_one_invocation_counted_is_one_line_with_the_stage_as_its_only_dimension() -> None:
    lines: list[str] = []
    metrics = Metrics("prod", lines.append)
    metrics.count("SweepsHeld")
    metrics.count("SweepsHeld", 2)
    metrics.seconds("ChangeAge", 1.23456)
    metrics.seconds("ChangeAge", 7)
    (line,) = lines_of(metrics, lines)
    assert line["_aws"]["Timestamp"] == 1_000_500
    assert line["_aws"]["CloudWatchMetrics"] == [
        {
            "Namespace": "Rolecall",
            "Dimensions": [["stage"]],
            "Metrics": [{"Name": "SweepsHeld", "Unit": "Count"}, {"Name": "ChangeAge", "Unit": "Seconds"}],
        }
    ]
    assert (line["stage"], line["SweepsHeld"], line["ChangeAge"]) == ("prod", 3, [1.235, 7])


def test_nothing_is_written_where_nothing_was_counted_and_nothing_is_written_twice() -> None:
    lines: list[str] = []
    metrics = Metrics("prod", lines.append)
    assert lines_of(metrics, lines) == []
    metrics.count("SweepsHeld")
    assert len(lines_of(metrics, lines)) == len(lines_of(metrics, lines)) == 1


def test_a_line_holds_no_more_values_of_a_metric_than_cloudwatch_takes() -> None:
    lines: list[str] = []
    metrics = Metrics("prod", lines.append)
    for _ in range(MOST_VALUES + 1):
        metrics.seconds("ChangeAge", 1.0)
    (line,) = lines_of(metrics, lines)
    assert len(line["ChangeAge"]) == MOST_VALUES
