"""Problems as values: what is new, what is settled, and how they read and are stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.messages import Parts
from chalicelib.problems import (
    Problem,
    ProblemKind,
    Problems,
    from_last_error,
    from_stored,
    last_error,
    of_the_guild,
    outside,
    problem_of,
    role_refused,
    text,
    to_store,
)

NICKNAME, ROLE = Problem(ProblemKind.NICKNAME_NOT_PERMITTED), Problem(ProblemKind.ROLE_OUT_OF_REACH)
FAILED, REFUSED = Problem(ProblemKind.FAILED, "an old fault"), role_refused("Corp, Inc", "Discord refused: 400/50035")
LIMIT = Problem(ProblemKind.ROLE_LIMIT)
CODES = st.sampled_from([kind for kind in ProblemKind if kind not in (ProblemKind.FAILED, ProblemKind.ROLE_REFUSED)])


@pytest.mark.parametrize(
    ("parts", "left"),
    [
        pytest.param(Parts.GROUPS, {NICKNAME}, id="groups"),
        pytest.param(Parts.NICKNAME, {FAILED, ROLE, LIMIT}, id="nickname"),
        pytest.param(Parts.USERNAME, {FAILED, ROLE, LIMIT, NICKNAME}, id="username"),
        pytest.param(Parts.ALL, set(), id="all"),
    ],
)
def test_comparing_some_parts_says_nothing_about_the_problems_of_others(parts: Parts, left: Problems) -> None:
    assert outside(frozenset({FAILED, ROLE, LIMIT, NICKNAME}), parts) == left


def test_a_failure_does_not_last_and_the_guilds_order_of_roles_does() -> None:
    assert of_the_guild(frozenset({FAILED, REFUSED, LIMIT, NICKNAME, ROLE})) == {NICKNAME, ROLE}


@pytest.mark.parametrize(
    ("problem", "reason"),
    [
        (NICKNAME, "nickname_not_permitted"),
        (ROLE, "role_out_of_reach"),
        (LIMIT, "role_limit"),
        (Problem(ProblemKind.CANNOT_REMOVE), "cannot_remove"),
        (REFUSED, "the role 'Corp, Inc' cannot be created: Discord refused: 400/50035"),
        (FAILED, "an old fault"),
    ],
)
def test_the_contracts_reason_of_each_kind_and_back(problem: Problem, reason: str) -> None:
    assert problem.reason == reason
    assert problem_of(reason) == problem


@pytest.mark.parametrize(
    ("error", "problems"),
    [
        (None, set()),
        ("", set()),
        ("role_out_of_reach", {ROLE}),
        ("nickname_not_permitted, role_out_of_reach", {NICKNAME, ROLE}),
        ("an old fault, nickname_not_permitted, role_out_of_reach", {FAILED, NICKNAME, ROLE}),
        (f"{REFUSED.reason}, nickname_not_permitted", {REFUSED, NICKNAME}),
        ("one, two, three", {Problem(ProblemKind.FAILED, "one, two, three")}),
    ],
)
def test_the_text_that_older_versions_stored_is_read(error: str | None, problems: Problems) -> None:
    assert from_last_error(error) == problems


@given(st.frozensets(st.builds(Problem, CODES)), st.none() | st.text(max_size=20))
def test_problems_are_stored_and_read_back(codes: Problems, name: str | None) -> None:
    problems = codes | {role_refused(name, "no")} if name is not None else codes
    assert from_stored(to_store(problems)) == problems
    assert from_last_error(last_error(problems)) == problems


def test_a_kind_of_a_later_version_counts_as_a_failure() -> None:
    stored = [{"kind": "star_fell", "detail": "on its head"}, {"kind": "moon_rose"}]
    assert {(problem.kind, problem.reason) for problem in from_stored(stored)} == {
        (ProblemKind.FAILED, "on its head"),
        (ProblemKind.FAILED, "moon_rose"),
    }


@pytest.mark.parametrize("kind", ProblemKind)
def test_every_kind_reads_as_a_sentence_and_never_as_a_code(kind: ProblemKind) -> None:
    said = text(Problem(kind, "what Discord said" if kind in ("failed", "role_refused") else ""))
    assert " " in said
    assert kind.value not in said
