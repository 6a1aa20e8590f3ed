"""What was measured, written down: a table for the terminal, RESULTS.md, the page of charts and its pictures."""

import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from bench.figures import Figure
from bench.page import page
from bench.svg import Chart, draw

HERE = Path(__file__).parent
RESULTS, PAGE, PICTURES = HERE / "RESULTS.md", HERE / "figures.html", HERE / "pictures"


def write(figures: Sequence[Figure], charts: Sequence[Chart]) -> None:
    """Write RESULTS.md, the page, and each chart as a picture for the documentation."""
    RESULTS.write_text(markdown(figures, charts, where()))
    PAGE.write_text(page(charts, f"Measured at {where()}. To repeat: make bench."))
    PICTURES.mkdir(exist_ok=True)
    for chart in charts:
        (PICTURES / f"{chart.name}.svg").write_text(draw(chart) + "\n")


def where() -> str:
    """The commit and the machine."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)  # noqa: S607
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    return f"{commit.stdout.strip()} on {machine}"


def table(figures: Sequence[Figure]) -> Table:
    """The figures for a terminal."""
    found = Table()
    for column in ("figure", "measured", "target", ""):
        found.add_column(column, justify="right" if column in ("measured", "target") else "left")
    for figure in figures:
        mark = {True: "[green]✓[/]", False: "[red]missed[/]", None: ""}[figure.met]
        found.add_row(figure.name, figure.value, figure.target, mark)
    return found


def markdown(figures: Sequence[Figure], charts: Sequence[Chart], measured: str) -> str:
    """The figures as a file that says how to repeat them."""
    lines = [
        "# What Rolecall costs",
        "",
        f"Measured at {measured}. To repeat: `make bench`;",
        "`make bench QUICK=1` is the part that fits into two minutes. Counts are exact. Runs of many members are in",
        "virtual time over the real code; only clock, queue, store and network are replaced (Discord answers in 80 ms,",
        "DynamoDB in 5 ms). The local stack runs in real time. The charts are on one page, too:",
        "[figures.html](figures.html), in light and dark.",
        "",
        *(f"![{chart.title}](pictures/{chart.name}.svg)\n" for chart in charts),
        "| figure | measured | target | |",
        "|---|---:|---:|---|",
    ]
    for figure in figures:
        mark = {True: "met", False: "**missed**", None: ""}[figure.met]
        lines.append(
            f"| {figure.name} | {figure.value} | {figure.target} | {'; '.join(filter(None, (mark, figure.note)))} |"
        )
    return "\n".join(lines) + "\n"
