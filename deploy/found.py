"""What exists of a stage in AWS, found by name; REST APIs by what they call. Names are fixed: no record of a deployment
is needed.

A named function has an underscore in its name, and a stage has none: `rolecall-a-b` is the web function of the stage
a-b, and never a function of the stage a.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from deploy import apis

APP = "rolecall"
WEB = "api_handler"  # app.py's name for the HTTP API's function; deployed, it bears the stage's name alone
RULE_ENDING = "-event"
DELETING = "Deleting"  # the state of a trigger until it is gone
MAX_TRIES = 60  # to change a trigger before the last one; AWS needs seconds for a change, and less than a minute

Client = Any  # boto3 makes a client's methods at run time: no type describes them
Clients = Callable[[str], Client]
Sleep = Callable[[float], None]
Json = dict[str, Any]


@dataclass(frozen=True)
class Trigger:
    """A queue's messages being brought to a function."""

    uuid: str
    queue_arn: str
    function_arn: str
    function: str
    """The function's name in app.py."""


@dataclass(frozen=True)
class Found:
    """The functions of a stage and all that Chalice makes for them; each by its function's name in app.py."""

    functions: dict[str, str] = field(default_factory=dict)
    """ARNs."""
    roles: dict[str, str] = field(default_factory=dict)
    """ARNs. Of those that Chalice made: CloudFormation makes up other names."""
    rules: dict[str, str] = field(default_factory=dict)
    """Names of EventBridge rules."""
    triggers: tuple[Trigger, ...] = ()
    apis: tuple[str, ...] = ()
    """Ids of REST APIs that call the stage's function and nothing else; the oldest first. One, unless something went
    wrong."""
    shared_apis: tuple[str, ...] = ()
    """Ids of REST APIs that call the stage's function and other things: a person's, not the stage's."""

    def __bool__(self) -> bool:
        return bool(self.functions or self.roles or self.rules or self.triggers or self.apis)


def find(stage: str, client: Clients) -> Found:
    """Look for all of it."""
    functions = client("lambda")
    called = apis.find(deployed_name(stage, WEB), APP, client("apigateway"), functions)
    return Found(
        functions=dict(_functions(stage, functions)),
        roles=dict(_roles(stage, client("iam"))),
        rules=dict(_rules(stage, client("events"))),
        triggers=tuple(_triggers(stage, functions)),
        apis=called.own,
        shared_apis=called.shared,
    )


def wait_for_triggers(stage: str, functions: Client, sleep: Sleep) -> None:
    """Wait for triggers that are being deleted, by a run that was stopped: Lambda makes none a second time before."""
    for _ in range(MAX_TRIES):
        pages = functions.get_paginator("list_event_source_mappings").paginate()
        all_of_them = [one for page in pages for one in page["EventSourceMappings"]]
        if not any(one["State"] == DELETING and _function_called(stage, one) for one in all_of_them):
            return
        sleep(1.0)


def function_of(stage: str, deployed: str) -> str | None:
    """app.py's name of the function that is deployed as `deployed`; None where it is not the stage's."""
    if deployed == f"{APP}-{stage}":
        return WEB
    named = re.fullmatch(rf"{APP}-{re.escape(stage)}-([a-z]+(?:_[a-z]+)+)", deployed)
    return named[1] if named else None


def deployed_name(stage: str, function: str) -> str:
    """What the function that app.py calls `function` is called in AWS."""
    return f"{APP}-{stage}" if function == WEB else f"{APP}-{stage}-{function}"


def log_groups(stage: str, logs: Client) -> Iterator[str]:
    """The log groups of the stage's functions, and that of the name by which Chalice thinks of the web function."""
    prefix = "/aws/lambda/"
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"{prefix}{APP}-{stage}")
    for name in (group["logGroupName"] for page in pages for group in page["logGroups"]):
        if function_of(stage, name.removeprefix(prefix)):
            yield name


