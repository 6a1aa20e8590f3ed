"""How a verdict is carried out: what is counted, what is remembered, who hears of it."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib.members.removal_limiter import Counted
from chalicelib.messages import Parts
from chalicelib.store.sweeps import NO_LIST, Sweep, SweepState
from chalicelib.sweeps.judge import Judge

NOW = 1_000_000.0
DAY = 86_400
SURVEYED = Sweep(
    "2-sweep", Parts.ALL.value, SweepState.SURVEYING, 0.0, 0.0, linked=200, differing=9, losing=5, gone=3, locked=1
)
TO_COUNT = 7  # 5 who lose something and 3 who left, of whom 1 is locked


class Heard:
    """Notes what it is asked, and answers as it was told to; None otherwise."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"max_members": 40, "claim_notice": True} | answers
        self.asked: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def ask(*args: Any, **named: Any) -> Any:
            self.asked.append((name, args, named))
            return self.answers.get(name)

        return ask

    def words(self, *but: str) -> list[str]:
        """The names of what was asked, in order, but for these and the limit itself."""
        return [name for name, _, _ in self.asked if name not in ("max_members", "is_held", *but)]


def judge(sweep: Sweep = SURVEYED, **answers: Any) -> tuple[Sweep, Heard]:
    """The sweep as it was judged, and what was asked on the way; the limit admits it unless something else is said."""
    heard: Any = Heard(**{"admit": Counted(NOW), "foresee": True, "would_admit": True} | answers)
    return judge_of(heard).judge(sweep), heard


def judge_of(heard: Any) -> Judge:
    services: Any = SimpleNamespace(now=lambda: NOW, metrics=heard, memory=SimpleNamespace(census=heard, sweeps=heard))
    return Judge(services, heard, heard, heard)


# --- who is counted -------------------------------------------------------------------------------------------


def test_those_who_would_lose_something_are_counted_when_the_verdict_is_passed() -> None:
    judged, heard = judge()
    assert ("admit", (TO_COUNT,), {"linked": 200}) in heard.asked
    assert judged.counted_at == NOW
    assert (judged.state, judged.may_take, judged.held) == (SweepState.REPAIRING, True, False)


@pytest.mark.parametrize(
    "sweep",
    [replace(SURVEYED, force=True), replace(SURVEYED, losing=0, gone=0, locked=0), replace(SURVEYED, locked=8)],
    ids=["forced", "nobody loses anything", "all who do are locked"],
)
def test_where_nothing_is_to_be_counted_it_is_only_noted_how_many_are_linked(sweep: Sweep) -> None:
    judged, heard = judge(sweep, admit=None)
    assert ("note_linked", (200,), {}) in heard.asked
    assert "admit" not in heard.words()
    assert (judged.counted_at, judged.held) == (0.0, False)


def test_who_is_counted_already_is_not_counted_again() -> None:
    judged, heard = judge(replace(SURVEYED, recounted=TO_COUNT))
    assert ("admit", (0,), {"linked": 200}) in heard.asked
    assert judged.counted_at == 0.0


def test_one_who_loses_something_is_counted_as_well() -> None:
    judged, heard = judge(replace(SURVEYED, losing=1, gone=0, locked=0))
    assert ("admit", (1,), {"linked": 200}) in heard.asked
    assert judged.counted_at == NOW


def test_a_sweep_that_is_not_admitted_counts_nobody_and_takes_nothing() -> None:
    judged, heard = judge(admit=None)
    assert (judged.counted_at, judged.held, judged.may_take) == (0.0, True, False)
    assert "count" not in heard.words(), "the hold that the limiter opened was counted by it"


def test_without_the_list_it_is_foreseen_how_many_will_be_counted_one_by_one() -> None:
    unlisted = replace(SURVEYED, note=NO_LIST, at_least=4, losing=0, gone=0, locked=0)
    for parts in (Parts.GROUPS, Parts.ALL):
        judged, heard = judge(replace(unlisted, parts=parts.value), foresee=False)
        assert ("foresee", (4,), {"linked": 200}) in heard.asked
        assert (judged.held, judged.counted_at) == (True, 0.0)


def test_without_the_list_neither_a_forced_sweep_nor_one_of_nicknames_foresees_anything() -> None:
    unlisted = replace(SURVEYED, note=NO_LIST, at_least=4, losing=0, gone=0, locked=0)
    for sweep in (replace(unlisted, force=True), replace(unlisted, parts=Parts.NICKNAME.value)):
        judged, heard = judge(sweep, foresee=False)
        assert "foresee" not in heard.words()
        assert not judged.held


