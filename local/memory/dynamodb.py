"""DynamoDB in memory, in the shape of the botocore client that PynamoDB talks to.

    database = MemoryDynamoDB(clock, stage="test")
    rows.connect("test", client=database)

One call after the other, each whole: what DynamoDB promises of single items and of transactions. Faults come from
outside: `before` and `after` may raise what they like (`throttled()`, `conflict()`, a simulated crash).
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.clock import Clock
from local.memory import capacity, expressions
from local.memory.capacity import Consumed
from local.memory.clock import VirtualClock
from local.memory.expressions import Check
from local.memory.parsing import Node
from local.memory.tables import Key, Record, Table, View, schemas
from local.memory.values import Invalid, Item, Value, clean, type_of

MAX_ITEM_SIZE = 400 * 1024  # bytes
PAGE = 1024 * 1024  # bytes that one Query or Scan reads
MAX_BATCH_GET = 100
MAX_BATCH_WRITE = 25
MAX_TRANSACTION = 100
FAILED = "ConditionalCheckFailed"
FAILED_MESSAGE = "The conditional request failed"
RANGE_SIGNS = ("=", "<", "<=", ">", ">=")
TURNED = {"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

Arguments = dict[str, Any]
Answer = dict[str, Any]
Hook = Callable[[str, Arguments], None]
Snapshot = dict[str, list[Record]]


def client_error(code: str, message: str = "", operation: str = "", **more: object) -> ClientError:
    """The exception that botocore raises for an error; `more` are further fields of the response."""
    answer: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": 400}, **more}
    return ClientError(answer, operation)


def throttled(operation: str) -> ClientError:
    """Throttling that remains after all of botocore's own retries."""
    return client_error("ProvisionedThroughputExceededException", "The level of throughput is exceeded", operation)


def conflict(operation: str, arguments: Arguments) -> ClientError:
    """A conflict with another transaction on the same item."""
    message = "Transaction is ongoing for the item"
    if operation != "TransactWriteItems":
        return client_error("TransactionConflictException", message, operation)
    reasons = [{"Code": "TransactionConflict", "Message": message}]
    reasons += [{"Code": "None"} for _ in arguments["TransactItems"][1:]]
    return _cancelled(reasons)


class _ConditionFailed(Exception):
    def __init__(self, item: Item | None) -> None:
        super().__init__(FAILED_MESSAGE)
        self.item = item


