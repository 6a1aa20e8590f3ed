"""The budgets that all workers share: the ledger's promises, under contention too."""

from dataclasses import asdict, replace

import pytest

from chalicelib.discord import budget
from chalicelib.discord.budget import Bucket, Kind, Lane, Seen
from chalicelib.discord.spending import GLOBAL_BUCKET, Noticeboard
from chalicelib.store.budgets import DynamoLedger
from chalicelib.store.rows import BudgetRow
from local.memory.clock import START as NOW
from tests.store.conftest import Database

SEEN = Seen(limit=5, remaining=4, reset=NOW + 1.25, reset_after=1.25, at=NOW + 0.123456)
OPEN = Bucket(
    "b", limit=5, window=10.0, kind=Kind.SLIDING, number=300, opened_at=NOW, reopens_at=NOW + 10.1, used=(0, 1, 0)
)


@pytest.fixture
def ledger() -> DynamoLedger:
    return DynamoLedger(900)


def stored(ledger: DynamoLedger, bucket: Bucket = OPEN) -> Bucket:
    """The bucket, in the store as if it had been learnt."""
    assert ledger.swap(Bucket(bucket.key), bucket, alone=True)
    return bucket


# --- the noticeboard ----------------------------------------------------------------------------------------


def test_an_empty_noticeboard_says_nothing(ledger: DynamoLedger) -> None:
    assert ledger.noticeboard() == Noticeboard()


def test_every_route_keeps_the_name_of_its_bucket(ledger: DynamoLedger) -> None:
    ledger.name_bucket("PATCH member", "abc")
    ledger.name_bucket("PUT role", "def")
    ledger.name_bucket("PATCH member", "ghi")
    assert ledger.noticeboard().buckets == {"PATCH member": "ghi", "PUT role": "def"}


@pytest.mark.parametrize("before", [{}, {"GET member": "abc"}], ids=["an empty board", "a board with names"])
def test_no_name_is_lost_where_two_routes_are_named_at_once(
    ledger: DynamoLedger, dynamodb: Database, before: dict[str, str]
) -> None:
    for route, key in before.items():
        ledger.name_bucket(route, key)
    dynamodb.meanwhile("UpdateItem", lambda: ledger.name_bucket("PUT role", "def"))
    ledger.name_bucket("PATCH member", "ghi")
    assert ledger.noticeboard().buckets == before | {"PUT role": "def", "PATCH member": "ghi"}


def test_a_refused_token_stands_on_the_noticeboard(ledger: DynamoLedger) -> None:
    ledger.name_bucket("PUT role", "def")
    ledger.halt("fingerprint")
    assert ledger.noticeboard() == Noticeboard({"PUT role": "def"}, "fingerprint")


def test_a_block_never_shortens_a_longer_one(ledger: DynamoLedger) -> None:
    ledger.block(NOW + 10.5, "first")
    ledger.block(NOW + 9, "shorter")
    board = ledger.noticeboard()
    assert (board.blocked_until, board.blocked_why) == (NOW + 10.5, "first")
    ledger.block(NOW + 60, "longer")
    assert ledger.noticeboard().blocked_why == "longer"


def test_invalid_requests_are_counted_over_ten_minutes(ledger: DynamoLedger) -> None:
    assert [ledger.count_invalid(NOW + second) for second in (0, 1, 61, 300)] == [1, 2, 3, 4]
    assert ledger.count_invalid(NOW + 599) == 5
    assert ledger.count_invalid(NOW + 601) == 4  # the first minute's are over


def test_guilds_have_budgets_of_their_own(ledger: DynamoLedger) -> None:
    stored(ledger)
    ledger.halt("x")
    other = DynamoLedger(901)
    assert other.get("b") == Bucket("b")
    assert other.noticeboard() == Noticeboard()
    assert other.enter("b", Lane.URGENT, now=NOW, ticketed=False) is None


# --- what is stored comes back --------------------------------------------------------------------------------


def test_a_bucket_that_nobody_saw_is_unseen(ledger: DynamoLedger) -> None:
    assert ledger.get("b") == Bucket("b")
    assert ledger.get(GLOBAL_BUCKET) == budget.everything(GLOBAL_BUCKET)


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
def test_a_bucket_comes_back_as_it_was_stored(ledger: DynamoLedger, bucket: Bucket) -> None:
    assert ledger.get(stored(ledger, bucket).key) == bucket


