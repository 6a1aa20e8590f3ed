"""Taking a stage out of the account again, with all that it keeps."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib.settings import SECRETS
from deploy.functions import stack_name
from deploy.project import NotDeployed, chalice, clean_copy, deployed_file
from deploy.stacks import Stacks

Client = Any  # boto3 makes a client's methods at run time: no type describes them
Clients = Callable[[str], Client]
Tell = Callable[[str], None]


def refuse_if_protected(stage: str, stacks: Stacks) -> None:
    """Raise NotDeployed where the stage's tables are protected, as prod's are unless somebody said otherwise."""
    said = stacks.parameters(f"rolecall-{stage}-data")
    if said.get("Protection") == "on" or (said.get("Protection") == "stage" and stage == "prod"):
        raise NotDeployed(
            f"The tables of {stage} are protected, so nothing was deleted. If all links may really go: "
            f"make deploy STAGE={stage} PROTECTION=off, and then this again"
        )


def destroy(stage: str, root: Path, stacks: Stacks, client: Clients, tell: Tell) -> None:
    """Delete functions, alarms, queues, tables, secrets and logs of the stage. What is gone already is no fault."""
    refuse_if_protected(stage, stacks)
    tell("functions")
    noted = deployed_file(stage, root)
    if noted.exists():
        chalice(["delete", "--stage", stage], clean_copy(stage, root))
        if not json.loads(noted.read_text()).get("resources"):
            noted.unlink()
    stacks.delete(stack_name(stage))
    tell("alarms and dashboard")
    stacks.delete(f"rolecall-{stage}-watch")
    tell("tables and queues")
    kept = stacks.resources(f"rolecall-{stage}-data")
    stacks.delete(f"rolecall-{stage}-data")
    _delete_what_outlives_its_stack(kept, client)
    tell("secrets and logs")
    client("ssm").delete_parameters(Names=[f"/rolecall/{stage}/{name}" for name in SECRETS])
    logs = client("logs")
    group = f"/aws/lambda/rolecall-{stage}"
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=group):
        for found in page["logGroups"]:
            if found["logGroupName"] == group or found["logGroupName"].startswith(f"{group}-"):
                logs.delete_log_group(logGroupName=found["logGroupName"])


def _delete_what_outlives_its_stack(kept: dict[str, list[str]], client: Clients) -> None:
    db, sqs = client("dynamodb"), client("sqs")
    for table in kept.get("AWS::DynamoDB::Table", []):
        try:
            db.delete_table(TableName=table)
        except db.exceptions.ResourceNotFoundException:
            continue
    for queue in kept.get("AWS::SQS::Queue", []):
        try:
            sqs.delete_queue(QueueUrl=queue)
        except sqs.exceptions.QueueDoesNotExist:
            continue
