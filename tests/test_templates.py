"""What AWS is told: both stacks, the functions' configuration and their permissions."""

import json
import re
from pathlib import Path
from typing import Any

import cfnlint  # type: ignore[import-untyped] # it ships none
import pytest
from cfnlint.decode import decode  # type: ignore[import-untyped] # it ships none
from chalice.config import Config
from chalice.constants import DEFAULT_HANDLER_NAME

import app
from chalicelib import metrics, outages, settings
from chalicelib.metrics import DIMENSION, NAMESPACE
from chalicelib.queues import MAX_DELAY
from deploy import stages
from deploy.functions import LOOPING

FOLDER = Path(__file__).parents[1] / ".chalice"
STAGES = ("dev", "prod")
FUNCTIONS = (
    DEFAULT_HANDLER_NAME,
    "sync_jobs",
    "sync_bulk",
    "update_all",
    "update_all_groups",
    "update_all_nicknames",
    "update_all_usernames",
    "update_all_on_schedule",
    "update_all_usernames_on_schedule",
)
QUEUES = ("jobs", "bulk", "dead-letters", "notices")
SQS_METRICS = {  # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    "ApproximateAgeOfOldestMessage",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesVisible",
    "NumberOfEmptyReceives",
    "NumberOfMessagesDeleted",
    "NumberOfMessagesReceived",
    "NumberOfMessagesSent",
    "SentMessageSize",
}
LAMBDA_METRICS = {
    "Invocations",
    "Duration",
    "Errors",
    "Throttles",
    "RecursiveInvocationsDropped",
}  # of which the dashboard makes use
TABLES = ("users", "accounts", "attempts", "guild", "budgets", "sweeps", "audit")
Json = dict[str, Any]


def read(name: str) -> Json:
    content: Json = json.loads((FOLDER / name).read_text())
    return content


def template(name: str) -> Json:
    decoded, _ = decode(str(FOLDER / name))
    plain: Json = json.loads(json.dumps(decoded))
    return plain


def data_stack() -> Json:
    return template("data-stack.yaml")


def resources(kind: str) -> dict[str, Json]:
    return {name: made for name, made in data_stack()["Resources"].items() if made["Type"] == kind}


def function_config(stage: str, function: str) -> Any:
    whole = Config(chalice_stage=stage, config_from_disk=read("config.json"))
    return whole.scope(stage, function)


def policy(stage: str, function: str) -> Json:
    return read(function_config(stage, function).iam_policy_file)


# --- the data stack ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["data-stack.yaml", "watch-stack.yaml"])
def test_cfn_lint_finds_nothing(name: str) -> None:
    found = cfnlint.lint_file(FOLDER / name)
    assert [str(fault) for fault in found] == []


def test_every_table_and_queue_is_there_under_its_name() -> None:
    tables = {made["Properties"]["TableName"]["Fn::Sub"] for made in resources("AWS::DynamoDB::Table").values()}
    queues = {made["Properties"]["QueueName"]["Fn::Sub"] for made in resources("AWS::SQS::Queue").values()}
    assert tables == {f"rolecall-${{Stage}}-{name}" for name in TABLES}
    assert queues == {f"rolecall-${{Stage}}-{name}" for name in QUEUES}


@pytest.mark.parametrize("name", resources("AWS::DynamoDB::Table"))
def test_a_table_outlives_its_stack_and_in_prod_refuses_deletion(name: str) -> None:
    table = resources("AWS::DynamoDB::Table")[name]
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    assert table["Properties"]["DeletionProtectionEnabled"] == {"Fn::If": ["Protected", True, False]}
    assert table["Properties"]["BillingMode"] == "PAY_PER_REQUEST"


@pytest.mark.parametrize("name", ["UsersTable", "AccountsTable"])
def test_links_can_be_restored_to_any_moment(name: str) -> None:
    recovery = resources("AWS::DynamoDB::Table")[name]["Properties"]["PointInTimeRecoverySpecification"]
    assert recovery == {"PointInTimeRecoveryEnabled": {"Fn::If": ["Protected", True, False]}}


