# mypy: ignore-errors
"""A second AWS, independent of the local one: moto's server, with rules of AWS that neither has.

    python second_aws.py PORT

Runs in the environment of the emulators, so it imports nothing of the project. What it adds:

- A queue is brought to a function once: the second trigger is refused (aws/chalice#2146 has AWS's words).
- SQS takes no policy that names a user or role of the account that there is none of (aws/aws-cdk#13530).
- A queue's name is blocked for a while after its deletion: 60 s on AWS, BLOCKED_SECONDS here.
- A stack whose creation fails is rolled back, and what it made is deleted; a table that is protected refuses, and the
  stack is stuck as ROLLBACK_FAILED. What exists is never made a second time, but can be imported.
- A rule's name has at most 64 characters, and its schedule is what EventBridge understands.
- Lambda's `recursion-config`, which moto lacks; and REST APIs as Chalice describes them, which moto half refuses.
"""

import json
import os
import re
import sys
import time

from moto.apigateway.models import APIGatewayBackend
from moto.awslambda import urls as lambda_urls
from moto.awslambda.models import LambdaBackend
from moto.cloudformation import parsing
from moto.cloudformation.models import ChangeSet, CloudFormationBackend
from moto.core.common_models import CloudFormationModel
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.dynamodb.models import Table, dynamodb_backends
from moto.events.models import EventsBackend
from moto.iam.models import iam_backends
from moto.server import main
from moto.sqs.models import Queue, SQSBackend, sqs_backends

BLOCKED = float(os.environ.get("BLOCKED_SECONDS", "60"))


# --- Lambda ---------------------------------------------------------------------------------------------------------

create_trigger = LambdaBackend.create_event_source_mapping


def create_trigger_once(self, spec):
    function = self.get_function(spec["FunctionName"]).function_arn
    for one in self._event_source_mappings.values():
        if (one.event_source_arn, one.function_arn) == (spec["EventSourceArn"], function):
            raise JsonRESTError(
                "ResourceConflictException",
                f'An event source mapping with SQS arn (" {one.event_source_arn} ") and function (" '
                f'{spec["FunctionName"]} ") already exists. Please update or delete the existing mapping with UUID '
                f"{one.uuid}",
            )
    return create_trigger(self, spec)


LambdaBackend.create_event_source_mapping = create_trigger_once
loops = {}


def recursion_config(request, full_url, headers):
    name = full_url.split("/functions/")[1].split("/")[0]
    if request.method == "PUT":
        loops[name] = json.loads(request.data)["RecursiveLoop"]
    return 200, {}, json.dumps({"RecursiveLoop": loops.get(name, "Terminate")})


lambda_urls.url_paths[r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/recursion-config/?$"] = (
    recursion_config
)


# --- SQS ------------------------------------------------------------------------------------------------------------

create_queue, delete_queue, set_attributes = (
    SQSBackend.create_queue,
    SQSBackend.delete_queue,
    SQSBackend.set_queue_attributes,
)
deleted = {}


def blocked(name):
    return time.monotonic() - deleted.get(name, -BLOCKED) < BLOCKED


def create_queue_unless_blocked(self, name, *args, **kwargs):
    if blocked(name):
        raise ServiceException(
            "AWS.SimpleQueueService.QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        )
    return create_queue(self, name, *args, **kwargs)


def delete_and_block(self, name):
    delete_queue(self, name)
    deleted[name] = time.monotonic()


def set_known_principals(self, name, attributes):
    for statement in json.loads(attributes.get("Policy") or '{"Statement": []}')["Statement"]:
        principal = statement["Principal"]
        arn = principal.get("AWS", "") if isinstance(principal, dict) else ""
        iam = iam_backends[self.account_id]["aws"]
        known = {one.arn for one in [*iam.users.values(), *iam.roles.values()]}
        if f":{self.account_id}:" in arn and not arn.endswith(":root") and arn not in known:
            raise ServiceException("InvalidAttributeValue", "Invalid value for the parameter Policy.")
    return set_attributes(self, name, attributes)


SQSBackend.create_queue = create_queue_unless_blocked
SQSBackend.delete_queue = delete_and_block
SQSBackend.set_queue_attributes = set_known_principals


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


# --- CloudFormation -------------------------------------------------------------------------------------------------

importing = []
create_stack, apply_change_set = CloudFormationBackend.create_stack, ChangeSet.apply


class NoOutputs(dict):
    exports = ()


def create_or_roll_back(self, name, *args, **kwargs):
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


# --- EventBridge and API Gateway ----------------------------------------------------------------------------------

put_rule = EventsBackend.put_rule
import_api, put_api = APIGatewayBackend.import_rest_api, APIGatewayBackend.put_rest_api


def put_valid_rule(self, name, *args, **kwargs):
    if len(name) > 64:
        raise JsonRESTError(
            "ValidationException", "1 validation error detected: name must have length less than or equal to 64"
        )
    schedule = kwargs.get("scheduled_expression") or next((one for one in args if str(one).startswith("rate(")), "")
    said = re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", schedule or "")
    if schedule and schedule.startswith("rate(") and (not said or (said[1] == "1") == bool(said[3])):
        raise JsonRESTError("ValidationException", "Parameter ScheduleExpression is not valid.")
    return put_rule(self, name, *args, **kwargs)


def as_moto_likes_it(api_doc):
    made = {name: said for name, said in api_doc.items() if name != "swagger"}
    made["info"] = {"description": "", **made["info"]}
    return made


EventsBackend.put_rule = put_valid_rule
APIGatewayBackend.import_rest_api = lambda self, api_doc, fail_on_warnings: import_api(
    self, as_moto_likes_it(api_doc), False
)
APIGatewayBackend.put_rest_api = lambda self, function_id, api_doc, fail_on_warnings, mode="merge": put_api(
    self, function_id, as_moto_likes_it(api_doc), False, mode
)


if __name__ == "__main__":
    sys.exit(main(["--host", "127.0.0.1", "--port", sys.argv[1]]))
