"""What stops all calls, as all workers share it."""

import pytest

from chalicelib.discord.halts import SharedState
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.rows import RateLimitRow
from local.memory.clock import START as NOW

APP, GUILD = 7, 900


@pytest.fixture
def halt_store() -> DynamoHaltStore:
    return DynamoHaltStore(APP, GUILD)


def test_at_first_nothing_is_halted(halt_store: DynamoHaltStore) -> None:
    assert halt_store.shared_state() == SharedState()


def test_a_refused_token_is_told_to_all(halt_store: DynamoHaltStore) -> None:
    halt_store.refuse_token("fingerprint")
    assert DynamoHaltStore(APP, GUILD).shared_state() == SharedState("fingerprint")


def test_a_halt_never_shortens_a_longer_one(halt_store: DynamoHaltStore) -> None:
    halt_store.halt_until(NOW + 10.5, "first")
    halt_store.halt_until(NOW + 9, "shorter")
    assert halt_store.shared_state() == SharedState("", NOW + 10.5, "first")
    halt_store.halt_until(NOW + 60, "longer")
    assert halt_store.shared_state().blocked_why == "longer"


def test_halts_concern_the_bot_whatever_the_guild(halt_store: DynamoHaltStore) -> None:
    halt_store.refuse_token("fingerprint")
    assert DynamoHaltStore(APP, 901).shared_state() == SharedState("fingerprint")
    assert DynamoHaltStore(8, 901).shared_state() == SharedState()


def test_invalid_requests_are_counted_over_ten_minutes(halt_store: DynamoHaltStore) -> None:
    assert [halt_store.count_invalid(NOW + second) for second in (0, 1, 61, 300)] == [1, 2, 3, 4]
    assert halt_store.count_invalid(NOW + 599) == 5
    assert halt_store.invalid(NOW + 599) == 5
    assert halt_store.count_invalid(NOW + 601) == 4  # the first minute's are over


# --- an installation from before -----------------------------------------------------------------------------------


def before(**columns: object) -> None:
    """The row of the guild in which version 1 kept names of buckets and halts together."""
    row = RateLimitRow(f"{GUILD}:noticeboard")
    row.update([getattr(RateLimitRow, name).set(value) for name, value in columns.items()])


def test_a_halt_from_before_the_upgrade_still_counts(halt_store: DynamoHaltStore) -> None:
    before(buckets={"PUT role": "b"}, halted_token="fingerprint", blocked_until=NOW + 9, blocked_why="older")
    assert halt_store.shared_state() == SharedState("fingerprint", NOW + 9, "older")
    halt_store.halt_until(NOW + 5, "newer")
    assert halt_store.shared_state().blocked_until == NOW + 9
    halt_store.halt_until(NOW + 12, "newer")
    assert halt_store.shared_state() == SharedState("fingerprint", NOW + 12, "newer")


def test_lifting_forgets_the_halts_from_before_too_and_no_name(halt_store: DynamoHaltStore) -> None:
    before(buckets={"PUT role": "b"}, halted_token="fingerprint", blocked_until=NOW + 9, blocked_why="older")
    halt_store.refuse_token("another")
    halt_store.halt_until(NOW + 12, "newer")
    halt_store.lift()
    assert halt_store.shared_state() == SharedState()
    assert RateLimitRow.get(f"{GUILD}:noticeboard").buckets == {"PUT role": "b"}
