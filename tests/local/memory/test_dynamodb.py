"""DynamoDB in memory: what `test_differential.py` cannot see, because moto does it otherwise or not at all."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.memory.clock import VirtualClock
from local.memory.dynamodb import MemoryDynamoDB, client_error, conflict, throttled

USERS = "rolecall-test-users"
ACCOUNTS = "rolecall-test-accounts"


class Crash(Exception):
    """A worker dies."""


def key(user_id: str) -> dict[str, Any]:
    return {"user_id": {"S": user_id}}


def put(memory: MemoryDynamoDB, user_id: str, **item: Any) -> None:
    memory.call("PutItem", TableName=USERS, Item=key(user_id) | item)


def get(memory: MemoryDynamoDB, user_id: str) -> Any:
    return memory.call("GetItem", TableName=USERS, Key=key(user_id)).get("Item")


def update(memory: MemoryDynamoDB, expression: str, **values: Any) -> Any:
    given = {f":{name}": value for name, value in values.items()}
    more = {"ExpressionAttributeValues": given} if given else {}
    return memory.call("UpdateItem", TableName=USERS, Key=key("1"), UpdateExpression=expression, **more)


def holds(memory: MemoryDynamoDB, condition: str, **values: Any) -> bool:
    """Whether user 1 meets the condition."""
    given = {f":{name}": value for name, value in values.items()}
    more = {"ExpressionAttributeValues": given} if given else {}
    found = memory.call("Scan", TableName=USERS, FilterExpression=condition, **more)
    return bool(found["Count"])


def refusal(error: pytest.ExceptionInfo[ClientError]) -> str:
    return error.value.response["Error"]["Code"]


def linked(number: int, guild: str = "900") -> dict[str, Any]:
    return {"guild_id": {"S": guild}, "discord_id": {"N": str(number)}}


def by_discord_id(memory: MemoryDynamoDB, **more: Any) -> Any:
    return memory.call(
        "Query",
        TableName=USERS,
        IndexName="by-discord-id",
        KeyConditionExpression="guild_id = :g",
        ExpressionAttributeValues={":g": {"S": "900"}},
        **more,
    )


# --- conditions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("missing = absent", False),
        ("missing <> absent", True),
        ("missing <> number", True),
        ("missing < number", False),
        ("NOT missing < number", True),
        ("words < number", False),
        ("number = other", True),
        ("number <= other AND number >= other", True),
        ("size (missing) > number", False),
        ("size (words) = four", True),
        ("size (listed) = two", True),
        ("attribute_type (words, kind)", True),
        ("number = one OR number = two AND number = one", False),
        ("NOT number = one AND number = two", False),
        ("NOT number = one AND (number = two OR number = other)", True),
    ],
)
def test_conditions_mean_what_dynamodb_means(memory: MemoryDynamoDB, condition: str, expected: bool) -> None:
    put(
        memory,
        "1",
        number={"N": "10"},
        other={"N": "1.0E1"},
        one={"N": "1"},
        two={"N": "2"},
        four={"N": "4"},
        words={"S": "éxy"},
        listed={"L": [{"N": "1"}, {"N": "2"}]},
        kind={"S": "S"},
    )
    assert holds(memory, condition) is expected


def test_numbers_compare_as_numbers_not_as_text(memory: MemoryDynamoDB) -> None:
    put(memory, "1", number={"N": "9223372036854775807"})
    assert holds(memory, "number > :small", small={"N": "99"})
    assert holds(memory, "number < :next", next={"N": "9223372036854775808"})  # the same as a float
    assert holds(memory, "number = :same AND number IN (:same)", same={"N": "9223372036854775807.0"})


@pytest.mark.parametrize(
    ("text", "kept"),
    [("1.50", "1.5"), ("1e3", "1000"), ("-0.0", "0"), ("007", "7"), ("0.1", "0.1"), ("1E-7", "0.0000001")],
)
def test_a_number_comes_back_without_what_says_nothing(memory: MemoryDynamoDB, text: str, kept: str) -> None:
    put(memory, "1", number={"N": text})
    assert get(memory, "1")["number"] == {"N": kept}


def test_tenths_add_up(memory: MemoryDynamoDB) -> None:
    put(memory, "1", number={"N": "0.1"})
    update(memory, "SET number = number + :v", v={"N": "0.2"})
    assert get(memory, "1")["number"] == {"N": "0.3"}


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "x", "", "1" * 39, "1E126", "1E-131"], ids=lambda text: text[:8] or "empty"
)
def test_what_is_no_number_is_refused(memory: MemoryDynamoDB, text: str) -> None:
    with pytest.raises(ClientError) as error:
        put(memory, "1", number={"N": text})
    assert refusal(error) == "ValidationException"


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "a =",
        "a = :v b",
        "a == :v",
        "(a = :v",
        "((a = :v))",
        "begins_with (a)",
        "#x = :v",
        "a = :w",
        "a < :t",
        "a ? :v",
    ],
)
def test_a_condition_that_makes_no_sense_is_refused(memory: MemoryDynamoDB, condition: str) -> None:
    put(memory, "1", a={"N": "1"})
    with pytest.raises(ClientError) as error:
        holds(memory, condition, v={"N": "1"}, t={"BOOL": True})
    assert refusal(error) == "ValidationException"


def test_a_value_that_no_expression_uses_is_refused(memory: MemoryDynamoDB) -> None:
    with pytest.raises(ClientError, match=r"unused in expressions: keys: \{:b\}"):
        update(memory, "SET x = :a", a={"N": "1"}, b={"N": "2"})


# --- updates ---------------------------------------------------------------------------------------------------


def test_every_action_reads_the_item_as_it_was(memory: MemoryDynamoDB) -> None:
    put(memory, "1", a={"N": "1"}, b={"N": "2"})
    update(memory, "SET a = b, b = a")
    assert get(memory, "1") == key("1") | {"a": {"N": "2"}, "b": {"N": "1"}}


def test_elements_that_go_together_are_those_that_were_named(memory: MemoryDynamoDB) -> None:
    put(memory, "1", listed={"L": [{"N": str(number)} for number in range(4)]})
    update(memory, "REMOVE listed[0], listed[2]")
    assert get(memory, "1")["listed"] == {"L": [{"N": "1"}, {"N": "3"}]}


def test_the_last_element_of_a_set_takes_the_set_along(memory: MemoryDynamoDB) -> None:
    put(memory, "1", some={"NS": ["1", "2"]})
    update(memory, "DELETE some :v", v={"NS": ["2.0", "1"]})
    assert get(memory, "1") == key("1")


@pytest.mark.parametrize(
    "expression",
    [
        "SET user_id = :v",
        "SET a = :v, a = :v",
        "SET m.k = :v, m = :v",
        "SET missing = absent + :v",
        "SET a = words + :v",
        "SET missing.k = :v",
        "ADD words :v",
        "SET a = :v SET b = :v",
        "CHANGE a = :v",
    ],
)
def test_an_update_that_makes_no_sense_is_refused_and_changes_nothing(memory: MemoryDynamoDB, expression: str) -> None:
    put(memory, "1", words={"S": "x"}, a={"N": "1"})
    before = get(memory, "1")
    with pytest.raises(ClientError) as error:
        update(memory, expression, v={"N": "1"})
    assert refusal(error) == "ValidationException"
    assert get(memory, "1") == before


def test_rows_share_nothing_that_an_update_changes(memory: MemoryDynamoDB) -> None:
    held = {"M": {"inner": {"L": [{"N": "1"}]}}}
    put(memory, "1", held=held)
    put(memory, "2", held=held)
    update(memory, "SET held.inner[0] = :v, held.more = :v", v={"N": "9"})
    assert get(memory, "2")["held"] == {"M": {"inner": {"L": [{"N": "1"}]}}}
    assert get(memory, "1")["held"] == {"M": {"inner": {"L": [{"N": "9"}]}, "more": {"N": "9"}}}


@pytest.mark.parametrize("bad", [{}, {"user_id": {"N": "1"}}, {"user_id": {"S": ""}}, key("1") | {"at": {"S": "x"}}])
def test_what_is_not_exactly_a_key_is_refused(memory: MemoryDynamoDB, bad: dict[str, Any]) -> None:
    with pytest.raises(ClientError) as error:
        memory.call("GetItem", TableName=USERS, Key=bad)
    assert refusal(error) == "ValidationException"


def test_an_item_that_the_index_cannot_hold_is_refused(memory: MemoryDynamoDB) -> None:
    with pytest.raises(ClientError, match="Type mismatch for key discord_id"):
        put(memory, "1", guild_id={"S": "900"}, discord_id={"S": "12"})
    assert get(memory, "1") is None


def test_an_item_has_room_for_400_kilobytes(memory: MemoryDynamoDB) -> None:
    put(memory, "1", text={"S": "x" * (400 * 1024 - 12)})
    with pytest.raises(ClientError, match="Item size"):
        put(memory, "1", text={"S": "x" * (400 * 1024 - 11)})


# --- transactions ----------------------------------------------------------------------------------------------


def account(number: str, user_id: str) -> dict[str, Any]:
    return {"Put": {"TableName": ACCOUNTS, "Item": {"discord_id": {"N": number}} | key(user_id)}}


def test_a_transaction_is_all_or_nothing_and_says_what_stood_in_its_way(memory: MemoryDynamoDB) -> None:
    put(memory, "1", a={"N": "1"})
    check = {"TableName": USERS, "Key": key("1"), "ConditionExpression": "attribute_not_exists (a)"}
    refused = {"ConditionCheck": check | {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}}
    with pytest.raises(ClientError) as error:
        memory.call("TransactWriteItems", TransactItems=[account("5", "1"), refused])
    answer: Any = error.value.response
    assert answer["Error"]["Code"] == "TransactionCanceledException"
    assert [reason["Code"] for reason in answer["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert answer["CancellationReasons"][1]["Item"] == key("1") | {"a": {"N": "1"}}
    assert memory.items("accounts") == []
    assert memory.call("TransactWriteItems", TransactItems=[account("5", "1"), account("6", "1")]) == {}
    assert len(memory.items("accounts")) == 2


def test_a_transaction_touches_each_item_once(memory: MemoryDynamoDB) -> None:
    with pytest.raises(ClientError, match="multiple operations on one item"):
        memory.call("TransactWriteItems", TransactItems=[account("5", "1"), account("5.0", "2")])


# --- the index -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forward", [True, False], ids=["ascending", "descending"])
@pytest.mark.parametrize("limit", [None, 1, 3, 7])
def test_pages_join_to_the_whole_in_order(clock: VirtualClock, limit: int | None, forward: bool) -> None:
    memory = MemoryDynamoDB(clock, page_size=4)
    numbers = [7, 10, 9, 100, 10, 8, 2**62, 10]  # three have one place
    for at, number in enumerate(numbers):
        put(memory, str(at), **linked(number))
    found, more = [], {"ScanIndexForward": forward} | ({"Limit": limit} if limit else {})
    page = by_discord_id(memory, **more)
    while True:
        found += [int(item["discord_id"]["N"]) for item in page["Items"]]
        assert len(page["Items"]) <= min(4, limit or 4)
        if "LastEvaluatedKey" not in page:
            break
        page = by_discord_id(memory, ExclusiveStartKey=page["LastEvaluatedKey"], **more)
    assert found == sorted(numbers, reverse=not forward)


def test_a_page_ends_at_a_megabyte(memory: MemoryDynamoDB) -> None:
    for at in range(5):
        put(memory, str(at), text={"S": "x" * 300_000}, **linked(at + 1))
    page = by_discord_id(memory)
    assert page["Count"] == 3
    assert by_discord_id(memory, ExclusiveStartKey=page["LastEvaluatedKey"])["Count"] == 2


def test_an_index_that_lags_takes_changes_in_their_order(clock: VirtualClock) -> None:
    lags = iter([3.0, 1.0])
    memory = MemoryDynamoDB(clock, index_lag=lambda: next(lags))
    put(memory, "1", **linked(5))
    put(memory, "1", **linked(6))
    assert get(memory, "1") == key("1") | linked(6)
    clock.advance(2.9)
    assert by_discord_id(memory)["Items"] == []
    clock.advance(0.2)
    assert by_discord_id(memory)["Items"] == [key("1") | linked(6)]


def test_a_late_index_still_shows_a_row_that_is_gone(clock: VirtualClock) -> None:
    memory = MemoryDynamoDB(clock)
    put(memory, "1", **linked(5))
    memory.index_lag = 2.0
    memory.call("DeleteItem", TableName=USERS, Key=key("1"))
    assert by_discord_id(memory)["Count"] == 1
    clock.advance(2)
    assert by_discord_id(memory)["Count"] == 0


def test_an_index_cannot_be_read_consistently(memory: MemoryDynamoDB) -> None:
    with pytest.raises(ClientError, match="Consistent reads are not supported"):
        by_discord_id(memory, ConsistentRead=True)


# --- for tests only -----------------------------------------------------------------------------------


def test_calls_are_counted_by_operation_and_table(memory: MemoryDynamoDB) -> None:
    put(memory, "1")
    get(memory, "1")
    get(memory, "2")
    memory.call(
        "TransactWriteItems", TransactItems=[account("5", "1"), {"Delete": {"TableName": USERS, "Key": key("1")}}]
    )
    assert memory.counts == {
        ("PutItem", USERS): 1,
        ("GetItem", USERS): 2,
        ("TransactWriteItems", f"{ACCOUNTS},{USERS}"): 1,
    }


@pytest.mark.parametrize("after", [False, True], ids=["before the effect", "after the effect"])
def test_a_crash_can_come_before_or_after_the_effect(memory: MemoryDynamoDB, after: bool) -> None:
    def crash(_operation: str, _arguments: object) -> None:
        raise Crash

    setattr(memory, "after" if after else "before", crash)
    with pytest.raises(Crash):
        put(memory, "1")
    memory.before = memory.after = None
    assert (get(memory, "1") is not None) is after


def test_faults_look_as_botocore_shows_them() -> None:
    arguments = {"TransactItems": [account("5", "1"), account("6", "1")]}
    assert throttled("PutItem").response["Error"]["Code"] == "ProvisionedThroughputExceededException"
    assert conflict("PutItem", {}).response["Error"]["Code"] == "TransactionConflictException"
    cancelled: Any = conflict("TransactWriteItems", arguments).response
    assert [reason["Code"] for reason in cancelled["CancellationReasons"]] == ["TransactionConflict", "None"]
    assert client_error("Code", "why", "Op").operation_name == "Op"


def test_expired_rows_go_when_dynamodb_comes_round_to_them(memory: MemoryDynamoDB) -> None:
    put(memory, "over", expires_at={"N": str(int(memory.clock.now()))})
    put(memory, "not yet", expires_at={"N": str(int(memory.clock.now()) + 1)})
    put(memory, "never")
    assert memory.expire() == 1
    assert {item["user_id"]["S"] for item in memory.items("users")} == {"not yet", "never"}


def test_a_restored_table_is_as_it_was_and_the_others_as_they_are(memory: MemoryDynamoDB) -> None:
    put(memory, "1", **linked(5))
    kept = memory.snapshot()
    put(memory, "1", **linked(6))
    put(memory, "2", **linked(7))
    memory.call("TransactWriteItems", TransactItems=[account("6", "1")])
    memory.restore(kept, only=[USERS])
    assert [item["discord_id"]["N"] for item in by_discord_id(memory)["Items"]] == ["5"]
    assert get(memory, "2") is None
    assert len(memory.items("accounts")) == 1


def test_an_unknown_table_does_not_exist(memory: MemoryDynamoDB) -> None:
    with pytest.raises(ClientError) as error:
        memory.call("GetItem", TableName="rolecall-other-users", Key=key("1"))
    assert refusal(error) == "ResourceNotFoundException"


def test_reading_consumes_a_unit_for_four_kilobytes_and_half_of_one_if_not_consistent(memory: MemoryDynamoDB) -> None:
    put(memory, "1", text={"S": "x" * 4100})
    for consistent, units in ((True, 2.0), (False, 1.0)):
        before = memory.consumed.reads
        memory.call("GetItem", TableName=USERS, Key=key("1"), ConsistentRead=consistent)
        assert memory.consumed.reads - before == units
    before = memory.consumed.reads
    get(memory, "nobody")
    assert memory.consumed.reads - before == 0.5


def test_a_query_consumes_units_for_all_that_it_read_together(memory: MemoryDynamoDB) -> None:
    for number in range(3):
        linked = {"guild_id": {"S": "1"}, "discord_id": {"N": str(number)}}
        put(memory, str(number), text={"S": "x" * 2000}, **linked)
    before = memory.consumed.reads
    query = {"KeyConditionExpression": "guild_id = :g", "ExpressionAttributeValues": {":g": {"S": "1"}}}
    memory.call("Query", TableName=USERS, IndexName="by-discord-id", **query)
    assert memory.consumed.reads - before == 1.0  # 6 KB, not consistent


def test_writing_consumes_units_in_the_index_too_and_twice_as_many_in_a_transaction(memory: MemoryDynamoDB) -> None:
    def consumed(act: Callable[[], object]) -> float:
        before = memory.consumed.writes
        act()
        return memory.consumed.writes - before

    linked = {"guild_id": {"S": "1"}, "discord_id": {"N": "7"}}
    assert consumed(lambda: put(memory, "1", text={"S": "x" * 1100})) == 2
    assert consumed(lambda: put(memory, "1", **linked)) == 2 + 2  # the larger of both versions counts
    assert consumed(lambda: update(memory, "SET discord_id = :id", id={"N": "8"})) == 1 + 2
    assert consumed(lambda: memory.call("DeleteItem", TableName=USERS, Key=key("1"))) == 1 + 1
    items = [{"Put": {"TableName": USERS, "Item": key("2")}}, {"Put": {"TableName": USERS, "Item": key("3")}}]
    assert consumed(lambda: memory.call("TransactWriteItems", TransactItems=items)) == 4


def test_the_first_of_many_is_read_without_listing_the_others(memory: MemoryDynamoDB) -> None:
    for number in range(3000):
        put(memory, str(number), guild_id={"S": "1"}, discord_id={"N": str(number)})
    query = {
        "KeyConditionExpression": "guild_id = :g AND discord_id > :id",
        "ExpressionAttributeValues": {":g": {"S": "1"}, ":id": {"N": "10"}},
    }
    memory.call("Query", TableName=USERS, IndexName="by-discord-id", Limit=1, **query)
    tracemalloc.start()
    try:
        found = memory.call("Query", TableName=USERS, IndexName="by-discord-id", Limit=1, **query)
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()
    assert [item["discord_id"]["N"] for item in found["Items"]] == ["11"]
