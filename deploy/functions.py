"""The functions, in either of two ways: by `chalice deploy`, or packaged and given to CloudFormation.

One stage is deployed in one way: both make functions of the same names.
"""

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from chalicelib.settings import JOBS_ONLY
from deploy import notes
from deploy.bucket import Bucket, packaged
from deploy.found import APP, WEB, Clients, Found, Sleep, deployed_name, find, once_free, remove, wait_for_triggers
from deploy.history import History
from deploy.polling import limited_queues
from deploy.project import NotDeployed, bundle, chalice, clean_copy, config_of, environment_of, notes_file
from deploy.stacks import Stacks

MERGED = ".chalice/package-merge.json"
LOOPING = ("sync_jobs", "sync_bulk")
"""Functions whose messages rightly lead to further messages on the queue that called them: a sweep's next step, a job
whose turn comes later. Lambda would stop such a chain after some 16 calls
(https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html)."""
UNLIMITED = {"True": (), JOBS_ONLY: ("sync_bulk",), "False": LOOPING}
"""Functions whose queue has no limit, by LIMIT_CONCURRENCY."""
BUSY_PAUSE = 2.0  # seconds between attempts to change a trigger
ANY_REGION = "us-east-1"  # what is packaged is the same for all, but Chalice wants to hear of one

Client = Any  # boto3 makes a client's methods at run time: no type describes them
Tell = Callable[[str], None]


def stack_name(stage: str) -> str:
    """The functions' stack, where CloudFormation deploys them."""
    return f"{APP}-{stage}"


def functions_of(root: Path) -> list[str]:
    """app.py's names of all functions."""
    merged = json.loads((root / MERGED).read_text())["Resources"].values()
    names = [one["Properties"]["FunctionName"]["Fn::Sub"] for one in merged if "FunctionName" in one["Properties"]]
    return [re.sub(r"^\$\{AWS::StackName\}-?", "", name) or WEB for name in names]


def is_deployed(stage: str, client: Clients) -> bool:
    """Is the web function there, by whichever way?"""
    functions = client("lambda")
    try:
        functions.get_function_configuration(FunctionName=deployed_name(stage, WEB))
    except functions.exceptions.ResourceNotFoundException:
        return False
    return True


# --- chalice deploy -----------------------------------------------------------------------------------------------


def deploy_by_chalice(stage: str, root: Path, stacks: Stacks, client: Clients, tell: Tell) -> str:
    """`chalice deploy`; the API's address. Takes up what an earlier run made and did not finish."""
    stacks.settle(stack_name(stage))
    if stacks.find(stack_name(stage)):
        raise NotDeployed(
            f"The functions of {stage} were deployed by CloudFormation, as the stack {stack_name(stage)}. "
            f"Go on in that way: make deploy-package STAGE={stage}"
        )
    wait_for_triggers(stage, client("lambda"), stacks.sleep)
    found = find(stage, client)
    _refuse_shared_api(stage, found)
    copy = clean_copy(stage, root)
    bundle(stage, root, copy)
    for function in functions_of(root):
        _make_log_group(client("logs"), deployed_name(stage, function), config_of(stage, root)["log_retention_in_days"])
    _write_notes(stage, root, copy, found, tell)
    limited = limited_queues(stage, root, client("lambda"))
    chalice(["deploy", "--stage", stage, "--no-autogen-policy"], copy, LIMIT_CONCURRENCY=limited)
    allow_loops(stage, client("lambda"))
    lift_limits(stage, limited, client("lambda"), stacks.sleep)
    noted = notes_file(stage, root)
    noted.parent.mkdir(exist_ok=True)
    shutil.copyfile(notes_file(stage, copy), noted)
    made = json.loads(noted.read_text())["resources"]
    address: str = next(one["rest_api_url"] for one in made if one["resource_type"] == "rest_api")
    return address.rstrip("/")


def _refuse_shared_api(stage: str, found: Found) -> None:
    """Raise NotDeployed where the stage's API was given further things to call. A deployment would take them away
    again, or, if the API counted as somebody else's, make a second one at another address.
    """
    if found.shared_apis and not found.apis:
        api = found.shared_apis[0]
        raise NotDeployed(
            f"The REST API {api} calls {deployed_name(stage, WEB)} and other things too. Give those an API of their "
            f"own (API Gateway console → {api} → Resources), and run the same again"
        )


def allow_loops(stage: str, functions: Client) -> None:
    """Tell Lambda that chains of messages are meant; Chalice knows no such setting."""
    for function in LOOPING:
        functions.put_function_recursion_config(FunctionName=deployed_name(stage, function), RecursiveLoop="Allow")


def lift_limits(stage: str, limited: str, functions: Client, sleep: Sleep = time.sleep) -> None:
    """Take away the limit that an earlier deployment set on a queue's trigger; Chalice sets limits only."""
    for function in UNLIMITED[limited]:
        name = deployed_name(stage, function)
        for one in functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]:
            if one.get("ScalingConfig"):
                lift = partial(functions.update_event_source_mapping, UUID=one["UUID"], ScalingConfig={})
                once_free(lift, functions, sleep, pause=BUSY_PAUSE)  # Chalice has changed it just now


