"""Sweeps by size: what is counted of each, and what is shown."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from bench import size
from bench.prices import REGIONS
from bench.svg import draw


@pytest.fixture(scope="module")
def runs() -> list[size.Run]:
    return size.runs([300, 1100])


def test_each_size_is_swept_twice_and_one_in_a_hundred_is_repaired_in_the_second(runs: list[size.Run]) -> None:
    assert [(run.linked, run.drifted) for run in runs] == [(300, 0), (300, 3), (1100, 0), (1100, 11)]
    assert [run.cost.all_requests for run in runs] == [3, 3 + 3, 4, 4 + 11]


def test_a_sweep_is_priced_by_what_it_used(runs: list[size.Run]) -> None:
    used, prices = runs[-1].used, REGIONS[size.REGION]
    assert used.lambda_gb_seconds == pytest.approx(runs[-1].cost.lambda_seconds / 2)
    assert used.dynamodb_writes > 11 * 5  # a member: twice the link and the audit entry, and their indexes
    assert runs[-1].dollars == pytest.approx(
        used.dynamodb_writes * prices.dynamodb_write
        + used.dynamodb_reads * prices.dynamodb_read
        + used.lambda_gb_seconds * prices.lambda_gb_second
        + used.lambda_calls * prices.lambda_call
        + used.sqs_requests * prices.sqs_request
        + used.log_gb * prices.log_gb
    )


def test_the_memory_of_steps_is_traced_in_the_sweep_that_repairs(runs: list[size.Run]) -> None:
    still, repaired = runs[-2:]
    assert not still.peaks
    assert 1 < repaired.megabytes < 20
    assert len(repaired.peaks) >= 3  # a comparison and repairs


def test_memory_that_grows_with_the_guild_is_a_missed_target(runs: list[size.Run]) -> None:
    small, large = runs[1], runs[3]

    def met(growth: float) -> bool | None:
        grown = replace(large, peaks=tuple(peak * growth for peak in small.peaks))
        found = [one for one in size.figures([small, grown], small) if "peak memory" in one.name]
        return found[0].met

    assert (met(1.1), met(1.3)) == (True, False)


def test_the_table_has_a_row_for_each_sweep_and_the_charts_can_be_drawn(runs: list[size.Run]) -> None:
    table = [line for line in size.markdown(runs).splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(runs)
    assert table[-1].startswith("| 1,100 | 11 | 15 |")
    charts = size.charts(runs)
    assert [chart.name for chart in charts] == ["sweep-requests", "sweep-seconds", "sweep-dollars", "sweep-memory"]
    for chart in charts:
        ElementTree.fromstring(draw(chart))  # noqa: S314 - our own text


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0.4 s"), (110, "110 s"), (745, "12.4 min"), (10_300, "2.9 h")])
def test_durations_are_said_in_the_unit_that_suits(seconds: float, said: str) -> None:
    assert size.duration(seconds) == said