class MemoryDynamoDB:
    """The tables of a stage. `counts` counts calls by operation and table (tables in one call joined by a comma);
    `consumed` counts capacity units.

    `before(operation, arguments)` is called ahead of each operation and `after` behind it: what they raise, the caller
    gets. `index_lag`: seconds that the index is behind, or what gives them for each write. `page_size`: items that
    one Query or Scan reads at most, to see pages without a megabyte of rows. `expire_every`: seconds between two
    deletions of expired items; without it they stay. While `is_away`, nobody can reach DynamoDB.

    One method for each operation of DynamoDB's API, and for each step that several of them share: hence so many.
    """

    meta = None  # attributes of a botocore client that PynamoDB reads
    _request_signer = None

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        stage: str = "test",
        before: Hook | None = None,
        after: Hook | None = None,
        index_lag: float | Callable[[], float] = 0.0,
        page_size: int | None = None,
        expire_every: float | None = None,
    ) -> None:
        self.clock = clock or VirtualClock()
        self.before = before
        self.after = after
        self.index_lag = index_lag
        self.page_size = page_size
        self.is_away: Callable[[], bool] = lambda: False
        self._expire_every = expire_every
        self._expire_at = self.clock.now() + expire_every if expire_every else float("inf")
        self.counts: Counter[tuple[str, str]] = Counter()
        self.consumed = Consumed()
        self.tables: dict[str, Table] = {}
        self._operations: dict[str, Callable[[Arguments], Answer]] = {
            "GetItem": self._get_item,
            "PutItem": self._put_item,
            "UpdateItem": self._update_item,
            "DeleteItem": self._delete_item,
            "Query": self._query,
            "Scan": self._scan,
            "BatchGetItem": self._batch_get_item,
            "BatchWriteItem": self._batch_write_item,
            "TransactGetItems": self._transact_get_items,
            "TransactWriteItems": self._transact_write_items,
            "CreateTable": self._create_table,
        }
        for schema in schemas(stage):
            self.create_table(**schema)

    # --- calls ---

    def _make_api_call(self, operation: str, arguments: Arguments) -> Answer:
        """Perform one call, as botocore's client does. Raises ClientError."""
        self.counts[operation, _table_names(arguments)] += 1
        if self.is_away():
            raise EndpointConnectionError(endpoint_url="https://dynamodb.test")
        if self.before:
            self.before(operation, arguments)
        self._expire_in_time()
        try:
            answer = self._operations[operation](arguments)
        except Invalid as error:
            raise client_error("ValidationException", str(error), operation) from None
        except _ConditionFailed as error:
            seen = {"Item": error.item} if error.item is not None else {}
            raise client_error(FAILED + "Exception", FAILED_MESSAGE, operation, **seen) from None
        if self.after:
            self.after(operation, arguments)
        return answer

    def call(self, operation: str, **arguments: Any) -> Answer:  # noqa: ANN401 - DynamoDB's JSON
        """Perform one call by its name in DynamoDB's API: `call("GetItem", TableName=…, Key=…)`."""
        return self._make_api_call(operation, arguments)

    # --- for tests only ---

    def create_table(self, **schema: Any) -> None:  # noqa: ANN401 - DynamoDB's JSON
        """Add a table; `schema` are the arguments of CreateTable."""
        self.tables[schema["TableName"]] = Table(schema)

    def items(self, table: str) -> list[Item]:
        """All items of the table whose name is `table` or ends with it."""
        found = self.tables.get(table) or next(t for name, t in self.tables.items() if name.endswith("-" + table))
        return [dict(record.item) for record in found.own]

    def expire(self) -> int:
        """Delete the expired rows, as DynamoDB does within two days; returns their number."""
        now, count = self.clock.now(), 0
        for table in self.tables.values():
            for record in [record for record in table.own if _is_over(record.item, now)]:
                self._store(table, record.key, None)
                count += 1
        return count

    def _expire_in_time(self) -> None:
        if self._expire_every and self.clock.now() >= self._expire_at:
            self._expire_at = self.clock.now() + self._expire_every
            self.expire()

    def snapshot(self) -> Snapshot:
        """A snapshot of all rows; cheap, since rows are never changed in place."""
        return {name: list(table.own) for name, table in self.tables.items()}

    def restore(self, snapshot: Snapshot, *, only: Iterable[str] | None = None) -> None:
        """Restore a snapshot: all tables, or only those with these full names."""
        for name in only if only is not None else snapshot:
            self.tables[name].replace_all(snapshot[name])

    # --- single items ---

    def _get_item(self, arguments: Arguments) -> Answer:
        record = self._find(arguments)
        self.consumed.read(record.size if record else 0, consistent=bool(arguments.get("ConsistentRead")))
        return {"Item": self._projected(record.item, arguments)} if record else {}

    def _put_item(self, arguments: Arguments) -> Answer:
        return self._write(arguments, *self._prepare_put(arguments))

    def _update_item(self, arguments: Arguments) -> Answer:
        return self._write(arguments, *self._prepare_update(arguments))

    def _delete_item(self, arguments: Arguments) -> Answer:
        return self._write(arguments, *self._prepare_delete(arguments))

    def _write(self, arguments: Arguments, table: Table, old: Record | None, new: Record | None) -> Answer:
        found = new or old
        if found:
            self._store(table, found.key, new)
        self._count_write(table, old, new)
        match arguments.get("ReturnValues", "NONE"):
            case "ALL_NEW" if new:
                return {"Attributes": dict(new.item)}
            case "ALL_OLD" if old:
                return {"Attributes": dict(old.item)}
            case "UPDATED_NEW" | "UPDATED_OLD" as unknown:
                raise NotImplementedError(unknown)
        return {}

    def _prepare_put(self, arguments: Arguments) -> tuple[Table, Record | None, Record]:
        table = self._table(arguments)
        new = self._sized(table, {name: clean(value) for name, value in arguments["Item"].items()})
        old = table.own.records.get(new.key)
        self._demand(arguments, old)
        return table, old, new

    def _prepare_update(self, arguments: Arguments) -> tuple[Table, Record | None, Record]:
        table = self._table(arguments)
        key = table.key(arguments["Key"])
        old = table.own.records.get(key)
        text = arguments.get("UpdateExpression")
        change = expressions.update(text, _names(arguments)) if text else None
        self._demand(arguments, old, change.used if change else frozenset())
        item = old.item if old else {name: clean(value) for name, value in arguments["Key"].items()}
        if change is None:
            return table, old, old or self._sized(table, item)
        for path in change.touched:
            if path[0] in table.own.names:
                raise Invalid(
                    "One or more parameter values were invalid: "
                    f"Cannot update attribute {path[0]}. This attribute is part of the key"
                )
        return table, old, self._sized(table, change.apply(item, arguments.get("ExpressionAttributeValues") or {}))

    def _prepare_delete(self, arguments: Arguments) -> tuple[Table, Record | None, None]:
        table = self._table(arguments)
        old = table.own.records.get(table.key(arguments["Key"]))
        self._demand(arguments, old)
        return table, old, None

    def _demand(self, arguments: Arguments, old: Record | None, used: frozenset[str] = frozenset()) -> None:
        """Raise _ConditionFailed if the write's condition does not hold."""
        text = arguments.get("ConditionExpression")
        if text is None:
            _refuse_unused(arguments, used)
            return
        condition = expressions.condition(text, _names(arguments))
        _refuse_unused(arguments, used | condition.used)
        if not condition.check(old.item if old else {}, arguments.get("ExpressionAttributeValues") or {}):
            self.consumed.write(old.size if old else 0, 0)
            wanted = arguments.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD"
            raise _ConditionFailed(dict(old.item) if old and wanted else None)

    # --- many items ---

    def _batch_get_item(self, arguments: Arguments) -> Answer:
        asked = arguments["RequestItems"]
        if sum(len(one["Keys"]) for one in asked.values()) > MAX_BATCH_GET:
            raise Invalid("Too many items requested for the BatchGetItem call")
        answers = {}
        for name, one in asked.items():
            table = self._table({"TableName": name})
            keys = [table.key(given) for given in one["Keys"]]
            _refuse_twice(keys, "Provided list of item keys contains duplicates")
            found = [table.own.records[key] for key in keys if key in table.own.records]
            for key in keys:
                size = table.own.records[key].size if key in table.own.records else 0
                self.consumed.read(size, consistent=bool(one.get("ConsistentRead")))
            answers[name] = [self._projected(record.item, one) for record in found]
        return {"Responses": answers, "UnprocessedKeys": {}}

    def _batch_write_item(self, arguments: Arguments) -> Answer:
        asked = [(name, one) for name, requests in arguments["RequestItems"].items() for one in requests]
        if len(asked) > MAX_BATCH_WRITE:
            raise Invalid("Too many items requested for the BatchWriteItem call")
        prepared = []
        for name, one in asked:
            (kind, request), *_ = one.items()
            prepare = self._prepare_put if kind == "PutRequest" else self._prepare_delete
            table, old, new = prepare(request | {"TableName": name})
            key = new.key if new else table.key(request["Key"])
            prepared.append((table, key, new, old))
        _refuse_twice(
            [(table.name, key) for table, key, *_ in prepared], "Provided list of item keys contains duplicates"
        )
        for table, key, new, old in prepared:
            if new or old:
                self._store(table, key, new)
            self._count_write(table, old, new)
        return {"UnprocessedItems": {}}

    def _transact_get_items(self, arguments: Arguments) -> Answer:
        before = self.consumed.reads
        found = [self._get_item(one["Get"] | {"ConsistentRead": True}) for one in arguments["TransactItems"]]
        self.consumed.reads += (capacity.TRANSACTION - 1) * (self.consumed.reads - before)
        return {"Responses": found}

    def _transact_write_items(self, arguments: Arguments) -> Answer:
        """All or nothing: every condition is checked, against the rows as they are, before anything is written."""
        items = arguments["TransactItems"]
        if len(items) > MAX_TRANSACTION:
            raise Invalid(f"Member must have length less than or equal to {MAX_TRANSACTION}")
        keys, writes = [], []
        reasons: list[dict[str, Any]] = []
        for one in items:
            (kind, request), *_ = one.items()
            table = self._table(request)
            keys.append((table.name, table.key_of(request["Item"]) if kind == "Put" else table.key(request["Key"])))
            try:
                writes.append(self._prepare(kind, request))
                reasons.append({"Code": "None"})
            except _ConditionFailed as failed:
                seen = {"Item": failed.item} if failed.item is not None else {}
                reasons.append({"Code": FAILED, "Message": FAILED_MESSAGE, **seen})
            except Invalid as invalid:
                reasons.append({"Code": "ValidationError", "Message": str(invalid)})
        _refuse_twice(keys, "Transaction request cannot include multiple operations on one item")
        if any(reason["Code"] != "None" for reason in reasons):
            raise _cancelled(reasons)
        for (table, old, new), (_, key) in zip(writes, keys, strict=True):
            if old is not new:
                self._store(table, key, new)
            self._count_write(table, old, new, times=capacity.TRANSACTION)
        return {}

    def _prepare(self, kind: str, request: Arguments) -> tuple[Table, Record | None, Record | None]:
        match kind:
            case "Put":
                return self._prepare_put(request)
            case "Update":
                return self._prepare_update(request)
            case "Delete":
                return self._prepare_delete(request)
        table, old, _ = self._prepare_delete(request)  # a ConditionCheck writes nothing
        return table, old, old

    # --- reading in order ---

    def _query(self, arguments: Arguments) -> Answer:
        table, view = self._view(arguments)
        condition = expressions.condition(arguments["KeyConditionExpression"], _names(arguments))
        partition, test = _key_condition(view, condition.tree, arguments.get("ExpressionAttributeValues") or {})
        places = view.span(partition, test)
        forward = arguments.get("ScanIndexForward", True)
        start = arguments.get("ExclusiveStartKey")
        if start:
            place = view.place(start)
            if place is None:
                raise Invalid("The provided starting key is invalid")
            places = places.beyond((place[1], table.key_of(start)), forward=forward)
        return self._page(table, view, places.keys(forward=forward), len(places), arguments, condition.used)

    def _scan(self, arguments: Arguments) -> Answer:
        table, view = self._view(arguments)
        keys = [record.key for record in view]
        start = arguments.get("ExclusiveStartKey")
        if start:
            last = table.key_of(start)
            keys = keys[keys.index(last) + 1 :] if last in keys else []
        return self._page(table, view, keys, len(keys), arguments, frozenset())

    def _page(
        self,
        table: Table,
        view: View,
        keys: Iterable[Key],
        count: int,
        arguments: Arguments,
        used: frozenset[str],
    ) -> Answer:
        """One page of the `count` items of those keys: as many as the limit and 1 MB allow, then filtered."""
        passes, more = self._filter(arguments)
        _refuse_unused(arguments, used | more)
        most = min(arguments.get("Limit") or count, self.page_size or count)
        read: list[Record] = []
        size = 0
        for key in keys:
            record = view.records[key]
            size += record.size
            if len(read) == most or (size > PAGE and read):
                break
            read.append(record)
        self.consumed.read(sum(record.size for record in read), consistent=bool(arguments.get("ConsistentRead")))
        values = arguments.get("ExpressionAttributeValues") or {}
        kept = [record.item for record in read if passes is None or passes(record.item, values)]
        answer: Answer = {"Count": len(kept), "ScannedCount": len(read)}
        if arguments.get("Select") != "COUNT":
            answer["Items"] = [self._projected(item, arguments) for item in kept]
        if read and (len(read) < count or len(read) == arguments.get("Limit")):
            item = read[-1].item
            answer["LastEvaluatedKey"] = {name: item[name] for name in (*table.own.names, *view.names)}
        return answer

    def _filter(self, arguments: Arguments) -> tuple[Check | None, frozenset[str]]:
        text = arguments.get("FilterExpression")
        if text is None:
            return None, frozenset()
        found = expressions.condition(text, _names(arguments))
        return found.check, found.used

    def _view(self, arguments: Arguments) -> tuple[Table, View]:
        table = self._table(arguments)
        name = arguments.get("IndexName")
        if name is None:
            return table, table.own
        if arguments.get("ConsistentRead"):
            raise Invalid("Consistent reads are not supported on global secondary indexes")
        return table, table.index(name, now=self.clock.now())

    # --- tables ---

    def _create_table(self, arguments: Arguments) -> Answer:
        self.create_table(**arguments)
        return {"TableDescription": {"TableName": arguments["TableName"], "TableStatus": "ACTIVE"}}

    def _table(self, arguments: Arguments) -> Table:
        try:
            return self.tables[arguments["TableName"]]
        except KeyError:
            raise client_error("ResourceNotFoundException", "Requested resource not found") from None

    def _find(self, arguments: Arguments) -> Record | None:
        table = self._table(arguments)
        return table.own.records.get(table.key(arguments["Key"]))

    def _store(self, table: Table, key: Key, record: Record | None) -> None:
        lag = self.index_lag() if callable(self.index_lag) else self.index_lag
        table.store(key, record, now=self.clock.now(), lag=lag)

    def _count_write(self, table: Table, old: Record | None, new: Record | None, *, times: int = 1) -> None:
        """Count what a write consumes in the table and in its indexes, which hold whole items."""
        sizes = (old.size if old else 0, new.size if new else 0)
        self.consumed.write(*sizes, times=times)
        for index in table.indexes.values():
            places = [index.place(record.item) if record else None for record in (old, new)]
            if any(places):
                moved = None not in places and places[0] != places[1]  # one is deleted there, and one put
                self.consumed.write(*sizes, times=2 if moved else 1)

    def _sized(self, table: Table, item: Item) -> Record:
        record = table.record(item)
        if record.size > MAX_ITEM_SIZE:
            raise Invalid("Item size has exceeded the maximum allowed size")
        return record

    def _projected(self, item: Item, arguments: Arguments) -> Item:
        text = arguments.get("ProjectionExpression")
        if text is None:
            return dict(item)
        wanted, _ = expressions.paths(text, _names(arguments))
        if any(len(path) > 1 for path in wanted):
            raise NotImplementedError(f"a projection of parts of attributes: {text}")
        return {str(path[0]): item[str(path[0])] for path in wanted if path[0] in item}


