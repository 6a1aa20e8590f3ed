"""The grammar of DynamoDB's expressions: from a text to a tree of tuples, each with its kind first.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from local.memory.values import Invalid

Path = tuple[str | int, ...]
Node = tuple[Any, ...]  # its kind, then its operands

TOKENS = re.compile(r"\s*(?:([#:]?[A-Za-z0-9_]+)|(<>|<=|>=|[=<>(),.\[\]+-]))")
COMPARISONS = ("=", "<>", "<", "<=", ">", ">=")
CONDITION_FUNCTIONS = {
    "attribute_exists": 1,
    "attribute_not_exists": 1,
    "attribute_type": 2,
    "begins_with": 2,
    "contains": 2,
}
CLAUSES = ("SET", "REMOVE", "ADD", "DELETE")


class Parser:
    """One expression, token by token. One method for each rule of the grammar, hence so many."""

    def __init__(self, text: str, names: dict[str, str], what: str) -> None:
        self._text = text
        self._names = names
        self._what = what
        self._tokens = self._split()
        self._at = 0
        self._closed: dict[int, int] = {}  # end of each parenthesis by its beginning
        self.used: set[str] = set()

    def whole(self, rule: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the rule gives
        """Parse all tokens by `rule`."""
        made = rule()
        if self._at < len(self._tokens):
            raise self._wrong(self._tokens[self._at])
        return made

    # conditions

    def either(self) -> Node:
        node = self._both()
        while self._take("OR"):
            node = ("or", node, self._both())
        return node

    def _both(self) -> Node:
        node = self._negated()
        while self._take("AND"):
            node = ("and", node, self._negated())
        return node

    def _negated(self) -> Node:
        return ("not", self._negated()) if self._take("NOT") else self._test()

    def _test(self) -> Node:
        if self._take("("):
            return self._in_parentheses()
        name = self._peek()
        if name in CONDITION_FUNCTIONS and self._peek(1) == "(":
            self._at += 1
            arguments = self._arguments()
            if len(arguments) != CONDITION_FUNCTIONS[name]:
                raise Invalid(f"Invalid {self._what}: Incorrect number of operands for operator or function: {name}")
            return (name, *arguments)
        return self._comparison(self._simple())

    def _in_parentheses(self) -> Node:
        start = self._at
        node = self.either()
        if self._closed.get(start) == self._at - 1:
            raise Invalid(f"Invalid {self._what}: The expression has redundant parentheses;")
        self._closed[start - 1] = self._at
        self._expect(")")
        return node

    def _comparison(self, left: Node) -> Node:
        if self._take("BETWEEN"):
            low = self._simple()
            self._expect("AND")
            return ("between", left, low, self._simple())
        if self._take("IN"):
            return ("in", left, self._arguments())
        sign = self._next()
        if sign not in COMPARISONS:
            raise self._wrong(sign)
        return ("compare", sign, left, self._simple())

    def _arguments(self) -> list[Node]:
        self._expect("(")
        found = list(self.listed(self._simple))
        self._expect(")")
        return found

    def _simple(self) -> Node:
        if self._peek() == "size" and self._peek(1) == "(":
            self._at += 1
            (argument,) = self._arguments()
            return ("size", argument)
        return self._path_or_value()

    # updates

    def clauses(self) -> Iterator[tuple[str, Path, Node]]:
        seen: set[str] = set()
        while self._at < len(self._tokens):
            clause = self._next().upper()
            if clause not in CLAUSES:
                raise self._wrong(clause)
            if clause in seen:
                raise Invalid(f'Invalid {self._what}: The "{clause}" section can only be used once')
            seen.add(clause)
            for path, node in self.listed(partial(self._action, clause)):
                yield clause, path, node

    def _action(self, clause: str) -> tuple[Path, Node]:
        path = self.path()
        if clause == "REMOVE":
            return path, ()
        if clause == "SET":
            self._expect("=")
            return path, self._sum()
        node = self._path_or_value()
        if node[0] != "value":
            raise self._wrong(self._tokens[self._at - 1])
        return path, node

    def _sum(self) -> Node:
        left = self._term()
        for sign, kind in (("+", "plus"), ("-", "minus")):
            if self._take(sign):
                return (kind, left, self._term())
        return left

    def _term(self) -> Node:
        if self._take("("):
            node = self._sum()
            self._expect(")")
            return node
        name = self._peek()
        if name in ("if_not_exists", "list_append") and self._peek(1) == "(":
            self._at += 2
            first = self._term()
            self._expect(",")
            second = self._sum()
            self._expect(")")
            return (name, first, second)
        return self._path_or_value()

    # names and values

    def listed(self, rule: Callable[[], Any]) -> Iterator[Any]:
        """Parse one or more comma-separated elements by `rule`."""
        yield rule()
        while self._take(","):
            yield rule()

    def path(self) -> Path:
        """A document path."""
        steps: list[str | int] = [self._name()]
        while True:
            if self._take("."):
                steps.append(self._name())
            elif self._take("["):
                steps.append(int(self._next()))
                self._expect("]")
            else:
                return tuple(steps)

    def _path_or_value(self) -> Node:
        if self._peek().startswith(":"):
            name = self._next()
            self.used.add(name)
            return ("value", name)
        return ("path", self.path())

    def _name(self) -> str:
        token = self._next()
        if token.startswith("#"):
            self.used.add(token)
            if token not in self._names:
                raise Invalid(
                    f"Invalid {self._what}: An expression attribute name used in the document path is not defined; "
                    f"attribute name: {token}"
                )
            return self._names[token]
        if not (token[0].isalpha() or token[0] == "_"):
            raise self._wrong(token)
        return token

    # tokens

    def _split(self) -> list[str]:
        found, at, text = [], 0, self._text.rstrip()
        while at < len(text):
            match = TOKENS.match(text, at)
            if match is None:
                raise self._wrong(text[at])
            found.append(match[1] or match[2])
            at = match.end()
        if not found:
            raise Invalid(f"Invalid {self._what}: The expression can not be empty;")
        return found

    def _peek(self, further: int = 0) -> str:
        at = self._at + further
        return self._tokens[at] if at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        if not token:
            raise self._wrong("<EOF>")
        self._at += 1
        return token

    def _take(self, token: str) -> bool:
        found = self._peek().upper() == token
        self._at += found
        return found

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise self._wrong(self._peek() or "<EOF>")

    def _wrong(self, token: str) -> Invalid:
        return Invalid(f'Invalid {self._what}: Syntax error; token: "{token}", near: "{self._text}"')
