# ruff: noqa: E501 - a table of faults, a line each
"""Faults are planted one by one: doctor must find each, and name the click or the command that cures it."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from botocore.stub import Stubber

from chalicelib.discord.availability import Away
from chalicelib.discord.client import fingerprint
from chalicelib.discord.halts import BlockReport
from chalicelib.linking.addresses import add_bot_url
from chalicelib.problems import from_last_error
from chalicelib.store import users
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.removals import RemovalStore
from chalicelib.store.sweeps import NO_LIST, Sweep, Sweeps, SweepState
from local.discord.config import LEAST_PERMISSIONS, MANAGE_ROLES
from ops.doctor.alarms import ALARMS as ALARM_NAMES
from ops.doctor.base import Check, Level, examine
from ops.doctor.command import REGISTRIES
from ops.doctor.context import DoctorContext
from ops.doctor.guild import review_finding
from ops.formatting import moment
from ops.stage import Stage
from ops.stages import shared_with
from tests.ops.links import linked
from tests.ops.world import ALARMS, DISCORD, NOON, SECRETS, STAGE, Command, World, function

GUILD, APP = int(DISCORD.guild_id), int(DISCORD.app_id)
Plant = Callable[[World], object]


@dataclass(frozen=True)
class Planted:
    """A fault: how to make it, which check finds it, what is said of it, a word of the fix."""

    id: str
    plant: Plant
    check: str
    said: str
    fix: str
    level: Level = Level.FAULT


def warned(plant_id: str, plant: Plant, check: str, said: str, fix: str) -> Planted:
    return Planted(plant_id, plant, check, said, fix, Level.WARNING)


# --- settings and secrets ---------------------------------------------------------------------------------------


def a_secret(name: str, value: str) -> Plant:
    return lambda world: world.put_secrets({name: value})


def a_plain_secret(world: World) -> None:
    world.session.client("ssm").delete_parameter(Name=f"/rolecall/{STAGE}/DISCORD_BOT_TOKEN")
    world.put_secrets({"DISCORD_BOT_TOKEN": SECRETS["DISCORD_BOT_TOKEN"]}, kind="String")


def no_secret(world: World) -> None:
    world.session.client("ssm").delete_parameter(Name=f"/rolecall/{STAGE}/AUTH_SITE_SECRET")


SETTINGS = [
    Planted("app id missing", lambda w: w.configure(DISCORD_APP_ID=None), "settings", "DISCORD_APP_ID is missing", "General Information"),
    Planted("guild id no number", lambda w: w.configure(DISCORD_GUILD_ID="our server"), "settings", "DISCORD_GUILD_ID must be", "Developer Mode"),
    Planted("senseless number", lambda w: w.configure(DISCORD_TASKS_MAX_RETRIES="many"), "optional-settings", "DISCORD_TASKS_MAX_RETRIES", "config.json"),
    Planted("secret missing", no_secret, "settings", "AUTH_SITE_SECRET is missing", "secrets put AUTH_SITE_SECRET"),
    Planted("secret too short", a_secret("AUTH_SITE_SECRET", "short"), "settings", "at least 32 bytes", "openssl rand -hex 32"),
    warned("secret typed by hand", a_secret("AUTH_SITE_SECRET", "ab" * 20), "auth-site-secret", "can be guessed", "openssl rand"),
    warned("secret not encrypted", a_plain_secret, "secrets-kept", "not encrypted", "secrets put DISCORD_BOT_TOKEN"),
    warned("secret in config", lambda w: w.configure(DISCORD_BOT_TOKEN=SECRETS["DISCORD_BOT_TOKEN"]), "secrets-kept", "functions' environment", "secrets put"),
    warned("shell differs", lambda w: w.shell.update(DISCORD_SYNC_NAMES="True"), "shell", "DISCORD_SYNC_NAMES is set in this shell", "unset DISCORD_SYNC_NAMES"),
    warned("secret newer than the functions", a_secret("DISCORD_APP_SECRET", "new"), "secrets-read", "DISCORD_APP_SECRET is newer than the functions", "make deploy STAGE=prod"),
    Planted("callback elsewhere", lambda w: w.configure(DISCORD_CALLBACK_URL="https://example.org/back"), "callback-shape", "does not end in", "discord/callback"),
    Planted("callback in clear", lambda w: w.configure(DISCORD_CALLBACK_URL="http://example.org/discord/callback"), "callback-shape", "https", "config.json"),
]  # fmt: skip


# --- AWS --------------------------------------------------------------------------------------------------------


def no_subscription(world: World) -> None:
    (mapping,) = world.awslambda.list_event_source_mappings(FunctionName=function("sync_jobs"))["EventSourceMappings"]
    world.awslambda.delete_event_source_mapping(UUID=mapping["UUID"])


def subscription_off(world: World) -> None:
    (mapping,) = world.awslambda.list_event_source_mappings(FunctionName=function("sync_bulk"))["EventSourceMappings"]
    world.awslambda.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)


def other_keys(world: World) -> None:
    client = world.session.client("dynamodb")
    client.delete_table(TableName=f"rolecall-{STAGE}-accounts")
    client.create_table(
        TableName=f"rolecall-{STAGE}-accounts",
        KeySchema=[{"AttributeName": "uid", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "uid", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def no_expiry(world: World) -> None:
    world.session.client("dynamodb").update_time_to_live(
        TableName=f"rolecall-{STAGE}-budgets",
        TimeToLiveSpecification={"AttributeName": "expires_at", "Enabled": False},
    )


def no_recovery(world: World) -> None:
    world.session.client("dynamodb").update_continuous_backups(
        TableName=f"rolecall-{STAGE}-users",
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )


def of_queue(short: str, **attributes: str) -> Plant:
    return lambda world: world.sqs.set_queue_attributes(QueueUrl=world.queue_url(short), Attributes=attributes)


def alarms_to_nobody(world: World) -> None:
    world.unwatch()
    world.watch("")


def an_old_notice(world: World) -> None:
    now = time.time()
    world.sqs.send_message(QueueUrl=world.queue_url("notices"), MessageBody="{}")
    world.session.client("cloudwatch").put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": f"rolecall-{STAGE}-notices"}],
                "Timestamp": now - 60,
                "Value": 200_000.0,
            }
        ],
    )


AWS = [
    Planted("function missing", lambda w: w.awslambda.delete_function(FunctionName=function("sync_bulk")), "functions", "not deployed: sync_bulk", "make deploy STAGE=prod"),
    Planted("table missing", lambda w: w.session.client("dynamodb").delete_table(TableName=f"rolecall-{STAGE}-audit"), "tables", "rolecall-prod-audit is missing", "make deploy STAGE=prod REVERT_DRIFT=1"),
    Planted("table of another program", other_keys, "tables", "has the keys uid", "delete the table"),
    warned("no time to live", no_expiry, "expiry", "budgets", "Time to Live"),
    warned("no recovery", no_recovery, "recovery", "users cannot be restored", "make deploy STAGE=prod REVERT_DRIFT=1"),
    Planted("queue missing", lambda w: w.sqs.delete_queue(QueueUrl=w.queue_url("notices")), "queues", "rolecall-prod-notices is missing", "make deploy STAGE=prod REVERT_DRIFT=1"),
    Planted("no redrive", of_queue("jobs", RedrivePolicy=""), "redrive", "rolecall-prod-jobs has no dead-letter queue", "make deploy STAGE=prod REVERT_DRIFT=1"),
    warned("forgetful queue", of_queue("dead-letters", MessageRetentionPeriod="3600"), "redrive", "forgets messages after 60 min", "make deploy STAGE=prod REVERT_DRIFT=1"),
    Planted("visibility too short", of_queue("bulk", VisibilityTimeout="30"), "visibility", "should be 360 s", "make deploy STAGE=prod REVERT_DRIFT=1 VISIBILITY_TIMEOUT=360"),
    Planted("no subscription", no_subscription, "subscriptions", "does not read rolecall-prod-jobs", "make deploy STAGE=prod REVERT_DRIFT=1"),
    Planted("subscription off", subscription_off, "subscriptions", "has stopped reading rolecall-prod-bulk", "Triggers"),
    Planted("no schedule", lambda w: w.session.client("events").remove_targets(Rule="rule-update_all_on_schedule", Ids=["1"]), "schedules", "no schedule calls", "make deploy STAGE=prod REVERT_DRIFT=1"),
    Planted("schedule off", lambda w: w.session.client("events").disable_rule(Name="rule-update_all_on_schedule"), "schedules", "is off", "enable-rule"),
    warned("dead letters", lambda w: w.set_aside("{}", reason="x"), "dead-letters", "1 message could not be processed", "dead-letters list"),
    warned("no alarms", World.unwatch, "alarms", "there are no alarms", "make deploy STAGE=prod EMAIL="),
    warned("alarms to nobody", alarms_to_nobody, "alarms", "nobody receives the alarms", "make deploy STAGE=prod EMAIL="),
    warned("alarm deleted", lambda w: w.session.client("cloudwatch").delete_alarms(AlarmNames=["rolecall-prod-sweep-held"]), "alarm-actions", "rolecall-prod-sweep-held is gone", "REVERT_DRIFT=1"),
    warned("alarm switched off", lambda w: w.session.client("cloudwatch").disable_alarm_actions(AlarmNames=["rolecall-prod-dead-letters"]), "alarm-actions", "rolecall-prod-dead-letters tells nobody", "enable-alarm-actions"),
    warned("alarm without action", lambda w: w.alarm("sweep-failed", []), "alarm-actions", "rolecall-prod-sweep-failed tells nobody who is subscribed", "Notification → rolecall-prod-alarms"),
    warned("no dashboard", lambda w: w.session.client("cloudwatch").delete_dashboards(DashboardNames=["rolecall-prod"]), "alarm-actions", "the dashboard rolecall-prod is gone", "REVERT_DRIFT=1"),
    Planted("function throttled", lambda w: w.awslambda.put_function_concurrency(FunctionName=function("sync_jobs"), ReservedConcurrentExecutions=0), "throttles", "sync_jobs is throttled", "delete-function-concurrency"),
    warned("log group deleted", lambda w: w.session.client("logs").delete_log_group(logGroupName=f"/aws/lambda/{function('sync_jobs')}"), "log-groups", "nothing is logged: /aws/lambda/rolecall-prod-sync_jobs", "aws logs create-log-group"),
    warned("an old notice", an_old_notice, "waiting", "has waited for 2 days", "the auth site does not read"),
]  # fmt: skip


# --- Discord ----------------------------------------------------------------------------------------------------


def turned(**switches: object) -> Plant:
    return lambda world: world.discord.turn(**switches)


def a_role_above(world: World) -> None:
    linked(world, "1", 111, groups=("Fleet", "Miners"))
    world.discord.create_role("Miners")
    world.discord.create_role("Fleet")
    world.discord.change_role("Fleet", position=len(world.discord.state().roles) - 1)


def a_role_above_and_nobody_told(world: World) -> None:
    world.discord.create_role("Fleet")
    world.discord.change_role("Fleet", position=len(world.discord.state().roles) - 1)
    linked(world, "1", 111)


def a_managed_role(world: World) -> None:
    linked(world, "1", 111, groups=("Booster",))
    world.discord.create_role("Booster", managed=True)


def two_of_a_name(world: World) -> None:
    linked(world, "1", 111, groups=("Fleet",))
    world.discord.create_role("Fleet")
    world.discord.create_role("Fleet")


def many_roles(world: World) -> None:
    for number in range(240):
        world.discord.create_role(f"role {number}")


DISCORD_FAULTS = [
    Planted("bot token wrong", turned(bot_token="another"), "bot-token", "refuses DISCORD_BOT_TOKEN", "secrets put DISCORD_BOT_TOKEN"),
    Planted("app id of another", lambda w: w.configure(DISCORD_APP_ID="1200000000000000009"), "app-id", "belongs to the application 1200000000000000001", "Application ID"),
    Planted("app secret wrong", turned(app_secret="another"), "app-secret", "refuses DISCORD_APP_SECRET", "Reset Secret"),
    Planted("callback not registered", turned(redirect_uris=["https://example.org/x"]), "callback-registered", "“unknown error”", "Add Redirect"),
    Planted("slash too many", lambda w: w.discord.turn(redirect_uris=[w.callback_url + "/"]), "callback-registered", "/discord/callback/", "to the last slash"),
    Planted("member intent off", turned(member_intent=False), "member-intent", "Server Members Intent is off", "Privileged Gateway Intents"),
    Planted("another guild", lambda w: w.configure(DISCORD_GUILD_ID="1100000000000000009"), "guild", "no server with the id", "Copy Server ID"),
    Planted("bot not in guild", turned(bot_in_guild=False), "guild", "bot", "add-bot-url"),
    Planted("no Manage Roles", turned(bot_permissions=LEAST_PERMISSIONS & ~MANAGE_ROLES), "permissions", "lacks Manage Roles", "Manage Roles on"),
    Planted("no Manage Nicknames", turned(bot_permissions=LEAST_PERMISSIONS & ~(1 << 27)), "permissions", "lacks Manage Nicknames", "Manage Nicknames on"),
    Planted("no Kick Members", turned(bot_permissions=LEAST_PERMISSIONS & ~(1 << 1)), "permissions", "lacks Kick Members", "Kick Members on"),
    Planted("no Create Invite", turned(bot_permissions=LEAST_PERMISSIONS & ~1), "permissions", "lacks Create Invite", "Create Invite on"),
    Planted("role above the bot's", a_role_above, "rank", "can neither give nor take them: Fleet", "above Fleet"),
    warned("role above the bot's, no group known", a_role_above_and_nobody_told, "rank", "not known before the auth site states some; of roles above the bot's it could neither give nor take any: Fleet", "above those that are named like"),
    warned("group named like a managed role", a_managed_role, "foreign-roles", "Booster", "DISCORD_RESERVED_ROLES"),
    warned("two roles of a name", two_of_a_name, "duplicates", "several roles are called: Fleet", "delete or rename"),
    warned("no room for roles", many_roles, "room-for-roles", "of 250 roles", "delete some"),
    warned("two-factor demanded", turned(requires_2fa=True), "two-factor", "two-factor", "Enable Authenticator App"),
]  # fmt: skip


# --- running ----------------------------------------------------------------------------------------------------


def api_says(code: int, **body: str) -> Plant:
    def plant(world: World) -> None:
        world.health.status, world.health.body = code, body

    return plant


def a_sweep(**about: object) -> Plant:
    def plant(_world: World) -> None:
        now = time.time()
        sweep = Sweep("20260101T000000-x", 7, SweepState.DONE, now, now)
        Sweeps(GUILD).note(replace(sweep, **about))  # type: ignore[arg-type]  # fields of a sweep

    return plant


def a_still_sweep(_world: World) -> None:
    then = time.time() - 840
    Sweeps(GUILD).begin(Sweep("20260101T000000-x", 7, SweepState.REPAIRING, then, then))


def a_hold(_world: World) -> None:
    RemovalStore(GUILD).open_hold(now=time.time())


def a_failure(world: World) -> None:
    users.mark_failed(linked(world, "1", 111), from_last_error("role_out_of_reach"), now=time.time())


def halted(_world: World) -> None:
    DynamoHaltStore(APP, GUILD).refuse_token(fingerprint(DISCORD.bot_token), now=time.time())


def renewed_without_deploying(world: World) -> None:
    world.create_queues()
    world.deploy()
    DynamoHaltStore(APP, GUILD).refuse_token(fingerprint(SECRETS["DISCORD_BOT_TOKEN"]), now=time.time())
    world.discord.turn(bot_token="renewed")
    world.put_secrets({"DISCORD_BOT_TOKEN": "renewed"})


def blocked(_world: World) -> None:
    DynamoHaltStore(APP, GUILD).halt_until(time.time() + 600, "address_banned")


def fast_clock(world: World) -> None:
    world.clock = lambda: time.time() + 600


def discord_away(world: World) -> None:
    world.create_queues()
    world.sqs.send_message(QueueUrl=world.queue_url("jobs"), MessageBody="{}", DelaySeconds=300)
    DynamoHaltStore(APP, GUILD).away(Away(time.time() - 3480, time.time() - 20, "HTTP 503"))


def sweeps_without_list(world: World) -> None:
    world.discord.turn(member_intent=False)
    for hour in (1, 2, 3):
        Sweeps(GUILD).note(
            Sweep(
                f"2026010{hour}T000000-x",
                7,
                SweepState.DONE,
                NOON + hour * 3600,
                0,
                linked=9,
                note=NO_LIST if hour > 1 else "",
            )
        )


def met(metric: str) -> Plant:
    """Functions met an outage in each of the last ten minutes."""

    def plant(world: World) -> None:
        for minute in range(10):
            datum = {
                "MetricName": metric,
                "Dimensions": [{"Name": "stage", "Value": STAGE}],
                "Value": 3,
                "Timestamp": datetime.fromtimestamp(time.time() - 60 * minute, UTC),
            }
            world.session.client("cloudwatch").put_metric_data(Namespace="Rolecall", MetricData=[datum])

    return plant


OUTAGES = [
    warned("functions meet an outage of DynamoDB", met("StoreOutages"), "dynamodb", "DynamoDB answers here, but has failed or refused the functions since", "nothing is lost"),
    warned("functions meet an outage of SQS", met("QueueOutages"), "sqs", "(9 min)", "health.aws.amazon.com"),
    warned("Discord away", discord_away, "answers", "(58 min): HTTP 503; last tried 20 s ago; 1 message waits", "discordstatus.com"),
    Planted("no list of members", sweeps_without_list, "member-intent", "no sweep has had the list since 2026-05-28 22:26:40 UTC", "Server Members Intent on"),
]  # fmt: skip

RUNNING = [
    Planted("no API there", lambda w: w.configure(DISCORD_CALLBACK_URL="http://127.0.0.1:9/discord/callback"), "api", "no answer from 127.0.0.1", "DISCORD_CALLBACK_URL"),
    Planted("something else there", api_says(404), "api", "answers 404", "DISCORD_CALLBACK_URL"),
    warned("another version", api_says(200, status="ok", version="0.0.1"), "api", "deployed is version 0.0.1", "make deploy"),
    warned("clock ahead", fast_clock, "clock", "10 min ahead of AWS", "timedatectl"),
    Planted("token refused once", halted, "stopped", "all calls have stopped", "resume"),
    warned("token renewed, not deployed", renewed_without_deploying, "stopped", "an older token, which Discord refused", "make deploy STAGE=prod"),
    warned("address banned", blocked, "stopped", "address_banned", "NAT gateway"),
    warned("sweep failed", a_sweep(state=SweepState.FAILED, note="no guild"), "sweeps", "failed: no guild", "sweep all --watch"),
    warned("sweep held", a_sweep(state=SweepState.HELD, note="stopped"), "sweeps", "was held", "--force"),
    warned("sweep stands still", a_still_sweep, "sweeps", "no step for 14 min", "aws logs tail /aws/lambda/rolecall-prod-sync_bulk"),
    warned("no sweep lately", a_sweep(started_at=time.time() - 90_000), "sweeps", "began 25 h ago", "schedules"),
    warned("hold is open", a_hold, "removals", "the removal limit was reached", "removals list"),
    warned("somebody not synced", a_failure, "failing", "1 user could not be synced", "status"),
]  # fmt: skip

DEPLOYED = [*SETTINGS, *AWS]
ALL = [*SETTINGS, *AWS, *DISCORD_FAULTS, *RUNNING, *OUTAGES]


@pytest.mark.parametrize("planted", ALL, ids=[one.id for one in ALL])
def test_a_planted_fault_is_found_and_its_fix_named(empty_world: World, planted: Planted) -> None:
    if planted in DEPLOYED:
        empty_world.build()
    else:
        empty_world.build_for_discord()
    planted.plant(empty_world)
    result = empty_world.examine(planted.check)[planted.check]
    found = [finding for finding in result.findings if finding.level is planted.level]
    assert found, result
    assert any(planted.said in finding.text and planted.fix in finding.fix for finding in found), found


def test_a_healthy_set_up_has_nothing_to_be_cured(world: World) -> None:
    results = world.examine()
    assert [finding for result in results.values() for finding in result.findings if finding.fix] == []


def test_every_check_that_can_fail_has_a_planted_fault() -> None:
    names = {check.name for registry in REGISTRIES for check in registry.checks}
    elsewhere = {
        "aws",
        "account-plan",
        "commands",
        "concurrency",
        "intent-review",
        "owner",
        "recursion",
        "runtime",
        "shared",
    }  # below, and in test_commands.py
    assert names - elsewhere == {one.check for one in ALL}


def test_what_needs_a_failed_check_is_skipped_with_a_word(world: World) -> None:
    world.discord.turn(bot_token="another")
    results = world.examine("rank")
    assert results["rank"].level is Level.SKIPPED
    assert "it needs" in results["rank"].findings[0].text


def test_without_credentials_only_the_access_is_at_fault(empty_world: World) -> None:
    empty_world.session = None  # one of its own, that finds no credentials
    with pytest.MonkeyPatch.context() as environment:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            environment.delenv(name, raising=False)
        environment.setenv("AWS_EC2_METADATA_DISABLED", "true")
        environment.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
        results = empty_world.examine("tables")
    assert "aws configure" in results["aws"].findings[0].fix
    assert results["tables"].level is Level.SKIPPED


def named(name: str) -> Check:
    return next(check for registry in REGISTRIES for check in registry.checks if check.name == name)


def test_a_small_account_is_warned_that_people_may_be_refused(world: World) -> None:
    stage = world.stage()
    client = stage.client("lambda")
    with Stubber(client) as stub:
        stub.add_response("get_account_settings", {"AccountLimit": {"ConcurrentExecutions": 10}})
        result = examine(named("concurrency"), DoctorContext(stage), {})
    assert "10 functions at once" in result.findings[0].text
    assert "Service Quotas" in result.findings[0].fix


def test_an_account_that_aws_will_close_is_told_with_the_day(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(world.session.client("freetier")), "plan", "FREE")
    (finding,) = world.examine("account-plan")["account-plan"].findings
    assert "closes it on 25 May 2027" in finding.text
    assert "Upgrade plan" in finding.fix


@pytest.mark.parametrize(("said", "level"), [("Terminate", Level.FAULT), ("Allow", Level.OK)])
def test_chains_that_lambda_would_stop_are_a_fault(world: World, said: str, level: Level) -> None:
    stage = world.stage()
    with Stubber(stage.client("lambda")) as stub:
        for short in ("sync_jobs", "sync_bulk"):
            stub.add_response("get_function_configuration", configuration(short))
            stub.add_response(
                "get_function_recursion_config", {"RecursiveLoop": said}, {"FunctionName": function(short)}
            )
        result = examine(named("recursion"), DoctorContext(stage), {})
    assert result.level is level
    if result.findings:
        assert "make deploy STAGE=prod" in result.findings[0].fix
        assert f"put-function-recursion-config --function-name {function('sync_jobs')}" in result.findings[0].fix


def configuration(short: str) -> dict[str, object]:
    return {"FunctionName": function(short), "FunctionArn": f"arn:{function(short)}", "Timeout": 60}


def test_functions_on_a_python_that_aws_will_drop_are_warned_of(world: World) -> None:
    assert world.examine("runtime")["runtime"].level is Level.OK
    world.clock = lambda: datetime(2027, 3, 1, tzinfo=UTC).timestamp()
    (finding,) = world.examine("runtime")["runtime"].findings
    assert "Python 3.11 ends on 2027-06-30" in finding.text
    assert "PYTHON=python3.13" in finding.fix


def test_a_missing_permission_of_ones_own_is_told_with_the_action_that_lacks(world: World) -> None:
    stage = world.stage()
    with Stubber(stage.client("dynamodb")) as stub:
        stub.add_client_error("describe_time_to_live", "AccessDeniedException")
        result = examine(named("expiry"), DoctorContext(stage), {})
    assert "DescribeTimeToLive" in result.findings[0].fix


def test_a_token_that_was_refused_is_past_once_the_functions_were_deployed_with_the_new_one(world: World) -> None:
    DynamoHaltStore(APP, GUILD).refuse_token(fingerprint("an older one"), now=time.time())
    results = world.examine("stopped") | world.examine("secrets-read")
    assert (results["stopped"].level, results["secrets-read"].level) == (Level.OK, Level.OK)


def test_each_container_that_was_blocked_lately_is_named_though_the_others_go_on(world: World, ops: Command) -> None:
    store, now, stream = DynamoHaltStore(APP, GUILD), int(time.time()), "2026/01/05/[$LATEST]0a1b"
    store.report(BlockReport(stream, now - 60, "address_banned"))
    result = world.examine("stopped")["stopped"]
    assert result.level is Level.NOTE
    (finding,) = result.findings
    assert f"at {moment(now - 60)}: address_banned" in finding.text
    assert stream in finding.text
    assert stream in "".join(ops("doctor").out.split())  # brackets are no markup


def test_a_container_that_may_call_again_is_not_named(world: World) -> None:
    DynamoHaltStore(APP, GUILD).report(BlockReport("a", time.time() - 901, "address_banned"))
    assert world.examine("stopped")["stopped"].level is Level.OK


def test_a_token_in_the_shell_is_not_taken_for_the_functions(world: World) -> None:
    halted(world)
    world.shell["DISCORD_BOT_TOKEN"] = "of somebody's own"
    assert world.examine("stopped")["stopped"].level is Level.FAULT


def test_an_address_that_has_not_confirmed_hears_no_alarms(world: World) -> None:
    stage, endpoint = world.stage(), "you@example.org"
    with Stubber(stage.client("sns")) as stub:
        pending = {"SubscriptionArn": "PendingConfirmation", "Protocol": "email", "Endpoint": endpoint}
        stub.add_response("list_subscriptions_by_topic", {"Subscriptions": [pending]})
        result = examine(named("alarms"), DoctorContext(stage), {})
    assert (result.level, result.findings[0].fix.count("Request confirmation")) == (Level.WARNING, 1)
    assert endpoint in result.findings[0].text


def test_who_hears_the_alarms_may_be_hidden_from_an_operator(world: World) -> None:
    stage = world.stage()
    with Stubber(stage.client("sns")) as stub:
        stub.add_client_error("list_subscriptions_by_topic", "AuthorizationError")
        result = examine(named("alarms"), DoctorContext(stage), {})
    assert result.level is Level.NOTE
    assert "AuthorizationError" in result.findings[0].text


def test_a_stage_that_is_only_for_trying_out_needs_no_alarms(world: World) -> None:
    world.unwatch()
    stage = world.stage()
    stage.function("sync_jobs")  # known from here on by its name
    stage.name = "dev"
    assert examine(named("alarms"), DoctorContext(stage), {}).level is Level.NOTE


def test_a_stage_without_alarms_is_not_told_that_one_is_gone(world: World) -> None:
    world.unwatch()
    names = [f"rolecall-{STAGE}-{short}" for short in ALARM_NAMES]
    world.session.client("cloudwatch").delete_alarms(AlarmNames=names)
    world.session.client("cloudwatch").delete_dashboards(DashboardNames=[f"rolecall-{STAGE}"])
    assert world.examine("alarm-actions")["alarm-actions"].findings == ()


def test_alarms_may_be_hidden_from_an_operator(world: World) -> None:
    stage = world.stage()
    with Stubber(stage.client("cloudwatch")) as stub:
        stub.add_client_error("describe_alarms", "AccessDenied")
        result = examine(named("alarm-actions"), DoctorContext(stage), {})
    assert result.level is Level.NOTE
    assert "AccessDenied" in result.findings[0].text


def test_which_logs_there_are_may_be_hidden_from_an_operator(world: World) -> None:
    stage = world.stage()
    with Stubber(stage.client("logs")) as stub:
        stub.add_client_error("describe_log_groups", "AccessDeniedException")
        result = examine(named("log-groups"), DoctorContext(stage), {})
    assert (result.level, len(result.findings)) == (Level.NOTE, 1)


def test_alarms_are_named_and_go_where_the_check_looks() -> None:
    template = (Path(__file__).parents[2] / ".chalice" / "watch-stack.yaml").read_text()
    assert f'TopicName: !Sub "{ALARMS.replace(STAGE, "${Stage}")}"' in template
    assert re.findall(r'AlarmName: !Sub "rolecall-\$\{Stage\}-([a-z-]+)"', template) == list(ALARM_NAMES)
    assert 'DashboardName: !Sub "rolecall-${Stage}"' in template


def test_a_wrong_setting_that_is_not_required_keeps_nothing_from_being_checked(world: World) -> None:
    world.configure(AUTH_SITE_URL="foo")
    results = world.examine()
    assert [name for name, result in results.items() if result.level is Level.FAULT] == ["optional-settings"]
    assert [name for name, result in results.items() if result.level is Level.SKIPPED] == []


def test_a_wrong_callback_url_is_not_said_to_be_what_must_be_registered(world: World) -> None:
    world.configure(DISCORD_CALLBACK_URL="https://example.org/back")
    results = world.examine("callback-registered")
    assert results["callback-registered"].level is Level.SKIPPED


def test_a_stage_without_secrets_is_not_said_to_keep_them_well(empty_world: World) -> None:
    result = empty_world.examine("secrets-kept")["secrets-kept"]
    assert result.level is Level.NOTE
    assert "not stored: DISCORD_APP_SECRET, DISCORD_BOT_TOKEN, AUTH_SITE_SECRET" in result.findings[0].text


def test_when_secrets_were_stored_may_be_hidden_from_an_operator(world: World) -> None:
    stage = world.stage()
    with Stubber(stage.client("ssm")) as stub:
        stub.add_client_error("get_parameters", "AccessDeniedException")
        result = examine(named("secrets-read"), DoctorContext(stage), {})
    assert result.level is Level.NOTE


def test_the_owner_is_mentioned_where_nicknames_are_synced(world: World) -> None:
    world.configure(DISCORD_SYNC_NAMES="True")
    assert world.examine("owner")["owner"].level is Level.NOTE


def test_a_reserved_name_may_be_a_managed_roles(world: World) -> None:
    a_managed_role(world)
    world.configure(DISCORD_RESERVED_ROLES="booster")
    assert world.examine("foreign-roles")["foreign-roles"].level is Level.OK


def test_a_reserved_name_may_stand_above_the_bot_and_twice(world: World) -> None:
    a_role_above(world)
    world.discord.create_role("Fleet")
    world.configure(DISCORD_RESERVED_ROLES="fleet")
    results = world.examine()
    assert (results["rank"].level, results["duplicates"].level) == (Level.OK, Level.OK)


def test_a_reserved_name_is_left_alone_where_no_group_is_known(world: World) -> None:
    a_role_above_and_nobody_told(world)
    world.configure(DISCORD_RESERVED_ROLES="fleet")
    assert world.examine("rank")["rank"].level is Level.OK


def test_roles_above_the_bot_are_noted_while_some_users_groups_are_not_known(world: World) -> None:
    a_role_above_and_nobody_told(world)
    linked(world, "2", 222, groups=("Miners",))
    result = world.examine("rank")["rank"]
    assert result.level is Level.NOTE
    assert "of 1 linked user" in result.findings[0].text
    linked(world, "1", 111, groups=())
    users.record_groups("1", ("Miners",), int(time.time() * 1000) + 1, now=time.time())
    assert world.examine("rank")["rank"].level is Level.OK


def test_a_bot_without_any_role_stands_below_every_role(world: World) -> None:
    linked(world, "1", 111, groups=("Fleet",))
    world.discord.create_role("Fleet")
    world.discord.change_member(DISCORD.app_id, roles=())
    assert world.examine("rank")["rank"].level is Level.FAULT


def test_the_settings_of_the_shell_are_not_believed_to_be_the_functions(world: World) -> None:
    world.configure(DISCORD_APP_ID=None)
    world.shell["DISCORD_APP_ID"] = DISCORD.app_id
    assert world.examine("settings")["settings"].level is Level.FAULT


def test_doctor_prints_fault_and_cure_and_exits_with_1(world: World, ops: Command) -> None:
    world.discord.turn(member_intent=False)
    said = ops("doctor")
    assert said.code == 1
    assert "✗ The bot may list members" in said.out
    assert "→ https://discord.com/developers/applications" in said.out


def test_a_command_and_an_address_stay_on_one_line_however_narrow_it_is(
    world: World, ops: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    world.discord.turn(bot_in_guild=False)
    world.set_aside("{}", reason="x")
    said = ops("doctor").out
    assert add_bot_url("https://discord.com/oauth2/authorize", int(DISCORD.app_id), GUILD) in said
    assert "→ python -m ops --stage prod dead-letters list, then" in said
    world.discord.turn(bot_token="another")
    assert "→ python -m ops --stage prod secrets put DISCORD_BOT_TOKEN" in ops("doctor").out
    assert max(len(line) for line in said.splitlines() if "python" not in line and "https" not in line) <= 60
    assert [line for line in said.splitlines() if line != line.rstrip()] == []


def test_the_title_of_a_warning_does_not_say_that_all_is_well(world: World, ops: Command) -> None:
    world.set_aside("{}", reason="x")
    assert " ! Dead letters\n" in ops("doctor").out


def test_doctor_speaks_json(world: World, ops: Command) -> None:
    world.discord.turn(requires_2fa=True)
    said = ops("doctor", "--json")
    levels = {check["check"]: check["level"] for check in json.loads(said.out)}
    assert said.code == 0
    assert (levels["guild"], levels["two-factor"]) == ("ok", "warning")


def test_doctor_never_shows_a_secret(world: World, ops: Command) -> None:
    world.discord.turn(bot_token="another", app_secret="another")
    said = ops("doctor")
    for secret in SECRETS.values():
        assert secret not in said.out + said.err


@pytest.mark.parametrize(
    ("members", "servers", "level"),
    [(500, 1, None), (7_999, 1, None), (500, 3, Level.NOTE), (8_000, 1, Level.WARNING), (25_000, 2, Level.WARNING)],
)
def test_the_intent_review_is_announced_before_it_comes(members: int, servers: int, level: Level | None) -> None:
    finding = review_finding(members, servers)
    assert (finding and finding.level) == level
    if finding and level is Level.WARNING:
        assert f"{members:,} members" in finding.text


def test_two_stages_with_one_bot_or_one_server_are_noticed(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    mine = {"DISCORD_APP_ID": "1", "DISCORD_GUILD_ID": "2"}
    others = {
        "dev": {"DISCORD_APP_ID": "1", "DISCORD_GUILD_ID": "3"},
        "old": {"DISCORD_APP_ID": "", "DISCORD_GUILD_ID": "2"},
    }
    stages = {name: {"environment_variables": one} for name, one in (others | {"prod": mine}).items()}
    config.write_text(json.dumps({"stages": stages}))
    assert shared_with("prod", mine, config) == {"DISCORD_APP_ID": ["dev"], "DISCORD_GUILD_ID": ["old"]}
    assert shared_with("prod", {"DISCORD_APP_ID": "", "DISCORD_GUILD_ID": "9"}, config) == {}
    stage = Stage("prod", mine)
    vars(stage)["deployed"] = dict[str, str]()  # AWS is not asked
    result = examine(named("shared"), DoctorContext(stage, config), {})
    assert [finding.level for finding in result.findings] == [Level.FAULT, Level.FAULT]
    assert "the stage dev has the same DISCORD_APP_ID" in result.findings[0].text
