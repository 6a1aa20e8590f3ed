"""The verdict on a sweep, as a table: what it found, what it may do."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.messages import Parts
from chalicelib.store.sweeps import NO_LIST, Sweep, SweepState
from chalicelib.sweeps.verdict import Verdict, verdict_on

SURVEYED = Sweep("2-sweep", Parts.ALL.value, SweepState.SURVEYING, 0.0, 0.0, linked=200, differing=50)
LIMIT = 40  # members: 20 % of 200


def judged(*, allowed: bool = True, **found: Any) -> Verdict:
    """The verdict on a survey of 200 linked members that found this."""
    return verdict_on(replace(SURVEYED, **found), taking_allowed=allowed, limit_percent=20)


@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "not yet allowed"])
@pytest.mark.parametrize("force", [True, False], ids=["forced", "not forced"])
@pytest.mark.parametrize("parts", [Parts.ALL, Parts.NICKNAME], ids=["all", "nicknames"])
def test_a_sweep_that_found_nothing_is_done(parts: Parts, *, force: bool, allowed: bool) -> None:
    verdict = judged(allowed=allowed, differing=0, force=force, parts=parts.value)
    assert verdict == Verdict(SweepState.DONE, in_agreement=Parts.GROUPS in parts)


@pytest.mark.parametrize(
    ("found", "allowed", "state", "may_take"),
    [
        pytest.param({"losing": 0}, False, "repairing", True, id="nobody loses"),
        pytest.param({"losing": 1}, False, "repairing", False, id="one loses, not yet allowed"),
        pytest.param({"losing": 1, "force": True}, False, "repairing", True, id="one loses, forced"),
        pytest.param({"losing": LIMIT}, True, "repairing", True, id="as many lose as may"),
        pytest.param({"losing": LIMIT + 1}, True, "held", False, id="one too many loses"),
        pytest.param({"losing": LIMIT + 1}, False, "repairing", False, id="too many would lose, not yet allowed"),
        pytest.param({"losing": 200, "force": True}, True, "repairing", True, id="all lose, forced"),
        pytest.param({"gone": LIMIT + 1}, False, "held", False, id="too many left, not yet allowed"),
        pytest.param({"gone": LIMIT, "losing": 1}, True, "held", False, id="too many lose or left"),
        pytest.param({"gone": LIMIT, "losing": 1}, False, "repairing", False, id="losing does not count yet"),
        pytest.param({"gone": 200, "force": True}, True, "repairing", True, id="all left, forced"),
        pytest.param({"note": NO_LIST}, False, "repairing", False, id="no list, not yet allowed"),
        pytest.param({"note": NO_LIST}, True, "repairing", True, id="no list"),
    ],
)
def test_what_a_sweep_may_do(found: dict[str, Any], allowed: bool, state: str, may_take: bool) -> None:
    verdict = judged(allowed=allowed, **found)
    assert (verdict.state, verdict.may_take) == (state, may_take)
    assert verdict.held_back is not may_take


@pytest.mark.parametrize(
    ("found", "limit"),
    [
        pytest.param({"note": NO_LIST}, LIMIT, id="nobody knows who would lose"),
        pytest.param({"note": NO_LIST, "linked": 10}, 25, id="nobody knows, in a small guild"),
        pytest.param({"note": NO_LIST, "force": True}, 0, id="forced"),
        pytest.param({"note": NO_LIST, "parts": Parts.NICKNAME.value}, 0, id="roles are not looked at"),
        pytest.param({"losing": 3}, 0, id="the survey counted them"),
    ],
)
def test_a_limit_counts_while_it_runs_only_where_the_survey_could_not_count(found: dict[str, Any], limit: int) -> None:
    assert judged(**found).removal_limit == limit


@pytest.mark.parametrize(
    ("found", "agrees"),
    [
        pytest.param({}, True, id="only gives"),
        pytest.param({"losing": 1}, False, id="takes"),
        pytest.param({"parts": Parts.NICKNAME.value}, False, id="did not look at roles"),
        pytest.param({"note": NO_LIST}, False, id="without the list"),
        pytest.param({"differing": 0, "note": NO_LIST}, False, id="without the list, nothing found"),
        pytest.param({"differing": 0, "linked": 0}, False, id="nobody is linked"),
    ],
)
def test_a_survey_of_all_roles_that_takes_none_proves_agreement(found: dict[str, Any], agrees: bool) -> None:
    assert judged(**found).in_agreement is agrees


def test_a_sweep_that_is_held_says_how_many_would_lose_and_how_to_let_it() -> None:
    note = judged(losing=60, gone=3).note
    assert all(part in note for part in ("of 200", "from 60", "unlink 3", "more than 40", '{"force": true}'))


def test_a_sweep_that_cannot_tell_who_would_lose_says_so() -> None:
    note = judged(allowed=False, note=NO_LIST).note
    assert "an unknown number of 200 members" in note
    assert note.endswith(f"({NO_LIST})")


def test_a_verdict_leaves_the_rest_of_the_sweep_as_it_is() -> None:
    sweep = replace(SURVEYED, note=NO_LIST, losing=2)
    verdict = Verdict(SweepState.REPAIRING, removal_limit=40)
    assert verdict.applied_to(sweep) == replace(sweep, state=SweepState.REPAIRING, brake=40)
    held = Verdict(SweepState.HELD, may_take=False, note="stopped")
    assert held.applied_to(sweep) == replace(sweep, state=SweepState.HELD, may_take=False, note="stopped")
