"""`make mutation`: change one operator, number or condition of a pure module at a time: do its tests notice?

Prints each change that survived, or is `overdue`: the tests did not end, which counts as killed. Then a line for the
module. simulation/MUTATION.md says which survivors are right to survive, and why.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter

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
    counts: Counter[Outcome] = Counter()
    for index, outcome in outcomes(module, [change.text for change in changes], tests, most=most, jobs=jobs):
        counts[outcome] += 1
        if outcome is not Outcome.KILLED:  # at once, so that it is seen also if this is stopped
            print(f"    {outcome}: {changes[index].what}", flush=True)
    killed, sample = counts[Outcome.KILLED] + counts[Outcome.OVERDUE], "" if every == 1 else f" (one in {every})"
    print(
        f"{module}: {len(changes)} mutants{sample}, {killed} killed, {counts[Outcome.SURVIVED]} survive; "
        f"{time.monotonic() - began:.0f} s",
        flush=True,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
