"""The removal limit as it is stored, on both DynamoDBs."""

from typing import Any

import pytest

from chalicelib.store.removals import SPAN, Cause, Loss, RemovalStore, Withheld
from chalicelib.store.rows import SweepRow
from tests.store.conftest import Database

GUILD = 2**60
NOW = 1_800_000_000.0  # the beginning of a span
HOUR = 3600.0

pytestmark = pytest.mark.usefixtures("dynamodb")


@pytest.fixture
def store() -> RemovalStore:
    return RemovalStore(GUILD)


def record(user_id: str, **more: Any) -> Withheld:
    known: dict[str, Any] = {
        "user_id": user_id,
        "discord_id": "7",
        "username": "@kira",
        "loss": Loss.ROLES,
        "cause": Cause.LIMIT,
        "since": NOW,
        "by": "test",
        "version": 3,
    }
    return Withheld(**known | more)


def lost(store: RemovalStore, now: float) -> int:
    return store.window().lost(now)


def test_at_first_nobody_has_lost_anything(store: RemovalStore) -> None:
    window = store.window()
    assert (window.lost(NOW), window.linked, window.held_since) == (0, 0, None)


def test_losses_add_up_and_count_for_an_hour(store: RemovalStore) -> None:
    for now, more, so_far in [(NOW, 2, 2), (NOW + 10, 1, 3), (NOW + HOUR - 1, 4, 7), (NOW + HOUR, 1, 8)]:
        found = store.count(more, now=now)
        assert found
        assert found.lost(now) == so_far
    assert lost(store, NOW + HOUR + SPAN - 1) == 8
    assert lost(store, NOW + HOUR + SPAN) == 5, "the first three are more than an hour ago"
    assert lost(store, NOW + 3 * HOUR) == 0


def test_a_member_who_is_counted_again_counts_once_and_for_longer(store: RemovalStore) -> None:
    store.count(1, now=NOW)
    store.count(1, now=NOW + HOUR - 1, counted_at=NOW)
    assert lost(store, NOW + HOUR - 1) == 1
    assert lost(store, NOW + 2 * HOUR - 2) == 1
    store.count(1, now=NOW + HOUR, counted_at=NOW + HOUR - 1)
    assert lost(store, NOW + HOUR) == 1


def test_a_count_that_is_gone_cannot_be_moved(store: RemovalStore) -> None:
    """An answer forgot it. Below zero it would be an allowance for somebody else."""
    store.count(1, now=NOW)
    store.open_hold(now=NOW)
    store.close_hold(forget_losses=True)
    store.count(1, now=NOW + SPAN, counted_at=NOW)
    assert lost(store, NOW + SPAN) == 1


def test_what_is_given_back_does_not_count(store: RemovalStore) -> None:
    store.count(3, now=NOW)
    store.uncount(2, counted_at=NOW)
    assert lost(store, NOW) == 1
    store.uncount(1, counted_at=NOW - HOUR)
    assert lost(store, NOW) == 1, "nobody was counted then"


@pytest.mark.parametrize("later", [1, SPAN], ids=["same span", "a later span"])
def test_a_count_that_was_moved_and_is_given_back_counts_as_before(store: RemovalStore, later: float) -> None:
    """What the member lost before is lost. Taken back twice, it would be an allowance for somebody else."""
    store.count(1, now=NOW)
    moved = store.count(1, now=NOW + later, counted_at=NOW)
    assert moved
    assert moved.moved_from == NOW
    store.uncount(1, counted_at=NOW + later, moved_from=moved.moved_from)
    assert lost(store, NOW + later) == 1
    again = store.count(1, now=NOW + later, counted_at=NOW)
    assert again
    assert again.moved_from == NOW, "it can be moved once more"


def test_who_did_not_count_any_more_was_counted_anew(store: RemovalStore) -> None:
    found = store.count(1, now=NOW, counted_at=NOW - SPAN)
    assert found
    assert found.moved_from is None


