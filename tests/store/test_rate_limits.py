"""The budgets that all workers share: the store's promises, under contention too."""

from dataclasses import asdict, replace

import pytest

from chalicelib.discord import rate_limit
from chalicelib.discord.buckets import GLOBAL_BUCKET
from chalicelib.discord.rate_limit import Bucket, Kind, Lane, Seen
from chalicelib.store.rate_limits import DynamoRateLimitStore
from chalicelib.store.rows import RateLimitRow
from local.memory.clock import START as NOW
from tests.store.conftest import Database

SEEN = Seen(limit=5, remaining=4, reset=NOW + 1.25, reset_after=1.25, at=NOW + 0.123456)
OPEN = Bucket(
    "b", limit=5, window=10.0, kind=Kind.SLIDING, number=300, opened_at=NOW, reopens_at=NOW + 10.1, used=(0, 1, 0)
)


@pytest.fixture
def rate_limit_store() -> DynamoRateLimitStore:
    return DynamoRateLimitStore(900, 7)


def stored(rate_limit_store: DynamoRateLimitStore, bucket: Bucket = OPEN) -> Bucket:
    """The bucket, in the store as if it had been learnt."""
    assert rate_limit_store.swap(Bucket(bucket.key), bucket, alone=True)
    return bucket


# --- names ------------------------------------------------------------------------------------------------------


def test_at_first_no_bucket_has_a_name(rate_limit_store: DynamoRateLimitStore) -> None:
    assert rate_limit_store.bucket_names() == {}


def test_every_route_keeps_the_name_of_its_bucket(rate_limit_store: DynamoRateLimitStore) -> None:
    rate_limit_store.name_bucket("PATCH member", "abc")
    rate_limit_store.name_bucket("PUT role", "def")
    rate_limit_store.name_bucket("PATCH member", "ghi")
    assert rate_limit_store.bucket_names() == {"PATCH member": "ghi", "PUT role": "def"}


@pytest.mark.parametrize("before", [{}, {"GET member": "abc"}], ids=["no names", "some names"])
def test_no_name_is_lost_where_two_routes_are_named_at_once(
    rate_limit_store: DynamoRateLimitStore, dynamodb: Database, before: dict[str, str]
) -> None:
    for route, key in before.items():
        rate_limit_store.name_bucket(route, key)
    dynamodb.meanwhile("UpdateItem", lambda: rate_limit_store.name_bucket("PUT role", "def"))
    rate_limit_store.name_bucket("PATCH member", "ghi")
    assert rate_limit_store.bucket_names() == before | {"PUT role": "def", "PATCH member": "ghi"}


def test_guilds_have_buckets_of_their_own(rate_limit_store: DynamoRateLimitStore) -> None:
    stored(rate_limit_store)
    rate_limit_store.name_bucket("PUT role", "b")
    other = DynamoRateLimitStore(901, 7)
    assert other.get("b") == Bucket("b")
    assert other.bucket_names() == {}
    assert other.acquire("b", Lane.URGENT, now=NOW, ticketed=False) is None


def test_the_global_bucket_is_the_bots_whatever_the_guild(rate_limit_store: DynamoRateLimitStore) -> None:
    fresh = rate_limit_store.get(GLOBAL_BUCKET)
    used = replace(fresh, number=1, opened_at=NOW, reopens_at=NOW + 1.1, used=(0, 50, 0))
    assert rate_limit_store.swap(fresh, used, alone=True)
    assert DynamoRateLimitStore(901, 7).get(GLOBAL_BUCKET) == used
    assert DynamoRateLimitStore(900, 8).get(GLOBAL_BUCKET) == fresh


# --- what is stored comes back --------------------------------------------------------------------------------


def test_a_bucket_that_nobody_saw_is_unseen(rate_limit_store: DynamoRateLimitStore) -> None:
    assert rate_limit_store.get("b") == Bucket("b")
    assert rate_limit_store.get(GLOBAL_BUCKET) == rate_limit.global_bucket(GLOBAL_BUCKET)


