"""What one process knows of the buckets, when it asks the store again, and what it stores."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.discord.buckets import CACHE_TTL, GLOBAL_BUCKET, MAX_SWAPS, Buckets
from chalicelib.discord.rate_limit import Bucket, Kind, Lane, Seen
from local.memory.clock import START, VirtualClock

PUT, DELETE, PATCH = "PUT member role", "DELETE member role", "PATCH member"


class Shelf:
    """A store in memory that notes what is asked of it; `beaten` swaps come too late, as if others got ahead."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.buckets: dict[str, Bucket] = {}
        self.asked: list[str] = []
        self.beaten = 0
        self.yields: Bucket | None = None  # what `open` and `acquire` make of a bucket
        self.last: dict[str, Any] = {}  # how the last of them was asked

    def bucket_names(self) -> dict[str, str]:
        self.asked.append("bucket_names")
        return dict(self.names)

    def name_bucket(self, route: str, key: str) -> dict[str, str]:
        self.asked.append("name_bucket")
        self.names[route] = key
        return dict(self.names)

    def get(self, key: str) -> Bucket:
        self.asked.append("get")
        return self.buckets.get(key, Bucket(key))

    def acquire(self, key: str, lane: Lane, **how: Any) -> Bucket | None:
        self.asked.append("acquire")
        self.last = {"key": key, "lane": lane} | how
        return self.yields

    def open(self, known: Bucket, lane: Lane, **how: Any) -> Bucket | None:
        self.asked.append("open")
        self.last = {"key": known.key, "lane": lane} | how
        return self.yields

    def swap(self, old: Bucket, new: Bucket, *, alone: bool) -> bool:
        self.asked.append("swap alone" if alone else "swap")
        if self.beaten > 0:
            self.beaten -= 1
            return False
        if self.buckets.get(old.key, Bucket(old.key)).number != old.number:
            return False
        self.buckets[new.key] = new
        return True

    def take_slots(self, key: str, lane: Lane, count: int, *, at_least: int) -> int:
        self.last = {"key": key, "lane": lane, "count": count, "at_least": at_least}
        return at_least


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def buckets(shelf: Shelf, clock: VirtualClock) -> Buckets:
    return Buckets(shelf, clock)


def opened(window: float = 10.0, **changes: Any) -> Bucket:
    """A bucket of ten whose window opened at the start."""
    bucket = Bucket("b", 10, window, Kind.FIXED, number=3, opened_at=START)
    bucket = replace(bucket, reopens_at=START + bucket.reopens_after)
    return replace(bucket, **changes)


# --- names ----------------------------------------------------------------------------------------------------


def test_a_route_counts_against_a_bucket_of_its_own_until_an_answer_tells(buckets: Buckets) -> None:
    assert buckets.names.bucket_of(PATCH) == PATCH
    assert buckets.names.bucket_of(PUT) == buckets.names.bucket_of(DELETE) == DELETE, "but these two share one"


def test_a_route_that_shares_its_bucket_goes_by_the_name_of_the_other(buckets: Buckets) -> None:
    buckets.names.name(PUT, "roles")
    assert (buckets.names.bucket_of(PUT), buckets.names.bucket_of(DELETE)) == ("roles", "roles")
    buckets.names.name(DELETE, "others")
    assert (buckets.names.bucket_of(PUT), buckets.names.bucket_of(DELETE)) == ("roles", "others")


def test_names_are_believed_for_half_a_minute(buckets: Buckets, shelf: Shelf, clock: VirtualClock) -> None:
    buckets.names.bucket_of(PATCH)
    shelf.names[PATCH] = "members"
    clock.advance(29.9)
    assert buckets.names.bucket_of(PATCH) == PATCH
    clock.advance(0.1)
    assert buckets.names.bucket_of(PATCH) == "members"
    assert shelf.asked == ["bucket_names"] * 2
    assert CACHE_TTL == 30.0


