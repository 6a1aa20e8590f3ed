"""The functions, in either of two ways: by `chalice deploy`, or packaged and given to CloudFormation.

One stage is deployed in one way: both make functions of the same names.
"""

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from deploy.project import NotDeployed, chalice, clean_copy, config_of, deployed_file
from deploy.stacks import Stacks

MERGED = ".chalice/package-merge.json"
ZIP, TEMPLATE = "deployment.zip", "sam.json"
LINK_LIFE = 900  # seconds that CloudFormation has to fetch the template

Client = Any  # boto3 makes a client's methods at run time: no type describes them


def stack_name(stage: str) -> str:
    """The functions' stack, where CloudFormation deploys them."""
    return f"rolecall-{stage}"


def deploy_by_chalice(stage: str, root: Path, stacks: Stacks, logs: Client) -> str:
    """`chalice deploy`; the API's address."""
    if stacks.find(stack_name(stage)):
        raise NotDeployed(
            f"The functions of {stage} were deployed by CloudFormation, as the stack {stack_name(stage)}. "
            f"Go on in that way: make deploy-package STAGE={stage}"
        )
    _make_log_group(logs, f"/aws/lambda/rolecall-{stage}", config_of(stage, root)["log_retention_in_days"])
    chalice(["deploy", "--stage", stage, "--no-autogen-policy"], clean_copy(stage, root))
    made = json.loads(deployed_file(stage, root).read_text())["resources"]
    address: str = next(one["rest_api_url"] for one in made if one["resource_type"] == "rest_api")
    return address.rstrip("/")


def _make_log_group(logs: Client, name: str, days: int) -> None:
    """The HTTP API's log. Chalice makes one for `…-api_handler`, but gives the function another name; and no function
    may make log groups, so that without this one it would log nothing.
    """
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=name)
    logs.put_retention_policy(logGroupName=name, retentionInDays=days)


def package(stage: str, root: Path) -> Path:
    """`chalice package`; the folder with the zip and the CloudFormation template."""
    out = root / ".build" / "package-out" / stage
    arguments = ["package", "--stage", stage, "--template-format", "json", "--merge-template", MERGED]
    chalice([*arguments, str(out)], clean_copy(stage, root))
    return out


def deploy_by_cloudformation(
    stage: str, root: Path, stacks: Stacks, s3: Client, bucket: str, *, secrets_stored: str
) -> str:
    """Package, upload, and make or change the functions' stack; the API's address.

    `secrets_stored` changes with every secret that is stored anew. A function reads its secrets once, and
    CloudFormation leaves alone what did not change: without it a new secret would never be read.
    """
    if deployed_file(stage, root).exists():
        raise NotDeployed(
            f"The functions of {stage} were deployed by chalice (.chalice/deployed/{stage}.json). "
            f"Go on in that way: make deploy STAGE={stage}"
        )
    folder = package(stage, root)
    _make_bucket(s3, bucket)
    code = (folder / ZIP).read_bytes()
    code_key = f"{stack_name(stage)}/{hashlib.sha256(code).hexdigest()[:32]}.zip"
    s3.put_object(Bucket=bucket, Key=code_key, Body=code)
    template = json.loads((folder / TEMPLATE).read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": code_key}
    template_key = f"{stack_name(stage)}/{TEMPLATE}"
    s3.put_object(Bucket=bucket, Key=template_key, Body=json.dumps(template).encode())
    # Too long to be sent along (51,200 bytes at most), so CloudFormation fetches it.
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": template_key}, ExpiresIn=LINK_LIFE)
    made = stacks.bring_about(stack_name(stage), link, {"SecretsStored": secrets_stored}, url=True)
    return made["EndpointURL"].rstrip("/")


def _make_bucket(s3: Client, bucket: str) -> None:
    try:
        s3.head_bucket(Bucket=bucket)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
            raise NotDeployed(f"The bucket {bucket} cannot be used: {error}") from error
        region = s3.meta.region_name
        place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        s3.create_bucket(Bucket=bucket, **place)
