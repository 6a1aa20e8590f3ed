"""Whether each condition of a conditional write is needed: drop one at a time, and see what notices.

    python -m simulation.dropped_conditions               which seeds, or which tests, catch which
    python -m simulation.dropped_conditions --only links._link:3

The conditions are not listed anywhere: those are found that the store sends while seeds run, each named by the function
that sends it, and by its place in a transaction. A dropped condition always holds. As a plugin of pytest (`-p
simulation.dropped_conditions`) this module drops the one that the environment variable DROPPED names.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from local.memory.dynamodb import MemoryDynamoDB
from simulation.run import run

STORE = f"{os.sep}chalicelib{os.sep}store{os.sep}"
PASSED_THROUGH = frozenset({"written", "_written_now", "updated", "_update", "_save", "<lambda>"})
ALWAYS = "attribute_not_exists (never_there)"  # a condition that every item meets
DISCOVERY = 60  # seeds that are run to find the conditions
TESTS = ("tests/store", "tests/linking", "tests/members/test_removal.py", "tests/sweeps/test_steps.py")

_kept: list[AbstractContextManager[None]] = []


def site() -> str:
    """The function of the store that is writing just now: `links._link`."""
    frame = sys._getframe(1)
    while frame is not None:
        name, path = frame.f_code.co_name, frame.f_code.co_filename
        if STORE in path and name not in PASSED_THROUGH:
            return f"{Path(path).stem}.{name}"
        frame = frame.f_back  # type: ignore[assignment]  # None at the outermost
    return ""


def conditions_of(operation: str, given: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each condition in a call, by the name of its place, with the part of the call that holds it."""
    if operation == "TransactWriteItems":
        for number, item in enumerate(given["TransactItems"]):
            (part,) = item.values()
            if "ConditionExpression" in part:
                yield f"{site()}:{number}", part
    elif "ConditionExpression" in given:
        yield site(), given


@contextmanager
def watched(found: set[str], *, dropped: str = "") -> Iterator[None]:
    """Collect the names of the conditions that are sent while the block runs, and drop one of them."""
    plain = MemoryDynamoDB._make_api_call

    def call(self: MemoryDynamoDB, operation: str, given: dict[str, Any]) -> Any:  # noqa: ANN401 - as the client
        for name, part in conditions_of(operation, given):
            found.add(name)
            if name == dropped and not part["ConditionExpression"].endswith(ALWAYS):
                part["ConditionExpression"] += f" OR {ALWAYS}"  # OR binds least: no parentheses, which may be refused
        return plain(self, operation, given)

    MemoryDynamoDB._make_api_call = call  # type: ignore[method-assign,assignment]
    try:
        yield
    finally:
        MemoryDynamoDB._make_api_call = plain  # type: ignore[method-assign]


def pytest_configure() -> None:
    """Drop the condition that DROPPED names, for a whole run of pytest."""
    context = watched(set(), dropped=os.environ["DROPPED"])
    context.__enter__()
    _kept.append(context)  # else Python would end it


def all_conditions(seeds: int = DISCOVERY) -> list[str]:
    """The names of all conditions that are sent while these seeds run."""
    found: set[str] = set()
    with watched(found):
        for seed in range(seeds):
            run(seed)
    return sorted(found)


def seed_that_catches(name: str, seeds: int) -> str | None:
    """The first seed that fails without this condition, and how; None if none does."""
    with watched(set(), dropped=name):
        for seed in range(seeds):
            breaches = run(seed).breaches
            if breaches:
                return f"seed {seed}: {breaches[0].splitlines()[0][:70]}"
    return None


def test_that_catches(name: str) -> str | None:
    """The first test that fails without this condition; None if none does."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-k",
        "not moto",
        "-p",
        "simulation.dropped_conditions",
        *TESTS,
    ]
    done = subprocess.run(command, env=os.environ | {"DROPPED": name}, capture_output=True, text=True, check=False)  # noqa: S603 - our own interpreter
    failed = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    return failed[0].split(" - ")[0].removeprefix("FAILED ") if failed else None


def main(arguments: list[str] | None = None) -> int:
    """Show what catches each condition; 0 if all are caught."""
    parser = argparse.ArgumentParser(prog="python -m simulation.dropped_conditions", description=__doc__)
    parser.add_argument("--seeds", type=int, default=40, metavar="N", help="tried for each: %(default)s")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="these conditions only")
    options = parser.parse_args(arguments)
    missed = 0
    for name in options.only or all_conditions():
        test, seed = test_that_catches(name), seed_that_catches(name, options.seeds)
        missed += not (test or seed)
        print(f"{name:45} {test or 'no test'} | {seed or f'no seed of {options.seeds}'}", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