@pytest.mark.parametrize(
    "bucket",
    [
        OPEN,
        replace(OPEN, kind=Kind.UNKNOWN, last=SEEN),
        replace(
            OPEN, window=1e-3, opened_at=NOW + 1 / 3, reopens_at=NOW + 2 / 3, used=(1, 2, 3), tickets=(7, 0, 2**40)
        ),
    ],
    ids=["settled", "with its last answer", "awkward numbers"],
)
def test_a_bucket_comes_back_as_it_was_stored(rate_limit_store: DynamoRateLimitStore, bucket: Bucket) -> None:
    assert rate_limit_store.get(stored(rate_limit_store, bucket).key) == bucket


@pytest.mark.parametrize(
    ("kept", "read"),
    [(asdict(SEEN) | {"scope": "user"}, SEEN), ({"headers": {}}, None)],
    ids=["with more in it", "that cannot be read"],
)
def test_a_last_answer_of_another_version_is_read_as_far_as_it_is_known(
    rate_limit_store: DynamoRateLimitStore, kept: dict[str, object], read: Seen | None
) -> None:
    unknown = stored(rate_limit_store, replace(OPEN, kind=Kind.UNKNOWN, last=SEEN))
    RateLimitRow("900:b").update([RateLimitRow.last.set(kept)])
    assert rate_limit_store.get("b") == replace(unknown, last=read)
    assert rate_limit_store.swap(rate_limit_store.get("b"), OPEN, alone=True)
    assert rate_limit_store.get("b") == OPEN


# --- entering -------------------------------------------------------------------------------------------------


def test_nobody_enters_a_bucket_that_is_not_stored(rate_limit_store: DynamoRateLimitStore) -> None:
    assert rate_limit_store.acquire("b", Lane.URGENT, now=NOW, ticketed=True) is None
    assert rate_limit_store.get("b") == Bucket("b")


def test_who_enters_is_counted_in_their_lane(rate_limit_store: DynamoRateLimitStore) -> None:
    stored(rate_limit_store)
    assert rate_limit_store.acquire("b", Lane.BULK, now=NOW, ticketed=False) == replace(OPEN, used=(0, 1, 1))
    assert rate_limit_store.acquire("b", Lane.URGENT, now=NOW, ticketed=False) == replace(OPEN, used=(1, 1, 1))
    assert rate_limit_store.get("b").used == (1, 1, 1)


def test_no_more_enter_than_the_window_has_room_for(rate_limit_store: DynamoRateLimitStore) -> None:
    stored(rate_limit_store)
    acquired = [rate_limit_store.acquire("b", Lane(turn % 3), now=NOW + 1, ticketed=turn % 2 == 0) for turn in range(9)]
    assert [bool(one) for one in acquired] == [True] * 4 + [False] * 5
    assert sum(rate_limit_store.get("b").used) == OPEN.limit


@pytest.mark.parametrize("late", [-0.001, 0.0, 1.0], ids=str)
def test_nobody_enters_a_window_that_closes(rate_limit_store: DynamoRateLimitStore, late: float) -> None:
    stored(rate_limit_store)
    acquired = rate_limit_store.acquire("b", Lane.URGENT, now=OPEN.closes_at + late, ticketed=True)
    assert bool(acquired) is (late < 0)


@pytest.mark.parametrize("ticketed", [True, False], ids=["with a ticket", "without"])
@pytest.mark.parametrize("lane", list(Lane), ids=lambda lane: lane.name)
@pytest.mark.parametrize("promised", list(Lane), ids=lambda lane: f"{lane.name} has appointments")
def test_appointments_of_lanes_above_go_first_and_of_the_own_lane_before_who_has_none(
    rate_limit_store: DynamoRateLimitStore, lane: Lane, promised: Lane, ticketed: bool
) -> None:
    stored(rate_limit_store)
    rate_limit_store.take_slots("b", promised, 1, at_least=OPEN.first_slot)
    yields = promised < lane or (promised == lane and not ticketed)
    acquired = rate_limit_store.acquire("b", lane, now=NOW, ticketed=ticketed)
    assert bool(acquired) is not yields


