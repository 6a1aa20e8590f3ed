"""AWS: functions, tables, what wakes the functions."""

from collections.abc import Iterator

from botocore.exceptions import ClientError

from chalicelib.store import rows
from deploy import found
from ops.doctor.base import Finding, Registry, fault, note, warning
from ops.doctor.context import DoctorContext
from ops.stage import FUNCTIONS, error_code

checks = Registry("AWS")
WITH_TTL = {"users", "attempts", "guild", "budgets", "sweeps", "audit"}
RECOVERABLE = ("users", "accounts")
SUBSCRIBED = {"sync_jobs": "jobs", "sync_bulk": "bulk"}
SCHEDULED = ("update_all_on_schedule", "update_all_usernames_on_schedule")
TEMPLATE = ".chalice/data-stack.yaml"


@checks.check("functions", "Every function is deployed and ready", needs=("aws",))
def functions(context: DoctorContext) -> Iterator[Finding]:
    deployed = {short: context.stage.function(short) for short in FUNCTIONS}
    missing = [short for short, function in deployed.items() if function is None]
    if len(missing) == len(deployed):
        region = context.stage.client("lambda").meta.region_name
        yield fault(
            f"no function of the stage {context.stage.name} is deployed in {region}",
            f"if it is in another region or account, set AWS_REGION or AWS_PROFILE; else {context.deploy}",
        )
    elif missing:
        yield fault(f"not deployed: {', '.join(missing)}", context.deploy)
    for short, function in deployed.items():
        if function and function.state not in ("Active", "Inactive"):
            yield fault(
                f"the function {short} is {function.state}", f"look at it in the Lambda console; {context.deploy}"
            )


@checks.check("throttles", "Every function may run", needs=("functions",))
def throttles(context: DoctorContext) -> Iterator[Finding]:
    """The console's button *Throttle* reserves no execution for a function, so that none is left for it."""
    client = context.stage.client("lambda")
    for function in filter(None, map(context.stage.function, FUNCTIONS)):
        said = client.get_function_concurrency(FunctionName=function.name)
        if said.get("ReservedConcurrentExecutions") == 0:
            yield fault(
                f"{function.name} is throttled: it may not run at all",
                f"Lambda console → {function.name} → Configuration → Concurrency → Edit → Use unreserved account "
                f"concurrency; or aws lambda delete-function-concurrency --function-name {function.name}",
            )


@checks.check("log-groups", "Logs", needs=("functions",))
def log_groups(context: DoctorContext) -> Iterator[Finding]:
    """No function may make its own log group, so that all have an end (docs/reference/resources.md)."""
    try:
        there = set(found.log_groups(context.stage.name, context.stage.client("logs")))
    except ClientError as error:
        yield note(f"AWS does not tell which logs there are: {error_code(error)}")
        return
    wanted = [f"/aws/lambda/{one.name}" for one in map(context.stage.function, FUNCTIONS) if one]
    if missing := [name for name in wanted if name not in there]:
        yield warning(
            f"the log group is gone, so nothing is logged: {', '.join(missing)}",
            f"{context.revert}; or aws logs create-log-group --log-group-name {missing[0]}",
        )


@checks.check("tables", "Every table is there, with its keys", needs=("aws", "dynamodb"))
def tables(context: DoctorContext) -> Iterator[Finding]:
    client = context.stage.client("dynamodb")
    for model, short in rows.TABLE_NAMES.items():
        name = f"rolecall-{context.stage.name}-{short}"
        try:
            described = client.describe_table(TableName=name)["Table"]
        except client.exceptions.ResourceNotFoundException:
            yield fault(f"the table {name} is missing", f"{context.revert} (it creates what {TEMPLATE} says)")
            continue
        keys = {key["AttributeName"] for key in described["KeySchema"]}
        wanted = {
            attribute.attr_name
            for attribute in model.get_attributes().values()
            if attribute.is_hash_key or attribute.is_range_key
        }
        if keys != wanted:
            yield fault(
                f"the table {name} has the keys {', '.join(sorted(keys))} and not {', '.join(sorted(wanted))}",
                f"it was made by something else: rename the stage, or delete the table and {context.deploy}",
            )
        indexes = {index["IndexName"] for index in described.get("GlobalSecondaryIndexes", [])}
        for missing in sorted(set(model._indexes) - indexes):
            yield fault(f"the table {name} lacks its index {missing}", context.deploy)


@checks.check("expiry", "Rows that have expired", needs=("tables",))
def expiry(context: DoctorContext) -> Iterator[Finding]:
    client = context.stage.client("dynamodb")
    off = []
    for short in sorted(WITH_TTL):
        said = client.describe_time_to_live(TableName=f"rolecall-{context.stage.name}-{short}")
        if said["TimeToLiveDescription"]["TimeToLiveStatus"] not in ("ENABLED", "ENABLING"):
            off.append(short)
    if off:
        yield warning(
            f"time to live is off for: {', '.join(off)}; old rows stay and cost a little",
            f"{context.revert}; or DynamoDB console → table → Additional settings → Time to Live on expires_at",
        )


@checks.check("recovery", "Backups of links", needs=("tables",))
def recovery(context: DoctorContext) -> Iterator[Finding]:
    if context.stage.name != "prod":
        return
    client = context.stage.client("dynamodb")
    for short in RECOVERABLE:
        said = client.describe_continuous_backups(TableName=f"rolecall-{context.stage.name}-{short}")
        point = said["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        if point.get("PointInTimeRecoveryStatus") != "ENABLED":
            yield warning(f"the table {short} cannot be restored to an earlier second", context.revert)


@checks.check("subscriptions", "Each queue triggers its function", needs=("functions",))
def subscriptions(context: DoctorContext) -> Iterator[Finding]:
    client = context.stage.client("lambda")
    for short, queue in SUBSCRIBED.items():
        function = context.stage.function(short)
        if function is None:
            continue
        mappings = client.list_event_source_mappings(FunctionName=function.name)["EventSourceMappings"]
        of_queue = [one for one in mappings if one["EventSourceArn"].endswith(f":{context.stage.queue(queue)}")]
        if not of_queue:
            yield fault(f"{function.name} does not read {context.stage.queue(queue)}", context.revert)
        for mapping in of_queue:
            if mapping["State"] not in ("Enabled", "Enabling", "Updating", "Creating"):
                yield fault(
                    f"{function.name} has stopped reading {context.stage.queue(queue)} ({mapping['State']})",
                    f"Lambda console → {function.name} → Configuration → Triggers → SQS → Activate",
                )


@checks.check("schedules", "Sweeps start by themselves", needs=("functions",))
def schedules(context: DoctorContext) -> Iterator[Finding]:
    client = context.stage.client("events")
    for short in SCHEDULED:
        function = context.stage.function(short)
        if function is None:
            continue
        names = client.list_rule_names_by_target(TargetArn=function.arn)["RuleNames"]
        if not names:
            yield fault(f"no schedule calls {function.name}", context.revert)
        for name in names:
            if client.describe_rule(Name=name)["State"] != "ENABLED":
                yield fault(
                    f"the schedule of {function.name} is off",
                    f"EventBridge console → Rules → {name} → Enable; or aws events enable-rule --name {name}",
                )
