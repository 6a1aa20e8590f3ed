"""Ten overlaps as a stranger would predict them from docs/explanation/link-lifecycle.md, each with its sentence.

Every overlap is played at every call of the first operation; the prediction is compared with what is left once
everything has ended, an ordinary sweep and a forced one included.
"""

from dataclasses import dataclass
from pathlib import Path

import pytest

from chalicelib.store import users
from simulation.explorer.checks import check
from simulation.explorer.interleaving import Mode, play
from simulation.explorer.operations import GIVEN, USER, Case
from simulation.explorer.search import overlaps

PAGE = " ".join((Path(__file__).parents[2] / "docs/explanation/link-lifecycle.md").read_text().split())
BY_CALLBACK = ("Director",)  # what the tokens of the explorer state
NOBODY = (None, ())


@dataclass(frozen=True)
class Overlap:
    """`first` is interrupted at each of its calls by `other`. `ends`: who is linked then, with which roles."""

    sentence: str
    base: str
    first: str
    other: str | None
    ends: frozenset[tuple[str | None, tuple[str, ...]]]
    at_last_call: tuple[str | None, tuple[str, ...]] | None = None
    mode: Mode = "before"


def ends(*states: tuple[str | None, tuple[str, ...]]) -> frozenset[tuple[str | None, tuple[str, ...]]]:
    return frozenset(states)


ANNA, BEN = ("anna", BY_CALLBACK), ("ben", BY_CALLBACK)
TEN = (
    Overlap(
        "**An attempt that is older never links**, however late it comes back.",
        "new",
        "callback",
        "delete",
        ends(NOBODY),
    ),
    Overlap(
        "So after a `delete_user` without `changed_at` a user can link again after a minute",
        "linked",
        "delete",
        "new link",
        ends(NOBODY),
    ),
    Overlap(
        "click came before that, or token was issued before the token of the unlinking",
        "linked",
        "unlink",
        "new link",
        ends(NOBODY, ANNA),
        at_last_call=ANNA,
    ),
    Overlap(
        "While a link is joining, **every job about the user waits**",
        "new",
        "callback",
        "message that takes",
        ends(("anna", ())),
    ),
    Overlap(
        "Discord refuses: the link is **undone**, and everything is as before, another account included.",
        "linked",
        "callback that is refused",
        "message that gives",
        ends(("anna", tuple(GIVEN))),
    ),
    Overlap(
        "both run; the last claim counts, and only its own callback may undo it",
        "new",
        "callback",
        "callback with another account",
        ends(ANNA, BEN),
    ),
    Overlap(
        "While it is removed, for 60 seconds at most, nobody can link it",
        "new",
        "removal of a replaced account",
        "callback",
        ends(ANNA, BEN),
        at_last_call=BEN,  # whose removal does not end before the callback has
    ),
    Overlap(
        "**A member who left by themselves**: with 0 days the link ends with `unlinked/left_server`.",
        "left",
        "message that gives",
        "coming back",
        ends(NOBODY, ("anna", tuple(GIVEN))),
    ),
    Overlap(
        "a statement that is stored while it reads or writes | reads and writes again",
        "linked",
        "message that gives",
        "message that takes",
        ends(("anna", ())),
    ),
    Overlap(
        "Both are queued *before* the link is stored: if the process dies, they finish its work.",
        "new",
        "callback",
        None,
        ends(NOBODY, ANNA),
        mode="dies after",
    ),
)


def left_in(case: Case) -> tuple[str | None, tuple[str, ...]]:
    """Who is linked to the user at the end, and which roles they hold."""
    user = users.get(USER, now=case.world.clock.now())
    if user is None or user.link is None:
        return NOBODY
    name = user.link.account.username
    return name, tuple(sorted(case.world.roles(name) or ()))


@pytest.mark.parametrize("overlap", TEN, ids=lambda overlap: f"{overlap.first} | {overlap.other}")
def test_the_page_predicts_how_an_overlap_ends(overlap: Overlap) -> None:
    assert overlap.sentence in PAGE
    found = []
    for schedule in overlaps(overlap.base, overlap.first, overlap.other):
        if schedule.point and schedule.point.mode == overlap.mode:
            case, _ = play(schedule)
            assert check(case) == [], str(schedule)
            found.append(left_in(case))
            assert found[-1] in overlap.ends, str(schedule)
    assert overlap.ends == set(found), "each of them happens"
    assert overlap.at_last_call in (None, found[-1])
