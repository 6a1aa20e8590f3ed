"""Deferral: what happens to messages when the services cannot be built, because a setting is wrong or SSM is down.

SQS would deliver each message five times and then dead-letter it without a reason, half an hour after somebody
mistyped a setting. Therefore every message is put back, as if it had never been delivered, until the services can be
built again; the alarm on the age of changes rings meanwhile. Deferral needs no setting but the stage.
"""

from collections.abc import Callable

from chalicelib import log
from chalicelib.delivery.delivery import Undelivered
from chalicelib.errors import BadSettings
from chalicelib.members.context import Outcome
from chalicelib.metrics import Metrics
from chalicelib.queues import Message, Queues

PAUSE = 300.0  # seconds until the next try: short enough to notice a fix soon, long enough to cost little meanwhile


class Deferral:
    """Takes messages in place of `Delivery`."""

    def __init__(self, queues: Queues, metrics: Metrics, now: Callable[[], float]) -> None:
        self._queues = queues
        self._metrics = metrics
        self._now = now

    def defer_all(self, messages: list[Message], why: Exception, *, bulk: bool) -> None:
        """Put each message back where it came from. `why` is the error that kept the services from being built.

        Raises Undelivered if some could not be put back, so that SQS delivers those again; the others are deleted.
        """
        faults = why.faults if isinstance(why, BadSettings) else [type(why).__name__]
        log.error("cannot_start", faults=faults, messages=len(messages), bulk=bulk)
        put_back = [message for message in messages if self._defer(message, bulk=bulk)]
        self._metrics.flush(self._now())
        if len(put_back) < len(messages):
            for message in put_back:
                self._queues.delete(message)
            raise Undelivered(f"{len(messages) - len(put_back)} of {len(messages)} messages; see the log") from why

    def _defer(self, message: Message, *, bulk: bool) -> bool:
        """Put one message back; return whether SQS took it."""
        now = self._now()
        unseen = message.unseen(now)
        age = now - unseen.since
        log.bind(unseen.trace)
        if not bulk:
            self._metrics.seconds("ChangeAge", age)
        try:
            self._queues.again(message, unseen, delay=max(PAUSE, unseen.due - now))
        except Exception as error:  # noqa: BLE001 - a failure with one message must not take the others along
            log.error("broken", message_id=message.id, error=type(error).__name__, received=message.received)
            return False
        log.info("settled", outcome=Outcome.RETRY_LATER, seconds=round(age, 1), bulk=bulk)
        return True
