"""A table's rows, and its indexes, in the order in which queries read them."""

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

from chalicelib.store import rows
from local.memory.values import ORDERED, Invalid, Item, Value, number, ordered, size_of

Schema = dict[str, Any]  # the arguments of CreateTable
Key = tuple[Any, Any]  # comparable: the partition's value, and the range key's (0 in a table without)
Place = tuple[Any, Any]  # the same, in an index
ALONE = 0  # the range value of a table that has no range key
RANGE_VALUE = itemgetter(0)


def schemas(stage: str) -> list[Schema]:
    """CreateTable's arguments for every table of `chalicelib.store.rows`."""
    return [_schema(model, f"rolecall-{stage}-{name}") for model, name in rows.TABLE_NAMES.items()]


def _schema(model: Any, name: str) -> Schema:  # noqa: ANN401 - PynamoDB types its schema privately
    found = model._get_schema()
    schema = {
        "TableName": name,
        "AttributeDefinitions": [_camel(one) for one in found["attribute_definitions"]],
        "KeySchema": [_camel(one) for one in found["key_schema"]],
        "BillingMode": "PAY_PER_REQUEST",
    }
    indexes = [
        {
            "IndexName": one["index_name"],
            "KeySchema": [_camel(key) for key in one["key_schema"]],
            "Projection": _camel(one["projection"]),
        }
        for one in found["global_secondary_indexes"]
    ]
    return schema | {"GlobalSecondaryIndexes": indexes} if indexes else schema


def _camel(plain: dict[str, str]) -> dict[str, str]:
    return {"".join(part[0].upper() + part[1:] for part in name.split("_")): value for name, value in plain.items()}


@dataclass(frozen=True, slots=True)
class Record:
    """A stored item. Immutable: a new version is a new record."""

    key: Key
    item: Item
    size: int


@dataclass(frozen=True, slots=True)
class Span:
    """Some of a partition's places, from `first` to before `last`: a view, since a million would take long to copy."""

    places: Sequence[tuple[Any, Key]]
    first: int
    last: int

    def __len__(self) -> int:
        return max(0, self.last - self.first)

    def beyond(self, place: tuple[Any, Key], *, forward: bool) -> "Span":
        """Those after that place, in that direction."""
        if forward:
            return replace(self, first=bisect_right(self.places, place, self.first, max(self.first, self.last)))
        return replace(self, last=bisect_left(self.places, place, self.first, max(self.first, self.last)))

    def keys(self, *, forward: bool) -> Iterator[Key]:
        """Their keys, in that direction."""
        numbers = range(self.first, self.last)
        return (self.places[number][1] for number in (numbers if forward else reversed(numbers)))


class View:
    """Records by two of their attributes: a table's own order, or an index."""

    def __init__(self, hash_name: str, range_name: str | None, types: dict[str, str]) -> None:
        self.hash_name = hash_name
        self.range_name = range_name
        self.names = (hash_name, range_name) if range_name else (hash_name,)
        self._types = types
        self.records: dict[Key, Record] = {}
        self._partitions: dict[Any, list[tuple[Any, Key]]] = {}

    def __iter__(self) -> Iterator[Record]:
        """Every record, partition by partition."""
        for partition in self._partitions.values():
            yield from (self.records[key] for _, key in partition)

    def place(self, item: Item) -> Place | None:
        """The item's place; None if it lacks an attribute for it. Raises Invalid if one has the wrong type."""
        found = []
        for name in self.names:
            value = item.get(name)
            if value is None:
                return None
            if self._types[name] not in value:
                raise Invalid(
                    f"One or more parameter values were invalid: Type mismatch for key {name} expected: "
                    f"{self._types[name]} actual: {next(iter(value))}"
                )
            found.append(self.comparable(name, value))
        return (found[0], found[1]) if len(found) > 1 else (found[0], ALONE)

    def comparable(self, name: str, value: Value) -> Any:  # noqa: ANN401 - a str, a Decimal or bytes
        """The value of one of its key attributes."""
        kind = self._types[name]
        if kind == "N":
            return number(value["N"])
        if not value[kind]:
            raise Invalid(
                "One or more parameter values are not valid. The AttributeValue for a key attribute cannot contain an "
                f"empty string value. Key: {name}"
            )
        return value[kind]

    def replace(self, key: Key, new: Record | None) -> None:
        """Put the record of that key in its place; None removes it."""
        old = self.records.get(key)
        if old and new and all(old.item.get(name) is new.item.get(name) for name in self.names):
            self.records[key] = new
            return
        before = self.place(old.item) if old else None
        after = self.place(new.item) if new else None
        if before != after and before is not None:
            partition = self._partitions[before[0]]
            del partition[bisect_left(partition, (before[1], key))]
            if not partition:
                del self._partitions[before[0]]
        if new is None or after is None:
            self.records.pop(key, None)
            return
        self.records[key] = new
        if before != after:
            insort(self._partitions.setdefault(after[0], []), (after[1], key))

    def clear(self) -> None:
        """Forget everything."""
        self.records.clear()
        self._partitions.clear()

    def span(self, partition: Any, test: tuple[str, list[Value]] | None) -> "Span":  # noqa: ANN401
        """The places of a partition whose range key passes the test."""
        places = self._partitions.get(partition, [])
        if test is None:
            return Span(places, 0, len(places))
        sign, values = test
        assert self.range_name is not None  # noqa: S101 - the caller checked
        low, *high = [self._bound(value) for value in values]
        first, last = 0, len(places)
        if sign in ("=", ">=", "between", "begins_with"):
            first = bisect_left(places, low, key=RANGE_VALUE)
        elif sign == ">":
            first = bisect_right(places, low, key=RANGE_VALUE)
        if sign in ("=", "<=", "between"):
            last = bisect_right(places, high[0] if high else low, key=RANGE_VALUE)
        elif sign == "<":
            last = bisect_left(places, low, key=RANGE_VALUE)
        elif sign == "begins_with":
            last = bisect_left(places, True, lo=first, key=lambda place: not place[0].startswith(low))
        return Span(places, first, last)

    def _bound(self, value: Value) -> Any:  # noqa: ANN401 - a str, a Decimal or bytes
        kind = self._types[self.range_name or ""]
        if kind not in value or kind not in ORDERED:
            raise Invalid(
                "One or more parameter values were invalid: Condition parameter type does not match schema type"
            )
        return ordered(value)


