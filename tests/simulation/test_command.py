"""`python -m simulation`, as a person runs it."""

import re

import pytest

from simulation.__main__ import main
from simulation.mutants import MUTANTS


def test_it_says_last_how_many_passed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--seeds", "2", "--from", "5", "--processes", "1"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 passed, 0 failed"


def test_a_failing_seed_is_named_with_its_breach_its_trace_and_how_to_replay_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    older_wins = next(mutant for mutant in MUTANTS if mutant.name == "older_wins")
    with older_wins.planted():
        assert main(["--seeds", "1", "--from", str(older_wins.seed), "--processes", "1"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"\(b\) u\d+: groups of", said)
    assert f"Failing seeds: {older_wins.seed}" in said
    assert f"python -m simulation --seed {older_wins.seed}" in said
    assert said.splitlines()[-1] == "0 passed, 1 failed"
