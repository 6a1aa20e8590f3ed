"""The page of costs shows what `make bench` counted, and what it counted is what the prices and the code say now."""

import re

import pytest

from bench import concurrency, size
from bench.costs import SIZES, TABLE, count, markdown
from bench.prices import LIMITED, REGIONS, bill, idle
from tests.docs.pages import DOCS

PAGE = DOCS / "explanation" / "costs.md"
SWEEPS = DOCS / "explanation" / "sweeps.md"
SEVERAL = DOCS / "how-to" / "run-several-servers.md"


def rows(text: str) -> list[str]:
    """The lines of the tables in a text."""
    return [line for line in text.splitlines() if line.startswith("|")]


def test_the_page_of_costs_shows_the_tables_that_the_benchmark_wrote() -> None:
    assert rows(PAGE.read_text()) == rows(TABLE.read_text()) + rows(concurrency.TABLE.read_text())


@pytest.mark.parametrize(
    "place", [0, *(pytest.param(place, marks=pytest.mark.slow) for place in range(1, len(concurrency.ALL)))]
)
def test_what_functions_at_once_need_is_what_the_table_says(place: int) -> None:
    """Within some hundredths: where a request goes first is a matter of little things."""
    name, *written = cells(rows(concurrency.TABLE.read_text())[2 + place])
    measured_name, *measured = cells(concurrency.line(concurrency.ALL[place]))
    assert measured_name == name
    assert numbers(measured)[:4] == pytest.approx(numbers(written)[:4], rel=0.05), (
        "run `python -m bench --only concurrency --keep`"
    )


def cells(line: str) -> list[str]:
    return [one.strip() for one in line.strip("|").split("|")]


def numbers(texts: list[str]) -> list[int]:
    return [int(one.replace(",", "")) for one in texts]


def idle_dollars(stages: int, *, limited: str) -> float:
    return sum(bill(idle(stages, limited=limited), REGIONS["us-east-1"]).values())


def test_the_costs_of_idle_stages_are_those_of_the_price_list() -> None:
    each = {f"${idle_dollars(3, limited=one) - idle_dollars(2, limited=one):.2f}" for one in ("True", "jobs")}
    trial = idle(1, limited="jobs") + idle(1, limited="False", watched=0)
    with_dev = f"${sum(bill(trial, REGIONS['us-east-1']).values()):.2f}"
    together = f"${idle_dollars(3, limited='False'):.2f}"
    assert each | {with_dev, together} == set(re.findall(r"\$\d\.\d\d", SEVERAL.read_text()))
    for stages in (1, 2, 3):
        for limited in LIMITED:
            shown = f"{idle(stages, limited=limited).sqs_requests:,.0f} | {idle_dollars(stages, limited=limited):.2f}"
            assert shown in PAGE.read_text()


def test_the_costs_of_500_members_are_what_the_code_asks_for_now() -> None:
    small = min(SIZES)
    shown = [line.split("|")[2].strip() for line in rows(TABLE.read_text())[:8]]
    counted = [line.split("|")[2].strip() for line in rows(markdown({small: count(small)}))[:8]]
    assert shown == counted


@pytest.mark.slow
def test_the_table_of_costs_is_what_the_code_asks_for_now() -> None:
    assert TABLE.read_text() == markdown({size: count(size) for size in SIZES}), "run `make bench`"


def test_the_page_of_sweeps_shows_the_table_of_sizes_that_the_benchmark_wrote() -> None:
    shown = rows(SWEEPS.read_text().partition("## By size")[2].partition("\n## ")[0])
    assert shown == rows(size.TABLE.read_text())


def test_a_sweep_of_the_smallest_size_takes_what_the_table_says() -> None:
    exact = 5  # columns: members, drifted, requests, time, Lambda-seconds; units vary a little with chance
    written = [line.split("|")[1 : 1 + exact] for line in rows(size.TABLE.read_text())[2:4]]
    measured = [line.split("|")[1 : 1 + exact] for line in rows(size.markdown(size.runs([size.SIZES[0]])))[2:]]
    assert measured == written, "run `python -m bench --only size --keep`"
