"""Assembly: builds the services on real AWS and Discord. `wiring` imports it when a function first needs them."""

from uuid import uuid4

from chalicelib import settings
from chalicelib.aws import queue_history_of, queues_of
from chalicelib.clock import SystemClock
from chalicelib.discord.buckets import Buckets
from chalicelib.discord.client import Discord, fingerprint, log_request
from chalicelib.discord.halts import Halts
from chalicelib.discord.rate_limiter import RateLimiter
from chalicelib.metrics import Metrics
from chalicelib.notices import Notices
from chalicelib.services import Services
from chalicelib.settings import Settings
from chalicelib.store.guild import GuildMemory
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.rate_limits import DynamoRateLimitStore


def services_of(chosen: Settings) -> Services:
    """The services for these settings."""
    clock = SystemClock()
    buckets = Buckets(DynamoRateLimitStore(chosen.guild_id, chosen.app_id), clock)
    halts = Halts(
        DynamoHaltStore(chosen.app_id, chosen.guild_id, buckets.names.learn),
        clock,
        token=fingerprint(chosen.bot_token),
        container=settings.log_stream() or uuid4().hex,
    )
    queues = queues_of(chosen.stage)
    return Services(
        settings=chosen,
        clock=clock,
        discord=Discord(chosen, RateLimiter(buckets, halts, clock), clock, on_request=log_request),
        queues=queues,
        notices=Notices(queues),
        memory=GuildMemory(chosen.guild_id),
        metrics=Metrics(chosen.stage),
        queue_history=queue_history_of(chosen.stage),
    )
