"""The changes that are tried: cosmic-ray's, one at a time. https://cosmic-ray.readthedocs.io/en/latest/theory.html"""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

# Types are written with `|` as well, and what `is` says in place of `==` is a matter of the interpreter.
EXCLUDED = re.compile(
    r"core/(ReplaceBinaryOperator_BitOr_(?!BitAnd)\w+"
    r"|ReplaceComparisonOperator_\w+_Is(Not)?"
    r"|ReplaceComparisonOperator_Is(Not)?_(?!Is)\w+"
    r"|RemoveDecorator"
    r"|ReplaceUnaryOperator_\w+)"
)


@dataclass(frozen=True)
class Change:
    """A module's text with one change, and what was changed: `line 12: a < b → a <= b`."""

    text: str
    what: str


def changes_of(source: str) -> Iterator[Change]:
    """Every change of a module's text by every operator that needs no arguments and is not excluded."""
    tree = get_ast(source)
    for name in operator_names():
        kind = get_operator(name)
        if kind.arguments() or EXCLUDED.match(name):
            continue
        operator = kind()
        count = sum(len(list(operator.mutation_positions(node))) for node in ast_nodes(tree))
        for occurrence in range(count):
            try:
                text = mutate_code(source, operator, occurrence)
            except AttributeError:  # of cosmic-ray 8.7: it cannot replace `except jwt.InvalidTokenError`, a dotted name
                continue
            if text is not None and text != source:
                yield Change(text, difference(source, text))


def difference(source: str, text: str) -> str:
    """Where two texts differ, and the lines that do, of each."""
    lines = list(difflib.unified_diff(source.splitlines(), text.splitlines(), lineterm="", n=0))[2:]
    first = lines[0].removeprefix("@@ -").split()[0].split(",")[0]  # of `@@ -12 +12 @@`
    changed = " → ".join(line[1:].strip() for line in lines[1:])
    return f"line {first}: {changed}"
