"""AWS's services beside DynamoDB, through botocore: SQS, the secrets in Parameter Store, CloudWatch for the queues.

botocore without boto3, whose resources and transfers no function uses, and which takes a tenth of a cold start.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.session import get_session

from chalicelib import log
from chalicelib.queue_history import QueueHistory
from chalicelib.queues import Queues
from chalicelib.settings import REQUIRED_SECRETS

# For SSM Parameter Store: if it is down, we must know well before API Gateway or Lambda ends the invocation.
SSM_TIMEOUTS = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
# For a picture on a page, which is shown without it if CloudWatch is slow.
CLOUDWATCH_TIMEOUTS = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 1})


class LateClient:
    """A client of AWS that is made when it is first used: most invocations send nothing."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401 - botocore makes a client's methods at run time
        return self._make()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._client, name)


def queues_of(stage: str) -> Queues:
    """The queues of a stage, in SQS."""
    return Queues(LateClient(lambda: get_session().create_client("sqs")), stage)


def queue_history_of(stage: str) -> QueueHistory:
    """The past of the queues of a stage, in CloudWatch."""
    return QueueHistory(
        LateClient(lambda: get_session().create_client("cloudwatch", config=CLOUDWATCH_TIMEOUTS)), stage
    )


def secrets_of(stage: str, names: list[str]) -> dict[str, str]:
    """Those secrets of the stage that Parameter Store holds; others are left out."""
    return read_secrets(get_session().create_client("ssm", config=SSM_TIMEOUTS), stage, names)


def read_secrets(ssm: Any, stage: str, names: list[str]) -> dict[str, str]:  # noqa: ANN401 - made at run time
    """The same, by this client. A stage whose policies are of an older version may read the required secrets alone, and
    AWS refuses all if it refuses one: then those are read.
    """
    try:
        return _secrets(ssm, stage, names)
    except ClientError as refused:
        required = [name for name in names if name in REQUIRED_SECRETS]
        if refused.response["Error"]["Code"] != "AccessDeniedException" or required == names:
            raise
        log.warning("policies_are_old", fix="python -m ops stages renew, then deploy")
        return _secrets(ssm, stage, required)


def _secrets(ssm: Any, stage: str, names: list[str]) -> dict[str, str]:  # noqa: ANN401
    prefix = f"/rolecall/{stage}/"
    answer = ssm.get_parameters(Names=[prefix + name for name in names], WithDecryption=True)
    return {found["Name"].removeprefix(prefix): found["Value"] for found in answer["Parameters"]}
