"""Assembly: builds the services on real AWS and Discord. `wiring` imports it when a function first needs them.

botocore without boto3, whose resources and transfers no function uses, and which takes a tenth of a cold start.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any
from uuid import uuid4

from botocore.config import Config
from botocore.session import get_session

from chalicelib import settings
from chalicelib.clock import SystemClock
from chalicelib.discord.buckets import Buckets
from chalicelib.discord.client import Discord, fingerprint, log_request
from chalicelib.discord.halts import Halts
from chalicelib.discord.rate_limiter import RateLimiter
from chalicelib.metrics import Metrics
from chalicelib.notices import Notices
from chalicelib.queues import Queues
from chalicelib.services import Services
from chalicelib.settings import Settings
from chalicelib.store import rows
from chalicelib.store.guild import GuildMemory
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.rate_limits import DynamoRateLimitStore

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


def services_of(chosen: Settings) -> Services:
    """The services for these settings; the tables of their stage are those that the store uses from here on."""
    clock = SystemClock()
    halts = Halts(
        DynamoHaltStore(chosen.app_id, chosen.guild_id),
        clock,
        token=fingerprint(chosen.bot_token),
        container=settings.log_stream() or uuid4().hex,
    )
    buckets = Buckets(DynamoRateLimitStore(chosen.guild_id, chosen.app_id), clock)
    queues = queues_of(chosen.stage)
    return Services(
        settings=chosen,
        clock=clock,
        discord=Discord(chosen, RateLimiter(buckets, halts, clock), clock, on_request=log_request),
        queues=queues,
        notices=Notices(queues),
        memory=GuildMemory(chosen.guild_id),
        metrics=Metrics(chosen.stage),
    )


def connect(stage: str) -> None:
    """Let the store use the tables of `stage`."""
    rows.connect(stage)


def secrets_in_ssm(names: list[str]) -> dict[str, str]:
    """Those secrets of this stage that Parameter Store holds; others are left out."""
    prefix = f"/rolecall/{settings.stage()}/"
    ssm: Any = get_session().create_client("ssm", config=SSM_TIMEOUTS)
    answer = ssm.get_parameters(Names=[prefix + name for name in names], WithDecryption=True)
    return {found["Name"].removeprefix(prefix): found["Value"] for found in answer["Parameters"]}
