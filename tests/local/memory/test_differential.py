"""The same calls, made up by chance, on DynamoDB in memory and on moto's: the same answers, the same rows.

Where moto is known to differ from DynamoDB, the calls keep away from it, and `test_dynamodb.py` says what is right.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from local.memory.dynamodb import MemoryDynamoDB

EXAMPLES = 60  # each of up to a dozen calls; moto takes milliseconds for each
SCHEMA: dict[str, Any] = {
    "TableName": "t",
    "AttributeDefinitions": [
        {"AttributeName": "h", "AttributeType": "S"},
        {"AttributeName": "r", "AttributeType": "N"},
        {"AttributeName": "g", "AttributeType": "S"},
        {"AttributeName": "n", "AttributeType": "N"},
    ],
    "KeySchema": [{"AttributeName": "h", "KeyType": "HASH"}, {"AttributeName": "r", "KeyType": "RANGE"}],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "by-n",
            "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
Call = tuple[str, dict[str, Any]]
NAMES = {"#a": "a", "#b": "b", "#l": "l", "#m": "m", "#k": "k", "#s": "s", "#g": "g", "#n": "n"}

numbers = st.sampled_from(
    ["0", "1", "-1", "2", "9", "10", "100", "1.5", "-0.25", "80351110224678912", "9223372036854775807"]
)
number_values = numbers.map(lambda text: {"N": text})
text_values = st.sampled_from(["x", "xy", "y", "é", "zz"]).map(lambda text: {"S": text})
plain_values = number_values | text_values
keys = st.fixed_dictionaries(
    {
        "h": st.sampled_from(["p", "q"]).map(lambda t: {"S": t}),
        "r": st.sampled_from(["9", "10", "-1.5"]).map(lambda t: {"N": t}),
    }
)
lists = st.lists(plain_values, max_size=3).map(lambda values: {"L": values})
maps = st.fixed_dictionaries({}, optional={"k": plain_values, "l": number_values}).map(lambda held: {"M": held})
sets = st.lists(numbers, min_size=1, max_size=3, unique_by=Decimal).map(lambda texts: {"NS": texts})
attributes = st.fixed_dictionaries(
    {},
    optional={
        "a": plain_values,
        "b": number_values,
        "l": lists,
        "m": maps,
        "s": sets,
        "g": st.sampled_from(["u", "v"]).map(lambda text: {"S": text}),
        "n": number_values,
    },
)


Test = tuple[str, list[Any]]  # a condition with a "?" for each of its values


@st.composite
def conditions(draw: Callable[..., Any], depth: int = 2) -> Test:
    """A condition, nested at most so deep."""
    kind = draw(st.sampled_from(["test"] * 3 + (["AND", "OR", "NOT"] if depth else [])))
    if kind == "test":
        return draw(tests)  # type: ignore[no-any-return]  # what is drawn has no type
    left, values = draw(conditions(depth - 1))
    if kind == "NOT":
        return f"NOT ({left})", values
    right, more = draw(conditions(depth - 1))
    return f"({left}) {kind} ({right})", values + more


sign = st.sampled_from(["=", "<", "<=", ">", ">="])
compared = st.tuples(st.sampled_from(["#a", "#b", "#n", "#m.#k", "#l[0]"]), sign, plain_values).map(
    lambda drawn: (f"{drawn[0]} {drawn[1]} ?", [drawn[2]])
)
unequal = st.sampled_from(["<", "<=", ">", ">="])  # moto takes two that are missing for equal
paths_compared: st.SearchStrategy[Test] = st.tuples(
    st.sampled_from(["#b", "#n"]), unequal, st.sampled_from(["#a", "#b"])
).map(lambda drawn: (" ".join((drawn[0], drawn[1], drawn[2])), []))
existing: st.SearchStrategy[Test] = st.tuples(
    st.sampled_from(["attribute_exists", "attribute_not_exists"]), st.sampled_from(["#a", "#g", "#m.#k", "#l[1]"])
).map(lambda drawn: (f"{drawn[0]} ({drawn[1]})", []))
between = st.lists(numbers, min_size=2, max_size=2).map(
    lambda ends: ("#b BETWEEN ? AND ?", [{"N": end} for end in sorted(ends, key=Decimal)])
)
within = st.lists(number_values, min_size=1, max_size=3).map(
    lambda values: (f"#b IN ({', '.join('?' * len(values))})", values)
)
begins = text_values.map(lambda value: ("begins_with (#a, ?)", [value]))
contains = st.one_of(
    text_values.map(lambda value: ("contains (#l, ?)", [value])),
    number_values.map(lambda value: ("contains (#s, ?)", [value])),
)
sized = st.sampled_from(["0", "1", "2"]).map(  # moto falls over the size of what is missing
    lambda text: ("attribute_exists (#l) AND size (#l) > ?", [{"N": text}])
)
tests = compared | paths_compared | existing | between | within | begins | contains | sized

changes = st.one_of(
    plain_values.map(lambda value: ("SET #a = :v", {":v": value})),
    number_values.map(lambda value: ("SET #b = if_not_exists (#b, :zero) + :v", {":v": value, ":zero": {"N": "0"}})),
    number_values.map(lambda value: ("SET #b = #n - :v", {":v": value})),
    lists.map(
        lambda value: ("SET #l = list_append (if_not_exists (#l, :none), :v)", {":v": value, ":none": {"L": []}})
    ),
    plain_values.map(lambda value: ("SET #m.#k = :v", {":v": value})),
    plain_values.map(lambda value: ("SET #l[0] = :v", {":v": value})),
    st.tuples(text_values, number_values).map(lambda both: ("SET #g = :g, #n = :n", {":g": both[0], ":n": both[1]})),
    number_values.map(lambda value: ("SET #n = :n REMOVE #a", {":n": value})),
    number_values.map(lambda value: ("ADD #b :v", {":v": value})),
    sets.map(lambda value: ("ADD #s :v", {":v": value})),
    sets.map(lambda value: ("DELETE #s :v", {":v": value})),
    st.just(("REMOVE #g, #n", {})),
    st.just(("REMOVE #m.#k", {})),
    st.just(("REMOVE #l[0]", {})),
)


def arguments(
    key: str, value: Any, *, change: tuple[str, Any] | None, condition: Test | None, **more: Any
) -> dict[str, Any]:
    """A write's arguments, with only the names that its expressions use."""
    made = {"TableName": "t", key: value} | more
    values: dict[str, Any] = {}
    texts = []
    if change:
        made["UpdateExpression"] = change[0]
        values |= change[1]
        texts.append(change[0])
    if condition:
        given = [f":w{number}" for number in range(len(condition[1]))]
        made["ConditionExpression"] = condition[0].replace("?", "{}").format(*given)
        values |= dict(zip(given, condition[1], strict=True))
        texts.append(condition[0])
    if values:
        made["ExpressionAttributeValues"] = values
    names = {name: full for name, full in NAMES.items() if any(name in text for text in texts)}
    return made | ({"ExpressionAttributeNames": names} if names else {})


