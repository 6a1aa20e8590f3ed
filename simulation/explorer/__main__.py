"""`python -m simulation.explorer`: try every overlap of two operations, and a sample of three."""

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from simulation.explorer.interleaving import Schedule, parse
from simulation.explorer.known import explained
from simulation.explorer.operations import BASES, OPERATIONS
from simulation.explorer.search import Failure, attempt, pairs, reduced, triples
from simulation.processes import pool

CHUNK_SIZE = 20  # schedules passed to a process at a time


def main(arguments: list[str] | None = None) -> int:
    """Try the schedules; 0 if nothing failed, else 1."""
    options = _options().parse_args(arguments)
    began = time.perf_counter()
    schedules = _schedules(options)
    kinds: Counter[str] = Counter()
    known = 0
    for failure in _failures(schedules, options.processes):
        if explained(failure) and not options.known and not options.replay:
            known += 1
            continue
        smaller = reduced(failure) if options.reduce else failure
        kinds.update({breach[:3] for breach in smaller.breaches})
        print(smaller, flush=True)
    took = time.perf_counter() - began
    print(f"{len(schedules)} schedules in {took:.1f} s, {len(schedules) / took:.1f} a second")
    if known:
        print(f"{known} failures of known kinds are not shown: simulation/explorer/known.py")
    print(
        f"{sum(kinds.values())} failures" + "".join(f", {number} of {kind}" for kind, number in sorted(kinds.items()))
    )
    return 1 if kinds else 0


def _schedules(options: argparse.Namespace) -> list[Schedule]:
    if options.replay:
        return [parse(options.replay)]
    found = triples(options.triples, options.seed) if options.triples else pairs(options.base, options.outer)
    return list(found)[:: options.every]


def _failures(schedules: list[Schedule], processes: int) -> Iterator[Failure]:
    """The failures, in the order of the schedules."""
    if processes <= 1:
        yield from _found(map(_attempt, schedules))
        return
    with pool(processes) as executor:
        yield from _found(executor.map(_attempt, schedules, chunksize=CHUNK_SIZE))


def _found(results: Iterable[Failure | None]) -> Iterator[Failure]:
    return (failure for failure in results if failure is not None)


def _attempt(schedule: Schedule) -> Failure | None:
    return attempt(schedule)[0]


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulation.explorer", description=__doc__)
    parser.add_argument("--base", nargs="*", choices=BASES, help="begin from these states only")
    parser.add_argument("--outer", nargs="*", choices=OPERATIONS, help="interrupt these operations only")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each Nth schedule: %(default)s")
    parser.add_argument("--triples", type=int, default=0, metavar="N", help="a sample of three operations instead")
    parser.add_argument("--seed", type=int, default=0, help="decides the sample: %(default)s")
    parser.add_argument("--replay", metavar="SCHEDULE", help="this one only, as it is shown")
    parser.add_argument("--known", action="store_true", help="show failures of known kinds, too")
    parser.add_argument("--reduce", action="store_true", help="show the simplest schedule that fails in the same way")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, metavar="N", help="default: one a core")
    return parser


if __name__ == "__main__":
    sys.exit(main())