def test_prod_is_protected_unless_somebody_says_otherwise() -> None:
    stack = data_stack()
    assert stack["Parameters"]["Protection"]["Default"] == "stage"
    by_choice, by_stage = stack["Conditions"]["Protected"]["Fn::Or"]
    assert by_choice == {"Fn::Equals": [{"Ref": "Protection"}, "on"]}
    assert {"Fn::Equals": [{"Ref": "Stage"}, "prod"]} in by_stage["Fn::And"]


@pytest.mark.parametrize("name", resources("AWS::SQS::Queue"))
def test_a_queue_keeps_messages_for_14_days_and_encrypts_them(name: str) -> None:
    queue = resources("AWS::SQS::Queue")[name]["Properties"]
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["SqsManagedSseEnabled"] is True


@pytest.mark.parametrize("name", ["JobsQueue", "BulkQueue"])
def test_a_job_is_tried_five_times_and_then_kept_among_the_dead_letters(name: str) -> None:
    redrive = resources("AWS::SQS::Queue")[name]["Properties"]["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": {"Fn::GetAtt": ["DeadLettersQueue", "Arn"]}, "maxReceiveCount": 5}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize(("queue", "function"), [("JobsQueue", "sync_jobs"), ("BulkQueue", "sync_bulk")])
def test_a_taken_job_stays_invisible_for_six_times_its_workers_timeout(stage: str, queue: str, function: str) -> None:
    stack = data_stack()
    assert stack["Resources"][queue]["Properties"]["VisibilityTimeout"] == {"Ref": "VisibilityTimeout"}
    assert stack["Parameters"]["VisibilityTimeout"]["Default"] >= 6 * function_config(stage, function).lambda_timeout


def queue_statements() -> list[tuple[list[str], str | None, Json]]:
    """Of every statement about queues: which queues, under which condition, and what it says."""
    found = []
    for made in resources("AWS::SQS::QueuePolicy").values():
        queues = [queue["Ref"] for queue in made["Properties"]["Queues"]]
        assert len(queues) == 1, "SQS: each policy must cover only a single queue"
        for statement in made["Properties"]["PolicyDocument"]["Statement"]:
            condition, said, _ = statement.get("Fn::If", [made.get("Condition"), statement, None])
            found.append((queues, condition, said))
    return found


def test_a_queues_policy_speaks_of_that_queue_alone_and_names_few_actions() -> None:
    for (queue,), _, said in queue_statements():
        assert said["Resource"] == {"Fn::GetAtt": [queue, "Arn"]}
        assert isinstance(said["Action"], str) or len(said["Action"]) <= 7  # AWS takes no more in one statement


def test_an_upgrade_takes_no_policy_off_a_queue() -> None:
    made = resources("AWS::SQS::QueuePolicy")
    assert set(made) == {"JobsPolicy", "NoticesPolicy", "InnerQueuesPolicy", "DeadLettersPolicy"}
    assert made["InnerQueuesPolicy"]["Properties"]["Queues"] == [{"Ref": "BulkQueue"}]
    assert made["DeadLettersPolicy"]["DependsOn"] == "InnerQueuesPolicy", "which had its queue before"