maybe = st.none() | conditions()
returned = st.sampled_from(["NONE", "ALL_OLD"])
puts = st.builds(
    lambda key, item, condition, back: (
        "PutItem",
        arguments("Item", key | item, change=None, condition=condition, ReturnValues=back),
    ),
    keys,
    attributes,
    maybe,
    returned,
)
deletes = st.builds(
    lambda key, condition, back: (
        "DeleteItem",
        arguments("Key", key, change=None, condition=condition, ReturnValues=back),
    ),
    keys,
    maybe,
    returned,
)
updates = st.builds(
    lambda key, change, condition, back: (
        "UpdateItem",
        arguments("Key", key, change=change, condition=condition, ReturnValues=back),
    ),
    keys,
    changes,
    maybe,
    st.sampled_from(["NONE", "ALL_OLD", "ALL_NEW"]),
)
gets = keys.map(lambda key: ("GetItem", {"TableName": "t", "Key": key, "ConsistentRead": True}))
batch_gets = st.lists(keys, min_size=1, max_size=4, unique_by=lambda key: (key["h"]["S"], Decimal(key["r"]["N"]))).map(
    lambda found: ("BatchGetItem", {"RequestItems": {"t": {"Keys": found}}})
)


def as_part(call: Call) -> dict[str, Any]:
    """A write as part of a transaction."""
    return {call[0].removesuffix("Item"): {name: value for name, value in call[1].items() if name != "ReturnValues"}}


def the_key(call: Call) -> tuple[str, Decimal]:
    """What it writes to."""
    key = call[1].get("Key") or call[1]["Item"]
    return key["h"]["S"], Decimal(key["r"]["N"])


transactions = st.lists(puts | deletes | updates, min_size=1, max_size=3, unique_by=the_key).map(
    lambda calls: ("TransactWriteItems", {"TransactItems": [as_part(call) for call in calls]})
)


