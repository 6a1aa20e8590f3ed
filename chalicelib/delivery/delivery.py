"""How every message ends. The only place that decides it, by the type of the error.

A message ends in exactly one of: done; done, nothing to do; refused, for a reason that a retry cannot cure; retried
later; dead-lettered. Each is settled by itself: a bad one neither blocks nor repeats its neighbours.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from enum import StrEnum

from chalicelib import log
from chalicelib.discord.rate_limit import Lane
from chalicelib.discord.rate_limiter import PATIENCE
from chalicelib.errors import BadMessage, CallsHalted, Failure, GiveUp, RateLimitDeferred, Refused, RolecallError, Wait
from chalicelib.members.context import JobContext, Outcome
from chalicelib.members.guild import GuildView
from chalicelib.members.reconciler import Reconciler
from chalicelib.messages import (
    ComparePage,
    DeleteUser,
    Job,
    RemoveReplacedAccount,
    RepairMember,
    RepairPage,
    StartSweep,
    VerifyLink,
    read_job,
)
from chalicelib.queues import Message, Progress
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.sweeps.sweeper import Sweeper

LAST_RECEIVE = 4  # SQS itself sets a message aside after five deliveries, but cannot say why
BULK_PATIENCE = 0.8  # seconds; nobody waits for a repair, so it is queued again sooner than it is paid to sleep
IN_FLIGHT_FOR = 120.0  # seconds after which a change that was sent, and not answered, has happened or never will
ENOUGH_TIME = 15.0  # seconds that must be left of an invocation to begin another message


class End(StrEnum):
    """How a message ended."""

    DONE = "done"
    NOTHING = "nothing_to_do"
    REFUSED = "refused"
    LATER = "later"
    DEAD = "dead_lettered"
    BROKEN = "broken"  # a fault of ours or of AWS: SQS delivers it again


class Undelivered(Exception):
    """Some messages of the batch were not settled."""


class Delivery:
    """Takes messages from the queues."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.view = GuildView(services)
        self.reconciler = Reconciler(services, self.view)
        self.sweeper = Sweeper(services, self.view)

    def batch(self, messages: list[Message], *, bulk: bool, seconds_left: Callable[[], float]) -> list[End]:
        """Settle each message. Raises Undelivered if SQS must deliver some again; the others are deleted then."""
        order = list(range(len(messages)))
        if not bulk:  # the newest first: what it leaves right, older messages about the same user need not look at
            order.sort(key=lambda number: messages[number].sent_at, reverse=True)
        with self._services.discord.until(self._services.now() + seconds_left()):
            ended = {number: self._one(messages[number], bulk=bulk, seconds_left=seconds_left) for number in order}
        ends = [ended[number] for number in range(len(messages))]
        self._services.metrics.flush(self._services.now())
        if End.BROKEN in ends:
            for message, end in zip(messages, ends, strict=True):
                if end is not End.BROKEN:
                    self._services.queues.delete(message)
            raise Undelivered(f"{ends.count(End.BROKEN)} of {len(ends)} messages; see the log")
        return ends

    def _one(self, message: Message, *, bulk: bool, seconds_left: Callable[[], float]) -> End:
        progress = message.progress()
        if message.received > 1:  # whoever had it before may have begun, and may still be at it
            progress = replace(progress, touched=self._services.now())
        log.bind(progress.trace)
        try:
            end = self._settle(message, progress, bulk=bulk, seconds_left=seconds_left)
        except Exception as error:  # noqa: BLE001 - a fault of ours must not take the neighbours along
            end = self._broken(message, error)
        age = self._services.now() - progress.since
        log.info("settled", outcome=end, seconds=round(age, 1), bulk=bulk)
        if not bulk:  # nobody waits for what a sweep found, and that may rightly take hours
            self._services.metrics.seconds("ChangeAge", age)
        return end

    def _settle(self, message: Message, progress: Progress, *, bulk: bool, seconds_left: Callable[[], float]) -> End:
        now = self._services.now()
        if progress.due - now > PATIENCE or seconds_left() < ENOUGH_TIME:
            # Nothing was done with it: this delivery does not count, or what it says would pass for stored.
            unseen = replace(progress, received=progress.received - 1)
            self._services.queues.again(message, unseen, delay=max(0.0, progress.due - now))
            return End.LATER
        try:
            job = read_job(message.body, now=now, own=bulk)
        except BadMessage as bad:
            log.warning("bad_message", message_id=message.id, reason=str(bad))
            self._services.queues.dead_letter(message, f"bad message: {bad}")
            return End.DEAD
        writes = self.reconciler.writes
        try:
            return End(self._do(job, message, progress, bulk=bulk))
        except RolecallError as error:
            touched = self._services.now() if self.reconciler.writes > writes else progress.touched
            return self._ended_badly(job, message, replace(progress, touched=touched), error)

    def _do(self, job: Job, message: Message, progress: Progress, *, bulk: bool) -> Outcome:
        redelivered = message.received > 1
        context = JobContext(
            lane=_lane(progress, bulk=bulk),
            cause=_cause(job),
            patience=BULK_PATIENCE if bulk else PATIENCE,
            ticket=progress.ticket,
            already_recorded=progress.received > 1,
            since=max(progress.since, progress.touched + IN_FLIGHT_FOR if progress.touched else 0.0),
        )
        match job:
            case ComparePage():
                return self.sweeper.compare(job, redelivered=redelivered, ticket=progress.ticket)
            case RepairPage():
                return self.sweeper.repair(job, redelivered=redelivered)
            case StartSweep():
                return self.sweeper.start_later(job)
            case RepairMember():
                return self.reconciler.repair(job, context)
            case RemoveReplacedAccount():
                return self.reconciler.remove_replaced_account(job, context)
            case VerifyLink():
                return self.reconciler.verify_link(job, context)
            case _:
                return self.reconciler.change(job, context)

    def _ended_badly(self, job: Job, message: Message, progress: Progress, error: RolecallError) -> End:
        """Retried later, refused, or dead-lettered: by the type of the error."""
        queues, settings, now = self._services.queues, self._services.settings, self._services.now()
        match error:
            case RateLimitDeferred():
                waiting = replace(progress, ticket=error.ticket, due=now + error.retry_after)
                queues.again(message, waiting, delay=error.retry_after)
                return End.LATER
            case Wait():
                if isinstance(error, CallsHalted) and error.reason != "global_limit":
                    self._services.metrics.count("CallsStopped")
                log.info("waiting", why=str(error), seconds=round(error.retry_after, 1))
                queues.again(
                    message, replace(progress, ticket=None, due=now + error.retry_after), delay=error.retry_after
                )
                return End.LATER
            case Failure() if progress.tries < settings.max_retries:
                log.warning("failed", why=str(error), tries=progress.tries + 1)
                pause = settings.retry_pause  # may be longer than SQS's longest delay
                queues.again(message, replace(progress.failed_once_more(), due=now + pause), delay=pause)
                return End.LATER
            case Failure():
                why = f"given up after {progress.tries + 1} tries: {error}"
                self._record(job, why)
                queues.dead_letter(message, why)
                return End.DEAD
            case GiveUp():
                self._record(job, str(error))
                if isinstance(job, DeleteUser | RemoveReplacedAccount) and isinstance(error, Refused):
                    # No sweep removes anybody: for a person to look at.
                    queues.dead_letter(message, str(error))
                    return End.DEAD
                return End.REFUSED
        raise error

    def _record(self, job: Job, why: str) -> None:
        """Keep on the user, or the sweep, why it could not be done; say so once."""
        log.error("given_up", why=why, kind=type(job).__name__, user_id=getattr(job, "user_id", None))
        if isinstance(job, ComparePage | RepairPage):
            self.sweeper.fail(job.sweep_id, why)
            return
        now, user_id = self._services.now(), getattr(job, "user_id", None)
        user = users.get(user_id, now=now) if user_id else None
        if user and isinstance(job, DeleteUser):
            users.mark_unwanted(user, now=now)
        deleting = isinstance(job, DeleteUser)  # whatever failed before, that is another matter
        if (
            user and user.link and isinstance(job, RemoveReplacedAccount)
        ):  # not the user's account fails, but one they had before
            self._services.notices.sync_failed(user.user_id, job.discord_id, None, why, now=now)
        elif user and user.link:
            if deleting or user.last_error != why:  # told first: a notice twice is better than none
                account = user.link.account
                self._services.notices.sync_failed(user.user_id, account.id, account.shown, why, now=now)
            users.mark_failed(user, why, now=now)

    def _broken(self, message: Message, error: Exception) -> End:
        log.error("broken", message_id=message.id, error=type(error).__name__, received=message.received)
        if message.received < LAST_RECEIVE:
            return End.BROKEN
        why = f"internal error: {type(error).__name__}"
        self._services.queues.dead_letter(message, why)
        with suppress(BadMessage):
            job = read_job(message.body, now=self._services.now(), own=True)
            if isinstance(job, ComparePage | RepairPage):
                self.sweeper.fail(job.sweep_id, why)
        return End.DEAD


def _lane(progress: Progress, *, bulk: bool) -> Lane:
    if progress.ticket and progress.ticket.urgent:
        return Lane.URGENT
    return Lane.BULK if bulk else Lane.NORMAL


def _cause(job: Job) -> str:
    match job:
        case RepairMember():
            return f"sweep {job.sweep_id}"
        case RemoveReplacedAccount():
            return "linked another account"
        case _:
            return "message from the auth site"