@pytest.mark.parametrize(
    ("kept", "read"),
    [(asdict(SEEN) | {"scope": "user"}, SEEN), ({"headers": {}}, None)],
    ids=["with more in it", "that cannot be read"],
)
def test_a_last_answer_of_another_version_is_read_as_far_as_it_is_known(
    ledger: DynamoLedger, kept: dict[str, object], read: Seen | None
) -> None:
    unknown = stored(ledger, replace(OPEN, kind=Kind.UNKNOWN, last=SEEN))
    BudgetRow("900:b").update([BudgetRow.last.set(kept)])
    assert ledger.get("b") == replace(unknown, last=read)
    assert ledger.swap(ledger.get("b"), OPEN, alone=True)
    assert ledger.get("b") == OPEN


# --- entering -------------------------------------------------------------------------------------------------


def test_nobody_enters_a_bucket_that_is_not_stored(ledger: DynamoLedger) -> None:
    assert ledger.enter("b", Lane.URGENT, now=NOW, ticketed=True) is None
    assert ledger.get("b") == Bucket("b")


def test_who_enters_is_counted_in_their_lane(ledger: DynamoLedger) -> None:
    stored(ledger)
    assert ledger.enter("b", Lane.BULK, now=NOW, ticketed=False) == replace(OPEN, used=(0, 1, 1))
    assert ledger.enter("b", Lane.URGENT, now=NOW, ticketed=False) == replace(OPEN, used=(1, 1, 1))
    assert ledger.get("b").used == (1, 1, 1)


def test_no_more_enter_than_the_window_has_room_for(ledger: DynamoLedger) -> None:
    stored(ledger)
    entered = [ledger.enter("b", Lane(turn % 3), now=NOW + 1, ticketed=turn % 2 == 0) for turn in range(9)]
    assert [bool(one) for one in entered] == [True] * 4 + [False] * 5
    assert sum(ledger.get("b").used) == OPEN.limit


@pytest.mark.parametrize("late", [-0.001, 0.0, 1.0], ids=str)
def test_nobody_enters_a_window_that_closes(ledger: DynamoLedger, late: float) -> None:
    stored(ledger)
    entered = ledger.enter("b", Lane.URGENT, now=OPEN.closes_at + late, ticketed=True)
    assert bool(entered) is (late < 0)


@pytest.mark.parametrize("ticketed", [True, False], ids=["with a ticket", "without"])
@pytest.mark.parametrize("lane", list(Lane), ids=lambda lane: lane.name)
@pytest.mark.parametrize("promised", list(Lane), ids=lambda lane: f"{lane.name} has appointments")
def test_appointments_of_lanes_above_go_first_and_of_the_own_lane_before_who_has_none(
    ledger: DynamoLedger, lane: Lane, promised: Lane, ticketed: bool
) -> None:
    stored(ledger)
    ledger.take_slots("b", promised, 1, at_least=OPEN.first_slot)
    yields = promised < lane or (promised == lane and not ticketed)
    entered = ledger.enter("b", lane, now=NOW, ticketed=ticketed)
    assert bool(entered) is not yields


def test_appointments_of_windows_past_hold_nobody_up(ledger: DynamoLedger) -> None:
    stored(ledger, replace(OPEN, tickets=(OPEN.first_slot, OPEN.first_slot - 3, 4)))
    assert ledger.enter("b", Lane.BULK, now=NOW, ticketed=False)


def test_a_bucket_in_use_is_kept_however_little_is_learnt_of_it(ledger: DynamoLedger) -> None:
    stored(ledger)
    expires_at = BudgetRow.get("900:b").expires_at
    assert expires_at
    assert ledger.open(OPEN, Lane.NORMAL, now=NOW + 80_000, ticketed=False)
    assert BudgetRow.get("900:b").expires_at == expires_at + 80_000


# --- swapping -------------------------------------------------------------------------------------------------


def test_only_one_stores_a_new_bucket(ledger: DynamoLedger) -> None:
    stored(ledger)
    assert not ledger.swap(Bucket("b"), replace(OPEN, limit=99), alone=False)
    assert ledger.get("b") == OPEN


