"""A figure of the table: what was measured, beside what it should be."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.svg import Chart


@dataclass(frozen=True)
class Figure:
    """One row. `met` is None where the figure is only reported."""

    name: str
    value: str
    target: str = "report"
    met: bool | None = None
    note: str = ""


Result = Figure | Chart  # what a measure gives: rows of the table, and charts of the page
Measure = Callable[[], Sequence[Result]]


def at_most(name: str, value: float, limit: float, *, shown: str = "{:.4g}", note: str = "") -> Figure:
    """A figure that must not be larger."""
    return Figure(name, shown.format(value), "≤ " + shown.format(limit), value <= limit, note)


def at_least(name: str, value: float, limit: float, *, shown: str = "{:.4g}", note: str = "") -> Figure:
    """A figure that must not be smaller."""
    return Figure(name, shown.format(value), "≥ " + shown.format(limit), value >= limit, note)
