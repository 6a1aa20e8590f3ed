"""Wiring: what each function uses, imported and built when it is first used, once per Lambda container.

A container that serves people never imports what works on the queues, nor the other way round, and `/health` imports
nothing of either: a person who clicks may wait for all of it. This is the one place that decides what comes when.
"""

from functools import cache, cached_property
from typing import TYPE_CHECKING

from chalicelib import log, settings

if TYPE_CHECKING:
    from chalicelib.delivery.deferral import Deferral
    from chalicelib.delivery.delivery import Delivery
    from chalicelib.linking.flow import LinkFlow
    from chalicelib.members.guild import GuildView
    from chalicelib.members.reconciler import Reconciler
    from chalicelib.services import Services
    from chalicelib.settings import Settings


class Wired:
    """Everything that a handler calls."""

    def __init__(self, services: "Services") -> None:
        self.services = services

    @cached_property
    def view(self) -> "GuildView":
        """What is known of the guild."""
        from chalicelib.members.guild import GuildView

        return GuildView(self.services)

    @cached_property
    def reconciler(self) -> "Reconciler":
        """What does the jobs of single users."""
        from chalicelib.members.reconciler import Reconciler

        return Reconciler(self.services, self.view)

    @cached_property
    def delivery(self) -> "Delivery":
        """What takes messages, and sweeps."""
        from chalicelib.delivery.delivery import Delivery

        return Delivery(self.services, self.view, self.reconciler)

    @cached_property
    def linking(self) -> "LinkFlow":
        """What the HTTP routes do."""
        from chalicelib.linking.flow import LinkFlow
        from chalicelib.linking.oauth import OAuth

        return LinkFlow(self.services, OAuth(self.services), self.reconciler, self.view)


@cache
def wired() -> Wired:
    """Return the parts of this container. Raises BadSettings; then the next event tries again."""
    from chalicelib import assembly

    log.to_stdout()
    chosen = settings.load(assembly.secrets_in_ssm)
    log.hide(chosen.app_secret, chosen.bot_token, chosen.auth_site_secret)
    assembly.connect(chosen.stage)
    return assemble(chosen)


def assemble(chosen: "Settings") -> Wired:
    """Build the parts for these settings, on real AWS and Discord."""
    from chalicelib import assembly

    return Wired(assembly.services_of(chosen))


def deferral() -> "Deferral":
    """Return what takes the messages if `wired` raises. Needs no setting but the stage."""
    from chalicelib import assembly
    from chalicelib.clock import SystemClock
    from chalicelib.delivery.deferral import Deferral
    from chalicelib.metrics import Metrics

    stage = settings.stage()
    return Deferral(assembly.queues_of(stage), Metrics(stage), SystemClock().now)


def flush() -> None:
    """Write the metrics of this invocation, if anything was built that could count them."""
    if wired.cache_info().currsize:
        services = wired().services
        services.metrics.flush(services.now())