def _key_condition(view: View, node: Node, values: dict[str, Value]) -> tuple[Any, tuple[str, list[Value]] | None]:
    """The partition of a key condition, and its test of the range key."""
    partition, test = None, None
    for one in (node[1], node[2]) if node[0] == "and" else (node,):
        name, sign, given = _key_test(one)
        operands = [values[value] for value in given]
        if name == view.hash_name and sign == "=":
            partition = view.comparable(name, operands[0])
        elif name == view.range_name:
            test = (sign, operands)
        else:
            raise Invalid(f"Query key condition not supported: {name} {sign}")
    if partition is None:
        raise Invalid(f"Query condition missed key schema element: {view.hash_name}")
    return partition, test


def _key_test(node: Node) -> tuple[str, str, list[str]]:
    match node:
        case ("compare", sign, ("path", (str() as name,)), ("value", value)) if sign in RANGE_SIGNS:
            return name, sign, [value]
        case ("compare", sign, ("value", value), ("path", (str() as name,))) if sign in RANGE_SIGNS:
            return name, TURNED[sign], [value]
        case ("between", ("path", (str() as name,)), ("value", low), ("value", high)):
            return name, "between", [low, high]
        case ("begins_with", ("path", (str() as name,)), ("value", value)):
            return name, "begins_with", [value]
    raise Invalid("Invalid operator used in KeyConditionExpression")