def test_every_queue_refuses_unencrypted_connections() -> None:
    refusing = [
        queue
        for queues, condition, said in queue_statements()
        if condition == "PlainDenied"
        and (said["Effect"], said["Principal"], said["Action"]) == ("Deny", "*", "sqs:*")
        and said["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        for queue in queues
    ]
    assert sorted(refusing) == sorted(resources("AWS::SQS::Queue"))
    assert data_stack()["Parameters"]["PlainConnections"]["Default"] == "denied"


def test_the_auth_site_may_send_jobs_and_read_notices_and_nothing_else() -> None:
    allowed = {
        (*queues, condition, str(said["Principal"])): set(said["Action"])
        for queues, condition, said in queue_statements()
        if said["Effect"] == "Allow"
    }
    auth_site = ("AuthSiteNamed", str({"AWS": {"Ref": "AuthSitePrincipal"}}))
    read = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl"}
    assert allowed == {
        ("JobsQueue", *auth_site): {"sqs:SendMessage", "sqs:GetQueueUrl"},
        ("NoticesQueue", *auth_site): read,
    }


# --- the functions -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_has_memory_time_logs_and_permissions_of_its_own(stage: str, function: str) -> None:
    config = function_config(stage, function)
    waited_for = function == DEFAULT_HANDLER_NAME
    assert config.lambda_memory_size == (1024 if waited_for else 512)
    assert config.lambda_timeout == (29 if waited_for else 60 if function.startswith("sync_") else 300)
    assert bool(config.xray_enabled) is waited_for
    assert config.reserved_concurrency is None  # a new account has no ten to spare, and AWS would refuse
    assert config.log_retention_in_days
    assert config.autogen_policy is False
    assert policy(stage, function)["Statement"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_runs_on_arm_and_knows_its_name(stage: str) -> None:
    config = function_config(stage, "update_all")
    assert config.lambda_architecture == "arm64"
    assert config.environment_variables["ROLECALL_STAGE"] == stage


def test_the_configuration_names_no_setting_that_does_not_exist() -> None:
    known = {*settings.NAMES, settings.STAGE, *settings.AT_DEPLOYMENT}
    for stage in STAGES:
        assert set(function_config(stage, "update_all").environment_variables) <= known


def test_no_secret_has_a_place_in_the_configuration() -> None:
    assert not re.search("SECRET|TOKEN", (FOLDER / "config.json").read_text())


def test_both_stages_differ_in_their_name_their_settings_and_how_long_logs_are_kept_only() -> None:
    made = read("config.json")["stages"]
    for stage in STAGES:
        del made[stage]["log_retention_in_days"]
        del made[stage]["environment_variables"]  # which are an operator's own, who runs these tests too
    assert json.dumps(made["dev"]).replace("dev", "prod") == json.dumps(made["prod"])
    new = stages.configuration("prod", FOLDER.parent)
    assert {**made["prod"], **{name: new[name] for name in new if name not in made["prod"]}} == new


@pytest.mark.parametrize("stage", STAGES)
def test_the_policies_of_a_stage_are_those_of_the_templates(stage: str) -> None:
    for name, content in stages.policies(stage, FOLDER.parent).items():
        assert (FOLDER / name).read_text() == content, "run: python -m ops stages renew"


def test_there_is_no_policy_without_a_template() -> None:
    known = {name for stage in read("config.json")["stages"] for name in stages.policies(stage, FOLDER.parent)}
    assert {path.name for path in FOLDER.glob("policy-*.json")} == known


def test_the_queues_leave_room_for_people_in_an_account_that_runs_ten_functions() -> None:
    limits = app.JOBS_AT_ONCE, app.BULK_AT_ONCE
    assert limits == (4, 3)
    assert min(limits) >= 2  # Lambda takes no less


@pytest.mark.parametrize(
    ("said", "limits"), [("True", (4, 3)), ("", (4, 3)), ("jobs", (4, None)), ("False", (None, None))]
)
def test_an_account_that_runs_many_functions_needs_no_limit_on_queues(
    said: str, limits: tuple[int | None, int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIMIT_CONCURRENCY", said)
    assert (settings.queue_limit("jobs", 4), settings.queue_limit("bulk", 3)) == limits


# --- permissions -------------------------------------------------------------------------------------------------

POLICIES = sorted(FOLDER.glob("policy-*.json"))


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_policy_names_actions_one_by_one_and_only_its_own_stages_resources(path: Path) -> None:
    stage = path.name.split("-")[1]
    for statement in read(path.name)["Statement"]:
        assert not [action for action in statement["Action"] if "*" in action], statement["Sid"]
        for resource in statement["Resource"]:
            if statement["Sid"] in ("SendTraces", "SeeQueuesOverTime"):
                assert resource == "*"  # neither traces nor metrics have a resource that could be named
                continue
            own = re.search(rf"rolecall-{stage}[-:]|/rolecall/{stage}/", resource)
            by_condition = f"/rolecall/{stage}/" in json.dumps(statement.get("Condition"))
            assert own or by_condition, (statement["Sid"], resource)


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_function_may_read_the_secrets_of_its_stage_and_no_other_parameter(path: Path) -> None:
    # The local AWS judges ssm:GetParameters without its resource, so that nothing but this test would notice.
    stage = path.name.split("-")[1]
    reading = [s["Resource"] for s in read(path.name)["Statement"] if "ssm:GetParameters" in s["Action"]]
    assert reading == [[f"arn:*:ssm:*:*:parameter/rolecall/{stage}/{name}" for name in sorted(settings.SECRETS)]]


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_policy_belongs_to_a_function(path: Path) -> None:
    used = {function_config(stage, function).iam_policy_file for stage in STAGES for function in FUNCTIONS}
    assert path.name in used


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_may_write_its_own_log(function: str) -> None:
    group = f"log-group:/aws/lambda/{deployed_name('prod', function)}:*"
    assert any(
        resource.endswith(group)
        for statement in policy("prod", function)["Statement"]
        for resource in statement["Resource"]
    )


@pytest.mark.parametrize(("function", "queue"), [("sync_jobs", "jobs"), ("sync_bulk", "bulk")])
def test_a_worker_takes_messages_from_its_own_queue_only(function: str, queue: str) -> None:
    taking = [s for s in policy("prod", function)["Statement"] if "sqs:ReceiveMessage" in s["Action"]]
    assert [s["Resource"] for s in taking] == [[f"arn:*:sqs:*:*:rolecall-prod-{queue}"]]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_packaged_function_bears_the_name_that_its_policy_and_alarms_know(function: str) -> None:
    merged = read("package-merge.json")["Resources"]
    names = {made["Properties"].get("FunctionName", {}).get("Fn::Sub") for made in merged.values()}
    assert deployed_name("${AWS::StackName}", function).removeprefix("rolecall-") in names


def test_lambda_lets_the_workers_send_to_the_queue_that_called_them_and_nobody_else() -> None:
    merged = read("package-merge.json")["Resources"]
    allowed = {name for name, made in merged.items() if made["Properties"].get("RecursiveLoop") == "Allow"}
    assert allowed == {"SyncJobs", "SyncBulk"}
    assert LOOPING == ("sync_jobs", "sync_bulk")


def test_every_packaged_function_changes_with_the_secrets_that_it_reads_once() -> None:
    merged = read("package-merge.json")
    functions = [made["Properties"] for made in merged["Resources"].values() if "FunctionName" in made["Properties"]]
    assert len(functions) == len(FUNCTIONS)
    for made in functions:
        assert made["Environment"]["Variables"] == {"SECRETS_STORED": {"Ref": "SecretsStored"}}
    assert merged["Parameters"]["SecretsStored"]["Default"] == "", "a pipeline needs not give it"


def deployed_name(stage: str, function: str) -> str:
    """What `chalice deploy` calls a function: the HTTP API's has no name of its own."""
    return f"rolecall-{stage}" if function == DEFAULT_HANDLER_NAME else f"rolecall-{stage}-{function}"


# The local AWS traces nothing and keeps no logs group by group, so nothing but these would notice.


def test_only_the_traced_function_may_send_traces() -> None:
    for stage in STAGES:
        for function in FUNCTIONS:
            sending = [s for s in policy(stage, function)["Statement"] if "xray:PutTraceSegments" in s["Action"]]
            assert bool(sending) is bool(function_config(stage, function).xray_enabled)


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_function_may_decrypt_the_secrets_of_its_stage_through_the_parameter_store_only(path: Path) -> None:
    stage = path.name.split("-")[1]
    (decrypting,) = [s for s in read(path.name)["Statement"] if "kms:Decrypt" in s["Action"]]
    assert decrypting["Action"] == ["kms:Decrypt"]
    assert decrypting["Condition"]["StringLike"] == {
        "kms:ViaService": "ssm.*.amazonaws.com",
        "kms:EncryptionContext:PARAMETER_ARN": f"arn:*:ssm:*:*:parameter/rolecall/{stage}/*",
    }


# --- the watch stack ---------------------------------------------------------------------------------------------


def alarms() -> dict[str, Json]:
    made = template("watch-stack.yaml")["Resources"]
    return {name: it["Properties"] for name, it in made.items() if it["Type"] == "AWS::CloudWatch::Alarm"}


def test_there_are_alarms_for_what_an_operator_must_know_and_for_nothing_else() -> None:
    assert list(alarms()) == [
        "DeadLetters",
        "CallsStopped",
        "ChangesLate",
        "JobsNotTaken",
        "SweepHeld",
        "SweepFailed",
        "SweepsMissing",
    ]


@pytest.mark.parametrize("name", alarms())
def test_silence_is_good_news_but_for_sweeps(name: str) -> None:
    assert alarms()[name]["TreatMissingData"] == ("breaching" if name == "SweepsMissing" else "notBreaching")


@pytest.mark.parametrize("name", alarms())
def test_an_alarm_tells_what_it_means_and_what_to_do(name: str) -> None:
    alarm = alarms()[name]
    text = alarm["AlarmDescription"]["Fn::Sub"]
    assert "Run: " in text
    assert len(text) < 1000  # AWS takes 1024 characters, and parameters make it longer
    assert alarm["AlarmActions"] == [{"Ref": "AlarmsTopic"}]


@pytest.mark.parametrize("name", alarms())
def test_an_alarm_listens_to_what_is_really_counted_or_to_a_queue_that_is_really_there(name: str) -> None:
    alarm = alarms()[name]
    (dimension,) = alarm["Dimensions"]
    if alarm["Namespace"] == "AWS/SQS":
        queues = {f"rolecall-${{Stage}}-{queue}" for queue in QUEUES}
        assert dimension["Name"] == "QueueName"
        assert dimension["Value"]["Fn::Sub"] in queues
        assert alarm["MetricName"] in SQS_METRICS
    else:
        assert alarm["Namespace"] == NAMESPACE
        assert dimension == {"Name": DIMENSION, "Value": {"Ref": "Stage"}}
        assert alarm["MetricName"] in counted()


def counted() -> set[str]:
    """The metrics that the code counts, and no others that its docstring names."""
    code = "".join(path.read_text() for path in (FOLDER.parent / "chalicelib").rglob("*.py"))
    found = set(re.findall(r'metrics\.(?:count|seconds)\("(\w+)"', code)) | set(outages.METRICS.values())
    assert found == set(re.findall(r"^\| (\w+) \| (?:s|count) ", str(metrics.__doc__), re.MULTILINE))
    return found


def test_what_is_counted_is_written_where_alarms_look_for_it() -> None:
    lines: list[str] = []
    counting = metrics.Metrics("prod", lines.append)
    counting.count("CallsStopped")
    counting.flush(0.0)
    (line,) = map(json.loads, lines)
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    alarm = alarms()["CallsStopped"]
    assert (directive["Namespace"], directive["Metrics"][0]["Name"]) == (alarm["Namespace"], alarm["MetricName"])
    assert directive["Dimensions"] == [[dimension["Name"] for dimension in alarm["Dimensions"]]]
    assert line[DIMENSION] == "prod"


def test_two_stages_count_few_enough_metrics_to_cost_nothing_while_all_is_well() -> None:
    only_in_trouble = {"CallsStopped", "SweepsHeld", "SweepsFailed"}
    assert 2 * len(counted() - only_in_trouble) <= 10  # custom metrics that CloudWatch does not charge for


def test_an_alarm_of_jobs_that_stand_still_outlasts_the_longest_pause_between_two_looks_at_them() -> None:
    stopped, late = alarms()["CallsStopped"], alarms()["ChangesLate"]
    assert stopped["Period"] * stopped["EvaluationPeriods"] > MAX_DELAY
    assert late["Period"] * late["EvaluationPeriods"] > MAX_DELAY


def dashboard() -> Json:
    text = template("watch-stack.yaml")["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    board: Json = json.loads(re.sub(r"(?<!\")\$\{OldestChange\}", "0", text))
    return board


def test_the_dashboard_shows_every_alarm_metric_and_queue() -> None:
    shown = json.dumps(dashboard())
    assert set(re.findall(r"\$\{(\w+)\.Arn\}", shown)) == set(alarms())
    assert all(f'"{name}"' in shown for name in counted() - {"CallsStopped"})
    assert all(f"rolecall-${{Stage}}-{queue}" in shown for queue in QUEUES)


def graphs() -> list[tuple[str, ...]]:
    """Namespace, metric, dimension and its value of every line of every graph; CloudWatch's shorthand written out."""
    found: list[tuple[str, ...]] = []
    for widget in dashboard()["widgets"]:
        before: list[str] = []
        for row in widget["properties"].get("metrics", []):
            said = [word for word in row if isinstance(word, str)]
            if said[0] == "...":
                said = [*before[: len(before) - len(said) + 1], *said[1:]]
            before = [old if word == "." else word for word, old in zip(said, before or said, strict=True)]
            found.append(tuple(before))
    return found


@pytest.mark.parametrize("graph", graphs(), ids="/".join)
def test_a_graph_shows_what_is_really_counted(graph: tuple[str, ...]) -> None:
    namespace, metric, dimension, value = graph
    known = {
        NAMESPACE: (counted(), DIMENSION, {"${Stage}"}),
        "AWS/SQS": (SQS_METRICS, "QueueName", {f"rolecall-${{Stage}}-{queue}" for queue in QUEUES}),
        "AWS/Lambda": (LAMBDA_METRICS, "FunctionName", {deployed_name("${Stage}", one) for one in FUNCTIONS}),
    }
    names, by, values = known[namespace]
    assert metric in names
    assert dimension == by
    assert value in values


@pytest.mark.parametrize("title", ["Requests to Discord, by route and status", "Warnings and errors"])
def test_the_dashboard_reads_the_log_of_every_function(title: str) -> None:
    (query,) = [w["properties"]["query"] for w in dashboard()["widgets"] if w["properties"].get("title") == title]
    assert set(re.findall("SOURCE '([^']*)'", query)) == {
        f"/aws/lambda/{deployed_name('${Stage}', function)}" for function in FUNCTIONS
    }


def test_the_widgets_of_the_dashboard_lie_side_by_side() -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard()["widgets"]:
        across = range(widget["x"], widget["x"] + widget["width"])
        place = {(x, y) for x in across for y in range(widget["y"], widget["y"] + widget["height"])}
        assert not place & taken
        assert widget["x"] + widget["width"] <= 24
        taken |= place


@pytest.mark.parametrize("event", ["discord_request", "settled"])
def test_the_dashboard_asks_the_logs_for_events_that_are_really_logged(event: str) -> None:
    code = "".join(path.read_text() for path in (FOLDER.parent / "chalicelib").rglob("*.py"))
    assert re.search(rf'log\.info\(\s*"{event}"', code)
    assert f"event = '{event}'" in json.dumps(dashboard())
