"""A figure of the table: what was measured, beside what it should be."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One row. `met` is None where the figure is only reported."""

    name: str
    value: str
    target: str = "report"
    met: bool | None = None
    note: str = ""


Measure = Callable[[], list[Figure]]


def at_most(name: str, value: float, limit: float, *, shown: str = "{:.4g}", note: str = "") -> Figure:
    """A figure that must not be larger."""
    return Figure(name, shown.format(value), "≤ " + shown.format(limit), value <= limit, note)


def at_least(name: str, value: float, limit: float, *, shown: str = "{:.4g}", note: str = "") -> Figure:
    """A figure that must not be smaller."""
    return Figure(name, shown.format(value), "≥ " + shown.format(limit), value >= limit, note)