def test_appointments_of_windows_past_hold_nobody_up(rate_limit_store: DynamoRateLimitStore) -> None:
    stored(rate_limit_store, replace(OPEN, tickets=(OPEN.first_slot, OPEN.first_slot - 3, 4)))
    assert rate_limit_store.acquire("b", Lane.BULK, now=NOW, ticketed=False)


def test_several_places_are_taken_at_once_or_none(rate_limit_store: DynamoRateLimitStore) -> None:
    stored(rate_limit_store)
    taken = rate_limit_store.acquire("b", Lane.BULK, now=NOW, ticketed=True, places=3, limit=5)
    assert taken == replace(OPEN, used=(0, 1, 3))
    assert rate_limit_store.acquire("b", Lane.BULK, now=NOW, ticketed=True, places=2, limit=5) is None
    assert rate_limit_store.get("b").used == (0, 1, 3)


def test_several_places_are_taken_only_in_a_bucket_of_the_size_that_is_known(
    rate_limit_store: DynamoRateLimitStore,
) -> None:
    stored(rate_limit_store)
    assert rate_limit_store.acquire("b", Lane.BULK, now=NOW, ticketed=True, places=3, limit=10) is None


def test_a_window_is_opened_with_several_places_taken(rate_limit_store: DynamoRateLimitStore) -> None:
    stored(rate_limit_store)
    opened = rate_limit_store.open(OPEN, Lane.BULK, now=NOW + 11, ticketed=True, places=3)
    assert opened == replace(OPEN, number=301, opened_at=NOW + 11, reopens_at=NOW + 21.1, used=(0, 0, 3))


SHORT = replace(OPEN, window=1.0, reopens_at=NOW + 1.05, used=(0, 1, 1))


@pytest.mark.parametrize("lane", list(Lane), ids=lambda lane: lane.name)
@pytest.mark.parametrize("after", [0.94, 0.951, 1.04], ids=str)
@pytest.mark.parametrize("used", [2, 3], ids=["used by half", "used by more"])
def test_a_short_window_opens_early_just_as_arithmetic_says(
    rate_limit_store: DynamoRateLimitStore, lane: Lane, after: float, used: int
) -> None:
    short = stored(rate_limit_store, replace(SHORT, used=(0, 1, used - 1)))
    expected = rate_limit.admit(short, lane, now=NOW + after) if after > 0.95 else None
    opened = rate_limit_store.open(short, lane, now=NOW + after, ticketed=False, early=True)
    assert opened == expected
    assert (opened is not None) is (after > 0.95 and used == 2)


def test_a_window_that_others_used_meanwhile_does_not_open_early(rate_limit_store: DynamoRateLimitStore) -> None:
    stored(rate_limit_store, replace(SHORT, used=(0, 1, 2)))
    assert rate_limit_store.open(SHORT, Lane.BULK, now=NOW + 1, ticketed=False, early=True) is None


def test_a_bucket_in_use_is_kept_however_little_is_learnt_of_it(rate_limit_store: DynamoRateLimitStore) -> None:
    stored(rate_limit_store)
    expires_at = RateLimitRow.get("900:b").expires_at
    assert expires_at
    assert rate_limit_store.open(OPEN, Lane.NORMAL, now=NOW + 80_000, ticketed=False)
    assert RateLimitRow.get("900:b").expires_at == expires_at + 80_000


# --- swapping -------------------------------------------------------------------------------------------------


def test_only_one_stores_a_new_bucket(rate_limit_store: DynamoRateLimitStore) -> None:
    stored(rate_limit_store)
    assert not rate_limit_store.swap(Bucket("b"), replace(OPEN, limit=99), alone=False)
    assert rate_limit_store.get("b") == OPEN


def test_a_new_window_is_opened_by_one(rate_limit_store: DynamoRateLimitStore) -> None:
    stored(rate_limit_store)
    opened = rate_limit.admit(OPEN, Lane.NORMAL, now=NOW + 11)
    assert opened is not None
    assert rate_limit_store.swap(OPEN, opened, alone=True)
    assert not rate_limit_store.swap(OPEN, replace(opened, opened_at=NOW + 12), alone=True)
    assert rate_limit_store.get("b") == opened


