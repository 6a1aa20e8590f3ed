"""What a stage keeps, its tables and queues: making their stack, taking up what outlived it, taking them away.

Names are fixed by the template, so everything is found by name, whatever became of the stack.
"""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from deploy import change_sets
from deploy.found import APP, Clients
from deploy.project import NotDeployed
from deploy.stacks import Parameters, Stacks
from deploy.template import QUEUE, TABLE, TEMPLATE, Part, parts, template

LATER = "later"  # Protection of a stack that is being made
AS_THE_STAGE = "stage"  # Protection where nobody chose
BLOCKED = 60  # seconds for which SQS gives nobody the name of a queue that was deleted
BLOCKED_WORDS = ("QueueDeletedRecently", "must wait 60 seconds")
USER_OR_ROLE = r"arn:[a-z-]+:iam::(\d{12}):(user|role)/(?:.*/)?([^/]+)"
WHOLE_ACCOUNT = r"arn:[a-z-]+:iam::\d{12}:root"

Client = Any  # boto3 makes a client's methods at run time: no type describes them
Json = dict[str, Any]
Tell = Callable[[str], None]


def stack_name(stage: str) -> str:
    """The stack of tables and queues."""
    return f"{APP}-{stage}-data"


class Kept:
    """The tables and queues of one stage."""

    def __init__(self, stage: str, root: Path, stacks: Stacks, client: Clients, tell: Tell) -> None:
        self._stage = stage
        self._root = root
        self._stacks = stacks
        self._client = client
        self._tell = tell

    def bring_about(self, parameters: Parameters) -> dict[str, str]:
        """Make the stack, or make it as the template says; its outputs. Raises NotDeployed with AWS's reasons.

        A new one is made without protection, which would keep CloudFormation from taking back what a failed attempt
        made, and protected once it stands.
        """
        try:
            return self._bring_about(parameters)
        except NotDeployed as refused:
            if not any(words in str(refused) for words in BLOCKED_WORDS):
                raise
            self._tell("SQS gives nobody a queue's name for a minute after its deletion: waiting")
            self._stacks.sleep(BLOCKED)
            return self._bring_about(parameters)

    def _bring_about(self, parameters: Parameters) -> dict[str, str]:
        name = stack_name(self._stage)
        self._stacks.settle(name)
        wanted = {**parameters, "Stage": self._stage}
        if not self._stacks.find(name):
            if there := self._there():
                self._adopt(there, wanted)
            else:
                self._stacks.bring_about(name, self._text, {**wanted, "Protection": LATER})
        else:
            self._refuse_if_missing()
        if wanted.get("Protection") is None and self._stacks.parameters(name).get("Protection") == LATER:
            wanted["Protection"] = AS_THE_STAGE
        return self._stacks.bring_about(name, self._text, wanted)

    def _refuse_if_missing(self) -> None:
        """Raise NotDeployed where the stack says that it made what is not there: an update would not make it again."""
        made = self._stacks.resources(stack_name(self._stage))
        named = [one.rpartition("/")[2] for kind in (TABLE, QUEUE) for one in made.get(kind, [])]  # a queue's address
        missing = sorted(set(named) - set(self.names()))
        if missing:
            raise NotDeployed(
                f"Somebody deleted {', '.join(missing)}. Restore a table from a backup first, if you have one "
                f"(docs/how-to/back-up-and-restore.md). To have the rest made anew, empty: "
                f"run the same again with REVERT_DRIFT=1"
            )

    def delete(self) -> None:
        """Delete tables and queues, whether a stack has them or not, with all that they hold; returns once they are
        gone, which SQS takes up to a minute for.
        """
        self._stacks.delete(stack_name(self._stage))
        db, sqs = self._client("dynamodb"), self._client("sqs")
        for part, identity in self._there():
            if part.kind == TABLE:
                self._delete_table(db, identity)
            else:
                with suppress(sqs.exceptions.QueueDoesNotExist):
                    sqs.delete_queue(QueueUrl=identity)
        for _ in range(BLOCKED):
            if not self._there():
                return
            self._stacks.sleep(1)

    def protected(self) -> bool:
        """Is any table kept from being deleted?"""
        db = self._client("dynamodb")
        return any(
            db.describe_table(TableName=identity)["Table"].get("DeletionProtectionEnabled")
            for part, identity in self._there()
            if part.kind == TABLE
        )

    def names(self) -> list[str]:
        """The tables and queues that there are."""
        return [part.name for part, _ in self._there()]

    @property
    def _text(self) -> str:
        return (self._root / TEMPLATE).read_text()

    def _adopt(self, there: list[tuple[Part, str]], parameters: Parameters) -> None:
        """Make the stack of what outlived it, so that the rest can be added."""
        self._tell(f"taking up what outlived its stack: {', '.join(part.name for part, _ in there)}")
        whole = template(self._root)
        named = {part.logical for part, _ in there}
        lean = {name: _alone(made) for name, made in whole["Resources"].items() if name in named}
        lasting = {**whole, "Resources": lean}
        lasting.pop("Outputs", None)
        identities = [
            {
                "ResourceType": part.kind,
                "LogicalResourceId": part.logical,
                "ResourceIdentifier": {"TableName" if part.kind == TABLE else "QueueUrl": identity},
            }
            for part, identity in there
        ]
        as_it_is = "on" if self.protected() else LATER
        said = {**parameters, "Protection": as_it_is}
        change_sets.adopt(self._stacks, stack_name(self._stage), json.dumps(lasting), said, identities)

    def _there(self) -> list[tuple[Part, str]]:
        """What exists, with the table's name or the queue's address."""
        found = []
        for part in parts(self._stage, self._root):
            identity = self._identity(part)
            if identity:
                found.append((part, identity))
        return found

    def _identity(self, part: Part) -> str | None:
        db, sqs = self._client("dynamodb"), self._client("sqs")
        if part.kind == TABLE:
            try:
                db.describe_table(TableName=part.name)
            except db.exceptions.ResourceNotFoundException:
                return None
            return part.name
        try:
            return str(sqs.get_queue_url(QueueName=part.name)["QueueUrl"])
        except sqs.exceptions.QueueDoesNotExist:
            return None

    def _delete_table(self, db: Client, table: str) -> None:
        try:
            if db.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
                db.update_table(TableName=table, DeletionProtectionEnabled=False)
                db.get_waiter("table_exists").wait(TableName=table, WaiterConfig={"Delay": 1})
            db.delete_table(TableName=table)
        except db.exceptions.ResourceNotFoundException:
            return


