"""What a deployment or a removal finds that others left: tables without a stack, stacks that failed, names that SQS
blocks, a project's folder without notes.

Against a second AWS, which was written by others and knows rules that the local one does not.
"""

import shutil
from pathlib import Path

import pytest

from deploy.found import find
from deploy.kept import Kept
from deploy.project import NotDeployed
from deploy.stacks import Stacks
from tests.deploy.account import NUMBER, Account, Ended
from tests.deploy.interruptions import UNKNOWN, leave_stuck
from tests.deploy.inventory import everything, whole
from tests.deploy.support import STAGE, call_clean, change_settings

pytestmark = [pytest.mark.stack, pytest.mark.xdist_group("second-aws"), pytest.mark.timeout(600)]


@pytest.fixture
def project(sources: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sources, tmp_path / "project"))


def up(account: Account, project: Path, *words: str) -> Ended:
    """Deploy, to the end."""
    ended = account.deploy(project, "up", STAGE, *words)
    assert ended.code == 0, ended.said
    found = find(STAGE, account.client)
    made = (found.functions, found.triggers, found.apis)
    assert [len(each) for each in made] == [9, 2, 1]
    if "--packaged" not in words:  # CloudFormation makes up other names
        assert (len(found.roles), len(found.rules)) == (9, 2)
    return ended


def down(account: Account, project: Path) -> None:
    """Take all of it away, to the end."""
    ended = account.deploy(project, "down", STAGE, "--yes")
    assert ended.code == 0, ended.said
    assert ended.lines[-1] == f"Nothing of {STAGE} is left.\n"
    assert everything(account) == set()


def test_without_chalices_notes_and_in_another_folder_the_same_api_is_deployed_again(
    account: Account, project: Path, tmp_path: Path
) -> None:
    up(account, project)
    before = find(STAGE, account.client)
    shutil.rmtree(project / ".chalice" / "deployed")
    moved = project.rename(tmp_path / "moved")
    assert "taking up what is there" in up(account, moved).said
    assert find(STAGE, account.client) == before
    shutil.rmtree(moved / ".chalice" / "deployed")
    down(account, moved)


def rename(account: Account, api: str) -> None:
    change = {"op": "replace", "path": "/name", "value": "Our links"}
    account.client("apigateway").update_rest_api(restApiId=api, patchOperations=[change])


def let_call(account: Account, api: str, function: str) -> None:
    """What a person does who adds a route by hand."""
    gateway = account.client("apigateway")
    root = next(one["id"] for one in gateway.get_resources(restApiId=api)["items"] if one["path"] == "/")
    gateway.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    arn = f"arn:aws:lambda:us-east-1:{NUMBER}:function:{function}"
    gateway.put_integration(
        restApiId=api,
        resourceId=root,
        httpMethod="GET",
        type="AWS_PROXY",
        integrationHttpMethod="POST",
        uri=f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations",
    )


@pytest.mark.parametrize("without_function", [pytest.param(False, marks=pytest.mark.slow), True])
def test_an_api_that_was_renamed_is_deployed_again_and_taken_away(
    account: Account, project: Path, *, without_function: bool
) -> None:
    """Also where its function, which says who may call it, is gone."""
    up(account, project)
    apis = find(STAGE, account.client).apis
    for command in (up, down):
        rename(account, apis[0])
        shutil.rmtree(project / ".chalice" / "deployed")
        if without_function:
            account.client("lambda").delete_function(FunctionName=f"rolecall-{STAGE}")
        assert find(STAGE, account.client).apis == apis
        command(account, project)


def test_an_api_that_calls_other_things_too_is_neither_overwritten_nor_deleted(account: Account, project: Path) -> None:
    up(account, project)
    (api,) = find(STAGE, account.client).apis
    let_call(account, api, "somebody-elses")
    ended = account.deploy(project, "up", STAGE)
    assert ended.code == 1
    assert f"The REST API {api} calls rolecall-{STAGE} and other things too" in ended.said
    ended = account.deploy(project, "down", STAGE, "--yes")
    assert ended.code == 0, ended.said
    assert f"left alone: the REST API {api}" in ended.said
    assert everything(account) == {f"api {api}"}