@pytest.mark.parametrize("alone", [True, False])
def test_alone_means_that_nobody_entered_meanwhile(
    rate_limit_store: DynamoRateLimitStore, dynamodb: Database, alone: bool
) -> None:
    stored(rate_limit_store)
    dynamodb.meanwhile("UpdateItem", lambda: rate_limit_store.acquire("b", Lane.BULK, now=NOW, ticketed=False))
    learnt = replace(OPEN, window=12.0, reopens_at=NOW + 12.5)
    assert rate_limit_store.swap(OPEN, learnt, alone=alone) is not alone
    after = rate_limit_store.get("b")
    assert after.used == (0, 1, 1)
    assert after.window == (OPEN.window if alone else 12.0)


def test_tickets_that_were_taken_meanwhile_stay_taken(
    rate_limit_store: DynamoRateLimitStore, dynamodb: Database
) -> None:
    stored(rate_limit_store)
    dynamodb.meanwhile("UpdateItem", lambda: rate_limit_store.take_slots("b", Lane.BULK, 40, at_least=1500))
    assert rate_limit_store.swap(OPEN, replace(OPEN, reopens_at=NOW + 20), alone=False)
    assert rate_limit_store.get("b").tickets == (0, 0, 1540)


@pytest.mark.parametrize(
    "moved",
    [{"number": 301}, {"kind": Kind.FIXED}, {"limit": 6}, {"window": 10.000001}, {"reopens_at": NOW + 10.100001}],
    ids=str,
)
def test_a_bucket_that_others_changed_is_not_overwritten(
    rate_limit_store: DynamoRateLimitStore, dynamodb: Database, moved: dict[str, float]
) -> None:
    stored(rate_limit_store)
    theirs = replace(OPEN, **moved)  # type: ignore[arg-type]  # each of these has its own type
    dynamodb.meanwhile("UpdateItem", lambda: rate_limit_store.swap(OPEN, theirs, alone=False))
    assert not rate_limit_store.swap(OPEN, replace(OPEN, reopens_at=NOW + 99), alone=False)
    assert rate_limit_store.get("b") == theirs


def test_what_is_known_now_replaces_the_last_answer(rate_limit_store: DynamoRateLimitStore) -> None:
    unknown = stored(rate_limit_store, replace(OPEN, kind=Kind.UNKNOWN, last=SEEN))
    assert rate_limit_store.swap(unknown, OPEN, alone=True)
    assert rate_limit_store.get("b") == OPEN


# --- slots -----------------------------------------------------------------------------------------------------


def test_no_slot_is_given_twice(rate_limit_store: DynamoRateLimitStore) -> None:
    stored(rate_limit_store)
    asked = [(1, 1500), (5, 1500), (2, 0), (1, 1600), (3, 1590), (1, 1601)]
    firsts = [rate_limit_store.take_slots("b", Lane.NORMAL, count, at_least=least) for count, least in asked]
    assert firsts == [1500, 1501, 1506, 1600, 1601, 1604]
    assert rate_limit_store.get("b").tickets == (0, 1605, 0)


def test_lanes_have_slots_of_their_own(rate_limit_store: DynamoRateLimitStore) -> None:
    assert [rate_limit_store.take_slots("b", lane, 2, at_least=10) for lane in Lane] == [10, 10, 10]
    assert [rate_limit_store.take_slots("b", lane, 2, at_least=10) for lane in Lane] == [12, 12, 12]


@pytest.mark.parametrize("theirs", [0, 7, 50], ids=str)
def test_who_asks_at_the_same_time_gets_other_slots(
    rate_limit_store: DynamoRateLimitStore, dynamodb: Database, theirs: int
) -> None:
    stored(rate_limit_store)
    taken: list[int] = []
    for _ in range(2):  # ahead of the first call and of the second
        dynamodb.meanwhile(
            "UpdateItem", lambda: taken.append(rate_limit_store.take_slots("b", Lane.BULK, 3, at_least=1500 + theirs))
        )
    mine = rate_limit_store.take_slots("b", Lane.BULK, 4, at_least=1507)
    spans = [set(range(first, first + 3)) for first in taken] + [set(range(mine, mine + 4))]
    assert mine >= 1507
    assert len(set.union(*spans)) == sum(map(len, spans))
