"""What the template of tables and queues says, as the deployment reads it."""

import json
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from cfnlint.decode import decode  # type: ignore[import-untyped] # it ships none

from deploy.kept import refuse_unknown_principal
from deploy.project import ROOT, NotDeployed
from deploy.template import QUEUE, TABLE, parts, template

NUMBER = "123456789012"


def test_the_template_is_read_as_cloudformation_reads_it() -> None:
    decoded, _ = decode(str(ROOT / ".chalice" / "data-stack.yaml"))
    assert json.loads(json.dumps(template(ROOT), default=str)) == json.loads(json.dumps(decoded, default=str))


def test_every_table_and_queue_is_known_by_its_name_in_aws() -> None:
    found = parts("x-1", ROOT)
    names = {kind: {part.name for part in found if part.kind == kind} for kind in (TABLE, QUEUE)}
    assert {"rolecall-x-1-users", "rolecall-x-1-accounts", "rolecall-x-1-audit"} <= names[TABLE]
    assert names[QUEUE] == {f"rolecall-x-1-{queue}" for queue in ("jobs", "bulk", "dead-letters", "notices")}


def no_client(service: str) -> Any:
    raise AssertionError(f"{service} was asked")


@pytest.mark.parametrize("arn", [None, "", f"arn:aws:iam::{NUMBER}:root", f"arn:aws-us-gov:iam::{NUMBER}:root"])
def test_nobody_and_a_whole_account_need_no_look(arn: str | None) -> None:
    refuse_unknown_principal(arn, no_client)


@pytest.mark.parametrize(
    "arn",
    [
        "auth-site",
        f"arn:aws:iam::{NUMBER}:group/sites",
        f"arn:aws:iam::{NUMBER}:usr/auth-site",
        "arn:aws:iam::12:user/auth-site",
        f"arn:aws:sts::{NUMBER}:assumed-role/site/session",
        f"arn:aws:iam::{NUMBER}:user/",
    ],
)
def test_what_sqs_takes_for_nobody_is_refused_with_an_example(arn: str) -> None:
    with pytest.raises(NotDeployed, match=f"like arn:aws:iam::{NUMBER}:user/auth-site, or none .* not {arn}"):
        refuse_unknown_principal(arn, no_client)


def test_a_user_of_another_account_is_not_looked_for() -> None:
    sts = boto3.client("sts", region_name="eu-central-1")
    with Stubber(sts) as aws:
        aws.add_response("get_caller_identity", {"Account": NUMBER})
        refuse_unknown_principal("arn:aws:iam::999999999999:user/auth-site", {"sts": sts}.__getitem__)