def test_an_api_of_somebody_elses_that_calls_the_stage_too_is_left_alone(account: Account, project: Path) -> None:
    up(account, project)
    theirs = account.client("apigateway").create_rest_api(name="rolecall")["id"]
    let_call(account, theirs, "somebody-elses")
    up(account, project)
    assert theirs not in find(STAGE, account.client).apis


def test_a_stage_may_be_made_again_at_once_though_sqs_blocks_the_names_of_its_queues(
    account: Account, project: Path
) -> None:
    up(account, project)
    down(account, project)
    account.put_secrets(STAGE)
    assert "waiting" in up(account, project).said


def test_tables_that_outlived_their_stack_are_taken_up_with_what_they_hold(account: Account, project: Path) -> None:
    up(account, project)
    item = {"user_id": {"S": "1"}}
    account.client("dynamodb").put_item(TableName=f"rolecall-{STAGE}-users", Item=item)
    account.client("cloudformation").delete_stack(StackName=f"rolecall-{STAGE}-data")
    assert "taking up what outlived its stack" in up(account, project).said
    found = account.client("dynamodb").get_item(TableName=f"rolecall-{STAGE}-users", Key=item)
    assert found["Item"] == item
    account.client("cloudformation").delete_stack(StackName=f"rolecall-{STAGE}-data")
    down(account, project)


@pytest.mark.parametrize(
    "way", [(), pytest.param(("--packaged",), marks=pytest.mark.slow)], ids=["chalice", "packaged"]
)
def test_a_queues_limit_is_set_lifted_and_set_again_as_is_said_or_as_the_account_allows(
    account: Account, project: Path, way: tuple[str, ...]
) -> None:
    """Also while Lambda still changes the trigger, as it does for some seconds."""
    for said, quota, limits in (
        ("jobs", 10, [4, None]),
        ("", 10, [4, 3]),
        ("", 1000, [None, None]),
        ("jobs", 1000, [4, None]),
    ):
        account.allow_functions(quota)
        change_settings(project, {"LIMIT_CONCURRENCY": said})
        call_clean(project)
        up(account, project, *way)
        assert [limit_of(account, queue) for queue in ("jobs", "bulk")] == limits, (said, quota)


def limit_of(account: Account, queue: str) -> int | None:
    """How many functions the queue's trigger lets run at once."""
    found = account.client("lambda").list_event_source_mappings()["EventSourceMappings"]
    (trigger,) = [one for one in found if one["EventSourceArn"].endswith(f":rolecall-{STAGE}-{queue}")]
    limit: int | None = trigger.get("ScalingConfig", {}).get("MaximumConcurrency")
    return limit


# --- deleted and changed by hand --------------------------------------------------------------------------------------


def test_what_was_deleted_by_hand_is_named_and_made_anew_where_that_is_wanted(account: Account, project: Path) -> None:
    up(account, project)
    before = whole(account)
    account.client("dynamodb").delete_table(TableName=f"rolecall-{STAGE}-audit")
    sqs = account.client("sqs")
    sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=f"rolecall-{STAGE}-notices")["QueueUrl"])
    account.sleep(60)
    ended = account.deploy(project, "up", STAGE)
    assert ended.code == 1
    assert f"Somebody deleted rolecall-{STAGE}-audit, rolecall-{STAGE}-notices." in ended.said
    assert (
        f"Put back what was changed by hand of the stack rolecall-{STAGE}-data"
        in up(account, project, "--revert-drift").said
    )
    assert whole(account) == before
    assert "Put back" not in up(account, project, "--revert-drift").said


def test_a_packaged_function_that_was_deleted_by_hand_is_named_and_made_anew(account: Account, project: Path) -> None:
    packaged = ("--packaged", "--email", "me@example.org")
    assert account.deploy(project, "up", STAGE, *packaged).code == 0
    before = whole(account)
    account.client("lambda").delete_function(FunctionName=f"rolecall-{STAGE}-sync_bulk")
    account.client("cloudwatch").delete_alarms(AlarmNames=[f"rolecall-{STAGE}-dead-letters"])
    ended = account.deploy(project, "up", STAGE, *packaged)
    assert ended.code == 1
    assert f"Somebody deleted rolecall-{STAGE}-sync_bulk, and CloudFormation makes them anew only" in ended.said
    ended = account.deploy(project, "up", STAGE, *packaged, "--revert-drift")
    assert ended.code == 0, ended.said
    assert whole(account) == before


