"""What becomes of messages where nothing could be built to work on them: a setting is wrong, Parameter Store is away.

SQS would deliver each five times, then set it aside without a reason: half an hour after somebody mistyped a setting.
So they are put back, unseen, for as long as it takes, and the alarm on late changes rings meanwhile. It needs no
setting but the stage.
"""

from collections.abc import Callable
from dataclasses import replace

from chalicelib import log
from chalicelib.delivery.delivery import End, Undelivered
from chalicelib.errors import BadSettings
from chalicelib.metrics import Metrics
from chalicelib.queues import Message, Queues

PAUSE = 300.0  # seconds until it is tried again: a cure soon shows, and a crowd of messages costs little meanwhile


class Deferral:
    """Takes messages in the place of `Delivery`."""

    def __init__(self, queues: Queues, metrics: Metrics, now: Callable[[], float]) -> None:
        self._queues = queues
        self._metrics = metrics
        self._now = now

    def defer_all(self, messages: list[Message], why: Exception, *, bulk: bool) -> None:
        """Put each back where it came from. Raises Undelivered where that failed too; the others are deleted then."""
        faults = why.faults if isinstance(why, BadSettings) else [type(why).__name__]
        log.error("cannot_start", faults=faults, messages=len(messages), bulk=bulk)
        put_back = [message for message in messages if self._defer(message, bulk=bulk)]
        self._metrics.flush(self._now())
        if len(put_back) < len(messages):
            for message in put_back:
                self._queues.delete(message)
            raise Undelivered(f"{len(messages) - len(put_back)} of {len(messages)} messages; see the log") from why

    def _defer(self, message: Message, *, bulk: bool) -> bool:
        now, progress = self._now(), message.progress()
        log.bind(progress.trace)
        if not bulk:
            self._metrics.seconds("ChangeAge", now - progress.since)
        if message.received > 1:  # whoever had it before may have begun
            progress = replace(progress, touched=now)
        # Nothing was done with it now: this delivery does not count, or what it says would pass for stored.
        unseen = replace(progress, received=progress.received - 1)
        try:
            self._queues.again(message, unseen, delay=max(PAUSE, progress.due - now))
        except Exception as error:  # noqa: BLE001 - one that cannot be put back must not take its neighbours along
            log.error("broken", message_id=message.id, error=type(error).__name__, received=message.received)
            return False
        log.info("settled", outcome=End.LATER, seconds=round(now - progress.since, 1), bulk=bulk)
        return True
