"""The simulation finds bugs: each one that is planted fails the seed that is on record for it, or one close by."""

import pytest

from simulation.mutants import MUTANTS, Mutant

CLOSE_BY = 150  # seeds; a change of the code may have moved where a bug shows


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_planted_bug_is_caught(mutant: Mutant) -> None:
    result = mutant.caught_by([mutant.seed, *range(mutant.seed + 1, mutant.seed + CLOSE_BY)])
    assert result is not None, f"nobody saw that {mutant.what}"
