# mypy: ignore-errors
"""What CloudFormation does with a package, and moto does not: it reads the template from a bucket, translates SAM's
shorter forms, and describes a whole REST API.
"""

from urllib.parse import urlparse

import boto3
import rules
from moto.apigateway.models import Deployment, RestAPI, apigateway_backends
from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.cloudformation import parsing, responses
from moto.cloudformation.models import Stack
from moto.core.common_models import CloudFormationModel
from moto.core.exceptions import ServiceException
from moto.s3.models import s3_backends
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

REGION = "us-east-1"  # of all that is here

MAX_NAME, ENDING = 64, 13  # characters; what the name ends in, with its hyphen

generate_name = parsing.generate_resource_name
parse = Stack._parse_template


def read_from_bucket(template_url, account_id, partition):
    bucket, _, key = urlparse(template_url).path.lstrip("/").partition("/")
    return s3_backends[account_id][partition].get_object(bucket, key).value.decode()


def parse_translated(self):
    parse(self)
    if "Transform" in self.template_dict:
        translator = Translator(None, Parser(), boto_session=boto3.Session(region_name=REGION))
        self.template_dict = translator.translate(self.template_dict, {}, get_managed_policy_map=dict)


def name_that_fits(resource_type, stack_name, logical_id):
    """AWS shortens the names that it makes up."""
    name = generate_name(resource_type, stack_name, logical_id)
    return name if len(name) <= MAX_NAME else name[: MAX_NAME - ENDING] + name[-ENDING:]


parsing.generate_resource_name = name_that_fits
responses.get_stack_from_s3_url = read_from_bucket
Stack._parse_template = parse_translated


# --- functions ----------------------------------------------------------------------------------------------------

make_function = LambdaFunction.create_from_cloudformation_json.__func__
change_function = LambdaFunction.update_from_cloudformation_json.__func__


def note_loop(properties, function):
    rules.loops[function.function_name] = properties.get("RecursiveLoop", "Terminate")
    return function


def make_function_that_may_loop(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    name = cloudformation_json["Properties"]["FunctionName"]
    if any(one.function_name == name for one in lambda_backends[account_id][region_name].list_functions()):
        raise ServiceException("AlreadyExists", f"{name} already exists")
    made = make_function(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs)
    return note_loop(cloudformation_json["Properties"], made)


def change_function_that_may_loop(cls, original_resource, new_resource_name, cloudformation_json, *args, **kwargs):
    made = change_function(cls, original_resource, new_resource_name, cloudformation_json, *args, **kwargs)
    return note_loop(cloudformation_json["Properties"], made)


LambdaFunction.create_from_cloudformation_json = classmethod(make_function_that_may_loop)
LambdaFunction.update_from_cloudformation_json = classmethod(change_function_that_may_loop)


# --- REST APIs ----------------------------------------------------------------------------------------------------


def make_api(cls, resource_name, cloudformation_json, account_id, region_name, **kwargs):
    body = cloudformation_json["Properties"]["Body"]
    return apigateway_backends[account_id][region_name].import_rest_api(body, False)


def change_api(cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name):
    backend = apigateway_backends[account_id][region_name]
    return backend.put_rest_api(original_resource.id, cloudformation_json["Properties"]["Body"], False, "overwrite")


Deployment.physical_resource_id = property(lambda self: self.id)
RestAPI.create_from_cloudformation_json = classmethod(make_api)
RestAPI.update_from_cloudformation_json = classmethod(change_api)
RestAPI.delete = lambda self, account, region: apigateway_backends[account][region].delete_rest_api(self.id)


class ApiStage(CloudFormationModel):
    """`AWS::ApiGateway::Stage`, which moto lacks."""

    __module__ = "moto.apigateway.rules"  # where moto reads which service it belongs to

    def __init__(self, name):
        self.physical_resource_id = name

    @staticmethod
    def cloudformation_name_type():
        return "StageName"

    @staticmethod
    def cloudformation_type():
        return "AWS::ApiGateway::Stage"

    @classmethod
    def create_from_cloudformation_json(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        said = cloudformation_json["Properties"]
        backend = apigateway_backends[account_id][region_name]
        backend.create_stage(said["RestApiId"], said["StageName"], said["DeploymentId"])
        return cls(said["StageName"])

    @classmethod
    def update_from_cloudformation_json(
        cls, original_resource, new_resource_name, cloudformation_json, account_id, region_name
    ):
        said = cloudformation_json["Properties"]
        api = apigateway_backends[account_id][region_name].get_rest_api(said["RestApiId"])
        api.stages[said["StageName"]].deployment_id = said["DeploymentId"]
        return original_resource

    def delete(self, account_id, region_name):
        """It goes with its API."""
