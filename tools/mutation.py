"""`make mutation`: change one operator, number or condition of a pure module at a time: do its tests notice?

cosmic-ray makes the changes, in a copy of the project, so that nothing here is touched however it ends. Prints a table,
and each survivor as a place and the change. simulation/MUTATION.md says which survivors are right to survive, and why.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
COPIED = (
    "chalicelib",
    "local",
    "tests",
    "simulation",
    "ops",
    "deploy",
    "tools",
    "auth_sites",
    "bench",
    ".chalice",
    "docs",
)
FILES = ("app.py", "pyproject.toml", "requirements.txt", "requirements-dev.txt", "README.md")
TIMEOUT = 60.0  # seconds a run of tests; a change that makes a loop endless is noticed by that
MODULES = {  # what is mutated, and the tests that are to notice
    "chalicelib/members/removal_limit.py": "tests/members/test_removal_limit.py",
    "chalicelib/store/cutoff.py": "tests/store/test_cutoff.py",
    "chalicelib/sweeps/verdict.py": "tests/sweeps/test_verdict.py",
    "chalicelib/members/plan.py": "tests/members/test_plan.py tests/members/test_answers.py",
    "chalicelib/members/answers.py": "tests/members/test_answers.py",
    "chalicelib/members/roles.py": "tests/members/test_roles.py tests/members/test_plan.py",
    "chalicelib/members/explain.py": "tests/members/test_explain.py",
    "chalicelib/discord/rate_limit.py": "tests/discord/test_rate_limit.py",
    "chalicelib/messages.py": "tests/test_messages.py",
    "chalicelib/settings.py": "tests/test_settings.py",
}
# Types are written with `|` as well, and what `is` says in place of `==` is a matter of the interpreter.
EXCLUDED = (
    r"core/ReplaceBinaryOperator_BitOr_(?!BitAnd)\w+",
    r"core/ReplaceComparisonOperator_\w+_Is(Not)?",
    r"core/ReplaceComparisonOperator_Is(Not)?_(?!Is)\w+",
    r"core/RemoveDecorator",
    r"core/ReplaceUnaryOperator_\w+",
)


@dataclass
class Report:
    """What came of the changes of one module."""

    module: str
    killed: int = 0
    survivors: list[str] = field(default_factory=list)


def main(arguments: list[str] | None = None) -> int:
    """Mutate the modules; always 0, since a survivor is for a person to judge."""
    parser = argparse.ArgumentParser(prog="python -m tools.mutation", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=MODULES, help="these modules only")
    parser.add_argument("--cosmic-ray", default=str(Path(sys.executable).with_name("cosmic-ray")), help="the program")
    options = parser.parse_args(arguments)
    for module in options.only or MODULES:
        with tempfile.TemporaryDirectory() as folder:
            report = mutate(module, copy_to(Path(folder)), options.cosmic_ray)
        mutants = report.killed + len(report.survivors)
        print(f"{module}: {mutants} mutants, {report.killed} killed, {len(report.survivors)} survive", flush=True)
        for survivor in report.survivors:
            print(f"    {survivor}", flush=True)
    return 0


def copy_to(folder: Path) -> Path:
    """A copy of the project."""
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    return folder


def mutate(module: str, folder: Path, cosmic_ray: str) -> Report:
    """Make every change of the module in the copy, one at a time."""
    command = f"{sys.executable} -m pytest -q -x -p no:cacheprovider {MODULES[module]}"
    excluded = ", ".join(f"'{one}'" for one in EXCLUDED)
    (folder / "mutation.toml").write_text(
        f"[cosmic-ray]\nmodule-path = '{module}'\ntimeout = {TIMEOUT}\nexcluded-modules = []\n"
        f"test-command = '{command}'\n[cosmic-ray.distributor]\nname = 'local'\n"
        f"[cosmic-ray.filters.operators-filter]\nexclude-operators = [{excluded}]\n"
    )

    def do(*words: str) -> str:
        return subprocess.run(words, cwd=folder, check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own

    do(cosmic_ray, "init", "mutation.toml", "session.sqlite")
    do(str(Path(cosmic_ray).with_name("cr-filter-operators")), "session.sqlite", "mutation.toml")
    do(cosmic_ray, "exec", "mutation.toml", "session.sqlite")
    return read_report(module, do(cosmic_ray, "dump", "session.sqlite"))


def read_report(module: str, dumped: str) -> Report:
    """What cosmic-ray's dump says: a line for each change, with the change and its result."""
    report = Report(module)
    for line in dumped.splitlines():
        work, result = json.loads(line)
        if result is None or result["worker_outcome"] == "skipped":
            continue
        if result["test_outcome"] == "survived":
            (mutation,) = work["mutations"]
            changed = [
                one for one in (result["diff"] or "").splitlines() if one[:1] in "+-" and one[:3] not in ("+++", "---")
            ]
            report.survivors.append(
                f"line {mutation['start_pos'][0]}: {' → '.join(one[1:].strip() for one in changed)}"
            )
        else:
            report.killed += 1
    return report


if __name__ == "__main__":
    sys.exit(main())
