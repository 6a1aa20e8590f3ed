"""CloudFormation stacks: made or changed with one call, taken away with another, whatever an earlier run left."""

import time
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from deploy.found import Sleep
from deploy.project import NotDeployed

UNCHANGED = "No updates are to be performed"
ABSENT = "does not exist"
DELAY, MAX_ATTEMPTS = 2, 900  # seconds between two looks at a stack: half an hour; nothing here takes five minutes
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]  # the functions' roles; SAM's transform
NEVER_STOOD = ("REVIEW_IN_PROGRESS", "CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "DELETE_FAILED")
"""States out of which CloudFormation updates no stack: it can only be deleted."""
NOT_MADE = ("CREATE_FAILED", "DELETE_COMPLETE")
UNDER_WAY = "_IN_PROGRESS"  # how the state of a stack ends while CloudFormation works on it

Client = Any  # boto3 makes a client's methods at run time: no type describes them
Json = dict[str, Any]
Parameters = Mapping[str, str | None]


class Stacks:
    """The stacks of one account and region. `sleep` lets seconds pass while AWS works."""

    def __init__(self, cloudformation: Client, sleep: Sleep = time.sleep) -> None:
        self.cloudformation = cloudformation
        self.sleep = sleep

    def find(self, name: str) -> Json | None:
        """The stack as AWS describes it; None where there is none."""
        try:
            found: Json = self.cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if ABSENT in str(error):
                return None
            raise
        return None if found["StackStatus"] == "DELETE_COMPLETE" else found

    def parameters(self, name: str) -> dict[str, str]:
        """The parameters of the stack, as they were given; none where it is not there."""
        there = self.find(name) or {}
        return {one["ParameterKey"]: one.get("ParameterValue", "") for one in there.get("Parameters", [])}

    def outputs(self, name: str) -> dict[str, str]:
        """What the stack says of itself; nothing where it is not there."""
        there = self.find(name) or {}
        return {output["OutputKey"]: output["OutputValue"] for output in there.get("Outputs", [])}

    def bring_about(
        self, name: str, template: str, parameters: Parameters | None = None, *, url: bool = False
    ) -> dict[str, str]:
        """Make the stack, or make it as `template` (with `url`: what lies at that address) says; its outputs.

        A parameter that is None, or not named, stays as it was. Waits for what an earlier run began, and clears away
        what never stood. Raises NotDeployed with AWS's reasons.
        """
        self.settle(name)
        where = {"TemplateURL" if url else "TemplateBody": template}
        there = self.find(name)
        asked = {
            **where,
            "StackName": name,
            "Capabilities": CAPABILITIES,
            "RetainExceptOnCreate": True,  # what a failed attempt made must not stand in the way of the next
            "Parameters": _said(self.cloudformation, where, parameters or {}, set(self.parameters(name))),
        }
        if there:
            stack = _updated(self.cloudformation, asked)
            if stack:
                self.expect("UPDATE_COMPLETE", name, stack)
        else:
            # Rolled back and not deleted: only of the first AWS says that it takes newly made tables along.
            stack = self.cloudformation.create_stack(**asked, OnFailure="ROLLBACK")["StackId"]
            self.expect("CREATE_COMPLETE", name, stack)
        return self.outputs(name)

    def settle(self, name: str) -> None:
        """Leave the stack as one that can be updated, or none: wait for what is under way, delete what never stood.

        What its tables hold is not touched: they outlive it.
        """
        stuck: list[str] | None = None  # what a rollback skips; it is tried without first
        for _ in range(4):  # what is under way may end in what can only be deleted
            there = self.find(name)
            state = there["StackStatus"] if there else ""
            if state in NEVER_STOOD:
                self.delete(name)
            elif there and state.endswith(UNDER_WAY):
                self._at_rest(there["StackId"])
            elif state == "UPDATE_ROLLBACK_FAILED":
                stuck = [] if stuck is None else _in_state(self.cloudformation, name, "UPDATE_FAILED")
                self.cloudformation.continue_update_rollback(StackName=name, ResourcesToSkip=stuck)
                self._at_rest(name)
            else:
                return

    def delete(self, name: str) -> None:
        """Delete the stack, if it is there. What refuses to be deleted is left behind, out of any stack."""
        there = self.find(name)
        if not there:
            return
        stack = there["StackId"]
        self.cloudformation.delete_stack(StackName=stack)
        if self._at_rest(stack) == "DELETE_FAILED":  # only then may anything be named that is to stay
            kept = _in_state(self.cloudformation, stack, "DELETE_FAILED")
            self.cloudformation.delete_stack(StackName=stack, RetainResources=kept)
        if self._at_rest(stack):
            raise NotDeployed(f"The stack {name} cannot be deleted:\n{_reasons(self.cloudformation, stack)}")

    def template(self, name: str) -> Json:
        """The template that the stack was last given, which must be JSON."""
        found: Json = self.cloudformation.get_template(StackName=name, TemplateStage="Original")["TemplateBody"]
        return found

    def resources(self, name: str) -> dict[str, list[str]]:
        """The names of what the stack made, by type; nothing where it is not there."""
        found: dict[str, list[str]] = {}
        if self.find(name):
            for one in _listed(self.cloudformation, name):
                if one["ResourceStatus"] not in NOT_MADE:
                    found.setdefault(one["ResourceType"], []).append(one["PhysicalResourceId"])
        return found

    def expect(self, state: str, name: str, stack: str) -> None:
        """Wait for what is under way. Raises NotDeployed, with AWS's reasons, where it ends in another state."""
        if self._at_rest(stack) != state:
            raise NotDeployed(f"The stack {name} failed:\n{_reasons(self.cloudformation, stack)}")

    def _at_rest(self, stack: str) -> str:
        """The state of the stack once CloudFormation is done with it; empty where it is gone.

        AWS's own waiters know only some of the ends.
        """
        for _ in range(MAX_ATTEMPTS):
            there = self.find(stack)
            state = str(there["StackStatus"]) if there else ""
            if not state.endswith(UNDER_WAY) or state in NEVER_STOOD:
                return state
            self.sleep(DELAY)
        raise NotDeployed(f"The stack {stack} is still {state}; look at it in the CloudFormation console")


def _said(cloudformation: Client, where: Mapping[str, str], parameters: Parameters, known: set[str]) -> list[Json]:
    """The parameters as CloudFormation takes them; those of the `known` ones that are not given stay as they were."""
    given = {key: value for key, value in parameters.items() if value is not None}
    if known:
        known &= {one["ParameterKey"] for one in cloudformation.get_template_summary(**where)["Parameters"]}
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()] + [
        {"ParameterKey": key, "UsePreviousValue": True} for key in sorted(known - set(given))
    ]


def _updated(cloudformation: Client, asked: Mapping[str, Any]) -> str | None:
    """Begin an update; the id of the stack, or None where nothing has to change."""
    try:
        return str(cloudformation.update_stack(**asked)["StackId"])
    except ClientError as error:
        if UNCHANGED in str(error):
            return None
        raise


def _listed(cloudformation: Client, stack: str) -> list[Json]:
    pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
    return [one for page in pages for one in page["StackResourceSummaries"]]


def _in_state(cloudformation: Client, stack: str, state: str) -> list[str]:
    return [one["LogicalResourceId"] for one in _listed(cloudformation, stack) if one["ResourceStatus"] == state]


def _reasons(cloudformation: Client, stack: str) -> str:
    events = cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
    return "\n".join(
        f"- {event['LogicalResourceId']}: {event['ResourceStatusReason']}"
        for event in reversed(events)
        if "FAILED" in event["ResourceStatus"] and "ResourceStatusReason" in event
    )
