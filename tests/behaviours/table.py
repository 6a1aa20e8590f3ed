"""Which tests hold which behaviour of Alliance Auth: `python -m tests.behaviours.table`. Exits 1 if one has none."""

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.behaviours.items import ITEMS

TESTS = Path(__file__).parents[1]
AUTH_SITES = TESTS.parent / "auth_sites"


def marked(*folders: Path) -> dict[str, list[str]]:
    """The tests that bear each number, `file::test`, read off their decorators; by default of the whole project."""
    found: dict[str, list[str]] = defaultdict(list)
    for folder in folders or (TESTS, AUTH_SITES):
        for path in sorted(folder.rglob("test_*.py")):
            for test in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(test, ast.FunctionDef):
                    for number in _numbers(test):
                        found[number].append(f"{path.relative_to(folder).as_posix()}::{test.name}")
    return found


def _numbers(test: ast.FunctionDef) -> Iterator[str]:
    for decorator in test.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.behaviour":
            yield from (str(ast.literal_eval(argument)) for argument in decorator.args)


def lines(found: dict[str, list[str]]) -> Iterator[str]:
    """The table."""
    for item in ITEMS:
        yield f"{item.number:>3} {item.mark} {item.title}"
        if item.auth_site:
            yield f"         auth site: {item.auth_site}"
        yield from (f"         {test}" for test in found.get(item.number, []))


def faults(found: dict[str, list[str]]) -> list[str]:
    """Items that nobody answers for, and numbers that are none."""
    known = {item.number for item in ITEMS}
    return [
        *(f"{item.number} has no test" for item in ITEMS if not item.auth_site and item.number not in found),
        *(f"{number} is no behaviour: {tests[0]}" for number, tests in found.items() if number not in known),
    ]


def main() -> int:
    """Print the table, then what is wrong with it."""
    found = marked()
    theirs = sum(bool(item.auth_site) for item in ITEMS)
    print(*lines(found), sep="\n")  # noqa: T201 - what the command is for
    print(f"{len(ITEMS)} behaviours: {len(ITEMS) - theirs} tested here, {theirs} the auth site's")  # noqa: T201
    print(*faults(found), sep="\n", file=sys.stderr)  # noqa: T201
    return 1 if faults(found) else 0


if __name__ == "__main__":
    raise SystemExit(main())