def test_a_route_without_a_name_is_looked_up_anew_before_a_request_once_at_each_moment(
    buckets: Buckets, shelf: Shelf, clock: VirtualClock
) -> None:
    buckets.names.bucket_of(PATCH)
    buckets.names.current_bucket_of(PATCH)
    assert shelf.asked == ["bucket_names"]
    shelf.names[PATCH] = "members"
    clock.advance(0.1)
    assert buckets.names.current_bucket_of(PATCH) == "members"
    clock.advance(0.1)
    shelf.names[PATCH] = "others"
    assert buckets.names.current_bucket_of(PATCH) == "members", "a name that is known is believed"
    buckets.names.forget()
    assert buckets.names.current_bucket_of(PATCH) == "others"


def test_a_name_is_stored_once(buckets: Buckets, shelf: Shelf) -> None:
    for _ in range(3):
        buckets.names.name(PATCH, "members")
    assert shelf.asked.count("name_bucket") == 1


# --- what is known --------------------------------------------------------------------------------------------


def test_a_bucket_is_read_once_and_then_known_until_it_is_read_again(buckets: Buckets, shelf: Shelf) -> None:
    assert buckets.known("b") is None
    assert buckets.get("b") == Bucket("b")
    shelf.buckets["b"] = opened()
    assert buckets.get("b") == Bucket("b")
    assert shelf.asked == ["get"]
    assert buckets.read("b") == buckets.get("b") == buckets.known("b") == opened()


# --- entering -------------------------------------------------------------------------------------------------


def enter(
    buckets: Buckets, bucket: Bucket, yields: Bucket | None = None, *, ticketed: bool = False, places: int = 1
) -> int:
    """Enter a bucket that this process knows."""
    shelf = buckets._store
    assert isinstance(shelf, Shelf)
    shelf.buckets["b"], shelf.yields = bucket, yields
    buckets.read("b")
    shelf.asked.clear()
    return buckets.enter("b", Lane.NORMAL, ticketed=ticketed, places=places)


@pytest.mark.parametrize("late", [0.0, 100.0])
@pytest.mark.parametrize("used", [(5, 3, 2), (20, 0, 0)], ids=["used up", "closed by a 429"])
def test_a_full_window_is_not_asked_for_until_the_next_may_open(
    buckets: Buckets, shelf: Shelf, clock: VirtualClock, used: tuple[int, int, int], late: float
) -> None:
    full = opened(used=used)
    clock.advance(10.0)
    assert enter(buckets, full) == 0
    assert shelf.asked == []
    clock.move_to(full.reopens_at + late)
    after = opened(number=4)
    assert enter(buckets, full, after) == 1
    assert shelf.asked == ["open"]
    assert buckets.get("b") == after


def test_a_place_in_the_open_window_takes_one_update(buckets: Buckets, shelf: Shelf, clock: VirtualClock) -> None:
    after = opened(used=(0, 10, 0))
    assert enter(buckets, opened(used=(0, 9, 0)), after, ticketed=True) == 1
    assert shelf.asked == ["acquire"]
    assert shelf.last == {
        "key": "b",
        "lane": Lane.NORMAL,
        "now": clock.now(),
        "ticketed": True,
        "places": 1,
        "limit": 10,
    }
    assert buckets.get("b") == after


@pytest.mark.parametrize(("used", "places", "taken"), [((1, 2, 3), 4, 4), ((1, 2, 3), 5, 4), ((0, 0, 0), 99, 10)])
def test_no_more_places_are_taken_than_are_free(
    buckets: Buckets, shelf: Shelf, used: tuple[int, int, int], places: int, taken: int
) -> None:
    assert enter(buckets, opened(used=used), opened(), places=places) == taken
    assert shelf.last["places"] == taken


@pytest.mark.parametrize("late", [0.0, 100.0])
def test_a_new_window_is_all_free(buckets: Buckets, shelf: Shelf, clock: VirtualClock, late: float) -> None:
    clock.advance(10.1 + late)
    assert enter(buckets, opened(used=(0, 10, 0)), opened(), places=12) == 10
    assert (shelf.asked, shelf.last["places"]) == (["open"], 10)
    assert "early" not in shelf.last


def test_in_the_pause_a_long_window_admits_nobody(buckets: Buckets, shelf: Shelf, clock: VirtualClock) -> None:
    for elapsed in (9.5, 10.0):
        clock.move_to(START + elapsed)
        assert enter(buckets, opened()) == 0
        assert shelf.asked == ["get"], "which is read to see whether it is so"