def _functions(stage: str, client: Client) -> Iterator[tuple[str, str]]:
    for page in client.get_paginator("list_functions").paginate():
        for one in page["Functions"]:
            if name := function_of(stage, one["FunctionName"]):
                yield name, one["FunctionArn"]


def _roles(stage: str, client: Client) -> Iterator[tuple[str, str]]:
    for page in client.get_paginator("list_roles").paginate():
        for one in page["Roles"]:
            if one["RoleName"] != f"{APP}-{stage}" and (name := function_of(stage, one["RoleName"])):
                yield name, one["Arn"]


def _rules(stage: str, client: Client) -> Iterator[tuple[str, str]]:
    for page in client.get_paginator("list_rules").paginate(NamePrefix=f"{APP}-{stage}-"):
        for one in page["Rules"]:
            name = one["Name"]
            if name.endswith(RULE_ENDING) and (function := function_of(stage, name.removesuffix(RULE_ENDING))):
                yield function, name


def _triggers(stage: str, client: Client) -> Iterator[Trigger]:
    """All, also those of a function that is gone: deleting a function leaves them."""
    for page in client.get_paginator("list_event_source_mappings").paginate():
        for one in page["EventSourceMappings"]:
            function = _function_called(stage, one)
            if function and one["State"] != DELETING:
                yield Trigger(one["UUID"], one["EventSourceArn"], one["FunctionArn"], function)


def _function_called(stage: str, trigger: Json) -> str | None:
    return function_of(stage, trigger["FunctionArn"].split(":")[6])


# --- taking it away -----------------------------------------------------------------------------------------------

GONE = {"ResourceNotFoundException", "NoSuchEntity", "NotFoundException", "NoSuchEntityException"}


def remove(found: Found, client: Clients, sleep: Sleep) -> None:
    """Delete all that was found. What is gone meanwhile is no fault. `sleep` lets seconds pass while AWS works.

    Functions before APIs: a function that outlived its API would go on to let it call.
    """
    functions, events, iam, api = client("lambda"), client("events"), client("iam"), client("apigateway")
    for trigger in found.triggers:
        with _unless_gone():
            once_free(partial(functions.delete_event_source_mapping, UUID=trigger.uuid), functions, sleep, pause=1.0)
    for rule in found.rules.values():
        with _unless_gone():
            _delete_rule(events, rule)
    for arn in found.functions.values():
        with _unless_gone():
            functions.delete_function(FunctionName=arn)
    for one in found.apis:
        with _unless_gone():
            api.delete_rest_api(restApiId=one)
    for arn in found.roles.values():
        with _unless_gone():
            _delete_role(iam, arn.rpartition("/")[2])


def once_free(change: Callable[[], object], functions: Client, sleep: Sleep, *, pause: float) -> None:
    """Change or delete a trigger; try again after `pause` seconds while Lambda refuses, as it does for some seconds
    after the trigger was made or changed, perhaps by a deployment that was stopped just now.
    """
    for _ in range(MAX_TRIES):
        with suppress(functions.exceptions.ResourceInUseException, functions.exceptions.ResourceConflictException):
            change()
            return
        sleep(pause)
    change()


def _delete_rule(events: Client, rule: str) -> None:
    targets = [one["Id"] for one in events.list_targets_by_rule(Rule=rule)["Targets"]]
    if targets:
        events.remove_targets(Rule=rule, Ids=targets)
    events.delete_rule(Name=rule)


def detach_policies(iam: Client, role: str) -> None:
    """Take from the role the policies that somebody attached by hand: a role that has some cannot be deleted."""
    with _unless_gone():
        for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]:
            iam.detach_role_policy(RoleName=role, PolicyArn=policy["PolicyArn"])


def _delete_role(iam: Client, role: str) -> None:
    detach_policies(iam, role)
    for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        iam.delete_role_policy(RoleName=role, PolicyName=policy)
    iam.delete_role(RoleName=role)


@contextmanager
def _unless_gone() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