def _names(arguments: Arguments) -> tuple[tuple[str, str], ...]:
    names = arguments.get("ExpressionAttributeNames")
    return tuple(names.items()) if names else ()


def _refuse_unused(arguments: Arguments, used: frozenset[str]) -> None:
    """Raise Invalid for a name or value that no expression uses, as DynamoDB does."""
    projection = arguments.get("ProjectionExpression")
    if projection:
        used |= expressions.paths(projection, _names(arguments))[1]
    for kind in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        unused = (arguments.get(kind) or {}).keys() - used
        if unused:
            raise Invalid(f"Value provided in {kind} unused in expressions: keys: {{{', '.join(sorted(unused))}}}")


def _refuse_twice(keys: list[Any], message: str) -> None:
    if len(set(keys)) < len(keys):
        raise Invalid(message)


def _cancelled(reasons: list[dict[str, Any]]) -> ClientError:
    codes = ", ".join(reason["Code"] for reason in reasons)
    message = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    return client_error("TransactionCanceledException", message, "TransactWriteItems", CancellationReasons=reasons)


def _is_over(item: Item, now: float) -> bool:
    expires_at = item.get("expires_at")
    return expires_at is not None and type_of(expires_at) == "N" and float(expires_at["N"]) <= now


def _table_names(arguments: Arguments) -> str:
    name = arguments.get("TableName")
    if name:
        return str(name)
    if "RequestItems" in arguments:
        return ",".join(sorted(arguments["RequestItems"]))
    found = {request["TableName"] for one in arguments.get("TransactItems", ()) for request in one.values()}
    return ",".join(sorted(found))
