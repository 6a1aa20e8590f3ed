"""What CloudFormation does to a stack only through a change set: taking up resources that exist, and putting back what
was changed by hand.
"""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import WaiterError

from deploy.project import NotDeployed
from deploy.stacks import CAPABILITIES, DELAY, MAX_ATTEMPTS, UNCHANGED, Parameters, Stacks

IMPORT = "adopt"  # the names of the change sets
REVERT = "revert-drift"
NOTHING_TO_CHANGE = ("didn't contain changes", UNCHANGED)  # why CloudFormation makes no change set

Json = dict[str, Any]


def adopt(stacks: Stacks, name: str, template: str, parameters: Parameters, resources: Sequence[Json]) -> None:
    """Make the stack of resources that exist: `template` describes just those, `resources` says which they are. Raises
    NotDeployed with AWS's reasons.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/import-resources.html
    """
    given = {key: value for key, value in parameters.items() if value is not None}
    made = stacks.cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=IMPORT,
        ChangeSetType="IMPORT",
        TemplateBody=template,
        Capabilities=CAPABILITIES,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        ResourcesToImport=list(resources),
    )
    if why := _refusal(stacks, name, made["Id"]):
        raise NotDeployed(f"The stack {name} cannot take up what is there: {why}")
    stacks.cloudformation.execute_change_set(StackName=name, ChangeSetName=made["Id"])
    stacks.expect("IMPORT_COMPLETE", name, made["StackId"])


def revert_drift(stacks: Stacks, name: str) -> bool:
    """Put back what somebody changed or deleted by hand of what the stack made; False where there was nothing, or no
    stack. An update leaves alone what its template says as before, whatever became of it. Raises NotDeployed with AWS's
    reasons.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
    """
    stacks.settle(name)
    if not stacks.find(name):
        return False
    stacks.cloudformation.delete_change_set(StackName=name, ChangeSetName=REVERT)  # of a run that was stopped
    made = stacks.cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=REVERT,
        ChangeSetType="UPDATE",
        DeploymentMode="REVERT_DRIFT",
        UsePreviousTemplate=True,
        Capabilities=CAPABILITIES,
        Parameters=[{"ParameterKey": key, "UsePreviousValue": True} for key in stacks.parameters(name)],
    )
    why = _refusal(stacks, name, made["Id"])
    if any(words in why for words in NOTHING_TO_CHANGE):
        stacks.cloudformation.delete_change_set(StackName=name, ChangeSetName=made["Id"])
        return False
    if why:
        raise NotDeployed(f"What was changed by hand of the stack {name} cannot be put back: {why}")
    stacks.cloudformation.execute_change_set(StackName=name, ChangeSetName=made["Id"])
    stacks.expect("UPDATE_COMPLETE", name, made["StackId"])
    return True


def _refusal(stacks: Stacks, name: str, change_set: str) -> str:
    """Why CloudFormation cannot make the change set; empty once it is made."""
    try:
        stacks.cloudformation.get_waiter("change_set_create_complete").wait(
            StackName=name, ChangeSetName=change_set, WaiterConfig={"Delay": DELAY, "MaxAttempts": MAX_ATTEMPTS}
        )
    except WaiterError as error:
        return str(error.last_response.get("StatusReason") or error)
    return ""
