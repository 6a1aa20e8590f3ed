"""Events and metrics, from the code that writes them."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from chalicelib import metrics
from tools.reference.markdown import code, table

ROOT = Path(__file__).resolve().parents[2]
LEVELS = {"info": "INFO", "warning": "WARNING", "error": "ERROR"}


def events() -> str:
    """Every event with its level, the fields that it may carry, and where it is written."""
    found: dict[str, tuple[set[str], set[str], set[str]]] = defaultdict(lambda: (set(), set(), set()))
    for level, event, fields, module in _calls():
        found[event][0].add(LEVELS[level])
        found[event][1].update(fields)
        found[event][2].add(module)
    rows = [
        (
            code(event),
            ", ".join(sorted(levels)),
            ", ".join(map(code, sorted(fields))),
            ", ".join(map(code, sorted(where))),
        )
        for event, (levels, fields, where) in sorted(found.items())
    ]
    return table(("event", "level", "fields", "written by"), rows)


def all_metrics() -> str:
    """The table in the docstring of chalicelib/metrics.py."""
    lines = [line for line in (metrics.__doc__ or "").splitlines() if line.startswith("|")]
    return "\n".join(lines)


def _calls() -> Iterator[tuple[str, str, list[str], str]]:
    """Each call of `log.info(…)` and its like: level, event, names of its fields, module."""
    for path in sorted([ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]):
        module = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and (level := _level(node)) and node.args:
                for event in _texts(node.args[0]):
                    yield level, event, [one.arg for one in node.keywords if one.arg], module


def _level(call: ast.Call) -> str | None:
    """The level, of a call of the log."""
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and function.value.id == "log":
        return function.attr if function.attr in LEVELS else None
    return None


def _texts(node: ast.expr) -> list[str]:
    """What an event may be called; `…` stands for what is known only when it runs."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return _texts(node.body) + _texts(node.orelse)
    if isinstance(node, ast.JoinedStr):
        return ["".join(str(one.value) if isinstance(one, ast.Constant) else "…" for one in node.values)]
    return []
