"""Unusual conditions: each is drawn by its name alone, and those that Rolecall does not survive are on record."""

import pytest

from simulation.conditions import CONDITIONS, draw
from simulation.known import KNOWN
from simulation.run import run

HOUR = 3600.0


def test_conditions_are_drawn_without_those_that_are_not_survived() -> None:
    drawn = {name for seed in range(400) for name in draw(seed, HOUR).names}
    assert drawn == set(CONDITIONS) - set(KNOWN)


def test_a_condition_is_the_same_with_and_without_others() -> None:
    alone, both = draw(7, HOUR, only=["expiry"]), draw(7, HOUR, only=["expiry", "early_redelivery"])
    assert alone.expire_every == both.expire_every is not None
    assert (alone.early, both.early > 0) == (0.0, True)
    assert draw(7, HOUR, only=[]).names == []


@pytest.mark.parametrize("name", KNOWN)
def test_a_condition_on_record_still_fails(name: str) -> None:
    known = KNOWN[name]
    result = run(known.seed, only=[name])
    assert result.breaches, f"{name} is survived now: remove it from simulation/known.py ({known.reason})"
