"""Wiring: what each function uses, imported and built when it is first used, once per Lambda container.

A container that serves people never imports what works on the queues, nor the other way round; a click on a link needs
neither Discord nor the members; and `/health` imports nothing of all this. A person may wait for it. This is the one
place that decides what comes when.
"""

from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

from chalicelib import log, settings

if TYPE_CHECKING:
    from chalicelib.commands.door import Door
    from chalicelib.commands.interaction import Interaction
    from chalicelib.delivery.deferral import Deferral
    from chalicelib.delivery.delivery import Delivery
    from chalicelib.linking.entrance import Entrance
    from chalicelib.linking.flow import LinkFlow
    from chalicelib.members.guild import GuildView
    from chalicelib.members.reconciler import Reconciler
    from chalicelib.services import Services
    from chalicelib.settings import Settings


WEB = "app.app"  # the handler of the function that API Gateway calls


class Wired:
    """Everything that a handler calls, on real AWS and Discord."""

    def __init__(self, chosen: "Settings") -> None:
        self.settings = chosen

    @cached_property
    def services(self) -> "Services":
        """What all parts below share; `entrance` does without."""
        from chalicelib import assembly

        return assembly.services_of(self.settings)

    @cached_property
    def entrance(self) -> "Entrance":
        """What a person's first click needs."""
        from chalicelib.clock import SystemClock
        from chalicelib.linking.entrance import Entrance

        return Entrance(self.settings, SystemClock().now)

    @cached_property
    def commands(self) -> "Door":
        """Where slash commands come in. What most of them need is built for the first one, not to refuse a request."""
        from chalicelib.clock import SystemClock
        from chalicelib.commands.door import Door

        return Door(self.settings, SystemClock().now, self._do_command)

    def _do_command(self, interaction: "Interaction") -> dict[str, Any]:
        from chalicelib.commands.commands import Commands

        return Commands(self.services, self.view).answer(interaction)

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
        """What the HTTP routes do; whatever `entrance` does, too."""
        from chalicelib.linking.flow import LinkFlow
        from chalicelib.linking.oauth import OAuth

        return LinkFlow(self.services, OAuth(self.services), self.reconciler, self.view)

    def flush(self) -> None:
        """Write the metrics of this invocation, if anything was built that could count them."""
        if "services" in self.__dict__:
            self.services.metrics.flush(self.services.now())

    def count_outage(self, error: Exception) -> None:
        """Count that this invocation met an outage of AWS, if the error is one and anything was built to count it."""
        if "services" in self.__dict__:
            self.services.count_outage(error)


def prepare(handler: str) -> None:
    """Import what the function that Lambda calls `handler` (`app.sync_jobs`) will use whatever its first event is.

    Lambda holds a container to its share of a processor (with 512 MB, a third of one) only from its first event on;
    AWS does not promise this, but others have measured it. Nothing for `app.app`: what it uses depends on the event.
    """
    if handler not in ("", WEB):
        from chalicelib import assembly
        from chalicelib.delivery import delivery

        _ = assembly, delivery


@cache
def wired() -> Wired:
    """Return the parts of this container. Raises BadSettings; then the next event tries again."""
    from chalicelib import aws
    from chalicelib.store import rows

    log.to_stdout()
    chosen = settings.load(lambda names: aws.secrets_of(settings.stage(), names))
    log.hide(chosen.app_secret, chosen.bot_token, chosen.auth_site_secret, chosen.webhook_url)
    rows.connect(chosen.stage)
    return Wired(chosen)


def deferral() -> "Deferral":
    """Return what takes the messages if `wired` raises. Needs no setting but the stage."""
    from chalicelib import aws
    from chalicelib.clock import SystemClock
    from chalicelib.delivery.deferral import Deferral
    from chalicelib.metrics import Metrics

    stage = settings.stage()
    return Deferral(aws.queues_of(stage), Metrics(stage), SystemClock().now)


def flush() -> None:
    """Write the metrics of this invocation, if this container has its parts."""
    if wired.cache_info().currsize:
        wired().flush()


def count_outage(error: Exception) -> None:
    """Count that this invocation met an outage of AWS, if the error is one and this container has its parts."""
    if wired.cache_info().currsize:
        wired().count_outage(error)


def outage_will_pass(error: Exception) -> bool:
    """Whether the error is an outage of AWS that ends by itself, so that a person may be told to try again.

    False if this container lacks its parts: then it cannot send anybody back to the auth site, either.
    """
    if not wired.cache_info().currsize:
        return False
    from chalicelib.outages import will_pass

    return will_pass(error)