# --- a dry run ------------------------------------------------------------------------------------------------


def test_a_dry_run_counts_nobody_and_says_whether_the_sweep_would_be_admitted() -> None:
    dry = replace(SURVEYED, dry_run=True)
    judged, heard = judge(dry)
    assert heard.words() == ["would_admit"]
    assert heard.asked[0] == ("would_admit", (TO_COUNT,), {"linked": 200})
    assert judged.may_take
    held, heard = judge(dry, would_admit=False)
    assert held.held
    assert heard.words() == ["would_admit"], "nobody hears of it"


@pytest.mark.parametrize(
    "sweep", [replace(SURVEYED, force=True), replace(SURVEYED, locked=8)], ids=["forced", "all are locked"]
)
def test_a_dry_run_of_what_takes_nothing_or_may_take_all_asks_nothing(sweep: Sweep) -> None:
    judged, heard = judge(replace(sweep, dry_run=True), would_admit=False)
    assert heard.words() == []
    assert not judged.held


def test_a_dry_run_without_the_list_says_whether_it_would_be_foreseen() -> None:
    dry = replace(SURVEYED, dry_run=True, note=NO_LIST, at_least=4, locked=0)
    judged, heard = judge(dry, would_admit=False)
    assert heard.asked[0] == ("would_admit", (4,), {"linked": 200})
    assert judged.held


# --- what is remembered ---------------------------------------------------------------------------------------


def test_an_open_hold_is_looked_at_again_before_it_is_judged() -> None:
    _, heard = judge(is_held=True)
    assert heard.words()[:3] == ["forget_outdated", "remind", "admit"]
    _, heard = judge(is_held=False)
    assert "remind" not in heard.words()
    _, heard = judge(replace(SURVEYED, dry_run=True), is_held=True)
    assert "remind" not in heard.words()


def test_the_roles_of_which_more_are_held_than_expected_are_kept_for_the_next_sweep() -> None:
    _, heard = judge(replace(SURVEYED, surplus={"5": 1}))
    assert ("keep", ("2-sweep", {"5": 1}), {}) in heard.asked
    _, heard = judge(replace(SURVEYED, surplus={}))
    assert ("keep", ("2-sweep", {}), {}) in heard.asked
    for sweep in (SURVEYED, replace(SURVEYED, surplus={"5": 1}, dry_run=True)):
        assert "keep" not in judge(sweep)[1].words()


# --- who hears of it ------------------------------------------------------------------------------------------


def test_a_sweep_that_does_all_that_it_found_is_nobodys_concern() -> None:
    _, heard = judge(replace(SURVEYED, locked=0))
    assert heard.words() == ["admit"]


def test_what_the_first_run_lock_holds_back_is_counted_and_notified_once_a_day() -> None:
    judged, heard = judge()
    assert ("count", ("SweepsHeld",), {}) in heard.asked
    assert ("claim_notice", (SweepState.REPAIRING, "2-sweep"), {"now": NOW, "seconds": DAY}) in heard.asked
    assert ("sweep_problem", (f"sweep: {judged.note}",), {"hold": False}) in heard.asked
    _, heard = judge(claim_notice=False)
    assert "sweep_problem" not in heard.words()


def test_what_the_removal_limit_holds_back_is_notified_as_a_hold() -> None:
    judged, heard = judge(admit=None)
    assert ("claim_notice", ("held", "2-sweep"), {"now": NOW, "seconds": DAY}) in heard.asked
    assert ("sweep_problem", (f"sweep: {judged.note}",), {"hold": True}) in heard.asked


# --- a verdict that was not stored ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judged", "stored", "asked"),
    [
        ({"counted_at": NOW - 1}, {}, ["give_back"]),
        ({"counted_at": 0.0}, {}, []),
        ({"held": True}, {}, ["forget_outdated"]),
        ({"held": True}, None, ["forget_outdated"]),
        ({"held": True}, {"held": True}, []),
        ({}, {"held": True}, []),
    ],
)
def test_what_a_verdict_counted_is_given_back_if_anothers_was_stored(
    judged: dict[str, Any], stored: dict[str, Any] | None, asked: list[str]
) -> None:
    heard = Heard()
    judge_of(heard).withdraw(replace(SURVEYED, **judged), None if stored is None else replace(SURVEYED, **stored))
    assert heard.words() == asked
    if "give_back" in asked:
        assert heard.asked == [("give_back", (TO_COUNT, Counted(NOW - 1)), {})]
