"""The explorer of overlaps: it counts calls, interrupts where it is told, and finds faults that are planted."""

import pytest

from simulation.explorer.interleaving import Inner, Point, Schedule, play
from simulation.explorer.operations import BASES, OPERATIONS
from simulation.explorer.search import attempt, pairs, points, triples


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_alone_ends_well(base: str, name: str) -> None:
    failure, _ = attempt(Schedule(base, name))
    assert failure is None, str(failure)


def test_the_same_schedule_makes_the_same_calls() -> None:
    schedule = Schedule("linked", "callback", Point(5, "answer lost"), "delete")
    assert play(schedule)[1] == play(schedule)[1]


def test_an_operation_runs_whole_inside_another_one() -> None:
    case, calls = play(Schedule("linked", "message that takes", Point(3, "before"), "new link"))
    assert case.statements
    assert case.tokens
    assert len(calls) > 3


def test_a_process_that_dies_makes_no_further_call() -> None:
    _, whole = play(Schedule("linked", "unlink"))
    _, cut_short = play(Schedule("linked", "unlink", Point(4, "dies after"), "delete"))
    assert cut_short == whole[:4]


def test_a_late_effect_comes_after_what_happened_meanwhile() -> None:
    number = next(n for n, call in enumerate(play(Schedule("new", "callback"))[1], 1) if call.what.startswith("PUT"))
    case, _ = play(Schedule("new", "callback", Point(number, "effect late"), "leaving"))
    assert case.tokens == []  # the callback saw a failure
    assert case.left
    assert case.world.roles("anna") == {"Director"}  # and the person was let in all the same


def test_every_point_of_every_operation_is_in_the_pairs() -> None:
    found = {(schedule.outer, schedule.point, str(schedule.inner)) for schedule in pairs(["new"], ["unlink"])}
    assert len(found) == len(list(points("new", "unlink"))) * (len(OPERATIONS) + 1)


def test_triples_are_a_sample_that_the_seed_decides() -> None:
    first, again, other = (list(triples(5, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert any(isinstance(schedule.inner, Inner) for schedule in first)
