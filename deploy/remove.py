"""Taking a stage out of the account again, with all that it keeps: by names, so that nothing depends on what an
earlier run noted, or on how far it came.
"""

from pathlib import Path

from chalicelib.settings import SECRETS
from deploy import found
from deploy.bucket import Bucket
from deploy.found import Clients, log_groups
from deploy.functions import stack_name
from deploy.kept import Kept, Tell
from deploy.project import NotDeployed, notes_file
from deploy.stacks import Stacks


def refuse_if_protected(stage: str, stacks: Stacks, kept: Kept) -> None:
    """Raise NotDeployed where the stage's tables are protected, as prod's are unless somebody said otherwise.

    That the stack says so counts: tables that outlived one, or were made by an attempt that failed, are asked
    themselves.
    """
    said = stacks.parameters(f"rolecall-{stage}-data").get("Protection")
    if said == "on" or (said == "stage" and stage == "prod") or (said in (None, "later") and kept.protected()):
        raise NotDeployed(
            f"The tables of {stage} are protected, so nothing was deleted. If all links may really go: "
            f"make deploy STAGE={stage} PROTECTION=off, and then this again"
        )


def destroy(stage: str, root: Path, stacks: Stacks, kept: Kept, bucket: Bucket, client: Clients, tell: Tell) -> None:
    """Delete functions, alarms, queues, tables, secrets and logs of the stage. What is gone already is no fault."""
    refuse_if_protected(stage, stacks, kept)
    tell("functions")
    for role in stacks.resources(stack_name(stage)).get("AWS::IAM::Role", []):
        found.detach_policies(client("iam"), role)
    stacks.delete(stack_name(stage))
    there = found.find(stage, client)
    for api in there.shared_apis:
        tell(f"left alone: the REST API {api}, which calls other things too")
    found.remove(there, client, stacks.sleep)
    notes_file(stage, root).unlink(missing_ok=True)
    bucket.empty()
    tell("alarms and dashboard")
    stacks.delete(f"rolecall-{stage}-watch")
    tell("tables and queues")
    kept.delete()
    tell("secrets and logs")
    client("ssm").delete_parameters(Names=[f"/rolecall/{stage}/{name}" for name in SECRETS])
    logs = client("logs")
    for group in list(log_groups(stage, logs)):
        logs.delete_log_group(logGroupName=group)
    _refuse_to_lie(stage, stacks, kept, client)


def _refuse_to_lie(stage: str, stacks: Stacks, kept: Kept, client: Clients) -> None:
    """Raise NotDeployed where something is left after all."""
    there = found.find(stage, client)
    left = [
        *(f"function {name}" for name in there.functions),
        *(f"role of {name}" for name in there.roles),
        *(f"rule {name}" for name in there.rules.values()),
        *(f"trigger {one.uuid}" for one in there.triggers),
        *(f"REST API {one}" for one in there.apis),
        *kept.names(),
        *(f"stack {name}" for name in (stack_name(stage), f"rolecall-{stage}-watch") if stacks.find(name)),
    ]
    if left:
        raise NotDeployed(f"Something of {stage} is still there: {', '.join(left)}. Run the same again")
