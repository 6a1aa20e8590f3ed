# mypy: ignore-errors
"""Stacks that end half made: what is told to fail fails, and the stack ends in the state in which CloudFormation leaves
it.

`failing` holds, by what is done (`create`, `update`, `rollback`, `delete`), the logical ids that fail then. A rollback
fails until its resource is skipped, a deletion until its resource is retained, or until they fail no more.
"""

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.exceptions import ServiceException
from moto.core.responses import ActionResult, EmptyResult

import stacks  # isort: skip - its rules come first

failing = {}
make, take_away = parsing.parse_and_create_resource, parsing.ResourceMap._delete_resource
list_resources, update = CloudFormationResponse.list_stack_resources, CloudFormationBackend.update_stack
STUCK = ("DELETE_FAILED", "ROLLBACK_FAILED")


def fails(what, logical):
    return logical in failing.get(what, ())


def refuse(logical):
    raise ServiceException("InternalFailure", f"{logical} was told to fail")


def make_unless_told(logical_id, *args, **kwargs):
    return refuse(logical_id) if fails("create", logical_id) else make(logical_id, *args, **kwargs)


def take_away_unless_told(self, resource, described):
    return (
        refuse(resource.logical_resource_id)
        if fails("delete", resource.logical_resource_id)
        else take_away(self, resource, described)
    )


parsing.parse_and_create_resource = make_unless_told
parsing.ResourceMap._delete_resource = take_away_unless_told


def update_or_roll_back(self, name, *args, **kwargs):
    stack = self.get_stack(name)
    if stack.status in ("UPDATE_ROLLBACK_FAILED", "ROLLBACK_COMPLETE", *STUCK):
        raise ValidationError(name, f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")
    if not failing.get("update"):
        return update(self, name, *args, **kwargs)
    for logical in failing["update"]:
        stack._add_stack_event("UPDATE_FAILED", resource_status_reason=f"{logical} was told to fail")
    stack.status = "UPDATE_ROLLBACK_FAILED" if failing.get("rollback") else "UPDATE_ROLLBACK_COMPLETE"
    return stack


def continue_update_rollback(self):
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    if stack.status != "UPDATE_ROLLBACK_FAILED":
        raise ValidationError(stack.name, f"Stack:{stack.stack_id} is in {stack.status} state.")
    left = set(failing.get("rollback", ())) - set(self._get_param("ResourcesToSkip", []))
    stack.status = "UPDATE_ROLLBACK_FAILED" if left else "UPDATE_ROLLBACK_COMPLETE"
    return EmptyResult()


def delete_or_fail(self):
    backend, name = self.cloudformation_backend, self._get_param("StackName")
    retained = self._get_param("RetainResources", [])
    for stack in [one for one in backend.stacks.values() if name in (one.name, one.stack_id)]:
        made = stack.resource_map._parsed_resources
        if retained and stack.status != "DELETE_FAILED":
            raise ValidationError(name, "Resources to retain must be specified only if the stack is in DELETE_FAILED.")
        for logical in retained:
            made.pop(logical)
        if any(logical in made for logical in failing.get("delete", ())):
            _delete_what_can_be(stack, made)
            return EmptyResult()
    backend.delete_stack(name)
    return EmptyResult()


def _delete_what_can_be(stack, made):
    for logical, described in stack.resource_map._resource_json_map.items():
        if logical in made and described.get("DeletionPolicy") != "Retain" and not fails("delete", logical):
            stack.resource_map._delete_resource(made.pop(logical), described)
    stack.output_map = stacks.NoOutputs()
    stack.status = "DELETE_FAILED"


def list_what_is_made(self):
    """moto makes what it lists, where that is not there; and calls all of it well made."""
    stack = self.cloudformation_backend.get_stack(self._get_param("StackName"))
    made = stack.resource_map._parsed_resources
    found = [
        {
            "LogicalResourceId": logical,
            "PhysicalResourceId": made[logical].physical_resource_id,
            "ResourceType": described["Type"],
            "ResourceStatus": _status(stack, logical),
            "LastUpdatedTimestamp": stack.creation_time,
        }
        for logical, described in stack.resource_map._resource_json_map.items()
        if hasattr(made.get(logical), "physical_resource_id")
    ]
    return ActionResult({"StackResourceSummaries": found})


def _status(stack, logical):
    if stack.status == "UPDATE_ROLLBACK_FAILED" and fails("rollback", logical):
        return "UPDATE_FAILED"
    return "DELETE_FAILED" if stack.status in STUCK and fails("delete", logical) else "CREATE_COMPLETE"


CloudFormationBackend.update_stack = update_or_roll_back
CloudFormationResponse.continue_update_rollback = continue_update_rollback
CloudFormationResponse.delete_stack = delete_or_fail
CloudFormationResponse.list_stack_resources = list_what_is_made
