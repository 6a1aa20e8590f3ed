"""Measure what Rolecall costs: print one table, write it down with its charts, exit 1 where a target is missed."""

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence

from rich.console import Console

os.environ.setdefault("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the local Discord speaks plain HTTP

from bench import (
    allianceauth,
    calls,
    chains,
    cold,
    concurrency,
    costs,
    outages,
    pages,
    process,
    real_storms,
    report,
    size,
    stack,
    storms,
    sweeps,
)
from bench.figures import Figure, Measure


def measures(*, quick: bool, write: bool = False, guilds: Sequence[int] | None = None) -> list[tuple[str, Measure]]:
    """What is measured, in the order of the table. `write`: the tables of costs, too. `guilds`: sizes of `size`."""
    sizes = [1000, 10_000] if quick else [1000, 10_000, 100_000]
    many = (2000, 10_000, 20_000) if quick else (10_000, 100_000, 1_000_000)
    chosen: list[tuple[str, Measure]] = [
        ("requests of sweeps", lambda: sweeps.few_requests(sizes)),
        ("Alliance Auth", allianceauth.beside_alliance_auth),
        ("no list", lambda: sweeps.without_list([200, 1000] if quick else [200, 1000, 20_000])),
        ("one user", sweeps.one_change),
        ("at the limit", lambda: sweeps.at_the_limit(1000)),
        ("precedence", lambda: sweeps.precedence(1000)),
        ("storms", lambda: storms.storms([50, 1000] if quick else [50, 1000, 10_000, 100_000])),
        (
            "concurrency",
            lambda: concurrency.concurrency(concurrency.ALL[:1] if quick else concurrency.ALL, write=write),
        ),
        ("chains", lambda: chains.chains(quick=quick)),
        ("outages", outages.outages),
        ("memory", lambda: process.memory(*many)),
        ("cold starts", lambda: cold.cold_starts(2 if quick else 15)),
        ("pages", lambda: pages.times(3 if quick else 7)),
        ("callback", process.callback),
        ("calls", calls.by_path),
        ("costs", lambda: costs.month(write=write)),
    ]
    chosen.append(("size", lambda: size.size(guilds or ([1000, 3000] if quick else size.SIZES), write=write)))
    if not quick:
        chosen.append(("local stack", lambda: stack.real_windows(300, 15)))
        chosen.append(("storms on the stack", lambda: real_storms.real_storms([50, 200, 1000], 100)))
    return chosen


def main() -> int:
    """Measure, show, write down."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only what fits into two minutes; writes no results")
    order = [name for name, _ in measures(quick=False)]
    parser.add_argument(
        "--only",
        choices=order,
        action="append",
        metavar="NAME",
        help=f"only one measure ({', '.join(order)}), or several; writes no results",
    )
    parser.add_argument("--keep", action="store_true", help="with --only: write the results in place of those before")
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        metavar="N",
        help="with --only size: only guilds of so many members; what is kept of other sizes stays",
    )
    options = parser.parse_args()
    logging.getLogger("rolecall").addHandler(logging.NullHandler())
    show = Console(width=None if sys.stdout.isatty() else 130)
    began = time.monotonic()
    keeps = not options.quick and (options.keep or not options.only)
    measured, figures = report.where(), list[Figure]()
    for name, measure in measures(quick=options.quick, write=keeps, guilds=options.sizes):
        if options.only and name not in options.only:
            continue
        with show.status(f"measuring {name}"):
            part = report.Part(name, measured, measure())
        figures += part.figures
        if keeps:
            report.Report().keep(part, order)
    show.print(report.table(figures))
    missed = [figure for figure in figures if figure.met is False]
    show.print(f"{len(figures)} figures in {time.monotonic() - began:.0f} s, {len(missed)} targets missed")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