def test_in_the_pause_a_short_window_is_followed_at_once(buckets: Buckets, shelf: Shelf, clock: VirtualClock) -> None:
    short = opened(window=1.0)
    clock.move_to(short.closes_at)
    assert enter(buckets, short, opened()) == 1
    assert (shelf.asked, shelf.last["early"]) == (["open"], True)


def test_a_window_that_another_worker_opened_is_entered(clock: VirtualClock) -> None:
    class Later(Shelf):
        def open(self, known: Bucket, lane: Lane, **how: Any) -> Bucket | None:
            super().open(known, lane, **how)
            return None

    late = Later()
    clock.advance(10.1)
    assert enter(Buckets(late, clock), opened(), opened(number=4)) == 1
    assert late.asked == ["open", "acquire"]


def test_what_is_not_plainly_possible_is_decided_by_the_whole_bucket(buckets: Buckets, shelf: Shelf) -> None:
    assert enter(buckets, opened()) == 1
    assert shelf.asked == ["acquire", "get", "swap alone"]
    assert shelf.buckets["b"] == buckets.get("b") == opened(used=(0, 1, 0))


def test_one_place_is_taken_unless_several_are_asked_for(buckets: Buckets, shelf: Shelf) -> None:
    shelf.buckets["b"] = shelf.yields = opened()
    buckets.read("b")
    assert buckets.enter("b", Lane.NORMAL, ticketed=False) == 1
    assert shelf.last["places"] == 1


def test_a_bucket_that_nobody_has_seen_is_entered_by_one(buckets: Buckets, shelf: Shelf) -> None:
    assert buckets.enter("b", Lane.URGENT, ticketed=False) == 1
    assert buckets.enter("b", Lane.URGENT, ticketed=False) == 0
    assert "acquire" not in shelf.asked
    assert "open" not in shelf.asked


def test_who_is_beaten_again_and_again_gives_up_for_now(buckets: Buckets, shelf: Shelf) -> None:
    shelf.beaten = MAX_SWAPS - 1
    assert buckets.enter("b", Lane.URGENT, ticketed=False) == 1
    again = Shelf()
    again.beaten = MAX_SWAPS
    assert Buckets(again, VirtualClock()).enter("b", Lane.URGENT, ticketed=False) == 0
    assert (again.beaten, again.asked.count("swap alone")) == (0, 5)


# --- leaving, tickets, answers --------------------------------------------------------------------------------


def test_a_place_is_released_unless_its_window_is_over(buckets: Buckets, shelf: Shelf) -> None:
    shelf.buckets["b"] = opened(used=(1, 1, 0))
    buckets.leave("b", Lane.NORMAL, 2)
    assert shelf.asked == ["get"], "nothing to store"
    buckets.leave("b", Lane.NORMAL, 3)
    assert shelf.buckets["b"] == buckets.known("b") == opened(used=(1, 0, 0))
    assert "swap alone" in shelf.asked


def test_a_ticket_is_for_a_slot_that_is_not_past(buckets: Buckets, shelf: Shelf) -> None:
    shelf.buckets["b"] = opened(used=(0, 4, 0))
    assert buckets.take_slots("b", Lane.BULK, 7) == 34
    assert shelf.last == {"key": "b", "lane": Lane.BULK, "count": 7, "at_least": 34}


def test_an_answer_without_a_bucket_counts_against_the_bots_own(buckets: Buckets, shelf: Shelf) -> None:
    seen = Seen(10, 9, START + 1, 1.0, START)
    for name, headers in ((None, None), ("members", None), (None, seen), ("", seen)):
        buckets.names.forget()
        shelf.names.clear()
        buckets.answered(PATCH, PATCH, name, headers)
        assert shelf.names == {PATCH: GLOBAL_BUCKET}


