"""Planted bugs are found: by the seed on record, or one close by, or by an overlap of two operations."""

import pytest

from simulation.mutants import MUTANTS, Mutant

CLOSE_BY = 150  # seeds; a change of the code may have moved where a bug shows
BY_TEST = [mutant for mutant in MUTANTS if mutant.test]
BY_SEED = [mutant for mutant in MUTANTS if not mutant.overlap and not mutant.test]
BY_OVERLAP = [mutant for mutant in MUTANTS if mutant.overlap]


@pytest.mark.parametrize("mutant", BY_SEED, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_caught_by_a_seed(mutant: Mutant) -> None:
    result = mutant.caught_by([mutant.seed, *range(mutant.seed + 1, mutant.seed + CLOSE_BY)])
    assert result is not None, f"nothing showed that {mutant.what}"


@pytest.mark.parametrize("mutant", BY_TEST, ids=lambda mutant: mutant.name)
def test_a_planted_bug_that_no_seed_shows_is_caught_by_a_test(mutant: Mutant) -> None:
    assert mutant.is_caught_by_its_test(), f"nothing showed that {mutant.what}"


@pytest.mark.parametrize("mutant", BY_OVERLAP, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_caught_by_an_overlap_that_is_survived_without_it(mutant: Mutant) -> None:
    assert mutant.overlap_that_catches_it(), f"nothing showed that {mutant.what}"
