"""Wiring: builds the real services lazily, once per Lambda container. Importing `app` builds nothing."""

from dataclasses import dataclass
from functools import cache
from uuid import uuid4

import boto3
from botocore.config import Config

from chalicelib import log, settings
from chalicelib.clock import SystemClock
from chalicelib.delivery.deferral import Deferral
from chalicelib.delivery.delivery import Delivery
from chalicelib.discord.buckets import Buckets
from chalicelib.discord.client import Discord, fingerprint, log_request
from chalicelib.discord.halts import Halts
from chalicelib.discord.rate_limiter import RateLimiter
from chalicelib.linking.flow import LinkFlow
from chalicelib.linking.oauth import OAuth
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


@dataclass(frozen=True)
class Wired:
    """Everything that a handler calls."""

    services: Services
    delivery: Delivery
    linking: LinkFlow


@cache
def wired() -> Wired:
    """Return the parts of this container. Raises BadSettings; then the next event tries again."""
    log.to_stdout()
    chosen = settings.load(_secrets_from_ssm)
    log.hide(chosen.app_secret, chosen.bot_token, chosen.auth_site_secret)
    rows.connect(chosen.stage)
    return assemble(chosen)


def deferral() -> Deferral:
    """Return what takes the messages if `wired` raises. Needs no setting but the stage."""
    stage = settings.stage()
    return Deferral(Queues(boto3.client("sqs"), stage), Metrics(stage), SystemClock().now)


def flush() -> None:
    """Write the metrics of this invocation, if anything was built that could count them."""
    if wired.cache_info().currsize:
        services = wired().services
        services.metrics.flush(services.now())


def assemble(chosen: Settings) -> Wired:
    """Build the parts for these settings, on real AWS and Discord."""
    clock = SystemClock()
    metrics = Metrics(chosen.stage)
    halts = Halts(
        DynamoHaltStore(chosen.app_id, chosen.guild_id),
        clock,
        token=fingerprint(chosen.bot_token),
        container=settings.log_stream() or uuid4().hex,
    )
    buckets = Buckets(DynamoRateLimitStore(chosen.guild_id, chosen.app_id), clock)
    queues = Queues(boto3.client("sqs"), chosen.stage)
    services = Services(
        settings=chosen,
        clock=clock,
        discord=Discord(chosen, RateLimiter(buckets, halts, clock), clock, on_request=log_request),
        queues=queues,
        notices=Notices(queues),
        memory=GuildMemory(chosen.guild_id),
        metrics=metrics,
    )
    delivery = Delivery(services)
    return Wired(services, delivery, LinkFlow(services, OAuth(services), delivery.reconciler, delivery.view))


def _secrets_from_ssm(names: list[str]) -> dict[str, str]:
    """Return those secrets of this stage that Parameter Store holds; others are left out."""
    prefix = f"/rolecall/{settings.stage()}/"
    answer = boto3.client("ssm", config=SSM_TIMEOUTS).get_parameters(
        Names=[prefix + name for name in names], WithDecryption=True
    )
    return {found["Name"].removeprefix(prefix): found["Value"] for found in answer["Parameters"]}
