"""Whatever is stopped anywhere, the same command run again finishes it.

Against a second AWS, which was written by others and knows rules that the local one does not; on its own clock, so
nobody waits for it. A stage is deployed, changed, rolled back and taken away, killed once it printed a line, or before
a call to AWS is done, or after it was done and before it is answered. What then stands is compared, setting by setting,
with what an uninterrupted deployment made; and of what is taken away nothing may be left, of whatever service.

Some points by chance, and the hard ones, each time; every line and every call with `-m slow`.
"""

import logging
import random
from collections.abc import Callable, Iterator

import pytest

from tests.deploy.account import Account, Point
from tests.deploy.interruptions import (
    CHALICE,
    PACKAGED,
    STUCK,
    STUCK_PACKAGED,
    Interrupted,
    Mishap,
    Way,
    clone,
    lose_notes,
    move,
)

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("second-aws"), pytest.mark.timeout(600)]
SEED = 15
EACH = [(way, operation) for way in (CHALICE, PACKAGED) for operation in way.operations]
AFTER_A_FAILURE = [(way, operation) for way in (STUCK, STUCK_PACKAGED) for operation in way.operations]

Points = Callable[[Interrupted, str], Iterator[Point]]


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


def calls(stage: Interrupted, operation: str) -> Iterator[Point]:
    """Every call to AWS that it makes, done and not answered; of what is read, too."""
    return (Point("after", number) for number in range(len(stage.finished[operation].calls)))


def named(values: list[tuple[Way, str]]) -> list[object]:
    return [pytest.param(way, operation, id=f"{way.name}-{operation}") for way, operation in values]


@pytest.mark.parametrize(("way", "operation"), named(EACH))
def test_what_was_killed_anywhere_is_finished_by_the_next_run(
    stages: Callable[[Way], Interrupted], way: Way, operation: str
) -> None:
    stage, chance = stages(way), random.Random(f"{SEED} {way.name} {operation}")  # noqa: S311 - nothing secret
    points = [*lines(stage, operation), *calls(stage, operation)]
    killed = stage.run(operation, chance.choice(points[:-1]))
    assert killed.killed


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
@pytest.mark.parametrize("points", [lines, calls])
def test_it_may_be_killed_at_every_line_and_every_call(
    stages: Callable[[Way], Interrupted], way: Way, operation: str, points: Points
) -> None:
    finish_all(stages(way), operation, points)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize(("way", "operation"), named(EACH))
@pytest.mark.parametrize("mishap", [lose_notes, move, clone])
def test_it_may_be_killed_at_every_line_and_be_finished_elsewhere(
    stages: Callable[[Way], Interrupted], way: Way, operation: str, mishap: Mishap
) -> None:
    finish_all(stages(way), operation, lines, mishap)


def finish_all(stage: Interrupted, operation: str, points: Points, mishap: Mishap | None = None) -> None:
    failed, tried = {}, 0
    for point in points(stage, operation):
        tried += 1
        try:
            stage.run(operation, point, mishap)
        except AssertionError as error:
            failed[point] = str(error)
    done = f"{stage.way.name} {operation}: {tried} interruptions tried, {tried - len(failed)} finished"
    logging.getLogger(__name__).info(done)
    assert not failed, "\n".join(f"{point}: {error[-2000:]}" for point, error in failed.items())
