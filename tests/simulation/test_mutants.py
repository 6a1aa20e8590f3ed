"""Planted bugs are found: each fails the seed or the schedule on record for it, or a seed close by."""

import pytest

from simulation.explorer.search import attempt
from simulation.mutants import MUTANTS, Mutant

CLOSE_BY = 150  # seeds; a change of the code may have moved where a bug shows
BY_SEED = [mutant for mutant in MUTANTS if not mutant.schedule]
BY_SCHEDULE = [mutant for mutant in MUTANTS if mutant.schedule]


@pytest.mark.parametrize("mutant", BY_SEED, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_caught_by_a_seed(mutant: Mutant) -> None:
    result = mutant.caught_by([mutant.seed, *range(mutant.seed + 1, mutant.seed + CLOSE_BY)])
    assert result is not None, f"nothing showed that {mutant.what}"


@pytest.mark.parametrize("mutant", BY_SCHEDULE, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_caught_by_a_schedule_that_passes_without_it(mutant: Mutant) -> None:
    assert mutant.schedule is not None
    assert mutant.breaks(mutant.schedule), f"nothing showed that {mutant.what}"
    failure, _ = attempt(mutant.schedule)
    assert failure is None, str(failure)
