"""DynamoDB's expressions: conditions, key conditions, filters, updates.

`parsing.py` makes a tree of an expression, `condition` and `update` make functions of the tree.
Both are kept, by the expression's text and names, so a repeated expression costs only its evaluation.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.html
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from operator import ge, gt, le, lt
from typing import Any

from local.memory.parsing import Node, Parser, Path
from local.memory.values import ORDERED, SETS, Invalid, Item, Value, add, clean, number, ordered, same, type_of

Values = dict[str, Value]
Names = tuple[tuple[str, str], ...]
Check = Callable[[Item, Values], bool]
Operand = Callable[[Item, Values], Value | None]
RANKS: dict[str, Callable[[Any, Any], Any]] = {"<": lt, "<=": le, ">": gt, ">=": ge}
MISTYPED = "An operand in the update expression has an incorrect data type"
NOWHERE = "The document path provided in the update expression is invalid for update"
CACHE_SIZE = 4096  # parsed expressions kept


@dataclass(frozen=True)
class Condition:
    """A condition. `tree` allows finding keys in it; `used` are its placeholders."""

    check: Check
    tree: Node
    used: frozenset[str]


@dataclass(frozen=True)
class Update:
    """An update; `apply` returns a new item."""

    sets: list[tuple[Path, Operand]] = field(default_factory=list)
    removes: list[Path] = field(default_factory=list)
    adds: list[tuple[Path, str]] = field(default_factory=list)
    deletes: list[tuple[Path, str]] = field(default_factory=list)
    used: frozenset[str] = frozenset()

    @property
    def touched(self) -> list[Path]:
        """All paths that it writes to."""
        return [path for path, _ in (*self.sets, *self.adds, *self.deletes)] + self.removes

    def apply(self, item: Item, values: Values) -> Item:
        """The item after the update; operands are read from the item before it. Raises Invalid."""
        found = [(path, _required(operand(item, values))) for path, operand in self.sets]
        found += [(path, _added(value_at(item, path), clean(values[name]))) for path, name in self.adds]
        gone = list(self.removes)
        for path, name in self.deletes:
            left = _without(value_at(item, path), values[name])
            if left is None:
                gone.append(path)
            else:
                found.append((path, left))
        after = dict(item)
        for path, value in found:
            if len(path) == 1:
                after[str(path[0])] = value
            else:
                _put(after, path, value)
        for path in sorted(gone, key=_last_first, reverse=True):
            _remove(after, path)
        return after


@lru_cache(maxsize=CACHE_SIZE)
def condition(text: str, names: Names) -> Condition:
    """A condition, filter or key condition. Raises Invalid."""
    parser = Parser(text, dict(names), "ConditionExpression")
    tree = parser.whole(parser.either)
    return Condition(_check(tree), tree, frozenset(parser.used))


@lru_cache(maxsize=CACHE_SIZE)
def update(text: str, names: Names) -> Update:
    """An update expression. Raises Invalid."""
    parser = Parser(text, dict(names), "UpdateExpression")
    made = Update()
    for clause, path, node in parser.whole(lambda: list(parser.clauses())):
        if clause == "SET":
            made.sets.append((path, _operand(node)))
        elif clause == "REMOVE":
            made.removes.append(path)
        else:
            (made.adds if clause == "ADD" else made.deletes).append((path, node[1]))
    _refuse_overlaps(made.touched)
    return Update(made.sets, made.removes, made.adds, made.deletes, frozenset(parser.used))


@lru_cache(maxsize=CACHE_SIZE)
def paths(text: str, names: Names) -> tuple[tuple[Path, ...], frozenset[str]]:
    """The paths of a projection expression, and the placeholders it names. Raises Invalid."""
    parser = Parser(text, dict(names), "ProjectionExpression")
    return tuple(parser.whole(lambda: list(parser.listed(parser.path)))), frozenset(parser.used)


def value_at(item: Item, path: Path) -> Value | None:
    """The value at `path`, or None."""
    value: Any = item.get(str(path[0]))
    for step in path[1:]:
        if value is None:
            return None
        if isinstance(step, int):
            held = value.get("L", ())
            value = held[step] if step < len(held) else None
        else:
            value = value.get("M", {}).get(step)
    found: Value | None = value
    return found


# --- conditions ---------------------------------------------------------------------------------------------


def _check(node: Node) -> Check:
    match node:
        case ("and", left, right):
            one, other = _check(left), _check(right)
            return lambda item, values: one(item, values) and other(item, values)
        case ("or", left, right):
            one, other = _check(left), _check(right)
            return lambda item, values: one(item, values) or other(item, values)
        case ("not", inner):
            negated = _check(inner)
            return lambda item, values: not negated(item, values)
        case ("compare", sign, left, right):
            return _comparison(sign, left, right)
        case ("between", subject, low, high):
            above, below = _comparison(">=", subject, low), _comparison("<=", subject, high)
            return lambda item, values: above(item, values) and below(item, values)
        case ("in", subject, choices):
            tests = [_comparison("=", subject, choice) for choice in choices]
            return lambda item, values: any(test(item, values) for test in tests)
    return _function(node)


def _comparison(sign: str, left: Node, right: Node) -> Check:
    one, other = _operand(left), _operand(right)
    if sign in ("=", "<>"):
        wanted = sign == "="

        def equal(item: Item, values: Values) -> bool:
            a, b = one(item, values), other(item, values)
            return (a is not None and b is not None and same(a, b)) is wanted

        return equal
    compare = RANKS[sign]
    literal = [node[1] for node in (left, right) if node[0] == "value"]

    def ranked(item: Item, values: Values) -> bool:
        for name in literal:
            if type_of(values[name]) not in ORDERED:
                raise Invalid(f"Incorrect operand type for operator or function; operator or function: {sign}")
        a, b = one(item, values), other(item, values)
        if a is None or b is None:
            return False
        kind = type_of(a)
        return kind in ORDERED and kind in b and bool(compare(ordered(a), ordered(b)))

    return ranked


def _function(node: Node) -> Check:
    name, first, *rest = node
    subject = _operand(first)
    if name == "attribute_exists":
        return lambda item, values: subject(item, values) is not None
    if name == "attribute_not_exists":
        return lambda item, values: subject(item, values) is None
    argument = _operand(rest[0])
    test = {"attribute_type": _is_of_type, "begins_with": _begins_with, "contains": _contains}[name]

    def function(item: Item, values: Values) -> bool:
        a, b = subject(item, values), argument(item, values)
        return a is not None and b is not None and test(a, b)

    return function


def _is_of_type(value: Value, kind: Value) -> bool:
    return kind.get("S") in value


def _begins_with(value: Value, prefix: Value) -> bool:
    kind = type_of(prefix)
    if kind not in ("S", "B"):
        raise Invalid("Incorrect operand type for operator or function; operator or function: begins_with")
    return kind in value and value[kind].startswith(prefix[kind])


def _contains(value: Value, part: Value) -> bool:
    kind, sought = type_of(value), type_of(part)
    if kind in ("S", "B"):
        return kind == sought and part[kind] in value[kind]
    if kind in SETS:
        return kind[0] == sought and any(same({sought: one}, part) for one in value[kind])
    return kind == "L" and any(same(one, part) for one in value["L"])


# --- operands -----------------------------------------------------------------------------------------------


def _operand(node: Node) -> Operand:
    match node:
        case ("path", (str() as name,)):
            return lambda item, _values: item.get(name)
        case ("path", path):
            return lambda item, _values: value_at(item, path)
        case ("value", name):
            return lambda _item, values: _given(values, name)
        case ("size", inner):
            sized = _operand(inner)
            return lambda item, values: _size(sized(item, values))
    return _computed(node)


def _computed(node: Node) -> Operand:
    kind, left, right = node
    one, other = _operand(left), _operand(right)
    if kind == "if_not_exists":
        return lambda item, values: found if (found := one(item, values)) is not None else other(item, values)
    if kind == "list_append":
        return lambda item, values: _appended(_required(one(item, values)), _required(other(item, values)))
    sign = 1 if kind == "plus" else -1
    return lambda item, values: _calculated(_required(one(item, values)), _required(other(item, values)), sign)


def _given(values: Values, name: str) -> Value:
    try:
        return values[name]
    except KeyError:
        raise Invalid(
            f"An expression attribute value used in expression is not defined; attribute value: {name}"
        ) from None


def _size(value: Value | None) -> Value | None:
    if value is None:
        return None
    held = value[type_of(value)]
    return {"N": str(len(held.encode() if isinstance(held, str) else held))}


def _required(value: Value | None) -> Value:
    if value is None:
        raise Invalid("The provided expression refers to an attribute that does not exist in the item")
    return clean(value)


def _appended(one: Value, other: Value) -> Value:
    if "L" not in one or "L" not in other:
        raise Invalid(MISTYPED)
    return {"L": one["L"] + other["L"]}


def _calculated(one: Value, other: Value, sign: int) -> Value:
    if "N" not in one or "N" not in other:
        raise Invalid(MISTYPED)
    return add(number(one["N"]), sign * number(other["N"]))


# --- writing ------------------------------------------------------------------------------------------------


def _added(old: Value | None, new: Value) -> Value:
    kind = type_of(new)
    if kind not in ("N", *SETS):
        raise Invalid(f"Incorrect operand type for operator or function; operator: ADD, operand type: {kind}")
    if old is None:
        return new
    if kind not in old:
        raise Invalid(MISTYPED)
    if kind == "N":
        return add(number(old["N"]), number(new["N"]))
    return {kind: [*old[kind], *(one for one in new[kind] if one not in old[kind])]}


def _without(old: Value | None, part: Value) -> Value | None:
    kind = type_of(part)
    if kind not in SETS:
        raise Invalid(f"Incorrect operand type for operator or function; operator: DELETE, operand type: {kind}")
    if old is None:
        return None
    if kind not in old:
        raise Invalid(MISTYPED)
    taken = clean(part)[kind]
    left = [one for one in old[kind] if one not in taken]
    return {kind: left} if left else None


def _put(item: Item, path: Path, value: Value) -> None:
    """Write to `path`, copying the containers on the way, since other rows may share them."""
    kind, holder, last = _copied(item, path)
    if kind == "L" and last >= len(holder):
        holder.append(value)
    else:
        holder[last] = value


def _remove(item: Item, path: Path) -> None:
    if len(path) == 1:
        item.pop(str(path[0]), None)
        return
    kind, holder, last = _copied(item, path)
    if kind == "M":
        holder.pop(last, None)
    elif last < len(holder):
        del holder[last]


def _copied(item: Item, path: Path) -> tuple[str, Any, Any]:
    """The map or list that contains the end of `path`, copied into `item`."""
    holder: Any = item
    for step, following in pairwise(path):
        kind = "L" if isinstance(following, int) else "M"
        found = _child(holder, step)
        if found is None or kind not in found:
            raise Invalid(NOWHERE)
        copied = list(found["L"]) if kind == "L" else dict(found["M"])
        holder[step] = {kind: copied}
        holder = copied
    return kind, holder, path[-1]


def _child(holder: Any, step: str | int) -> Value | None:  # noqa: ANN401 - a dict or a list
    if isinstance(step, int):
        return holder[step] if step < len(holder) else None
    found: Value | None = holder.get(step)
    return found


def _last_first(path: Path) -> list[tuple[bool, str | int]]:
    """A sort key that, in reverse, puts later list elements first: removing one moves those after it."""
    return [(isinstance(step, int), step) for step in path]


def _refuse_overlaps(touched: list[Path]) -> None:
    for number_, one in enumerate(touched):
        for other in touched[number_ + 1 :]:
            shorter = min(len(one), len(other))
            if one[:shorter] == other[:shorter]:
                raise Invalid(
                    "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one "
                    f"of these paths; path one: {list(one)}, path two: {list(other)}"
                )
