"""A clock that moves only when it is told."""

import pytest

from local.memory.clock import START, VirtualClock


def test_to_sleep_is_to_move_the_clock() -> None:
    clock = VirtualClock()
    clock.sleep(2.5)
    assert (clock.now(), clock.slept) == (START + 2.5, 2.5)


def test_a_scheduler_hears_of_sleep_and_moves_the_clock_itself() -> None:
    heard: list[float] = []
    clock = VirtualClock(100.0, on_sleep=heard.append)
    clock.sleep(2.5)
    assert (heard, clock.now(), clock.slept) == ([2.5], 100.0, 2.5)


def test_the_clock_never_runs_backwards() -> None:
    clock = VirtualClock(100.0)
    clock.move_to(50.0)
    assert clock.now() == 100.0
    clock.move_to(150.0)
    assert clock.now() == 150.0
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
