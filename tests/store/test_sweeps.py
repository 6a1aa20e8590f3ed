"""Sweeps: begun once at a time, a step at a time."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.store.rows import SweepRow
from chalicelib.store.sweeps import OVERTAKEN, STALE_AFTER, Difference, Sweep, Sweeps, SweepState
from local.memory.clock import START as NOW
from tests.store.conftest import Database

FIRST = Sweep(
    "20260105T120000-a", 7, SweepState.SURVEYING, NOW, NOW, cursor=2**63 - 1, examples=({"user_id": "1", "take": 2},)
)
SECOND = replace(FIRST, sweep_id="20260105T130000-b", started_at=NOW + 60, updated_at=NOW + 60)


@pytest.fixture
def sweeps() -> Sweeps:
    return Sweeps(900)


def test_no_sweep_runs_at_first(sweeps: Sweeps) -> None:
    assert sweeps.running() is None
    assert sweeps.get(FIRST.sweep_id) is None
    assert sweeps.latest() == []


def test_one_sweep_runs_at_a_time(sweeps: Sweeps) -> None:
    assert sweeps.begin(FIRST) is None
    assert sweeps.begin(SECOND) == FIRST
    assert sweeps.running() == FIRST
    assert sweeps.get(SECOND.sweep_id) is None


def test_a_sweep_that_is_finished_makes_room(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    sweeps.finish(FIRST)
    assert sweeps.running() is None
    assert sweeps.get(FIRST.sweep_id) == FIRST
    assert sweeps.begin(SECOND) is None
    assert sweeps.running() == SECOND


def test_finishing_a_sweep_leaves_another_one_running(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    sweeps.finish(FIRST)
    sweeps.begin(SECOND)
    sweeps.finish(FIRST)
    assert sweeps.running() == SECOND


@pytest.mark.parametrize(
    ("idle", "begins"), [(STALE_AFTER - 1, False), (STALE_AFTER, False), (STALE_AFTER + 1, True)], ids=str
)
def test_a_sweep_without_a_step_for_half_an_hour_is_abandoned(sweeps: Sweeps, idle: int, begins: bool) -> None:
    sweeps.begin(FIRST)
    assert (sweeps.begin(replace(SECOND, started_at=NOW + idle)) is None) is begins


def test_each_step_keeps_a_sweep_from_being_abandoned(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    stepped = replace(FIRST, step=1, updated_at=NOW + STALE_AFTER)
    sweeps.advance(stepped)
    assert sweeps.begin(replace(SECOND, started_at=NOW + STALE_AFTER + 1)) == stepped


def test_what_was_given_up_for_dead_is_marked_so_and_takes_no_further_step(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    sweeps.begin(replace(SECOND, started_at=NOW + STALE_AFTER + 1))
    dead = sweeps.get(FIRST.sweep_id)
    assert dead
    assert (dead.state, dead.note) == (SweepState.FAILED, OVERTAKEN)
    assert not sweeps.advance(replace(FIRST, step=1))


def test_what_ended_but_was_not_let_go_keeps_how_it_ended(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    sweeps.advance(replace(FIRST, step=1, state=SweepState.DONE))
    assert sweeps.begin(replace(SECOND, started_at=NOW + STALE_AFTER + 1)) is None
    ended = sweeps.get(FIRST.sweep_id)
    assert ended
    assert ended.state is SweepState.DONE


def test_of_two_who_overtake_a_dead_sweep_one_runs(sweeps: Sweeps, dynamodb: Database) -> None:
    sweeps.begin(FIRST)
    third = replace(SECOND, sweep_id="20260105T130000-c", started_at=NOW + STALE_AFTER + 1)
    others: list[Sweep | None] = []
    dynamodb.meanwhile("DeleteItem", lambda: others.append(sweeps.begin(third)))
    mine = sweeps.begin(replace(SECOND, started_at=NOW + STALE_AFTER + 1))
    assert [others[0] is None, mine is None].count(True) == 1
    running = sweeps.running()
    assert running
    assert running.sweep_id == (third if others[0] is None else SECOND).sweep_id


def test_what_is_said_to_run_but_is_kept_no_more_holds_nobody_up(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    SweepRow("900", FIRST.sweep_id).delete()  # DynamoDB deleted it, a month later
    assert sweeps.begin(SECOND) is None
    assert sweeps.running() == SECOND


def test_a_step_is_done_once(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    assert sweeps.advance(replace(FIRST, step=1, members=1000))
    assert not sweeps.advance(replace(FIRST, step=1, members=7))
    assert sweeps.advance(replace(FIRST, step=2, members=2000))
    assert not sweeps.advance(replace(FIRST, step=1, members=7))
    assert sweeps.running() == replace(FIRST, step=2, members=2000)


def test_a_step_that_dynamodb_stored_twice_is_done_by_who_stored_it(sweeps: Sweeps, dynamodb: Database) -> None:
    sweeps.begin(FIRST)
    dynamodb.twice("PutItem")
    assert sweeps.advance(replace(FIRST, step=1))
    assert sweeps.running() == replace(FIRST, step=1)
    assert not sweeps.advance(replace(FIRST, step=1))


def test_a_sweep_that_was_never_begun_has_no_step(sweeps: Sweeps) -> None:
    assert not sweeps.advance(replace(FIRST, step=1))
    assert sweeps.get(FIRST.sweep_id) is None


def test_a_last_step_after_the_end_does_not_make_it_run_again(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    sweeps.finish(FIRST)
    assert sweeps.advance(replace(FIRST, step=1, state=SweepState.DONE))
    assert sweeps.running() is None


def test_what_a_page_found_is_kept(sweeps: Sweeps) -> None:
    found = [
        Difference("1", 2**63 - 1, 4, give=1, role=2**63 - 2),
        Difference("2", 6, 1, take=2, nickname=True, gone=True),
    ]
    sweeps.keep_page("s", 3, found, now=NOW)
    sweeps.keep_page("s", 4, [], now=NOW)
    assert sweeps.page("s", 3) == found
    assert sweeps.page("s", 4) == []
    assert sweeps.page("s", 5) == []


def test_ids_are_stored_as_text_and_defaults_not_at_all(sweeps: Sweeps) -> None:
    """As every version has stored them."""
    sweeps.keep_page("s", 3, [Difference("1", 2**63 - 1, 4, give=1, role=5), Difference("2", 6, 0)], now=NOW)
    assert SweepRow.get("900", "s#000000000003").data["found"] == [
        {"user_id": "1", "discord_id": str(2**63 - 1), "version": 4, "give": 1, "role": "5"},
        {"user_id": "2", "discord_id": "6", "version": 0},
    ]


def test_a_sweep_that_was_given_up_is_not_current(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    assert sweeps.current(FIRST.sweep_id) == FIRST
    sweeps.begin(replace(SECOND, started_at=NOW + STALE_AFTER + 1))
    assert sweeps.current(FIRST.sweep_id) is None
    assert sweeps.current("never begun") is None


def test_the_newest_sweeps_come_first_without_their_pages(sweeps: Sweeps) -> None:
    names = [f"202601{day:02}T000000-x" for day in range(1, 15)]
    for name in names:
        sweeps.note(replace(FIRST, sweep_id=name, state=SweepState.DONE))
        for page in range(3):
            sweeps.keep_page(name, page, [], now=NOW)
    sweeps.begin(FIRST)
    assert [sweep.sweep_id for sweep in sweeps.latest(3)] == names[:-4:-1]
    assert len(sweeps.latest()) == 10


def test_a_sweep_that_only_tried_whether_it_may_begin_is_not_shown(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    sweeps.note(SECOND)  # as one leaves it that died before it was refused
    assert sweeps.latest() == [FIRST]
    sweeps.advance(replace(FIRST, step=1))
    sweeps.finish(FIRST)
    assert sweeps.latest() == [replace(FIRST, step=1)]


# --- rows of another version ------------------------------------------------------------------------------------


def change(key: str, **changes: Any) -> None:
    """Let the row be as a version keeps it that differs in these."""
    row = SweepRow.get("900", key)
    row.update([SweepRow.data.set((row.data or {}) | changes)])


def test_a_sweep_of_another_version_goes_on(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    change(FIRST.sweep_id, pace="slow")
    change("running", by="a person")
    assert sweeps.running() == FIRST
    assert sweeps.latest() == [FIRST]
    assert sweeps.begin(SECOND) == FIRST
    assert sweeps.advance(replace(FIRST, step=1, state=SweepState.DONE))
    sweeps.finish(FIRST)
    assert sweeps.begin(SECOND) is None


def test_a_sweep_that_cannot_be_read_counts_as_none(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    change(FIRST.sweep_id, parts=["groups", "nickname"])
    assert sweeps.get(FIRST.sweep_id) is None
    assert sweeps.running() is None
    assert sweeps.latest() == []
    assert sweeps.begin(SECOND) is None
    assert sweeps.running() == SECOND
    assert sweeps.latest() == [SECOND]


def test_a_running_sweep_that_is_named_in_another_way_holds_nobody_up(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    change("running", sweep_id=["a", "b"])
    assert sweeps.running() is None
    assert sweeps.begin(SECOND) is None


def test_of_what_a_page_found_as_much_counts_as_can_be_read(sweeps: Sweeps) -> None:
    found = [Difference("1", 5, 4, give=1), Difference("2", 6, 1), Difference("3", 7, 2)]
    sweeps.keep_page("s", 3, found, now=NOW)
    one, two, three = SweepRow.get("900", "s#000000000003").data["found"]
    change("s#000000000003", found=[one | {"why": "x"}, two | {"version": None}, three])
    assert sweeps.page("s", 3) == [found[0], found[2]]


def test_guilds_do_not_see_each_other(sweeps: Sweeps) -> None:
    sweeps.begin(FIRST)
    assert Sweeps(901).running() is None
    assert Sweeps(901).begin(SECOND) is None
