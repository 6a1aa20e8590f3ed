"""What there is in an account; and how whole a stage is, in words that do not depend on ids."""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from tests.deploy.account import Account

GENERATED = r"-[A-Z0-9]{12,13}\b"  # what CloudFormation adds to the names that it makes up

Client = Callable[[str], Any]


def everything(account: Account) -> set[str]:
    """The names of all that there is, of every service that Rolecall is deployed to, but what is being deleted."""
    return {f"{kind} {name}" for kind, names in _kinds(account.client).items() for name in names}


def whole(account: Account) -> dict[str, Any]:
    """All that makes a stage work: settings, code, permissions, connections. Two whole stages are equal in it."""
    client, kinds = account.client, _kinds(account.client)
    apis = kinds["api"]
    text = json.dumps(
        {
            "functions": {name: _function(client, name) for name in kinds["function"]},
            "roles": sorted(json.dumps(_role(client, name), sort_keys=True) for name in kinds["role"]),
            "rules": sorted(json.dumps(_rule(client, name), sort_keys=True) for name in kinds["rule"]),
            "triggers": sorted(_triggers(client)),
            "apis": [_api(client, one) for one in apis],
            "tables": {name: _table(client, name) for name in kinds["table"]},
            "queues": {url: _queue(client, url) for url in kinds["queue"]},
            "others": sorted(
                f"{kind} {name}"
                for kind, names in kinds.items()
                if kind in ("log group", "stack", "parameter", "alarm", "dashboard", "topic", "subscription")
                for name in names
            ),
        },
        sort_keys=True,
    )
    for api in apis:
        text = text.replace(api, "API")
    found: dict[str, Any] = json.loads(re.sub(GENERATED, "", text))
    return found


def routes(account: Account) -> set[str]:
    """The paths that the one API answers."""
    (api,) = account.client("apigateway").get_rest_apis()["items"]
    return {path for path, calls in _api(account.client, api["id"])["resources"] if calls}


def _kinds(client: Client) -> dict[str, list[str]]:
    cloudwatch, sns, s3 = client("cloudwatch"), client("sns"), client("s3")
    buckets = [one["Name"] for one in s3.list_buckets()["Buckets"]]
    triggers = client("lambda").list_event_source_mappings()["EventSourceMappings"]
    stacks = client("cloudformation").describe_stacks()["Stacks"]
    return {
        "function": _names(client("lambda").list_functions()["Functions"], "FunctionName"),
        "trigger": _names([one for one in triggers if one["State"] != "Deleting"], "UUID"),
        "role": _names(client("iam").list_roles()["Roles"], "RoleName"),
        "rule": _names(client("events").list_rules()["Rules"], "Name"),
        "api": _names(client("apigateway").get_rest_apis()["items"], "id"),
        "table": client("dynamodb").list_tables()["TableNames"],
        "queue": client("sqs").list_queues().get("QueueUrls", []),
        "log group": _names(client("logs").describe_log_groups()["logGroups"], "logGroupName"),
        "parameter": _names(client("ssm").describe_parameters()["Parameters"], "Name"),
        "stack": _names([one for one in stacks if one["StackStatus"] != "DELETE_COMPLETE"], "StackName"),
        "alarm": _names(cloudwatch.describe_alarms()["MetricAlarms"], "AlarmName"),
        "dashboard": _names(cloudwatch.list_dashboards()["DashboardEntries"], "DashboardName"),
        "topic": _names(sns.list_topics()["Topics"], "TopicArn"),
        "subscription": _names(sns.list_subscriptions()["Subscriptions"], "Endpoint"),
        "bucket": buckets,
        "object": [one["Key"] for name in buckets for one in s3.list_objects_v2(Bucket=name).get("Contents", [])],
    }


def _names(found: Iterable[Any], key: str) -> list[str]:
    return [one[key] for one in found]


def _function(client: Client, name: str) -> dict[str, Any]:
    functions = client("lambda")
    found = functions.get_function_configuration(FunctionName=name)
    kept = ("Role", "Runtime", "Handler", "Timeout", "MemorySize", "CodeSha256")
    return {
        **{key: found[key] for key in kept},
        "Environment": found["Environment"]["Variables"],
        "Loop": functions.get_function_recursion_config(FunctionName=name)["RecursiveLoop"],
        "Callers": sorted(_callers(functions, name)),
    }


def _callers(functions: Any, name: str) -> list[str]:
    try:
        policy = json.loads(functions.get_policy(FunctionName=name)["Policy"])
    except functions.exceptions.ResourceNotFoundException:
        return []
    return [f"{one['Principal']} {one.get('Condition')}" for one in policy["Statement"]]


def _role(client: Client, name: str) -> dict[str, Any]:
    iam = client("iam")
    names = iam.list_role_policies(RoleName=name)["PolicyNames"]
    return {
        "name": name,
        "policies": [iam.get_role_policy(RoleName=name, PolicyName=one)["PolicyDocument"] for one in names],
    }


def _rule(client: Client, name: str) -> dict[str, Any]:
    events = client("events")
    rule = events.describe_rule(Name=name)
    targets = events.list_targets_by_rule(Rule=name)["Targets"]
    return {"name": name, "when": rule["ScheduleExpression"], "is": rule["State"], "calls": _names(targets, "Arn")}


def _triggers(client: Client) -> list[str]:
    found = client("lambda").list_event_source_mappings()["EventSourceMappings"]
    kept = ("EventSourceArn", "FunctionArn", "BatchSize", "ScalingConfig")
    return [json.dumps({key: one.get(key) for key in kept}) for one in found if one["State"] != "Deleting"]


def _api(client: Client, api: str) -> dict[str, Any]:
    gateway = client("apigateway")
    resources = gateway.get_resources(restApiId=api, embed=["methods"], limit=500)["items"]
    return {
        "resources": sorted(
            [one["path"], {verb: _called(method) for verb, method in one.get("resourceMethods", {}).items()}]
            for one in resources
        ),
        "stages": _names(gateway.get_stages(restApiId=api)["item"], "stageName"),
    }


def _called(method: dict[str, Any]) -> str:
    return str(method.get("methodIntegration", {}).get("uri", ""))


def _table(client: Client, name: str) -> dict[str, Any]:
    db = client("dynamodb")
    found = db.describe_table(TableName=name)["Table"]
    return {
        "protected": found.get("DeletionProtectionEnabled", False),
        "indexes": _names(found.get("GlobalSecondaryIndexes", []), "IndexName"),
        "expires": db.describe_time_to_live(TableName=name)["TimeToLiveDescription"],
    }


def _queue(client: Client, url: str) -> dict[str, Any]:
    kept = ("VisibilityTimeout", "MessageRetentionPeriod", "RedrivePolicy", "Policy")
    found = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return {key: found.get(key) for key in kept}
