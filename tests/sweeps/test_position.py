"""The position of a repair: which members are next, and where it goes on."""

from dataclasses import replace

import pytest

from chalicelib.messages import Parts, RepairPage
from chalicelib.store.sweeps import Difference, Sweep, SweepState
from chalicelib.sweeps.position import Phase, Position

SWEEP = Sweep("2-sweep", Parts.ALL.value, SweepState.REPAIRING, 0.0, 0.0, step=4, pages_found=(3, 8), losing=1)
LOSES = Difference("1", 11, 1, take=1)
LOSES_AND_GAINS = Difference("2", 12, 1, take=1, give=1)
GONE = Difference("3", 13, 1, take=1, gone=True)
GAINS = Difference("4", 14, 1, give=2)
RENAMED = Difference("5", 15, 1, nickname=True)
GONE_BARE = Difference("6", 16, 1, gone=True)
LOCKED = Difference("7", 17, 1, take=1, locked=True)
ON_RECORD = Difference("8", 18, 1, take=1, locked=True, on_record=True)
FOUND = [RENAMED, LOSES, GAINS, GONE, LOSES_AND_GAINS, LOCKED, ON_RECORD]


@pytest.mark.parametrize(
    ("counts", "phase"),
    [({"losing": 1}, Phase.LOSING), ({"gone": 1}, Phase.LOSING), ({}, Phase.OTHERS)],
    ids=["somebody loses roles", "somebody left", "nobody loses"],
)
def test_a_repair_begins_with_those_who_lose_if_there_are_any(counts: dict[str, int], phase: Phase) -> None:
    sweep = Sweep("2-sweep", 7, SweepState.REPAIRING, 0.0, 0.0, step=4, pages_found=(3, 8), **counts)  # type: ignore[arg-type]
    assert Position.first(sweep) == Position(4, phase, 3)


@pytest.mark.parametrize(
    ("position", "following"),
    [
        (Position(4, Phase.LOSING, 3, 7), Position(4, Phase.LOSING, 8)),
        (Position(4, Phase.LOSING, 8, 7), Position(4, Phase.OTHERS, 3)),
        (Position(4, Phase.OTHERS, 3, 7), Position(4, Phase.OTHERS, 8)),
        (Position(4, Phase.OTHERS, 8, 7), None),
    ],
    ids=["a later page", "the second phase", "a later page of it", "the end"],
)
def test_after_each_page_comes_the_next_then_the_second_phase(position: Position, following: Position | None) -> None:
    assert position.next_page(SWEEP) == following


def test_a_page_that_is_not_done_goes_on_where_it_stopped() -> None:
    assert Position(3, Phase.LOSING, 3, 7).after(SWEEP, 5) == Position(4, Phase.LOSING, 3, 12)


@pytest.mark.parametrize(
    ("phase", "offset", "held", "waiting", "recorded"),
    [
        (Phase.LOSING, 0, False, [LOSES, GONE, LOSES_AND_GAINS], [LOCKED]),
        (Phase.LOSING, 2, False, [LOSES_AND_GAINS], []),
        (Phase.LOSING, 0, True, [LOSES_AND_GAINS], [LOSES, GONE, LOCKED]),
        (Phase.OTHERS, 0, False, [RENAMED, GAINS], []),
        (Phase.OTHERS, 0, True, [RENAMED, GAINS], []),
        (Phase.OTHERS, 2, False, [], []),
    ],
)
def test_each_phase_has_its_members(
    phase: Phase, offset: int, waiting: list[Difference], recorded: list[Difference], *, held: bool
) -> None:
    """Who only loses what may not be taken gets no job; that is recorded once, on the first step of the page."""
    position, sweep = Position(4, phase, 3, offset), replace(SWEEP, held=held)
    assert position.waiting(FOUND, sweep) == waiting
    assert position.to_record(FOUND, sweep) == recorded


def test_a_sweep_of_an_older_version_that_may_not_take_leaves_roles_only() -> None:
    """Those who left were unlinked all the same."""
    position, sweep = Position(4, Phase.LOSING, 3), replace(SWEEP, may_take=False)
    assert position.waiting([LOSES, GONE_BARE, LOSES_AND_GAINS], sweep) == [GONE_BARE, LOSES_AND_GAINS]


def test_a_position_travels_in_a_message() -> None:
    position = Position(4, Phase.OTHERS, 8, 12)
    job = position.job(SWEEP)
    assert job == RepairPage(sweep_id="2-sweep", step=4, phase=1, page=8, offset=12)
    assert Position.of(job) == position