def test_a_new_window_is_opened_by_one(ledger: DynamoLedger) -> None:
    stored(ledger)
    opened = budget.admit(OPEN, Lane.NORMAL, now=NOW + 11)
    assert opened is not None
    assert ledger.swap(OPEN, opened, alone=True)
    assert not ledger.swap(OPEN, replace(opened, opened_at=NOW + 12), alone=True)
    assert ledger.get("b") == opened


@pytest.mark.parametrize("alone", [True, False])
def test_alone_means_that_nobody_entered_meanwhile(ledger: DynamoLedger, dynamodb: Database, alone: bool) -> None:
    stored(ledger)
    dynamodb.meanwhile("UpdateItem", lambda: ledger.enter("b", Lane.BULK, now=NOW, ticketed=False))
    learnt = replace(OPEN, window=12.0, reopens_at=NOW + 12.5)
    assert ledger.swap(OPEN, learnt, alone=alone) is not alone
    after = ledger.get("b")
    assert after.used == (0, 1, 1)
    assert after.window == (OPEN.window if alone else 12.0)


def test_tickets_that_were_taken_meanwhile_stay_taken(ledger: DynamoLedger, dynamodb: Database) -> None:
    stored(ledger)
    dynamodb.meanwhile("UpdateItem", lambda: ledger.take_slots("b", Lane.BULK, 40, at_least=1500))
    assert ledger.swap(OPEN, replace(OPEN, reopens_at=NOW + 20), alone=False)
    assert ledger.get("b").tickets == (0, 0, 1540)


@pytest.mark.parametrize(
    "moved",
    [{"number": 301}, {"kind": Kind.FIXED}, {"limit": 6}, {"window": 10.000001}, {"reopens_at": NOW + 10.100001}],
    ids=str,
)
def test_a_bucket_that_others_changed_is_not_overwritten(
    ledger: DynamoLedger, dynamodb: Database, moved: dict[str, float]
) -> None:
    stored(ledger)
    theirs = replace(OPEN, **moved)  # type: ignore[arg-type]  # each of these has its own type
    dynamodb.meanwhile("UpdateItem", lambda: ledger.swap(OPEN, theirs, alone=False))
    assert not ledger.swap(OPEN, replace(OPEN, reopens_at=NOW + 99), alone=False)
    assert ledger.get("b") == theirs


def test_what_is_known_now_replaces_the_last_answer(ledger: DynamoLedger) -> None:
    unknown = stored(ledger, replace(OPEN, kind=Kind.UNKNOWN, last=SEEN))
    assert ledger.swap(unknown, OPEN, alone=True)
    assert ledger.get("b") == OPEN


# --- slots -----------------------------------------------------------------------------------------------------


def test_no_slot_is_given_twice(ledger: DynamoLedger) -> None:
    stored(ledger)
    asked = [(1, 1500), (5, 1500), (2, 0), (1, 1600), (3, 1590), (1, 1601)]
    firsts = [ledger.take_slots("b", Lane.NORMAL, count, at_least=least) for count, least in asked]
    assert firsts == [1500, 1501, 1506, 1600, 1601, 1604]
    assert ledger.get("b").tickets == (0, 1605, 0)


def test_lanes_have_slots_of_their_own(ledger: DynamoLedger) -> None:
    assert [ledger.take_slots("b", lane, 2, at_least=10) for lane in Lane] == [10, 10, 10]
    assert [ledger.take_slots("b", lane, 2, at_least=10) for lane in Lane] == [12, 12, 12]


@pytest.mark.parametrize("theirs", [0, 7, 50], ids=str)
def test_who_asks_at_the_same_time_gets_other_slots(ledger: DynamoLedger, dynamodb: Database, theirs: int) -> None:
    stored(ledger)
    taken: list[int] = []
    for _ in range(2):  # ahead of the first call and of the second
        dynamodb.meanwhile(
            "UpdateItem", lambda: taken.append(ledger.take_slots("b", Lane.BULK, 3, at_least=1500 + theirs))
        )
    mine = ledger.take_slots("b", Lane.BULK, 4, at_least=1507)
    spans = [set(range(first, first + 3)) for first in taken] + [set(range(mine, mine + 4))]
    assert mine >= 1507
    assert len(set.union(*spans)) == sum(map(len, spans))
