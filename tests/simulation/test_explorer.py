"""The explorer of overlaps: it counts calls, interrupts where it is told, and finds faults that are planted."""

import pytest

from simulation.explorer.interleaving import Inner, Point, Schedule, parse, play
from simulation.explorer.known import KNOWN, Known, explained
from simulation.explorer.operations import BASES, OPERATIONS
from simulation.explorer.search import attempt, overlaps, pairs, points, triples

EVERY = 151  # one of so many pairs, for a test; `make explore` tries all of them


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
    assert case.left
    assert case.world.roles("anna") == {"Director"}  # and the person was let in all the same


def test_every_point_of_every_operation_is_in_the_pairs() -> None:
    found = {(schedule.outer, schedule.point, str(schedule.inner)) for schedule in pairs(["new"], ["unlink"])}
    assert len(found) == len(points("new", "unlink")) * (len(OPERATIONS) + 1)


def test_triples_are_a_sample_that_the_seed_decides() -> None:
    first, again, other = (list(triples(5, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert any(isinstance(schedule.inner, Inner) for schedule in first)


def test_a_sample_of_the_pairs_fails_only_in_known_ways() -> None:
    for schedule in list(pairs())[::EVERY]:
        failure, _ = attempt(schedule)
        assert failure is None or explained(failure), (
            f"python -m simulation.explorer --replay {str(schedule)!r}\n{failure}"
        )


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: ", ".join(known.example))
def test_a_known_kind_of_failure_still_fails(known: Known) -> None:
    failures = (attempt(schedule)[0] for schedule in overlaps(*known.example))
    found = next((failure for failure in failures if failure and known.explains(failure)), None)
    assert found, f"remove it from simulation/explorer/known.py: {known.reason}"


@pytest.mark.parametrize("schedule", list(triples(3)), ids=str)
def test_a_schedule_can_be_replayed_from_what_is_shown(schedule: Schedule) -> None:
    assert parse(str(schedule)) == schedule
