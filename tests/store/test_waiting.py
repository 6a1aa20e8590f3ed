"""Who waits to be compared together, and who drives that."""

import pytest

from chalicelib.store.waiting import Driver, WaitingStore
from local.memory.clock import START as NOW

pytestmark = pytest.mark.usefixtures("dynamodb")
HIGHEST = 2**63 - 1


@pytest.fixture
def waiting() -> WaitingStore:
    return WaitingStore(900)


def ids(waiting: WaitingStore, after: int, upto: int, most: int | None = None) -> list[int]:
    return [mark.discord_id for mark in waiting.between(after, upto, most=most)]


def test_marks_come_in_the_order_of_discord_ids_from_the_first_after_to_the_last(waiting: WaitingStore) -> None:
    for discord_id in (100, 9, 7, 7, HIGHEST):
        waiting.add(f"u-{discord_id}", discord_id, now=NOW)
    assert ids(waiting, 0, HIGHEST) == [7, 7, 9, 100, HIGHEST]
    assert ids(waiting, 7, 100) == [9, 100]
    assert ids(waiting, 6, 99) == [7, 7, 9]
    assert ids(waiting, 0, HIGHEST, most=2) == [7, 7]
    first = waiting.first_after(9)
    assert first is not None
    assert (first.discord_id, first.user_id, first.since) == (100, "u-100", NOW)
    assert waiting.first_after(HIGHEST) is None


def test_only_the_marks_that_are_named_are_removed(waiting: WaitingStore) -> None:
    waiting.add("1", 7, now=NOW)
    seen = waiting.between(0, HIGHEST)
    waiting.add("1", 7, now=NOW + 1)
    waiting.remove(seen)
    assert [mark.since for mark in waiting.between(0, HIGHEST)] == [NOW + 1]


def test_guilds_have_marks_and_drivers_of_their_own(waiting: WaitingStore) -> None:
    waiting.add("1", 7, now=NOW)
    waiting.name_driver("a", lease=NOW + 60)
    other = WaitingStore(901)
    assert (other.between(0, HIGHEST), other.driver()) == ([], Driver())


def test_a_driver_is_named_for_a_while(waiting: WaitingStore) -> None:
    assert waiting.driver() == Driver()
    assert waiting.announce(now=NOW) == Driver(announced_at=NOW)
    waiting.name_driver("a", lease=NOW + 60)
    assert waiting.driver() == Driver("a", NOW + 60, NOW)
    waiting.note_no_list(until=NOW + 300)
    assert waiting.driver() == Driver("a", NOW + 60, NOW, NOW + 300)


@pytest.mark.parametrize("before", ["", "a"], ids=["nobody", "another"])
def test_a_driver_takes_the_place_of_the_one_that_was_seen(waiting: WaitingStore, before: str) -> None:
    if before:
        waiting.name_driver(before, lease=NOW)
    seen = waiting.driver()
    waiting.name_driver("b", lease=NOW + 1, seen=seen)
    assert waiting.driver().token == "b"
    waiting.name_driver("c", lease=NOW + 2, seen=seen)
    assert waiting.driver().token == "b", "another one was named since"


def test_a_driver_goes_unless_another_was_named_or_somebody_announced_since(waiting: WaitingStore) -> None:
    waiting.announce(now=NOW)
    waiting.name_driver("a", lease=NOW + 60)
    seen = waiting.driver()
    waiting.name_driver("b", lease=NOW + 60)
    assert not waiting.dismiss_driver(seen)
    seen = waiting.driver()
    waiting.announce(now=NOW + 1)
    assert not waiting.dismiss_driver(seen)
    assert waiting.driver().token == "b"
    assert waiting.dismiss_driver(waiting.driver())
    assert waiting.driver() == Driver(announced_at=NOW + 1)


def test_a_driver_goes_where_nobody_ever_announced(waiting: WaitingStore) -> None:
    assert waiting.dismiss_driver(Driver())
    waiting.name_driver("a", lease=NOW + 60)
    seen = waiting.driver()
    assert waiting.dismiss_driver(seen)
    waiting.name_driver("a", lease=NOW + 60)
    waiting.announce(now=NOW)
    assert not waiting.dismiss_driver(seen)
