"""`python -m simulation`: run seeds and show which fail."""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from itertools import chain

from simulation.conditions import CONDITIONS
from simulation.processes import pool
from simulation.run import TRACE_LINES, Result, run

CHUNK_SIZE = 10  # seeds passed to a process at a time


def main(arguments: list[str] | None = None) -> int:
    """Run the seeds; 0 if all passed, else 1."""
    options = _options().parse_args(arguments)
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.seeds)
    began = time.perf_counter()
    failed: list[Result] = []
    faults: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    for number, result in enumerate(_results(list(seeds), options.only, options.processes), start=1):
        faults += result.faults
        counts += result.counts
        if result.breaches:
            failed.append(result)
            _show(result, options.trace)
        if options.processes and sys.stderr.isatty():
            print(f"\r{number} of {len(seeds)}, {len(failed)} failed", end="", file=sys.stderr, flush=True)
    took = time.perf_counter() - began
    if options.verbose:
        for name, number in chain(sorted(faults.items()), sorted(counts.items())):
            print(f"{number:10,}  {name}")
    if failed:
        print("Failing seeds:", *(result.seed for result in failed))
        print(f"Replay one: python -m simulation --seed {failed[0].seed} --trace 400")
    print(f"{len(seeds)} seeds in {took:.1f} s, {len(seeds) / took:.1f} a second")
    print(f"{len(seeds) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


def _results(seeds: list[int], only: list[str] | None, processes: int) -> Iterator[Result]:
    """Yield the results in the order of the seeds."""
    if processes <= 1 or len(seeds) <= CHUNK_SIZE:
        yield from map(partial(run, only=only), seeds)
        return
    with pool(processes) as executor:
        yield from executor.map(partial(_short, only=only), seeds, chunksize=CHUNK_SIZE)


def _short(seed: int, only: list[str] | None) -> Result:
    """The result; without a trace if the seed passed."""
    result = run(seed, only=only)
    if not result.breaches:
        result.trace.clear()
    return result


def _show(result: Result, lines: int) -> None:
    print(f"--- seed {result.seed} fails; conditions: {', '.join(result.conditions) or 'none'}")
    for breach in result.breaches:
        print("   ", breach)
    print(result.shown(lines))


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100, metavar="N", help="how many: %(default)s")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="SEED", help="the first: %(default)s")
    parser.add_argument("--seed", type=int, metavar="SEED", help="this one only")
    parser.add_argument(
        "--trace", type=int, default=TRACE_LINES, metavar="N", help="lines shown of a failing run: %(default)s"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N", help="default: one a core")
    parser.add_argument(
        "--only", nargs="*", metavar="CONDITION", help="exactly these conditions: " + ", ".join(CONDITIONS)
    )
    parser.add_argument("--verbose", action="store_true", help="count what was injected and done")
    return parser


if __name__ == "__main__":
    sys.exit(main())
