"""Sweeps by size: what is counted of each, and what is shown."""

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench import size
from bench.prices import REGIONS
from bench.size_runs import REGION, KeptRuns, Run
from bench.svg import draw


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    return size.runs([300, 1100])


def test_each_size_is_swept_twice_and_one_in_a_hundred_is_repaired_in_the_second(runs: list[Run]) -> None:
    assert [(run.linked, run.drifted) for run in runs] == [(300, 0), (300, 3), (1100, 0), (1100, 11)]
    assert [run.cost.all_requests for run in runs] == [3, 3 + 3, 4, 4 + 11]


def test_a_sweep_is_priced_by_what_it_used(runs: list[Run]) -> None:
    used, prices = runs[-1].used, REGIONS[REGION]
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


def test_the_memory_of_steps_is_traced_in_the_sweep_that_repairs(runs: list[Run]) -> None:
    still, repaired = runs[-2:]
    assert not still.peaks
    assert 1 < repaired.megabytes < 20
    assert len(repaired.peaks) >= 3  # a comparison and repairs


def test_memory_that_grows_with_the_guild_is_a_missed_target(runs: list[Run]) -> None:
    small, large = runs[1], runs[3]

    def met(growth: float) -> bool | None:
        grown = replace(large, peaks=tuple(peak * growth for peak in small.peaks))
        found = [one for one in size.figures([small, grown], small) if "peak memory" in one.name]
        return found[0].met

    assert (met(1.1), met(1.3)) == (True, False)


def test_the_table_has_a_row_for_each_sweep_and_the_charts_can_be_drawn(runs: list[Run]) -> None:
    table = [line for line in size.markdown(runs).splitlines() if line.startswith("|")]
    assert len(table) == 2 + len(runs)
    assert table[-1].startswith("| 1,100 | 11 | 15 |")
    charts = size.charts(runs)
    assert [chart.name for chart in charts] == ["sweep-requests", "sweep-seconds", "sweep-dollars", "sweep-memory"]
    for chart in charts:
        ElementTree.fromstring(draw(chart))  # noqa: S314 - our own text


def test_one_size_measured_anew_leaves_the_others_as_they_were_kept(runs: list[Run], tmp_path: Path) -> None:
    kept = KeptRuns(tmp_path / "sizes.json")
    kept.keep(runs, "0a1b2c3")
    dearer = [replace(run, chain=run.chain + 1) for run in runs[:2]]
    kept.keep(dearer, "4d5e6f7")
    found = kept.runs()
    assert found == [
        *(replace(run, commit="4d5e6f7") for run in dearer),
        *(replace(run, commit="0a1b2c3") for run in runs[2:]),
    ]
    assert found[-1].cost.all_requests == 4 + 11


def test_a_run_of_another_commit_is_named_with_it(runs: list[Run]) -> None:
    old, new = replace(runs[0], commit="0a1b2c3"), replace(runs[1], commit="4d5e6f7")
    notes = [one.note for one in size.figures([old, new], runs[1], "4d5e6f7") if "requests" in one.name]
    assert notes == ["measured at 0a1b2c3", ""]


@pytest.mark.parametrize(("seconds", "said"), [(0.4, "0.4 s"), (110, "110 s"), (745, "12.4 min"), (10_300, "2.9 h")])
def test_durations_are_said_in_the_unit_that_suits(seconds: float, said: str) -> None:
    assert size.duration(seconds) == said
