"""The parts that doing anything needs, handed around as one."""

from dataclasses import dataclass

from chalicelib.clock import Clock
from chalicelib.discord.client import Discord
from chalicelib.metrics import Metrics
from chalicelib.notices import Notices
from chalicelib.queues import Queues
from chalicelib.settings import Settings
from chalicelib.store.guild import GuildMemory


@dataclass(frozen=True)
class Services:
    """Built by `wiring`; tests and simulations build their own."""

    settings: Settings
    clock: Clock
    discord: Discord
    queues: Queues
    notices: Notices
    memory: GuildMemory
    metrics: Metrics

    def now(self) -> float:
        """Epoch seconds."""
        return self.clock.now()
