"""DynamoDB's values in wire format: `{"S": "text"}`, `{"N": "12"}`. Numbers are decimal, not floating point.

Values are never changed in place: rows, answers and snapshots share them.
"""

from decimal import Context, Decimal, InvalidOperation
from functools import lru_cache
from typing import Any

Value = dict[str, Any]  # one type letter, and what it holds
Item = dict[str, Value]

DIGITS = 38  # significant digits of a number; DynamoDB keeps no more
MAX_EXPONENT = 125  # numbers end at 9.99…E+125
MIN_EXPONENT = -130  # and begin at 1E-130
ARITHMETIC = Context(prec=DIGITS)
ORDERED = ("S", "N", "B")  # types that < and BETWEEN compare
SETS = ("SS", "NS", "BS")


class Invalid(Exception):
    """DynamoDB would answer ValidationException."""


def type_of(value: Value) -> str:
    """The type's letter."""
    return next(iter(value))


# --- numbers ------------------------------------------------------------------------------------------------


@lru_cache(maxsize=65_536)
def number(text: str) -> Decimal:
    """The number in a text. Raises Invalid if DynamoDB cannot store it."""
    try:
        parsed = Decimal(text)
    except (InvalidOperation, TypeError):
        parsed = Decimal("NaN")
    if not parsed.is_finite():
        raise Invalid("The parameter cannot be converted to a numeric value: " + str(text))
    exact = parsed.normalize(Context(prec=max(DIGITS, len(text))))
    if len(exact.as_tuple().digits) > DIGITS:
        raise Invalid("Attempting to store more than 38 significant digits in a Number")
    if exact and not MIN_EXPONENT <= exact.adjusted() <= MAX_EXPONENT:
        raise Invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
    return exact


def canonical(text: str) -> str:
    """The number as DynamoDB returns it: no exponent, no redundant zeros."""
    if text.isdigit() and text.isascii() and len(text) <= DIGITS and (text[0] != "0" or text == "0"):
        return text
    exact = number(text)
    return f"{exact:f}" if exact else "0"


def add(left: Decimal, right: Decimal) -> Value:
    """Their sum."""
    return {"N": canonical(str(ARITHMETIC.add(left, right)))}


# --- comparing ----------------------------------------------------------------------------------------------


def same(left: Value, right: Value) -> bool:
    """Equality as DynamoDB defines it: same type, numbers by value, sets without order."""
    kind = type_of(left)
    if kind not in right:
        return False
    one, other = left[kind], right[kind]
    if kind == "N":
        return bool(one == other or number(one) == number(other))
    if kind == "NS":
        return {number(text) for text in one} == {number(text) for text in other}
    if kind in SETS:
        return set(one) == set(other)
    if kind == "L":
        return len(one) == len(other) and all(map(same, one, other))
    if kind == "M":
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    return bool(one == other)


def ordered(value: Value) -> Any:  # noqa: ANN401 - a str, a Decimal or bytes
    """The sort key of a value; text sorts by code points, which is the order of its UTF-8 bytes too."""
    kind = type_of(value)
    return number(value["N"]) if kind == "N" else value[kind]


# --- keeping ------------------------------------------------------------------------------------------------


def clean(value: Value) -> Value:
    """The value as DynamoDB stores it. Raises Invalid if DynamoDB would refuse it."""
    kind = type_of(value)
    held = value[kind]
    if kind == "N":
        text = canonical(held)
        return value if text == held else {"N": text}
    if kind == "L":
        return {"L": [clean(one) for one in held]}
    if kind == "M":
        return {"M": {name: clean(one) for name, one in held.items()}}
    if kind in SETS:
        return _clean_set(kind, held)
    return value


def _clean_set(kind: str, held: list[Any]) -> Value:
    if not held:
        raise Invalid("One or more parameter values were invalid: An set may not be empty")
    kept = [canonical(text) for text in held] if kind == "NS" else list(held)
    if len(set(kept)) != len(kept):
        raise Invalid(f"One or more parameter values were invalid: Input collection {held} contains duplicates.")
    return {kind: kept}


def size_of(item: Item) -> int:
    """Bytes that count against the 400 KB of an item and the 1 MB of a page.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
    """
    size = 0
    for name, value in item.items():
        ((kind, held),) = value.items()
        if kind == "N":
            size += _text_size(name) + _number_size(held)
        else:
            size += _text_size(name) + (_text_size(held) if kind == "S" else _value_size(value))
    return size


def _value_size(value: Value) -> int:
    kind = type_of(value)
    held = value[kind]
    if kind == "S":
        return _text_size(held)
    if kind == "N":
        return _number_size(held)
    if kind == "B":
        return len(held)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "L":
        return 3 + sum(1 + _value_size(one) for one in held)
    if kind == "M":
        return 3 + sum(1 + _text_size(name) + _value_size(one) for name, one in held.items())
    return sum(_number_size(one) if kind == "NS" else len(one) for one in held)


def _text_size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _number_size(text: str) -> int:
    return (len(text) + 1) // 2 + 1  # one byte for two digits, and one more
