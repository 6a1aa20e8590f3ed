# mypy: ignore-errors
"""Drift-aware change sets, which moto lacks: what was deleted by hand is made anew, and with it what went along.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
"""

import json

from moto.awslambda.models import lambda_backends
from moto.cloudformation.models import ChangeSet, CloudFormationBackend
from moto.cloudformation.responses import CloudFormationResponse
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.responses import ActionResult
from moto.dynamodb.models import dynamodb_backends
from moto.sqs.models import sqs_backends

THERE = {
    "AWS::DynamoDB::Table": lambda account, region: dynamodb_backends[account][region].tables,
    "AWS::SQS::Queue": lambda account, region: sqs_backends[account][region].queues,
    "AWS::Lambda::Function": lambda account, region: [
        one.function_name for one in lambda_backends[account][region].list_functions()
    ],
    "AWS::CloudWatch::Alarm": lambda account, region: cloudwatch_backends[account][region].alarms,
}
GO_ALONG = ("AWS::SQS::QueuePolicy", "AWS::Lambda::Permission")
NOTHING = "The submitted information didn't contain changes. Submit different information to create a change set."


def to_be_made(stack, account, region):
    """Logical ids of what is gone, and of what went along."""
    described, made = stack.resource_map._resource_json_map, stack.resource_map._parsed_resources
    gone = {
        logical
        for logical, said in described.items()
        if logical in made
        and said["Type"] in THERE
        and _name(made[logical]) not in THERE[said["Type"]](account, region)
    }
    along = {
        logical
        for logical, said in described.items()
        if said["Type"] in GO_ALONG and any(f'"{one}"' in json.dumps(said) for one in gone)
    }
    return gone | along


def _name(resource):
    return resource.physical_resource_id.rpartition("/")[2]  # a queue's is an address


def create_change_set(self):
    if self._get_param("DeploymentMode") != "REVERT_DRIFT":
        return create(self)
    backend = self.cloudformation_backend
    stack = backend.get_stack(self._get_param("StackName"))
    assert {one["ParameterKey"] for one in self._get_param("Parameters", [])} == set(stack.stack_parameters)
    assert self._get_bool_param("UsePreviousTemplate", False)
    identity, _ = CloudFormationBackend.create_change_set(
        backend, stack.name, self._get_param("ChangeSetName"), stack.template, {}, "", "UPDATE"
    )
    made = backend.change_sets[identity]
    made.reverts = to_be_made(stack, backend.account_id, backend.region_name)
    made.status, made.execution_status = "CREATE_COMPLETE", "AVAILABLE"
    if not made.reverts:
        made.status, made.execution_status, made.status_reason = "FAILED", "UNAVAILABLE", NOTHING
    return ActionResult({"Id": identity, "StackId": stack.stack_id})


def apply_or_revert(self):
    if not hasattr(self, "reverts"):
        return apply(self)
    for logical in self.reverts:
        self.stack.resource_map._parsed_resources.pop(logical, None)
    for logical in self.reverts:
        self.stack.resource_map[logical]
    self.stack.status = "UPDATE_COMPLETE"
    return None


def delete_if_there(self, change_set_name):
    for identity, one in list(self.change_sets.items()):
        if change_set_name in (identity, one.change_set_name):
            del self.change_sets[identity]


create, apply = CloudFormationResponse.create_change_set, ChangeSet.apply
CloudFormationResponse.create_change_set = create_change_set
ChangeSet.apply = apply_or_revert
CloudFormationBackend.delete_change_set = delete_if_there
