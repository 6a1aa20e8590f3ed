"""What was measured, written down: a table for the terminal, RESULTS.md, the page of charts and its pictures.

Each measure's results are kept in results.json, so that one can be repeated without all others, and a benchmark that
was interrupted has lost nothing. What is written says of each at which commit it was measured.
"""

import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table

from bench.figures import Figure, Result
from bench.page import page
from bench.svg import Bars, Chart, Curves, draw

HERE = Path(__file__).parent
KINDS: dict[str, type[Result]] = {kind.__name__: kind for kind in (Figure, Bars, Curves)}


@dataclass(frozen=True)
class Part:
    """The results of one measure. `measured`: at which commit, on what machine."""

    name: str
    measured: str
    results: Sequence[Result]

    @property
    def figures(self) -> list[Figure]:
        """Its rows of the table."""
        return [one for one in self.results if isinstance(one, Figure)]

    @property
    def charts(self) -> list[Chart]:
        """Its charts."""
        return [one for one in self.results if not isinstance(one, Figure)]


class Report:
    """The files of a folder: results.json, RESULTS.md, figures.html, pictures."""

    def __init__(self, folder: Path = HERE) -> None:
        self._kept = folder / "results.json"
        self._results, self._page, self._pictures = folder / "RESULTS.md", folder / "figures.html", folder / "pictures"

    def parts(self) -> dict[str, Part]:
        """What is kept, by measure."""
        if not self._kept.exists():
            return {}
        return {one["name"]: _part(one) for one in msgspec.json.decode(self._kept.read_bytes())}

    def keep(self, part: Part, order: Sequence[str]) -> None:
        """Keep it in place of what was measured before, and write all anew, in that order of measures."""
        found = self.parts() | {part.name: part}
        parts = [found[name] for name in order if name in found]
        kept = msgspec.json.encode([_stored(one) for one in parts])
        self._kept.write_bytes(msgspec.json.format(kept, indent=1) + b"\n")
        self._results.write_text(markdown(parts))
        charts = [chart for one in parts for chart in one.charts]
        self._page.write_text(page(charts, f"{_measured(parts)} To repeat: make bench."))
        self._pictures.mkdir(exist_ok=True)
        for chart in charts:
            (self._pictures / f"{chart.name}.svg").write_text(draw(chart) + "\n")


def _stored(part: Part) -> dict[str, Any]:
    results = [{"kind": type(one).__name__, **asdict(one)} for one in part.results]
    return {"name": part.name, "measured": part.measured, "results": results}


def _part(stored: dict[str, Any]) -> Part:
    results = [msgspec.convert(one, KINDS[one.pop("kind")]) for one in stored["results"]]
    return Part(stored["name"], stored["measured"], results)


def commit() -> str:
    """The commit that is checked out."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)  # noqa: S607
    return found.stdout.strip()


def where() -> str:
    """The commit and the machine."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    return f"{commit()} on {machine}"


def table(figures: Sequence[Figure]) -> Table:
    """The figures for a terminal."""
    found = Table()
    for column in ("figure", "measured", "target", ""):
        found.add_column(column, justify="right" if column in ("measured", "target") else "left")
    for figure in figures:
        mark = {True: "[green]✓[/]", False: "[red]missed[/]", None: ""}[figure.met]
        found.add_row(figure.name, figure.value, figure.target, mark)
    return found


def markdown(parts: Sequence[Part]) -> str:
    """All of them as a file that says how to repeat them, in a section each."""
    lines = [
        "# What Rolecall costs",
        "",
        f"{_measured(parts)} To repeat: `make bench`, or one section with",
        '`.venv/bin/python -m bench --only "at the limit" --keep`; `make bench QUICK=1` is what fits into two minutes.',
        "Counts are exact. Runs of many members are in virtual time over the real code; only clock, queue, store and",
        "network are replaced (Discord answers in 80 ms, DynamoDB in 5 ms). The local stack runs in real time. The",
        "charts are on [one page](figures.html), too, in light and dark.",
        "",
    ]
    for part in parts:
        lines += [f"## {part.name[0].upper()}{part.name[1:]}", ""]
        if len({one.measured for one in parts}) > 1:
            lines += [f"Measured at {part.measured}.", ""]
        lines += [f"![{chart.title}](pictures/{chart.name}.svg)\n" for chart in part.charts]
        lines += [*_rows(part.figures), ""]
    return "\n".join(lines)


def _measured(parts: Iterable[Part]) -> str:
    places = sorted({part.measured for part in parts})
    return f"Measured at {places[0]}." if len(places) == 1 else "Each section says at which commit it was measured."


def _rows(figures: Iterable[Figure]) -> list[str]:
    lines = ["| figure | measured | target | |", "|---|---:|---:|---|"]
    for figure in figures:
        mark = {True: "met", False: "**missed**", None: ""}[figure.met]
        said = "; ".join(filter(None, (mark, figure.note)))
        lines.append(f"| {figure.name} | {figure.value} | {figure.target} | {said} |")
    return lines
