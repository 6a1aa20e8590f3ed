"""The verdict on a sweep, as a table: what it found, what it may do."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.messages import Parts
from chalicelib.store.sweeps import NO_LIST, Sweep, SweepState
from chalicelib.sweeps.verdict import Verdict, verdict_on

SURVEYED = Sweep("2-sweep", Parts.ALL.value, SweepState.SURVEYING, 0.0, 0.0, linked=200, differing=50)
LIMIT = 40  # members: 20 % of 200


def judged(*, admitted: bool = True, **found: Any) -> Verdict:
    """The verdict on a survey of 200 linked members that found this."""
    return verdict_on(replace(SURVEYED, **found), admitted=admitted, max_members=LIMIT)


@pytest.mark.parametrize("admitted", [True, False], ids=["admitted", "hold is open"])
@pytest.mark.parametrize("force", [True, False], ids=["forced", "not forced"])
def test_a_sweep_that_found_nothing_is_done(*, force: bool, admitted: bool) -> None:
    assert judged(admitted=admitted, differing=0, force=force) == Verdict(SweepState.DONE)


@pytest.mark.parametrize(
    ("found", "admitted", "held", "may_take"),
    [
        pytest.param({"losing": 0}, True, False, True, id="nobody loses"),
        pytest.param({"losing": LIMIT}, True, False, True, id="some lose"),
        pytest.param({"losing": LIMIT + 1}, False, True, False, id="too many lose"),
        pytest.param({"gone": LIMIT + 1}, False, True, False, id="too many left"),
        pytest.param({"losing": 200, "force": True}, False, False, True, id="all lose, forced"),
        pytest.param({"losing": 7, "locked": 7}, True, False, False, id="all who lose are locked"),
        pytest.param({"losing": 7, "gone": 1, "locked": 7}, True, False, True, id="one who left is not locked"),
        pytest.param({"losing": 3, "gone": 4, "locked": 7}, True, False, False, id="all who lose or left are locked"),
        pytest.param({"note": NO_LIST}, True, False, True, id="no list"),
        pytest.param({"note": NO_LIST, "locked": 7}, True, False, True, id="no list, some are locked"),
        pytest.param({"note": NO_LIST, "locked": 200}, True, False, False, id="no list, all are locked"),
        pytest.param({"note": NO_LIST}, False, True, False, id="no list, hold is open"),
    ],
)
def test_what_a_sweep_may_do(found: dict[str, Any], *, admitted: bool, held: bool, may_take: bool) -> None:
    """Whatever it is, members get what they lack."""
    verdict = judged(admitted=admitted, **found)
    assert (verdict.state, verdict.held, verdict.may_take) == (SweepState.REPAIRING, held, may_take)
    assert verdict.held_back is (held or found.get("locked", 0) > 0)


@pytest.mark.parametrize(
    ("found", "limit"),
    [
        pytest.param({"note": NO_LIST}, LIMIT, id="nobody knows who would lose"),
        pytest.param({"note": NO_LIST, "force": True}, 0, id="forced"),
        pytest.param({"note": NO_LIST, "parts": Parts.NICKNAME.value}, 0, id="roles are not looked at"),
        pytest.param({"losing": 3}, 0, id="the survey counted them"),
    ],
)
def test_a_limit_counts_while_it_runs_only_where_the_survey_could_not_count(found: dict[str, Any], limit: int) -> None:
    assert judged(**found).removal_limit == limit


def test_a_sweep_that_is_held_says_how_many_would_lose_and_how_to_let_it() -> None:
    note = judged(losing=60, gone=3, admitted=False).note
    assert all(part in note for part in ("of 200", "from 60", "unlink 3", "more than 40", '{"force": true}'))


@pytest.mark.parametrize(
    ("at_least", "said"), [(50, "take roles from 50 or more"), (0, "look at 200 members one by one")]
)
def test_a_sweep_without_the_list_that_is_held_says_what_it_knows(at_least: int, said: str) -> None:
    assert said in judged(note=NO_LIST, at_least=at_least, admitted=False).note


def test_nobody_is_said_to_be_locked_where_roles_are_not_looked_at() -> None:
    verdict = judged(note=NO_LIST, parts=Parts.NICKNAME.value, locked=7)
    assert (verdict.may_take, verdict.note) == (True, "")


def test_a_verdict_without_limit_or_note_leaves_those_of_the_sweep() -> None:
    sweep = replace(SURVEYED, brake=LIMIT, note=NO_LIST)
    assert Verdict(SweepState.REPAIRING).applied_to(sweep) == replace(sweep, state=SweepState.REPAIRING)
    judged_anew = Verdict(SweepState.REPAIRING, may_take=False, removal_limit=7, note="held").applied_to(SURVEYED)
    assert (judged_anew.brake, judged_anew.note, judged_anew.may_take) == (7, "held", False)


@pytest.mark.parametrize("without_list", [True, False])
def test_a_sweep_of_locked_members_says_how_many_and_how_to_let_it(*, without_list: bool) -> None:
    note = judged(locked=7, **({"note": NO_LIST} if without_list else {"losing": 9})).note
    assert all(part in note for part in ("nothing from 7 of 200", '{"force": true}'))
    assert (NO_LIST in note) is without_list
