"""Delivery of messages from the queues. The only place that decides how a message ends, by the type of the error.

A message ends in exactly one way: done; nothing to do; refused, for a reason that no retry fixes; retried later;
dead-lettered. Each message of a batch ends by itself: a bad one neither blocks nor repeats its neighbours.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from chalicelib import log
from chalicelib.commands.commands import Commands
from chalicelib.delivery.failures import FailureRecorder
from chalicelib.delivery.kinds import Delivered, Kind, kind_of
from chalicelib.discord.rate_limit import Lane
from chalicelib.discord.rate_limiter import PATIENCE
from chalicelib.errors import (
    BadMessage,
    CallsHalted,
    DiscordUnavailable,
    Failure,
    GiveUp,
    RateLimitDeferred,
    Refused,
    RolecallError,
    Ticket,
    Wait,
)
from chalicelib.members.context import JobContext, Outcome
from chalicelib.members.guild import GuildView
from chalicelib.members.officers_channel import OfficersChannel
from chalicelib.members.reconciler import Reconciler
from chalicelib.members.reporter import Reporter
from chalicelib.messages import Job, read_job
from chalicelib.outages import AWS_ERRORS, outage_in, pause_after
from chalicelib.queues import Message, Progress
from chalicelib.services import Services
from chalicelib.sweeps.sweeper import Sweeper

LAST_RECEIVE = 4  # deliveries; after five SQS dead-letters a message itself, but cannot say why
BULK_PATIENCE = 0.8  # seconds; nobody waits for a repair, and to queue it again costs less than to sleep for longer
IN_FLIGHT_FOR = 120.0  # seconds after which a request that was not answered has taken effect or never will
CLOSING_TIME = 5.0  # seconds that are kept to end an invocation in
ENOUGH_TIME = 15.0  # seconds that must be left of an invocation to begin another message


class Undelivered(Exception):
    """Some messages of the batch could not be settled; SQS delivers them again."""


@dataclass(frozen=True, slots=True)
class _Try:
    """One try of the job in a message. `again`: its last try failed just now, but Discord answers."""

    message: Message
    progress: Progress
    job: Job
    kind: Kind[Any]
    bulk: bool
    again: bool = False


class Delivery:
    """Takes messages from the queues."""

    def __init__(self, services: Services, view: GuildView | None = None, reconciler: Reconciler | None = None) -> None:
        self._services = services
        self.view = view or GuildView(services)
        self.reconciler = reconciler or Reconciler(services, self.view)
        self.sweeper = Sweeper(services, self.view)
        self._commands = Commands(services, self.view)
        self._officers = OfficersChannel(services)
        self._received_together = 1
        self._failures = FailureRecorder(services, self.sweeper, Reporter(services, self.view))

    def batch(self, messages: list[Message], *, bulk: bool, seconds_left: Callable[[], float]) -> list[Outcome]:
        """Settle each message and return how it ended. `seconds_left` is what is left of the invocation.

        Raises Undelivered if SQS must deliver some of them again; the others are deleted before.
        """
        order = list(range(len(messages)))
        if not bulk:  # newest first: what a newer message has reconciled, older ones need not look at again
            order.sort(key=lambda number: messages[number].sent_at, reverse=True)
        ended: dict[int, Outcome] = {}
        self._services.discord.rate_limiter.block.expect(_tickets(messages, self._services.now()))
        self._received_together = len(messages)
        with self._services.discord.until(self._services.now() + seconds_left()):
            for number in order:
                ended[number] = self._settle(messages[number], bulk=bulk, seconds_left=seconds_left)
        outcomes = [ended[number] for number in range(len(messages))]
        self._services.metrics.flush(self._services.now())
        self._stay_busy(seconds_left)
        if Outcome.BROKEN in outcomes:
            for message, outcome in zip(messages, outcomes, strict=True):
                if outcome is not Outcome.BROKEN:
                    self._services.queues.delete(message)
            raise Undelivered(f"{outcomes.count(Outcome.BROKEN)} of {len(outcomes)} messages; see the log")
        return outcomes

    def _stay_busy(self, seconds_left: Callable[[], float]) -> None:
        """While this container's address is blocked, let Lambda give what it handed back to another container."""
        seconds = min(self._services.discord.halts.blocked_for, seconds_left() - CLOSING_TIME)
        if seconds > 0:
            log.warning("address_blocked", seconds=round(seconds, 1))
            self._services.clock.sleep(seconds)

    def _settle(self, message: Message, *, bulk: bool, seconds_left: Callable[[], float]) -> Outcome:
        """Handle one message, or put it back if it is not due or too little time is left; log how it ended."""
        now, progress = self._services.now(), message.progress()
        self._services.discord.rate_limiter.block.begin(progress.ticket)
        log.bind(progress.trace)
        try:
            if progress.due - now > PATIENCE or seconds_left() < ENOUGH_TIME:
                self._services.queues.again(message, message.unseen(now), delay=max(0.0, progress.due - now))
                outcome = Outcome.RETRY_LATER
            else:
                outcome = self._handle(message, message.progress_at(now), bulk=bulk)
        except Exception as error:  # noqa: BLE001 - a bug must not take the other messages of the batch along
            outcome = self._broken(message, progress, error)
        age = self._services.now() - progress.since
        log.info("settled", outcome=outcome, seconds=round(age, 1), bulk=bulk)
        if not bulk:  # nobody waits for what a sweep found, and that may rightly take hours
            self._services.metrics.seconds("ChangeAge", age)
        return outcome

    def _handle(self, message: Message, progress: Progress, *, bulk: bool) -> Outcome:
        """Read the message and do what it asks for."""
        try:
            job = read_job(message.body, now=self._services.now(), own=bulk)
        except BadMessage as bad:
            log.warning("bad_message", message_id=message.id, reason=str(bad))
            self._set_aside(message, f"bad message: {bad}")
            return Outcome.DEAD_LETTERED
        return self._try(_Try(message, progress, job, kind_of(job), bulk=bulk))

    def _try(self, one: _Try) -> Outcome:
        """Do what the message asks for."""
        writes, context = self.reconciler.writes, _context(one, together=self._received_together)
        redelivered = one.message.received > 1
        to = Delivered(self.reconciler, self.sweeper, self._commands, self._officers, context, redelivered)
        try:
            return one.kind.handle(one.job, to)
        except RolecallError as error:
            touched = self._services.now() if self.reconciler.writes > writes else one.progress.touched
            return self._ended_badly(replace(one, progress=replace(one.progress, touched=touched)), error)

    def _ended_badly(self, failed: _Try, error: RolecallError) -> Outcome:
        """Retry later or now, refuse or dead-letter, by the type of the error."""
        settings, now = self._services.settings, self._services.now()
        message, progress = failed.message, failed.progress
        match error:
            case RateLimitDeferred():
                waiting = replace(progress, ticket=error.ticket, due=now + error.retry_after)
                return self._retry(message, waiting, error.retry_after)
            case Wait():
                if isinstance(error, CallsHalted) and error.needs_attention:
                    self._services.metrics.count("CallsStopped")
                    self._officers.halted(error.reason)
                log.info("waiting", why=str(error), seconds=round(error.retry_after, 1))
                waiting = replace(progress, ticket=None, due=now + error.retry_after)
                return self._retry(message, waiting, error.retry_after)
            case Failure() if progress.tries < settings.max_retries:
                log.warning("failed", why=str(error), tries=progress.tries + 1)
                pause = settings.retry_pause  # may be longer than SQS's longest delay
                return self._retry(message, replace(progress.failed_once_more(), due=now + pause), pause)
            case Failure() if not self._services.discord.answers():
                return self._wait_for_end_of_outage(message, progress, str(error))
            case DiscordUnavailable(answered=False) if not failed.again:  # it may have hung until Discord was back
                return self._try(replace(failed, progress=replace(progress, ticket=None), again=True))
            case Failure():
                why = f"given up after {progress.tries + 1} tries: {error}"
                return self._give_up(failed, why, dead_letter=True)
            case GiveUp():
                dead_letter = failed.kind.dead_letter_refusals and isinstance(error, Refused)
                return self._give_up(failed, str(error), dead_letter=dead_letter)
        raise error

    def _retry(self, message: Message, progress: Progress, delay: float) -> Outcome:
        self._services.queues.again(message, progress, delay=delay)
        return Outcome.RETRY_LATER

    def _give_up(self, failed: _Try, why: str, *, dead_letter: bool) -> Outcome:
        """Record why, so that people see it; keep the message for the operator where its kind asks for that."""
        kind, job = failed.kind, failed.job
        log.error("given_up", why=why, kind=kind.struct.__name__, user_id=getattr(job, "user_id", None))
        kind.record(self._failures, job, why)
        if not dead_letter:
            return Outcome.REFUSED
        self._set_aside(failed.message, why)
        return Outcome.DEAD_LETTERED

    def _set_aside(self, message: Message, why: str) -> None:
        """Keep the message for a person to look at, and tell the officers that there is something."""
        self._services.queues.dead_letter(message, why)
        self._officers.dead_letter(why)

    def _wait_for_end_of_outage(self, message: Message, progress: Progress, why: str) -> Outcome:
        """Put a message back that met an outage. It does not count as a failure, however long the outage lasts."""
        now = self._services.now()
        pause = pause_after(now - progress.since)
        log.warning("outage", why=why, message_id=message.id, seconds=round(pause, 1))
        waiting = replace(progress, received=progress.received - 1, touched=now, ticket=None, due=now + pause)
        return self._retry(message, waiting, pause)

    def _broken(self, message: Message, progress: Progress, error: Exception) -> Outcome:
        """An outage of AWS, or a bug of ours: then let SQS redeliver the message, but not until SQS gives it up."""
        log.error("broken", message_id=message.id, error=type(error).__name__, received=message.received)
        outage = outage_in(error)
        if outage:
            self._services.count_outage(error)
            with suppress(*AWS_ERRORS):  # SQS may be away, too: then it delivers the message again
                return self._wait_for_end_of_outage(message, progress, outage)
            return Outcome.BROKEN
        if message.received < LAST_RECEIVE:
            return Outcome.BROKEN
        why = f"internal error: {type(error).__name__}"
        self._set_aside(message, why)
        with suppress(BadMessage):
            job = read_job(message.body, now=self._services.now(), own=True)
            kind = kind_of(job)
            if kind.record_bugs:
                kind.record(self._failures, job, why)
        return Outcome.DEAD_LETTERED


def _context(one: _Try, *, together: int) -> JobContext:
    kind, progress = one.kind, one.progress
    urgent = progress.ticket is not None and progress.ticket.urgent
    return JobContext(
        lane=Lane.URGENT if urgent else kind.lane,
        cause=kind.cause(one.job),
        patience=BULK_PATIENCE if one.bulk else PATIENCE,
        ticket=progress.ticket,
        already_recorded=progress.received > 1,
        sent_at=progress.since,
        since=max(progress.since, progress.touched + IN_FLIGHT_FOR if progress.touched else 0.0),
        received_together=together,
    )


def _tickets(messages: Iterable[Message], now: float) -> list[Ticket]:
    """The tickets of those messages that are not put back for being too early."""
    all_of_them = [message.progress() for message in messages]
    return [one.ticket for one in all_of_them if one.ticket is not None and one.due <= now + PATIENCE]