def test_an_answer_tells_the_bucket_and_its_size(buckets: Buckets, shelf: Shelf) -> None:
    buckets.answered(PATCH, PATCH, "b", Seen(10, 9, START + 1, 1.0, START))
    assert shelf.names == {PATCH: "b"}
    assert (shelf.buckets["b"].limit, shelf.buckets["b"].window) == (10, 10.0)
    shelf.asked.clear()
    buckets.answered(PATCH, "b", "b", Seen(10, 9, START + 1, 1.0, START))
    assert shelf.asked == [], "the bucket is known, and nothing is new"


@pytest.mark.parametrize("entered", ["a", "c"])
def test_an_answer_of_another_bucket_than_was_entered_is_compared_with_what_is_stored(
    buckets: Buckets, shelf: Shelf, entered: str
) -> None:
    buckets.read("b")
    shelf.buckets["b"] = opened()
    shelf.asked.clear()
    buckets.answered(PATCH, entered, "b", Seen(10, 9, START + 1, 1.0, START))
    assert [one for one in shelf.asked if "name" not in one] == ["get", "swap alone"]
    assert shelf.buckets["b"].used == (1, 0, 0)


@pytest.mark.parametrize("after", [0.2, 0.4], ids=["window of 1 s", "window of 2 s"])
def test_of_a_short_window_each_process_compares_its_own_answers(buckets: Buckets, shelf: Shelf, after: float) -> None:
    first = Seen(5, 4, START + after, after, START)
    second = replace(first, at=START + after + 0.1, reset=START + 2 * after + 0.1)
    third = replace(second, remaining=3, at=second.at + 0.1, reset_after=after - 0.1)
    for seen in (first, second, third):
        buckets.answered(PATCH, "b", "b", seen)
    assert shelf.buckets["b"].kind is Kind.FIXED, "compared with the first answer, its reset would have moved"


@pytest.mark.parametrize("reset_after", [0.2, 0.4], ids=["window of 1 s", "window of 2 s"])
def test_an_answer_that_another_process_got_later_is_compared_with(
    buckets: Buckets, shelf: Shelf, reset_after: float
) -> None:
    first = Seen(5, 4, START + reset_after, reset_after, START)
    buckets.answered(PATCH, "b", "b", first)
    later = replace(first, at=START + reset_after + 0.1, reset=START + 2 * reset_after + 0.1)
    shelf.buckets["b"] = replace(shelf.buckets["b"], last=later)
    buckets.read("b")
    buckets.answered(PATCH, "b", "b", replace(later, remaining=3, at=later.at + 0.1, reset_after=reset_after - 0.1))
    assert shelf.buckets["b"].kind is Kind.FIXED, "its reset is where the other process saw it"


def test_who_is_beaten_reads_the_bucket_again_before_a_change(buckets: Buckets, shelf: Shelf) -> None:
    buckets.answered(PATCH, PATCH, "b", Seen(10, 9, START + 1, 1.0, START))
    shelf.asked.clear()
    shelf.beaten = 1
    buckets.answered(PATCH, "b", "b", Seen(10, 7, START + 3, 3.0, START))
    assert [one for one in shelf.asked if one != "bucket_names"] == ["swap alone", "get", "swap alone"]
    assert shelf.buckets["b"].used == (3, 0, 0)
    shelf.beaten = 99
    buckets.answered(PATCH, "b", "b", Seen(10, 5, START + 5, 5.0, START))
    assert 99 - shelf.beaten == MAX_SWAPS


def test_a_later_reset_alone_is_stored_whoever_entered_meanwhile(buckets: Buckets, shelf: Shelf) -> None:
    shelf.buckets["b"] = opened(used=(1, 0, 0))
    buckets.read("b")
    shelf.asked.clear()
    buckets.answered(PATCH, "b", "b", Seen(10, 9, START + 11, 10.0, START + 1))
    assert shelf.buckets["b"].reopens_at == START + 11
    assert "swap" in shelf.asked


def test_a_429_closes_the_bucket_that_it_names(buckets: Buckets, shelf: Shelf, clock: VirtualClock) -> None:
    shelf.buckets["b"] = opened(reopens_at=START)
    clock.advance(20)
    buckets.limited(PATCH, "b", 42.0)
    assert shelf.names == {PATCH: "b"}
    assert (shelf.buckets["b"].reopens_at, shelf.buckets["b"].refused) == (START + 62.0, True)
