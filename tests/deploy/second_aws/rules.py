# mypy: ignore-errors
"""Rules of AWS's that moto lacks: of Lambda, SQS, EventBridge and API Gateway. The stacks' are in stacks.py.

- A queue is brought to a function once: the second trigger is refused (aws/chalice#2146 has AWS's words).
- A trigger is *in use* for some seconds after it was made or changed, and can be neither changed nor deleted then; one
  that was deleted is there for some seconds more.
- SQS takes no policy that names a user or role that the account does not have (aws/aws-cdk#13530).
- A queue's name is blocked for 60 s after its deletion.
- A rule's name has at most 64 characters, and its schedule is what EventBridge understands.
- Lambda's `recursion-config` and `account-settings`, which moto lacks; and REST APIs as Chalice describes them, which
  moto half refuses.
"""

import functools
import json
import re

import clock
from moto import backends
from moto.apigateway.models import APIGatewayBackend
from moto.awslambda import urls as lambda_urls
from moto.awslambda.models import EventSourceMapping, LambdaBackend
from moto.core.exceptions import JsonRESTError, ServiceException
from moto.events.models import EventsBackend
from moto.iam.models import iam_backends
from moto.moto_api._internal.models import moto_api_backend
from moto.sqs.models import SQSBackend

BLOCKED = 60  # seconds
SETTLING = 5  # seconds for which a trigger can be neither changed nor deleted, after either


def reset():
    """Empty the account, and let nothing of it be remembered."""
    global quota
    quota = 10
    moto_api_backend.reset()
    deleted.clear()
    loops.clear()


backends.list_of_moto_modules = functools.partial(iter, tuple(backends.list_of_moto_modules()))  # it reads a folder

# --- Lambda ---------------------------------------------------------------------------------------------------------

backend = LambdaBackend
create_trigger, update_trigger, delete_trigger = (
    backend.create_event_source_mapping,
    backend.update_event_source_mapping,
    backend.delete_event_source_mapping,
)
get_trigger, list_triggers = backend.get_event_source_mapping, backend.list_event_source_mappings
described = EventSourceMapping.get_configuration


def under_way(trigger):
    """What Lambda is doing with it."""
    doing, until = getattr(trigger, "under_way", ("", 0))
    return doing if clock.now() < until else ""


def begin(trigger, doing):
    trigger.under_way = (doing, clock.now() + SETTLING)
    return trigger


def forget_deleted(self):
    for uuid, one in list(self._event_source_mappings.items()):
        if hasattr(one, "under_way") and one.under_way[0] == "Deleting" and not under_way(one):
            delete_trigger(self, uuid)


def refuse_if_in_use(trigger, verb):
    if trigger and under_way(trigger):
        raise JsonRESTError("ResourceInUseException", f"Cannot {verb} the event source mapping because it is in use.")


def create_trigger_once(self, spec):
    forget_deleted(self)
    function = self.get_function(spec["FunctionName"]).function_arn
    for one in self._event_source_mappings.values():
        if (one.event_source_arn, one.function_arn) == (spec["EventSourceArn"], function):
            raise JsonRESTError(
                "ResourceConflictException",
                f'An event source mapping with SQS arn (" {one.event_source_arn} ") and function (" '
                f'{spec["FunctionName"]} ") already exists. Please update or delete the existing mapping with UUID '
                f"{one.uuid}",
            )
    return begin(create_trigger(self, spec), "Creating")


def update_settled_trigger(self, uuid, spec):
    refuse_if_in_use(get_trigger(self, uuid), "update")
    return begin(update_trigger(self, uuid, spec), "Updating")


def delete_settled_trigger(self, uuid):
    forget_deleted(self)
    found = get_trigger(self, uuid)
    refuse_if_in_use(found, "delete")
    return found and begin(found, "Deleting")


def list_present_triggers(self, event_source_arn, function_name):
    """By the function's name or ARN; moto knows it by the words only with which the trigger was made."""
    forget_deleted(self)
    named = (function_name or "").rpartition(":")[2]
    found = list_triggers(self, event_source_arn, None)
    return [one for one in found if not named or one.function_arn.rpartition(":")[2] == named]


def describe_what_is_under_way(self):
    return {**described(self), **({"State": under_way(self)} if under_way(self) else {})}


def delete_with_its_stack(self, account_id, region_name):
    self.under_way = ("Deleting", clock.now())  # CloudFormation waits by itself


update_by_stack = EventSourceMapping.update_from_cloudformation_json.__func__


def update_with_its_stack(cls, original_resource, *args, **kwargs):
    original_resource.under_way = ("Updating", clock.now())  # CloudFormation waits by itself
    return update_by_stack(cls, original_resource, *args, **kwargs)


EventSourceMapping.update_from_cloudformation_json = classmethod(update_with_its_stack)
backend.create_event_source_mapping = create_trigger_once
backend.update_event_source_mapping = update_settled_trigger
backend.delete_event_source_mapping = delete_settled_trigger
backend.list_event_source_mappings = list_present_triggers
EventSourceMapping.get_configuration = describe_what_is_under_way
EventSourceMapping.delete = delete_with_its_stack

delete_function = backend.delete_function


def delete_function_and_what_it_was_told(self, function_name, qualifier=None):
    loops.pop(function_name.rpartition(":")[2], None)
    return delete_function(self, function_name, qualifier)


backend.delete_function = delete_function_and_what_it_was_told
loops = {}


def recursion_config(request, full_url, headers):
    name = full_url.split("/functions/")[1].split("/")[0]
    if request.method == "PUT":
        loops[name] = json.loads(request.data)["RecursiveLoop"]
    return 200, {}, json.dumps({"RecursiveLoop": loops.get(name, "Terminate")})


lambda_urls.url_paths[r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/recursion-config/?$"] = (
    recursion_config
)


quota = 10  # functions that the account may run at once, as a new one


def account_settings(request, full_url, headers):
    return 200, {}, json.dumps({"AccountLimit": {"ConcurrentExecutions": quota}})


lambda_urls.url_paths[r"{0}/(?P<api_version>[^/]+)/account-settings/?$"] = account_settings


# --- SQS ------------------------------------------------------------------------------------------------------------

create_queue, delete_queue, set_attributes = (
    SQSBackend.create_queue,
    SQSBackend.delete_queue,
    SQSBackend.set_queue_attributes,
)
deleted = {}


def blocked(name):
    return clock.now() - deleted.get(name, -BLOCKED) < BLOCKED


def create_queue_unless_blocked(self, name, *args, **kwargs):
    if blocked(name):
        raise ServiceException(
            "AWS.SimpleQueueService.QueueDeletedRecently",
            "You must wait 60 seconds after deleting a queue before you can create another with the same name.",
        )
    return create_queue(self, name, *args, **kwargs)


def delete_and_block(self, name):
    delete_queue(self, name)
    deleted[name] = clock.now()


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
