"""Measure what Rolecall costs: print one table, write it to bench/RESULTS.md, exit 1 where a target is missed."""

import argparse
import logging
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

os.environ.setdefault("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the local Discord speaks plain HTTP

from bench import chains, costs, process, stack, sweeps
from bench.figures import Figure, Measure

RESULTS = Path(__file__).parent / "RESULTS.md"


def measures(*, quick: bool) -> list[tuple[str, Measure]]:
    """What is measured, in the order of the table."""
    sizes = [1000, 10_000] if quick else [1000, 10_000, 100_000]
    many = (2000, 10_000, 20_000) if quick else (10_000, 100_000, 1_000_000)
    chosen: list[tuple[str, Measure]] = [
        ("requests of sweeps", lambda: sweeps.few_requests(sizes)),
        ("one user", sweeps.one_change),
        ("at the limit", lambda: sweeps.at_the_limit(1000)),
        ("precedence", lambda: sweeps.precedence(1000)),
        ("chains", lambda: chains.chains(quick=quick)),
        ("memory", lambda: process.memory(*many)),
        ("start", lambda: process.start(3 if quick else 10)),
        ("callback", process.callback),
        ("costs", costs.month),
    ]
    if not quick:
        chosen.append(("local stack", lambda: stack.real_windows(300, 15)))
    return chosen


def main() -> int:
    """Measure, show, write down."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="only what fits into two minutes; does not write RESULTS.md"
    )
    names = [name for name, _ in measures(quick=False)]
    parser.add_argument(
        "--only",
        choices=names,
        metavar="NAME",
        help=f"only one measure ({', '.join(names)}); does not write RESULTS.md",
    )
    options = parser.parse_args()
    logging.getLogger("rolecall").addHandler(logging.NullHandler())
    show = Console(width=None if sys.stdout.isatty() else 130)
    began, figures = time.monotonic(), []
    for name, measure in measures(quick=options.quick):
        if options.only in (None, name):
            with show.status(f"measuring {name}"):
                figures += measure()
    show.print(table(figures))
    missed = [figure for figure in figures if figure.met is False]
    show.print(f"{len(figures)} figures in {time.monotonic() - began:.0f} s, {len(missed)} targets missed")
    if not (options.quick or options.only):
        RESULTS.write_text(markdown(figures))
    return 1 if missed else 0


def table(figures: list[Figure]) -> Table:
    """The figures for a terminal."""
    found = Table()
    for column in ("figure", "measured", "target", ""):
        found.add_column(column, justify="right" if column in ("measured", "target") else "left")
    for figure in figures:
        mark = {True: "[green]✓[/]", False: "[red]missed[/]", None: ""}[figure.met]
        found.add_row(figure.name, figure.value, figure.target, mark)
    return found


def markdown(figures: list[Figure]) -> str:
    """The figures as a file that says how to repeat them."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True)  # noqa: S607
    machine = f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    lines = [
        "# What Rolecall costs",
        "",
        f"Measured at {commit.stdout.strip()} on {machine}. To repeat: `make bench`;",
        "`make bench QUICK=1` is the part that fits into two minutes. Counts are exact. Runs of many members are in",
        "virtual time over the real code; only clock, queue, store and network are replaced (Discord answers in 80 ms,",
        "DynamoDB in 5 ms). The local stack runs in real time.",
        "",
        "| figure | measured | target | |",
        "|---|---:|---:|---|",
    ]
    for figure in figures:
        mark = {True: "met", False: "**missed**", None: ""}[figure.met]
        lines.append(
            f"| {figure.name} | {figure.value} | {figure.target} | {'; '.join(filter(None, (mark, figure.note)))} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
