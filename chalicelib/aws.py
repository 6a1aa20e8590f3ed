"""AWS's services beside DynamoDB, through botocore: SQS, and the secrets in Parameter Store.

botocore without boto3, whose resources and transfers no function uses, and which takes a tenth of a cold start.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

from botocore.config import Config
from botocore.session import get_session

from chalicelib.queues import Queues

# For SSM Parameter Store: if it is down, we must know well before API Gateway or Lambda ends the invocation.
SSM_TIMEOUTS = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})


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


def secrets_of(stage: str, names: list[str]) -> dict[str, str]:
    """Those secrets of the stage that Parameter Store holds; others are left out."""
    prefix = f"/rolecall/{stage}/"
    ssm: Any = get_session().create_client("ssm", config=SSM_TIMEOUTS)
    answer = ssm.get_parameters(Names=[prefix + name for name in names], WithDecryption=True)
    return {found["Name"].removeprefix(prefix): found["Value"] for found in answer["Parameters"]}
