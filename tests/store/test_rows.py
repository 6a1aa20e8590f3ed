"""How rows are written and read, whatever table they are of."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field

import pytest
from pynamodb.exceptions import PynamoDBException

from chalicelib.store import attempts
from chalicelib.store.rows import MAX_ATTEMPTS, UserRow, read_as, written
from chalicelib.store.users import get, record_groups
from local.memory.clock import START as NOW
from local.memory.dynamodb import conflict, throttled
from tests.store.conftest import Database


def refusing(error: Exception) -> Callable[[], object]:
    """What happens in the place of a call that fails so."""

    def refuse() -> None:
        raise error

    return refuse


def refuse_next(dynamodb: Database, operation: str, times: int) -> None:
    """Let the next calls of that operation meet somebody's transaction."""
    for _ in range(times):
        dynamodb.meanwhile(operation, refusing(conflict(operation, {})))


# --- writing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, MAX_ATTEMPTS - 1], ids=["once", "as often as it is tried but for the last time"])
def test_a_write_that_meets_a_transaction_is_tried_again(dynamodb: Database, times: int) -> None:
    refuse_next(dynamodb, "UpdateItem", times)
    assert record_groups("1", ("a",), 1, now=NOW).version == 1
    user = get("1", now=NOW)
    assert user is not None
    assert (user.groups, user.version) == (("a",), 1)


def test_every_kind_of_write_is_tried_again(dynamodb: Database) -> None:
    refuse_next(dynamodb, "PutItem", 2)
    assert attempts.use_once("key", expires_at=NOW + 60)
    refuse_next(dynamodb, "UpdateItem", 2)
    assert record_groups("1", ("a",), 1, now=NOW).version == 1


def test_a_condition_that_fails_once_the_transaction_is_over_is_said_to_fail(dynamodb: Database) -> None:
    attempts.use_once("key", expires_at=NOW + 60)
    refuse_next(dynamodb, "PutItem", 1)
    assert not attempts.use_once("key", expires_at=NOW + 90)
    assert attempts.is_used("key")


def test_transactions_without_end_are_a_fault(dynamodb: Database) -> None:
    refuse_next(dynamodb, "UpdateItem", MAX_ATTEMPTS)
    with pytest.raises(PynamoDBException, match="TransactionConflictException"):
        written(lambda: UserRow("1").update([UserRow.version.set(1)]))
    assert get("1", now=NOW) is None


def test_any_other_fault_is_not_tried_again(dynamodb: Database) -> None:
    dynamodb.meanwhile("UpdateItem", refusing(throttled("UpdateItem")))
    with pytest.raises(PynamoDBException, match="ProvisionedThroughputExceeded"):
        written(lambda: UserRow("1").update([UserRow.version.set(1)]))
    assert get("1", now=NOW) is None


# --- reading ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kept:
    """As this version knows it."""

    id: int
    names: tuple[str, ...]
    at: float = 0.5
    more: dict[str, int] = field(default_factory=dict)


KEPT = Kept(2**63 - 1, ("a", "ü"), 1.25, {"x": 1})


def test_what_was_kept_comes_back() -> None:
    assert read_as(Kept, asdict(KEPT)) == KEPT


def test_what_only_another_version_knows_is_left_out() -> None:
    assert read_as(Kept, asdict(KEPT) | {"since_next_year": {"any": ["thing"]}}) == KEPT


def test_what_an_earlier_version_did_not_keep_is_as_if_not_said() -> None:
    assert read_as(Kept, {"id": 1, "names": []}) == Kept(1, ())


@pytest.mark.parametrize(
    "data",
    [{}, {"id": 1}, {"id": "one", "names": []}, {"id": 1, "names": [{"name": "a"}]}, ["id", "names"], "text", 7],
    ids=str,
)
def test_what_cannot_be_read_counts_as_absent_and_is_logged(data: object, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("WARNING", "rolecall")
    assert read_as(Kept, data) is None
    assert "unreadable_row" in caplog.text