class Table:
    """One table with its indexes. An index may lag some seconds behind."""

    def __init__(self, schema: Schema) -> None:
        self.name: str = schema["TableName"]
        types = {one["AttributeName"]: one["AttributeType"] for one in schema["AttributeDefinitions"]}
        self.own = _view(schema["KeySchema"], types)
        self.indexes = {
            one["IndexName"]: _view(one["KeySchema"], types) for one in schema.get("GlobalSecondaryIndexes", ())
        }
        self._late: deque[tuple[float, Key, Record | None]] = deque()

    def key_of(self, item: Item) -> Key:
        """The item's key. Raises Invalid if it has none."""
        place = self.own.place(item)
        if place is None:
            missing = next(name for name in self.own.names if name not in item)
            raise Invalid(f"One or more parameter values were invalid: Missing the key {missing} in the item")
        return place

    def key(self, given: Item) -> Key:
        """The key given to an operation. Raises Invalid if it is not exactly the table's key."""
        if len(given) != len(self.own.names):
            raise Invalid("The provided key element does not match the schema")
        try:
            return self.key_of(given)
        except Invalid as error:
            if "empty string" in str(error):
                raise
            raise Invalid("The provided key element does not match the schema") from error

    def record(self, item: Item) -> Record:
        """The item as it would be stored. Raises Invalid if an index cannot hold it."""
        for index in self.indexes.values():
            index.place(item)
        return Record(self.key_of(item), item, size_of(item))

    def store(self, key: Key, record: Record | None, *, now: float, lag: float) -> None:
        """Store or, with None, delete; the indexes follow `lag` seconds later."""
        self.own.replace(key, record)
        if not self.indexes:
            return
        if not lag and not self._late:
            self._index(key, record)
            return
        not_before = self._late[-1][0] if self._late else now  # an index applies changes in order
        self._late.append((max(now + lag, not_before), key, record))

    def index(self, name: str, *, now: float) -> View:
        """An index in its current state. Raises Invalid if the table has no such index."""
        while self._late and self._late[0][0] <= now:
            _, key, record = self._late.popleft()
            self._index(key, record)
        try:
            return self.indexes[name]
        except KeyError:
            raise Invalid(f"The table does not have the specified index: {name}") from None

    def replace_all(self, records: list[Record]) -> None:
        """Replace all records, as a restore does."""
        self._late.clear()
        for view in (self.own, *self.indexes.values()):
            view.clear()
            for record in records:
                view.replace(record.key, record)

    def _index(self, key: Key, record: Record | None) -> None:
        for index in self.indexes.values():
            index.replace(key, record)


def _view(keys: list[dict[str, str]], types: dict[str, str]) -> View:
    named = {one["KeyType"]: one["AttributeName"] for one in keys}
    return View(named["HASH"], named.get("RANGE"), types)
