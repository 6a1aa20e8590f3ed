"""`make mutation`: change one operator, number or condition of a pure module at a time: do its tests notice?

Prints a line for each module, and each survivor as a place and the change. simulation/MUTATION.md says which survivors
are right to survive, and why.
"""

import argparse
import os
import sys
import tempfile
import time

from tools.mutation.changes import changes_of
from tools.mutation.trial import ROOT, Outcome, TestsFail, fork, outcomes, warm

MODULES = {  # what is changed, and the tests that are to notice
    "chalicelib/members/removal_limit.py": "tests/members/test_removal_limit.py",
    "chalicelib/store/cutoff.py": "tests/store/test_cutoff.py",
    "chalicelib/sweeps/verdict.py": "tests/sweeps/test_verdict.py",
    "chalicelib/members/plan.py": "tests/members/test_plan.py tests/members/test_answers.py",
    "chalicelib/members/answers.py": "tests/members/test_answers.py",
    "chalicelib/members/roles.py": "tests/members/test_roles.py tests/members/test_explain.py "
    "tests/members/test_plan.py",
    "chalicelib/members/explain.py": "tests/members/test_explain.py",
    "chalicelib/discord/rate_limit.py": "tests/discord/test_rate_limit_figures.py tests/discord/test_rate_limit.py",
    "chalicelib/discord/buckets.py": "tests/discord/test_buckets.py",
    "chalicelib/linking/tokens.py": "tests/linking/test_tokens.py",
    "chalicelib/sweeps/judge.py": "tests/sweeps/test_judge.py",
    "chalicelib/sweeps/compare.py": "tests/sweeps/test_compare.py",
    "chalicelib/messages.py": "tests/test_messages.py tests/linking/test_tokens.py",
    "chalicelib/settings.py": "tests/test_settings.py",
}


def main(arguments: list[str] | None = None) -> int:
    """Change the modules; 0 whatever survives, which is for a person to judge; 1 if tests fail without a change."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=MODULES, help="these modules only")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every Nth change only, for a first look")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), metavar="N", help="runs at once: %(default)s")
    options = parser.parse_args(arguments)
    os.chdir(ROOT)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = folder  # what fails here is no example for later runs
        for module in options.only or MODULES:
            failed += _in_a_fork_of_its_own(module, options.jobs, options.every)
    return 1 if failed else 0


def _in_a_fork_of_its_own(module: str, jobs: int, every: int) -> int:
    """1 if it fails. What is imported for one module may not be imported for the next."""
    return int(os.waitpid(fork(lambda: report(module, jobs, every)), 0)[1] != 0)


def report(module: str, jobs: int, every: int = 1) -> int:
    """Try every change of the module, or every Nth one, and print what came of it."""
    began, tests = time.monotonic(), MODULES[module].split()
    changes = list(changes_of((ROOT / module).read_text()))[::every]
    try:
        most = warm(module, tests)
    except TestsFail as error:
        print(error, flush=True)
        return 1
    found: dict[Outcome, list[str]] = {outcome: [] for outcome in Outcome}
    for index, outcome in outcomes(module, [change.text for change in changes], tests, most=most, jobs=jobs):
        found[outcome].append(changes[index].what)
    killed, survive = len(found[Outcome.KILLED]) + len(found[Outcome.OVERDUE]), len(found[Outcome.SURVIVED])
    sample = "" if every == 1 else f" (one in {every})"
    took = time.monotonic() - began
    print(f"{module}: {len(changes)} mutants{sample}, {killed} killed, {survive} survive; {took:.0f} s", flush=True)
    _print_each("survives", found[Outcome.SURVIVED])
    _print_each("killed, since the tests did not end", found[Outcome.OVERDUE])
    return 0


def _print_each(title: str, changes: list[str]) -> None:
    for what in sorted(changes, key=_line):
        print(f"    {title}: {what}", flush=True)


def _line(what: str) -> int:
    """The number in `line 12: …`."""
    return int(what.split(":")[0].removeprefix("line "))


if __name__ == "__main__":
    sys.exit(main())
