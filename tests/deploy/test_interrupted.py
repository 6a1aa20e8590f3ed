"""Whatever is stopped anywhere, the same command run again finishes it.

Against a second AWS, which was written by others and knows rules that the local one does not; on its own clock, so
nobody waits for it. A stage is deployed, changed and taken away, killed once it printed a line, or before a call to AWS
is done, or after it was done and before it is answered. What then stands is compared, setting by setting, with what an
uninterrupted deployment made.
"""

import random
from collections.abc import Callable, Iterator

import pytest

from tests.deploy.account import Account, Point
from tests.deploy.interruptions import CHALICE, Interrupted, Mishap, Way, clone, lose_notes, move

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("second-aws"), pytest.mark.timeout(600)]
OPERATIONS = ("up", "change", "down")
SEED = 15

Points = Callable[[Interrupted, str], Iterator[Point]]


@pytest.fixture(scope="module", params=[CHALICE], ids=lambda way: way.name)
def stage(
    request: pytest.FixtureRequest, second_account: Account, tmp_path_factory: pytest.TempPathFactory
) -> Interrupted:
    way: Way = request.param
    return Interrupted(second_account, way, tmp_path_factory.mktemp(way.name))


def lines(stage: Interrupted, operation: str) -> Iterator[Point]:
    """Every line that the operation prints."""
    return (Point("line", number) for number in range(len(stage.finished[operation].lines)))


def calls(stage: Interrupted, operation: str) -> Iterator[Point]:
    """Every call to AWS that it makes, done and not answered: of what is read, too."""
    return (Point("after", number) for number in range(len(stage.finished[operation].calls)))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_deployment_that_was_killed_is_finished_by_the_next_one(stage: Interrupted, operation: str) -> None:
    chance = random.Random(f"{SEED} {operation}")  # noqa: S311 - not for secrets
    for points in (lines, calls):
        killed = stage.run(operation, chance.choice(list(points(stage, operation))[:-1]))
        assert killed.killed


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("points", [lines, calls])
def test_it_may_be_killed_at_every_line_and_every_call(stage: Interrupted, operation: str, points: Points) -> None:
    finish_all(stage, operation, points(stage, operation))


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("mishap", [lose_notes, move, clone])
def test_it_may_be_killed_at_every_line_and_be_finished_elsewhere(
    stage: Interrupted, operation: str, mishap: Mishap
) -> None:
    finish_all(stage, operation, lines(stage, operation), mishap)


def finish_all(stage: Interrupted, operation: str, points: Iterator[Point], mishap: Mishap | None = None) -> None:
    failed = {}
    for point in points:
        try:
            stage.run(operation, point, mishap)
        except AssertionError as error:
            failed[point] = str(error)
    assert not failed, "\n".join(f"{point}: {error[-2000:]}" for point, error in failed.items())
