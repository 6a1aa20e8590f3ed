"""CloudFormation stacks: made or changed with one call, taken away with another."""

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from deploy.project import NotDeployed

UNCHANGED = "No updates are to be performed"
ABSENT = "does not exist"
PACE = {"Delay": 2, "MaxAttempts": 900}  # half an hour; nothing here takes five minutes
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]  # the functions' roles; SAM's transform

Client = Any  # boto3 makes a client's methods at run time: no type describes them
Parameters = Mapping[str, str | None]


class Stacks:
    """The stacks of one account and region."""

    def __init__(self, cloudformation: Client, pace: Mapping[str, float] = PACE) -> None:
        self._cloudformation = cloudformation
        self._pace = dict(pace)

    def find(self, name: str) -> dict[str, Any] | None:
        """The stack as AWS describes it; None where there is none."""
        try:
            found: dict[str, Any] = self._cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        except ClientError as error:
            if ABSENT in str(error):
                return None
            raise
        return found

    def parameters(self, name: str) -> dict[str, str]:
        """The parameters of the stack, as they were given; none where it is not there."""
        there = self.find(name) or {}
        return {one["ParameterKey"]: one.get("ParameterValue", "") for one in there.get("Parameters", [])}

    def bring_about(
        self, name: str, template: str, parameters: Parameters | None = None, *, url: bool = False
    ) -> dict[str, str]:
        """Make the stack, or make it as `template` (with `url`: what lies at that address) says; its outputs.

        A parameter that is None, or not named, stays as it was. Raises NotDeployed with AWS's reasons.
        """
        where = {"TemplateURL" if url else "TemplateBody": template}
        there = self.find(name)
        given = {key: value for key, value in (parameters or {}).items() if value is not None}
        known = set(self.parameters(name))
        if known:
            known &= {one["ParameterKey"] for one in self._cloudformation.get_template_summary(**where)["Parameters"]}
        asked = {
            **where,
            "StackName": name,
            "Capabilities": CAPABILITIES,
            "RetainExceptOnCreate": True,  # what a failed attempt made must not stand in the way of the next
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
            + [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(known - set(given))],
        }
        if there:
            self._update(name, asked)
        else:
            stack = self._cloudformation.create_stack(**asked, OnFailure="DELETE")["StackId"]
            self._wait("stack_create_complete", name, stack)
        made = self.find(name) or {}
        return {output["OutputKey"]: output["OutputValue"] for output in made.get("Outputs", [])}

    def delete(self, name: str) -> None:
        """Delete the stack, if it is there."""
        there = self.find(name)
        if there:
            self._cloudformation.delete_stack(StackName=name)
            self._wait("stack_delete_complete", name, there["StackId"])

    def resources(self, name: str) -> dict[str, list[str]]:
        """The names of what the stack made, by type; nothing where it is not there."""
        found: dict[str, list[str]] = {}
        if self.find(name):
            for page in self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=name):
                for one in page["StackResourceSummaries"]:
                    found.setdefault(one["ResourceType"], []).append(one["PhysicalResourceId"])
        return found

    def _update(self, name: str, asked: Mapping[str, Any]) -> None:
        try:
            stack = self._cloudformation.update_stack(**asked)["StackId"]
        except ClientError as error:
            if UNCHANGED in str(error):
                return
            raise
        self._wait("stack_update_complete", name, stack)

    def _wait(self, state: str, name: str, stack: str) -> None:
        try:
            self._cloudformation.get_waiter(state).wait(StackName=stack, WaiterConfig=self._pace)
        except WaiterError as error:
            raise NotDeployed(f"The stack {name} failed:\n{self._reasons(stack)}") from error

    def _reasons(self, stack: str) -> str:
        events = self._cloudformation.describe_stack_events(StackName=stack)["StackEvents"]
        return "\n".join(
            f"- {event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in reversed(events)
            if "FAILED" in event["ResourceStatus"] and "ResourceStatusReason" in event
        )
