"""The services that every job and request shares: settings, clock, Discord client, queues, notices, metrics."""

from dataclasses import dataclass

from chalicelib.clock import Clock
from chalicelib.discord.client import Discord
from chalicelib.metrics import Metrics
from chalicelib.notices import Notices
from chalicelib.outages import metric_of
from chalicelib.queue_history import QueueHistory
from chalicelib.queues import Queues
from chalicelib.settings import Settings
from chalicelib.store.guild import GuildMemory


@dataclass(frozen=True)
class Services:
    """Built by `assembly`; tests and simulations build their own, most without a `queue_history`."""

    settings: Settings
    clock: Clock
    discord: Discord
    queues: Queues
    notices: Notices
    memory: GuildMemory
    metrics: Metrics
    queue_history: QueueHistory | None = None

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return self.clock.now()

    def count_outage(self, error: Exception) -> None:
        """Count that a job or a request met an outage of DynamoDB or SQS, if the error is one."""
        if metric := metric_of(error):
            self.metrics.count(metric)
