# mypy: ignore-errors
"""Rules of CloudFormation's that moto lacks.

- A stack whose creation fails is rolled back, and what it made is deleted; a table that is protected refuses, and the
  stack is stuck as ROLLBACK_FAILED. What exists is never made a second time, but can be imported.
- Whatever is done to a stack takes some seconds, and nothing else can be done to it meanwhile.
"""

import json

import clock
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Stack
from moto.core.common_models import CloudFormationModel
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.dynamodb.models import Table, dynamodb_backends
from moto.sqs.models import Queue, sqs_backends
from rules import blocked, deleted


class QueuePolicy(CloudFormationModel):
    """`AWS::SQS::QueuePolicy`, which moto lacks."""

    __module__ = "moto.sqs.rules"  # where moto reads which service it belongs to
    physical_resource_id = "policy"

    @staticmethod
    def cloudformation_name_type():
        return None

    @staticmethod
    def cloudformation_type():
        return "AWS::SQS::QueuePolicy"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        said = cloudformation_json["Properties"]
        (queue,) = said["Queues"]
        statements = [one for one in said["PolicyDocument"]["Statement"] if one]  # moto leaves AWS::NoValue as None
        policy = json.dumps({**said["PolicyDocument"], "Statement": statements})
        sqs_backends[account_id][region_name].set_queue_attributes(queue.rpartition("/")[2], {"Policy": policy})
        return cls()

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        return cls.create_from_cloudformation_json(new_resource_name, cloudformation_json, account_id, region_name)

    @classmethod
    def delete_from_cloudformation_json(cls, *_):
        return None


parse_condition = parsing.parse_condition


def parse_named_condition(condition, resources_map, condition_map):
    if isinstance(condition, dict) and "Fn::Condition" in condition:  # as moto reads `!Condition`
        return condition_map[condition["Fn::Condition"]]
    return parse_condition(condition, resources_map, condition_map)


parsing.parse_condition = parse_named_condition


# --- time -------------------------------------------------------------------------------------------------------------

WORK = 5  # seconds that CloudFormation takes for anything


def get_status(self):
    status, since = self.__dict__["status"]
    if clock.now() >= since + WORK or status == "REVIEW_IN_PROGRESS":
        return status
    return f"{status.partition('_')[0]}_IN_PROGRESS"


def set_status(self, status):
    self.__dict__["status"] = (status, clock.now())


Stack.status = property(get_status, set_status)
describe, delete_stack = CloudFormationBackend.describe_stacks, CloudFormationBackend.delete_stack


def describe_those_being_deleted_too(self, name):
    going = [one for one in self.deleted_stacks.values() if one.name == name and one.status == "DELETE_IN_PROGRESS"]
    return going or describe(self, name)


def refuse_meanwhile(self, name, what):
    for stack in (*self.stacks.values(), *self.deleted_stacks.values()):
        if name in (stack.name, stack.stack_id) and stack.status.endswith("_IN_PROGRESS"):
            raise ValidationError(name, f"Stack:{stack.stack_id} is in {stack.status} state and can not be {what}.")


def delete_at_rest(self, name):
    for stack in self.stacks.values():  # a stack that is being made may be deleted, one that is being changed may not
        if name in (stack.name, stack.stack_id) and stack.status in ("UPDATE_IN_PROGRESS", "IMPORT_IN_PROGRESS"):
            raise ValidationError(name, f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
    delete_stack(self, name)


CloudFormationBackend.describe_stacks = describe_those_being_deleted_too
CloudFormationBackend.delete_stack = delete_at_rest


# --- CloudFormation -------------------------------------------------------------------------------------------------

importing = []
create_stack, apply_change_set = CloudFormationBackend.create_stack, ChangeSet.apply


class NoOutputs(dict):
    exports = ()


def create_or_roll_back(self, name, *args, **kwargs):
    refuse_meanwhile(self, name, "created")
    try:
        return create_stack(self, name, *args, **kwargs)
    except (ServiceException, JsonRESTError) as error:
        stack = self.get_stack(name)
        stack._add_stack_event("CREATE_FAILED", resource_status_reason=str(error))
        stack.status = "ROLLBACK_COMPLETE"
        stack.output_map = NoOutputs()  # moto would make what an output names, once somebody asks
        made = stack.resource_map
        for logical, resource in list(made._parsed_resources.items()):
            try:
                if logical in made._resource_json_map and not isinstance(resource, str):
                    made._delete_resource(resource, made._resource_json_map[logical])
                    made._parsed_resources.pop(logical)
            except (ServiceException, JsonRESTError) as refused:
                stack._add_stack_event("DELETE_FAILED", resource_status_reason=str(refused))
                stack.status = "ROLLBACK_FAILED"
        return stack


def apply_as_import(self):
    if self.change_set_type == "IMPORT":
        importing.append(self)
    try:
        return apply_change_set(self)
    finally:
        importing.clear()


update_stack = CloudFormationBackend.update_stack


def update_with_previous_values(self, name, *args, **kwargs):
    refuse_meanwhile(self, name, "updated")
    stack = self.get_stack(name)
    stack.parameters = dict(stack.resource_map.resolved_parameters)  # moto forgets those that had a default
    existing = sqs_backends[self.account_id][self.region_name].queues
    for queue in deleted:
        if queue.startswith(stack.name.removesuffix("data")) and queue not in existing and blocked(queue):
            stack._add_stack_event("UPDATE_FAILED", resource_status_reason=f"{queue}: QueueDeletedRecently")
            stack.status = "UPDATE_ROLLBACK_COMPLETE"
            return stack
    updated = update_stack(self, name, *args, **kwargs)
    made = updated.resource_map
    for logical, table in made._parsed_resources.items():
        if isinstance(table, Table):  # moto overlooks what follows from a condition
            said = made._resource_json_map[logical]["Properties"]["DeletionProtectionEnabled"]
            table.deletion_protection_enabled = bool(parsing.clean_json(said, made))
    return updated


CloudFormationBackend.create_stack = create_or_roll_back
CloudFormationBackend.update_stack = update_with_previous_values
ChangeSet.apply = apply_as_import


def unless_there(model, there):
    make = model.create_from_cloudformation_json.__func__

    def create(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
        found = there(account_id, region_name).get(resource_name)
        if found is not None and importing:
            return found
        if found is not None:
            raise ServiceException("AlreadyExists", f"{resource_name} already exists")
        return make(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)

    model.create_from_cloudformation_json = classmethod(create)


unless_there(Table, lambda account, region: dynamodb_backends[account][region].tables)
unless_there(Queue, lambda account, region: sqs_backends[account][region].queues)


def update_table(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    wanted = cloudformation_json["Properties"].get("DeletionProtectionEnabled", False)
    original_resource.deletion_protection_enabled = str(wanted).lower() == "true"
    return original_resource


Table.update_from_cloudformation_json = classmethod(update_table)