def _write_notes(stage: str, root: Path, copy: Path, found: Found, tell: Tell) -> None:
    """Give Chalice, as its notes of earlier deployments, what there really is."""
    noted = notes_file(stage, root)
    before = notes.read(noted.read_text()) if noted.exists() else {}
    callback = str(environment_of(stage, root).get("DISCORD_CALLBACK_URL", ""))
    api = notes.api_of(found, callback, before)
    known = [one for one in before.get("resources", []) if one.get("rest_api_id") == api]
    made = notes.notes_of(found, api=api, address=known[0].get("rest_api_url", "") if known else "")
    target = notes_file(stage, copy)
    target.unlink(missing_ok=True)
    if made:
        target.write_text(json.dumps(made, indent=2))
        if not before:
            tell("taking up what is there of an earlier deployment")


def _make_log_group(logs: Client, function: str, days: int) -> None:
    """A function's log. No function may make its own; and Chalice makes that of the web function under another name,
    and none whose name another's begins with.
    """
    name = f"/aws/lambda/{function}"
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=days)


# --- CloudFormation -----------------------------------------------------------------------------------------------


def package(stage: str, root: Path, limited: str = "") -> Path:
    """`chalice package`; the folder with the zip and the CloudFormation template. Needs no account and no region.

    `limited`: what LIMIT_CONCURRENCY is, where config.json says nothing.
    """
    out = root / ".build" / "package-out" / stage
    copy = clean_copy(stage, root)
    bundle(stage, root, copy)
    arguments = ["package", "--stage", stage, "--template-format", "json", "--merge-template", MERGED]
    region = os.environ.get("AWS_DEFAULT_REGION") or ANY_REGION
    chalice([*arguments, str(out)], copy, AWS_DEFAULT_REGION=region, LIMIT_CONCURRENCY=limited)
    return out


def deploy_by_cloudformation(
    stage: str, root: Path, stacks: Stacks, bucket: Bucket, client: Clients, *, secrets_stored: str
) -> str:
    """Package, upload, and make or change the functions' stack; the API's address.

    `secrets_stored` changes with every secret that is stored anew. A function reads its secrets once, and
    CloudFormation leaves alone what did not change: without it a new secret would never be read.
    """
    name = stack_name(stage)
    stacks.settle(name)
    found = find(stage, client)
    if stacks.find(name):
        _refuse_if_missing(stacks, name, {arn.rpartition(":")[2] for arn in found.functions.values()})
    elif found.roles:
        raise NotDeployed(
            f"The functions of {stage} were deployed by chalice. Go on in that way: make deploy STAGE={stage}"
        )
    else:
        remove(found, client, stacks.sleep)  # what a stack that failed could not take back
        wait_for_triggers(stage, client("lambda"), stacks.sleep)
    limited = limited_queues(stage, root, client("lambda"))
    folder = package(stage, root, limited)
    bucket.ensure()
    version = bucket.put(*packaged(folder))
    made = stacks.bring_about(name, bucket.address(version.template), {"SecretsStored": secrets_stored}, url=True)
    History(bucket).deployed(version)
    lift_limits(stage, limited, client("lambda"), stacks.sleep)
    return made["EndpointURL"].rstrip("/")


def _refuse_if_missing(stacks: Stacks, stack: str, there: set[str]) -> None:
    """Raise NotDeployed where the stack says that it made functions that are not there: an update would fail, and so
    would taking it back.
    """
    missing = sorted(set(stacks.resources(stack).get("AWS::Lambda::Function", [])) - there)
    if missing:
        raise NotDeployed(
            f"Somebody deleted {', '.join(missing)}, and CloudFormation makes them anew only if it is told to: "
            f"run the same again with REVERT_DRIFT=1"
        )


def roll_back(stage: str, stacks: Stacks, bucket: Bucket) -> str:
    """Put the version before the last one back, code and settings alike; the API's address. Where one that was put back
    before was never told of, as the run was killed, it stays as it is: see History.told.

    Raises NotDeployed where there is none: only CloudFormation's way keeps what was.
    """
    name = stack_name(stage)
    if not stacks.find(name):
        raise NotDeployed(
            f"{stage} is not deployed as a stack, so no earlier version is kept: "
            f"git checkout the one that you want, then make deploy STAGE={stage}"
        )
    history, running = History(bucket), bucket.key_of(stacks.template(name))
    if history.went_back_to(running):
        return stacks.outputs(name)["EndpointURL"].rstrip("/")
    known = history.versions()
    on_record = running in {one.template for one in known}
    # A deployment that was stopped at its very end runs, and is not on record.
    earlier = known[:-1] if on_record else known
    if not earlier:
        raise NotDeployed(f"No earlier version of {stage} is kept; nothing was changed")
    history.going_back_to(earlier[-1])
    made = stacks.bring_about(name, bucket.address(earlier[-1].template), url=True)
    if on_record:
        history.forget_latest()
    return made["EndpointURL"].rstrip("/")