def test_what_chalice_made_and_somebody_changed_by_hand_is_put_back_by_the_next_deployment(
    account: Account, project: Path
) -> None:
    up(account, project)
    before = whole(account)
    change_by_hand(account)
    assert whole(account) != before
    up(account, project)
    assert whole(account) == before


def change_by_hand(account: Account) -> None:
    """What a person may do in the console to what Chalice made."""
    functions, events, iam = account.client("lambda"), account.client("events"), account.client("iam")
    jobs, sweeps = f"rolecall-{STAGE}-sync_jobs", f"rolecall-{STAGE}-update_all_on_schedule"
    functions.put_function_recursion_config(FunctionName=jobs, RecursiveLoop="Terminate")
    functions.update_function_configuration(FunctionName=jobs, Timeout=3, Environment={"Variables": {"A": "b"}})
    functions.delete_function(FunctionName=f"rolecall-{STAGE}-update_all")
    rule = f"{sweeps}-event"
    events.disable_rule(Name=rule)
    events.remove_targets(Rule=rule, Ids=[one["Id"] for one in events.list_targets_by_rule(Rule=rule)["Targets"]])
    for name in (f"{sweeps}", jobs):
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    (api,) = find(STAGE, account.client).apis
    account.client("apigateway").delete_stage(restApiId=api, stageName="api")
    account.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{jobs}")


# --- the tables' stack ------------------------------------------------------------------------------------------------


def test_a_user_that_does_not_exist_is_named_before_anything_is_made(account: Account, project: Path) -> None:
    before = everything(account)
    ended = account.deploy(project, "up", STAGE, "--auth-site", UNKNOWN)
    assert ended.code == 1
    assert "this account has no user auth-sight" in ended.said
    assert everything(account) == before


@pytest.fixture
def kept(account: Account, project: Path) -> Kept:
    """The tables and queues of `prod`."""
    stacks = Stacks(account.client("cloudformation"), account.sleep)
    return Kept("prod", project, stacks, account.client, lambda _: None)


def state(account: Account) -> str:
    return str(
        account.client("cloudformation").describe_stacks(StackName="rolecall-prod-data")["Stacks"][0]["StackStatus"]
    )


def protected(account: Account) -> bool:
    table = account.client("dynamodb").describe_table(TableName="rolecall-prod-users")["Table"]
    return bool(table["DeletionProtectionEnabled"])


def test_a_first_attempt_that_fails_leaves_nothing_and_the_next_one_is_protected(account: Account, kept: Kept) -> None:
    with pytest.raises(NotDeployed, match="Invalid value for the parameter Policy"):
        kept.bring_about({"AuthSitePrincipal": UNKNOWN})
    assert account.client("dynamodb").list_tables()["TableNames"] == []
    assert kept.bring_about({"AuthSitePrincipal": ""})["JobsQueueUrl"]
    assert protected(account)


def test_a_stack_that_an_older_version_left_stuck_is_made_whole(account: Account, project: Path, kept: Kept) -> None:
    leave_stuck(account, "prod", project)
    assert state(account) == "ROLLBACK_FAILED", "its tables are protected"
    assert kept.bring_about({"AuthSitePrincipal": ""})["JobsQueueUrl"]
    assert protected(account)
    assert kept.protected()


def test_a_schedule_that_aws_would_refuse_stops_the_deployment_before_anything_is_made(
    account: Account, project: Path
) -> None:
    change_settings(project, {"UPDATE_ALL_SCHEDULE": "rate(2 hour)"})
    before = everything(account)
    ended = account.deploy(project, "up", STAGE)
    assert ended.code == 1
    assert "UPDATE_ALL_SCHEDULE must be rate(2 hours)" in ended.said
    assert everything(account) == before