def _alone(resource: Json) -> Json:
    """The resource as it can be taken up without its neighbours: what is imported must stay if the stack goes, and may
    refer to nothing that is not there.
    """
    properties = {name: said for name, said in resource["Properties"].items() if name != "RedrivePolicy"}
    return {**resource, "DeletionPolicy": "Retain", "Properties": properties}


def refuse_unknown_principal(arn: str | None, client: Clients) -> None:
    """Raise NotDeployed where `arn` is no user's or role's, or names one that this account does not have. Empty counts
    as not given.

    SQS takes no policy that names such a one, and says only that the policy is wrong.
    """
    if not arn or re.fullmatch(WHOLE_ACCOUNT, arn):
        return
    named = re.fullmatch(USER_OR_ROLE, arn)
    if not named:
        raise NotDeployed(
            f"AUTH_SITE= must be the ARN of a user or role, like arn:aws:iam::123456789012:user/auth-site, or none for "
            f"nobody's, not {arn}; nothing was changed"
        )
    if named[1] != client("sts").get_caller_identity()["Account"]:
        return
    kind, name, iam = named[2], named[3], client("iam")
    try:
        iam.get_user(UserName=name) if kind == "user" else iam.get_role(RoleName=name)
    except iam.exceptions.NoSuchEntityException:
        raise NotDeployed(
            f"AUTH_SITE= names {arn}, but this account has no {kind} {name}: make it in the IAM console first, or "
            f"correct the name; nothing was changed"
        ) from None
    except ClientError:
        return  # who may not ask finds out later