def test_what_is_given_back_counts_once_less_if_dynamodb_hears_of_it_twice(
    store: RemovalStore, dynamodb: Database
) -> None:
    """Botocore repeats a call whose answer was lost. Of a transaction DynamoDB knows that it is the same."""
    store.count(3, now=NOW)
    dynamodb.twice("UpdateItem")
    store.uncount(1, counted_at=NOW)
    assert lost(store, NOW) == 2


def test_no_more_is_given_back_than_was_counted(store: RemovalStore) -> None:
    store.count(1, now=NOW)
    store.uncount(2, counted_at=NOW)
    assert lost(store, NOW) == 1


def test_old_counts_are_dropped(store: RemovalStore) -> None:
    for number in range(60):
        store.count(1, now=NOW + number * SPAN)
    assert len(store.window().counts) < 30


def test_while_a_hold_is_open_nobody_is_counted(store: RemovalStore) -> None:
    store.count(1, now=NOW, linked=200)
    assert store.open_hold(now=NOW)
    assert not store.open_hold(now=NOW + 1)
    assert store.count(1, now=NOW + 10 * HOUR) is None
    assert store.window().held_since == NOW
    assert store.close_hold()
    assert not store.close_hold()
    window = store.count(1, now=NOW + 10)
    assert window
    assert (window.lost(NOW + 10), window.linked) == (2, 200)


def test_a_hold_is_closed_when_nothing_is_withheld_any_more(store: RemovalStore) -> None:
    assert not store.close_hold_if_empty(), "none is open"
    store.open_hold(now=NOW)
    store.withhold(record("101"))
    store.withhold(record("102", cause=Cause.FIRST_RUN))
    assert not store.close_hold_if_empty()
    store.forget("101", Cause.LIMIT)
    assert store.close_hold_if_empty(), "the first-run lock is another matter"
    assert store.window().held_since is None


def test_what_is_withheld_comes_back_whole(store: RemovalStore) -> None:
    several = [
        record("101", roles=("Blue", "Fleet"), number=2),
        record("102", loss=Loss.KICK, deletion='{"kind":"delete_user"}'),
        record("103", cause=Cause.FIRST_RUN, loss=Loss.UNLINK),
    ]
    for one in several:
        store.withhold(one)
    assert list(store.withheld(Cause.LIMIT)) == several[:2]
    assert list(store.withheld(Cause.FIRST_RUN)) == several[2:]
    assert [store.withheld_from(user_id) for user_id in ("101", "103", "104")] == [several[0], several[2], None]
    assert list(RemovalStore(2).withheld(Cause.LIMIT)) == []


def test_what_is_on_record_keeps_its_time_until_something_else_is_withheld(store: RemovalStore) -> None:
    store.withhold(record("101"))
    store.withhold(record("101", since=NOW + 5))
    assert store.withheld_from("101") == record("101")
    for news in (record("101", since=NOW + 6, version=4), record("101", since=NOW + 7, version=4, loss=Loss.KICK)):
        store.withhold(news)
        assert store.withheld_from("101") == news


def test_a_record_that_cannot_be_read_is_left_out(store: RemovalStore) -> None:
    SweepRow(str(GUILD), f"{Cause.LIMIT.prefix}101", data={"user_id": 7}).save()
    store.withhold(record("102"))
    assert [one.user_id for one in store.withheld(Cause.LIMIT)] == ["102"]


def test_two_workers_that_begin_the_first_window_both_count(store: RemovalStore, dynamodb: Any) -> None:
    dynamodb.meanwhile("UpdateItem", lambda: RemovalStore(GUILD).count(1, now=NOW))
    store.count(1, now=NOW)
    assert lost(store, NOW) == 2


def test_who_creates_the_first_window_after_somebody_else_keeps_their_count(store: RemovalStore, dynamodb: Any) -> None:
    dynamodb.meanwhile("GetItem", lambda: RemovalStore(GUILD).count(3, now=NOW))  # between looking and creating
    store.count(1, now=NOW)
    assert lost(store, NOW) == 4
