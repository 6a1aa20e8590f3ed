"""How many calls of DynamoDB each way through the code makes, and how long a person waits at the callback."""

from collections.abc import Callable

import pytest

from bench import calls
from bench.guilds import LATENCY, Cost, cost_of_sweep, drift_much, drift_one_role, linked_world
from chalicelib.sweeps import schedule
from local.simulated import World

DRIFTED = 400  # members; of 1,000 the average is lower: what a sweep costs by itself is divided by more


@pytest.fixture(scope="module")
def paths() -> dict[str, calls.Path]:
    return {path.name: path for path in calls.paths()}


@pytest.mark.parametrize("name", calls.MAX_CALLS)
def test_each_path_makes_exactly_as_many_calls_as_the_documentation_names(
    paths: dict[str, calls.Path], name: str
) -> None:
    assert len(paths[name].calls) == calls.MAX_CALLS[name], paths[name].calls


@pytest.mark.parametrize("name", calls.CALLBACKS)
def test_a_callback_stays_far_below_what_it_may_take(paths: dict[str, calls.Path], name: str) -> None:
    callback = paths[name]
    assert len(callback.calls) <= 10
    assert len(callback.requests) == calls.ROUND_TRIPS
    assert callback.seconds <= calls.ROUND_TRIPS * LATENCY + calls.OWN_TIME


def drifted(drift: Callable[[World, list[str]], None]) -> Cost:
    world, ids = linked_world(DRIFTED)
    drift(world, ids)
    return cost_of_sweep(world)


@pytest.mark.slow
def test_a_member_with_several_differences_costs_four_calls_at_most() -> None:
    cost = drifted(drift_much)
    assert cost.calls / DRIFTED <= 4
    assert cost.limited == 0


@pytest.mark.slow
def test_a_member_with_a_single_difference_costs_hardly_three_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schedule, "SPILL_AFTER", float("inf"))
    cost = drifted(drift_one_role)
    assert cost.calls / DRIFTED <= 3.2
    assert cost.limited == 0
