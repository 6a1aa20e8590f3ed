"""Whatever is stopped anywhere, the same command run again finishes it.

Against a second AWS, which was written by others and knows rules that the local one does not; on its own clock, so
nobody waits for it. A stage is deployed, changed, rolled back, taken away, and deployed again after that was killed:
once it printed a line, or before a call to AWS is done, or after it was done and before it is answered. What then
stands is compared, setting by setting, with what an uninterrupted deployment made; and of what is taken away nothing
may be left, of whatever service.

Some points by chance, and the hard ones, each time; every line and every call with `-m slow`: 1,049 interruptions, some
thirty minutes on two cores (docs/explanation/choosing-a-deployment.md has the figures). There lines are killed; of a
call, the account and the folder are recorded as a kill would leave them (second_aws/moments.py).
"""

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import cycle

import pytest

from tests.deploy.account import Account, Point
from tests.deploy.interruptions import (
    CHALICE,
    PACKAGED,
    STUCK,
    STUCK_PACKAGED,
    Interrupted,
    Way,
    clone,
    lose_notes,
    move,
)

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("second-aws"), pytest.mark.timeout(600)]
SEED = 15
EACH = [(way, operation) for way in (CHALICE, PACKAGED) for operation in way.operations]
AFTER_A_FAILURE = [(way, operation) for way in (STUCK, STUCK_PACKAGED) for operation in way.operations]


@pytest.fixture(scope="module")
def stages(second_account: Account, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Way], Interrupted]:
    """Each way's stage, made when it is first asked for; what was made before of another way is forgotten."""
    made: list[Interrupted] = []

    def stage(way: Way) -> Interrupted:
        if not made or made[-1].way != way:
            made.append(Interrupted(second_account, way, tmp_path_factory.mktemp(way.name)))
        return made[-1]

    return stage


def lines(stage: Interrupted, operation: str) -> Iterator[Point]:
    """Every line that the operation prints."""
    return (Point("line", number) for number in range(len(stage.finished[operation].lines)))


def calls(stage: Interrupted, operation: str, word: str = "") -> Iterator[Point]:
    """Every call to AWS with that word: before it is done; and when it was done, before it is answered."""
    found = [number for number, call in enumerate(stage.finished[operation].calls) if word in call]
    return (Point(when, number) for number in found for when in ("before", "after"))


def named(values: list[tuple[Way, str]]) -> list[object]:
    return [pytest.param(way, operation, id=f"{way.name}-{operation}") for way, operation in values]


@pytest.mark.parametrize(
    ("way", "operation", "call"),
    [
        pytest.param(
            CHALICE, "up", "event-source-mappings", id="a trigger exists once, and is in use for some seconds"
        ),
        pytest.param(CHALICE, "change", "", id="chalice-change"),
        pytest.param(CHALICE, "down", "", id="chalice-down"),
        pytest.param(CHALICE, "return", "", id="chalice-return"),
        pytest.param(PACKAGED, "up", "CreateStack", id="CloudFormation is still at work"),
        *(pytest.param(PACKAGED, operation, "", id=f"packaged-{operation}") for operation in PACKAGED.operations),
    ],
)
def test_what_was_killed_anywhere_is_finished_by_the_next_run(
    stages: Callable[[Way], Interrupted], way: Way, operation: str, call: str
) -> None:
    """At the last of the hard calls that are named; else at a call by chance."""
    stage, chance = stages(way), random.Random(f"{SEED} {way.name} {operation}")  # noqa: S311 - nothing secret
    points = list(calls(stage, operation, call))
    assert stage.run(operation, points[-1] if call else chance.choice(points)).killed


def test_what_is_put_back_after_a_deployment_that_was_killed_is_the_version_before_it(
    stages: Callable[[Way], Interrupted],
) -> None:
    stage = stages(PACKAGED)
    asked = stage.finished["change"].calls
    unrecorded = next(number for number, call in enumerate(asked) if call.startswith("GET /") and "versions" in call)
    assert stage.roll_back_after(Point("before", unrecorded)).killed


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("way", "operation"), named([*EACH, *AFTER_A_FAILURE]))
def test_it_may_be_killed_at_every_line_that_it_prints(
    stages: Callable[[Way], Interrupted], way: Way, operation: str
) -> None:
    stage = stages(way)
    finish_all(stage, operation, [(point, partial(stage.run, operation, point)) for point in lines(stage, operation)])


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("way", "operation"), named([*EACH, *AFTER_A_FAILURE]))
def test_it_may_be_killed_at_every_call_to_aws(stages: Callable[[Way], Interrupted], way: Way, operation: str) -> None:
    stage = stages(way)
    moments = stage.moments(operation)
    finish_all(stage, operation, [(moment, partial(stage.finish, operation, moment)) for moment in moments])


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("way", "operation"), named(EACH))
def test_it_may_be_killed_at_every_call_and_be_finished_elsewhere(
    stages: Callable[[Way], Interrupted], way: Way, operation: str
) -> None:
    stage = stages(way)
    moments = zip(stage.moments(operation), cycle((lose_notes, move, clone)))
    finish_all(
        stage, operation, [(moment, partial(stage.finish, operation, moment, mishap)) for moment, mishap in moments]
    )


def finish_all(stage: Interrupted, operation: str, tries: Sequence[tuple[object, Callable[[], object]]]) -> None:
    failed = {}
    for where, finish in tries:
        try:
            finish()
        except AssertionError as error:
            failed[where] = str(error)
    done = f"{stage.way.name} {operation}: {len(tries)} interruptions tried, {len(tries) - len(failed)} finished"
    logging.getLogger(__name__).info(done)
    assert not failed, "\n".join(f"{where}: {error[-2000:]}" for where, error in failed.items())