@st.composite
def queries(draw: Callable[..., Any]) -> Call:
    """A query of the table or the index."""
    index = draw(st.booleans())
    first, second = ("g", "n") if index else ("h", "r")
    test = draw(st.sampled_from(["", "=", "<", "<=", ">", ">=", "BETWEEN"]))
    low, high = sorted([draw(numbers), draw(numbers)], key=Decimal)
    values = {":p": {"S": draw(st.sampled_from(["u", "v", "x"] if index else ["p", "q"]))}}
    text = "#p = :p"
    if test:
        text += " AND #r BETWEEN :low AND :high" if test == "BETWEEN" else f" AND #r {test} :low"
        values[":low"] = {"N": low}
    if test == "BETWEEN":
        values[":high"] = {"N": high}
    asked: dict[str, Any] = {
        "TableName": "t",
        "KeyConditionExpression": text,
        "ExpressionAttributeNames": {"#p": first} | ({"#r": second} if test else {}),
        "ExpressionAttributeValues": values,
        "ScanIndexForward": draw(st.booleans()),
    }
    if draw(st.booleans()):
        asked["Limit"] = draw(st.integers(1, 3))
    return "Query", asked | ({"IndexName": "by-n"} if index else {})


calls = st.lists(
    st.one_of(puts, puts, updates, updates, deletes, gets, batch_gets, queries(), transactions), max_size=12
)


# --- comparing ------------------------------------------------------------------------------------------------


def plain(value: dict[str, Any]) -> Any:
    """A value so that what is equal for DynamoDB compares as equal."""
    ((kind, held),) = value.items()
    if kind == "N":
        return Decimal(held)
    if kind == "NS":
        return sorted(Decimal(text) for text in held)
    if kind == "L":
        return [plain(one) for one in held]
    if kind == "M":
        return {name: plain(held[name]) for name in sorted(held)}
    return held


def row(item: dict[str, Any] | None) -> Any:
    return None if item is None else {name: plain(item[name]) for name in sorted(item)}


def outcome(client: Any, call: Call) -> Any:
    """What the call gives, in a form that both engines share."""
    operation, asked = call
    try:
        answer = client._make_api_call(operation, asked)
    except ClientError as error:
        answered: Any = error.response
        reasons = [reason["Code"] for reason in answered.get("CancellationReasons", ())]
        if "ValidationError" in reasons:  # so says DynamoDB; moto refuses such a transaction as a whole
            return "refused", "ValidationException", []
        return "refused", answered["Error"]["Code"], reasons
    if operation == "Query":
        return every_page(client, asked, answer)
    if operation == "BatchGetItem":
        return sorted((row(item) for item in answer["Responses"]["t"]), key=str)
    return row(answer.get("Item")), row(answer.get("Attributes") or None)


def every_page(client: Any, asked: dict[str, Any], answer: dict[str, Any]) -> list[Any]:
    """All items of a query, page by page. Of two with one place in an index, neither comes first."""
    found = list(answer["Items"])
    while "LastEvaluatedKey" in answer:
        answer = client._make_api_call("Query", asked | {"ExclusiveStartKey": answer["LastEvaluatedKey"]})
        found += answer["Items"]
    rows = [row(item) for item in found]
    if "IndexName" not in asked:
        return rows
    places = [one["n"] for one in rows]
    assert places == sorted(places, reverse=not asked["ScanIndexForward"])
    return sorted(rows, key=str)


def everything(client: Any) -> list[Any]:
    return sorted((row(item) for item in client._make_api_call("Scan", {"TableName": "t"})["Items"]), key=str)


@pytest.fixture
def empty_moto(moto_dynamodb: Any) -> Callable[[], Any]:
    """A function that gives moto's client with the table empty."""

    def made() -> Any:
        if "t" in moto_dynamodb.list_tables()["TableNames"]:
            moto_dynamodb.delete_table(TableName="t")
        moto_dynamodb.create_table(**SCHEMA)
        return moto_dynamodb

    return made


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],  # to shrink a failure would take moto minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(calls=calls)
def test_both_engines_answer_alike(empty_moto: Callable[[], Any], calls: list[Call]) -> None:
    moto, memory = empty_moto(), MemoryDynamoDB(stage="test")
    memory.create_table(**SCHEMA)
    for call in calls:
        assert outcome(memory, call) == outcome(moto, call), call
    assert everything(memory) == everything(moto)
