"""Stacks of `make deploy-package` that CloudFormation left half made, the first one of a stage and later ones: the same
command makes the stage whole, and `destroy` then leaves nothing.

Against a second AWS, which lets what it is told fail, and leaves stacks as CloudFormation does.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.deploy.account import Account, Ended
from tests.deploy.interruptions import BUCKET, NEW_ROUTE, PACKAGED
from tests.deploy.inventory import everything, whole
from tests.deploy.support import STAGE

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("second-aws"), pytest.mark.timeout(600)]
FUNCTIONS = f"rolecall-{STAGE}"
HalfMade = Callable[[Account, Path], None]


@pytest.fixture
def project(sources: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sources, tmp_path / "project"))


@pytest.fixture(scope="module")
def expected(second_account: Account, sources: Path, tmp_path_factory: pytest.TempPathFactory) -> object:
    """What stands where nothing failed."""
    second_account.reset()
    second_account.put_secrets(STAGE)
    made = Path(shutil.copytree(sources, tmp_path_factory.mktemp("expected") / "project"))
    up(second_account, made)
    return whole(second_account)


def up(account: Account, project: Path) -> Ended:
    ended = account.deploy(project, *PACKAGED.up)
    assert ended.code == 0, ended.said
    return ended


def failed(account: Account, project: Path, said: str) -> None:
    ended = account.deploy(project, *PACKAGED.up)
    assert ended.code == 1
    assert said in ended.said


def state(account: Account) -> str:
    stacks = account.client("cloudformation").describe_stacks(StackName=FUNCTIONS)["Stacks"]
    return str(stacks[0]["StackStatus"])


def add_route(project: Path) -> None:
    with (project / "app.py").open("a") as app:
        app.write(NEW_ROUTE)


def take_route_back(project: Path) -> None:
    path = project / "app.py"
    path.write_text(path.read_text().removesuffix(NEW_ROUTE))


# --- the first ------------------------------------------------------------------------------------------------------


def rolled_back(account: Account, project: Path) -> None:
    account.fail(create="SyncBulk")
    failed(account, project, "SyncBulk was told to fail")


def not_rolled_back(account: Account, project: Path) -> None:
    account.fail(create="UpdateAll", delete="SyncBulk")
    failed(account, project, "UpdateAll was told to fail")


def under_review(account: Account, _: Path) -> None:
    account.client("cloudformation").create_change_set(
        StackName=FUNCTIONS, ChangeSetName="by-hand", ChangeSetType="CREATE", TemplateBody='{"Resources": {}}'
    )


def not_deleted(account: Account, project: Path) -> None:
    up(account, project)
    account.fail(delete="SyncBulk")
    account.client("cloudformation").delete_stack(StackName=FUNCTIONS)
    account.sleep(60)


FIRST = [
    pytest.param(rolled_back, "ROLLBACK_COMPLETE", id="rolled back", marks=pytest.mark.slow),
    pytest.param(not_rolled_back, "ROLLBACK_FAILED", id="not rolled back"),
    pytest.param(under_review, "REVIEW_IN_PROGRESS", id="under review", marks=pytest.mark.slow),
    pytest.param(not_deleted, "DELETE_FAILED", id="not deleted", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(
    "for_ever",
    [
        pytest.param(False, id="once", marks=pytest.mark.slow),
        pytest.param(True, id="what refuses goes on to refuse"),
    ],
)
@pytest.mark.parametrize(("leave", "half_made"), FIRST)
def test_a_first_stack_that_is_half_made_is_made_whole_and_can_be_taken_away(
    account: Account, project: Path, expected: object, *, leave: HalfMade, half_made: str, for_ever: bool
) -> None:
    account.reset()
    account.put_secrets(STAGE)
    leave(account, project)
    assert state(account) == half_made
    if for_ever:
        account.fail(delete="SyncBulk")
    else:
        account.fail()
    up(account, project)
    assert whole(account) == expected
    down(account, project)


@pytest.mark.slow
@pytest.mark.parametrize(("leave", "half_made"), FIRST)
def test_a_first_stack_that_is_half_made_can_be_taken_away_at_once(
    account: Account, project: Path, leave: HalfMade, half_made: str
) -> None:
    leave(account, project)
    assert state(account) == half_made
    down(account, project)


def down(account: Account, project: Path) -> None:
    ended = account.deploy(project, *PACKAGED.down)
    assert ended.code == 0, ended.said
    assert everything(account) <= {BUCKET}


# --- a later one ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("half_made", "rollback", "for_ever"),
    [
        pytest.param("UPDATE_ROLLBACK_COMPLETE", "", False, id="rolled back", marks=pytest.mark.slow),
        pytest.param("UPDATE_ROLLBACK_FAILED", "SyncBulk", False, id="not rolled back", marks=pytest.mark.slow),
        pytest.param("UPDATE_ROLLBACK_FAILED", "SyncBulk", True, id="cannot be rolled back"),
    ],
)
def test_a_later_change_that_failed_is_made_and_can_be_taken_away(
    account: Account, project: Path, expected: object, *, half_made: str, rollback: str, for_ever: bool
) -> None:
    account.reset()
    account.put_secrets(STAGE)
    up(account, project)
    add_route(project)
    failing = {"rollback": rollback} if rollback else {}
    account.fail(update="SyncBulk", **failing)
    failed(account, project, "SyncBulk was told to fail")
    assert state(account) == half_made
    account.fail(**(failing if for_ever else {}))
    up(account, project)
    assert whole(account) != expected, "the new route is there"
    take_route_back(project)
    up(account, project)
    assert whole(account) == expected
    down(account, project)


def test_a_role_to_which_somebody_attached_a_policy_goes_too(account: Account, project: Path) -> None:
    """Neither way leaves it: those that CloudFormation made bear names that nobody could guess afterwards."""
    for words in (PACKAGED.up, ("up", STAGE)):
        ended = account.deploy(project, *words)
        assert ended.code == 0, ended.said
        iam = account.client("iam")
        policy = iam.create_policy(PolicyName="by-hand", PolicyDocument=POLICY)["Policy"]["Arn"]
        for role in iam.list_roles()["Roles"]:
            iam.attach_role_policy(RoleName=role["RoleName"], PolicyArn=policy)
        down(account, project)
        iam.delete_policy(PolicyArn=policy)
        account.put_secrets(STAGE)


POLICY = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}]}'
