"""The current state of a stage, as plain data."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

from botocore.exceptions import BotoCoreError

from chalicelib.discord import rate_limit
from chalicelib.discord.buckets import GLOBAL_BUCKET
from chalicelib.discord.halts import MAX_ADDRESS_PAUSE, SharedState
from chalicelib.discord.rate_limit import Bucket, Lane
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.rate_limits import DynamoRateLimitStore
from chalicelib.store.removals import RemovalStore
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from chalicelib.store.users import User
from ops import outages
from ops.aws_access import ERRORS, complaint_of
from ops.dead_letter_queue import DeadLetterQueue
from ops.discord_refusals import refused_token
from ops.outages import READ_SWEEPS, Outage
from ops.queues import WORK, look_at
from ops.stage import Stage
from ops.stalled_sweeps import stalled_for
from ops.store import Links, look_through

QUEUES = ("jobs", "bulk", "notices", "dead-letters")
READ_LETTERS = 100  # dead letters whose reasons are counted; the others are only counted
SHORT_LOOK = 15  # seconds that they are hidden meanwhile
SLOW = 60.0  # seconds between two looks at what costs a read of everything
MAX_SWEEPS = 5
T = TypeVar("T")


@dataclass(frozen=True)
class QueueState:
    """A queue. `oldest` is the age in seconds of its oldest message; None if it is empty or the age is unknown."""

    queue: str
    waiting: int
    delayed: int
    in_flight: int
    oldest: float | None

    @property
    def total(self) -> int:
        """The number of all messages."""
        return self.waiting + self.delayed + self.in_flight


@dataclass(frozen=True)
class BudgetState:
    """A rate-limit bucket: `limit` requests in `window` seconds, and how many seconds each lane would wait now."""

    routes: tuple[str, ...]
    limit: int
    window: float
    kind: str
    used: int
    wait: dict[str, float]


@dataclass(frozen=True)
class Failure:
    """A user that could not be synced."""

    user_id: str
    username: str
    why: str
    synced_at: int | None


@dataclass(frozen=True)
class Stored:
    """What the store knows. `stopped` says why all calls to Discord have stopped, since and until when (0: unknown, or
    until somebody acts); `still` for how many seconds the sweep that runs has made no step, where that is for too long.
    `blocked`: containers that make no calls though others do.
    """

    linked: int = 0
    never_told: int = 0
    unsettled: int = 0
    failures: list[Failure] = field(default_factory=list)
    sweeps: list[Sweep] = field(default_factory=list)
    budgets: list[BudgetState] = field(default_factory=list)
    stopped: str = ""
    stopped_since: float = 0.0
    stopped_until: float = 0.0
    blocked: int = 0
    invalid: int = 0
    still: float = 0.0
    withheld: int = 0
    held_since: float | None = None
    no_list_since: float | None = None
    away: Outage | None = None


@dataclass(frozen=True)
class Snapshot(Stored):
    """Everything that `status` shows. What lies behind a service that is away is empty then."""

    stage: str = ""
    at: float = 0.0
    queues: list[QueueState] = field(default_factory=list)
    letters: dict[str, int] = field(default_factory=dict)
    outages: list[Outage] = field(default_factory=list)

    @property
    def troubled(self) -> bool:
        """Whether an operator should look at anything."""
        newest = next((sweep.state for sweep in self.sweeps if not sweep.dry_run), None)
        signs = (self.failures, self.letters, self.stopped, self.still, self.withheld, self.held_since, self.outages)
        return any(signs) or newest in (SweepState.FAILED, SweepState.HELD)

    @property
    def waiting(self) -> int | None:
        """How many messages wait for work, or for the end of an outage; None if SQS does not say."""
        return sum(one.total for one in self.queues if one.queue in WORK) if self.queues else None


class Watcher:
    """Takes snapshots; expensive reads are repeated less often."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._looked_at = self._counted_at = float("-inf")
        self._links = Links()
        self._no_list_since: float | None = None
        self._letters: dict[str, int] = {}
        self._errors: list[Exception] = []  # what this look met of services that are away
        stage.connect()

    def take(self) -> Snapshot:
        """Take a snapshot. Raises the error of AWS where it is the operator's own, or where nothing can be reached."""
        now, self._errors = self._stage.now(), []
        _ = self._stage.guild_id  # what is wrong with the settings, or with the way to AWS, ends the command here
        stored, no_store = self._part(lambda: self._stored(now), Stored())
        queues, no_queues = self._part(lambda: self._queues(now), list[QueueState]())
        if no_store and no_queues and all(map(_is_network, self._errors)):
            raise self._errors[0]
        letters, _ = self._part(lambda: self._counted_letters(now), dict[str, int]())
        found = (stored.away, self._outage("DynamoDB", no_store, now), self._outage("SQS", no_queues, now))
        return Snapshot(
            **{name: getattr(stored, name) for name in Stored.__dataclass_fields__},
            stage=self._stage.name,
            at=now,
            queues=queues,
            letters=letters,
            outages=[outage for outage in found if outage],
        )

    def _part(self, look: Callable[[], T], empty: T) -> tuple[T, str]:
        """What `look` sees; if the service behind it is away, `empty` and what it said."""
        try:
            return look(), ""
        except ERRORS as error:
            complaint = complaint_of(error)
            if not complaint.away:
                raise
            self._errors.append(error)
            return empty, complaint.text

    def _outage(self, service: str, refusal: str, now: float) -> Outage | None:
        met = outages.met_by_functions(self._stage.client("cloudwatch"), self._stage.name, service, now)
        return outages.of_aws(service, refusal, met)

    def _stored(self, now: float) -> Stored:
        stage = self._stage
        if now - self._looked_at >= SLOW:
            self._links = look_through(stage.guild_id)
            self._no_list_since = outages.no_list_since(Sweeps(stage.guild_id).latest(READ_SWEEPS))
            self._looked_at = now
        links, halt_store, sweeps = self._links, DynamoHaltStore(stage.app_id, stage.guild_id), Sweeps(stage.guild_id)
        state = halt_store.shared_state()
        seen = Stored(
            linked=links.linked,
            never_told=links.never_told,
            unsettled=links.unsettled,
            failures=list(map(_failure, links.failed)),
            sweeps=sweeps.latest(MAX_SWEEPS),
            budgets=_budgets(DynamoRateLimitStore(stage.guild_id, stage.app_id), now),
            blocked=sum(report.at > now - MAX_ADDRESS_PAUSE for report in state.reports),
            invalid=halt_store.invalid(now),
            still=stalled_for(sweeps.running(), now),
            withheld=links.withheld,
            held_since=RemovalStore(stage.guild_id).window().held_since,
            no_list_since=self._no_list_since,
            away=outages.of_discord(state),
        )
        return _with_stop(seen, stage, state, now)

    def _queues(self, now: float) -> list[QueueState]:
        return [self._queue(short, now) for short in QUEUES]

    def _queue(self, short: str, now: float) -> QueueState:
        queue = look_at(self._stage.client("sqs"), self._stage.queue(short))
        if queue is None:
            return QueueState(short, 0, 0, 0, None)
        oldest = queue.oldest(self._stage.client("cloudwatch"), now) if queue.waiting else None
        return QueueState(short, queue.waiting, queue.delayed, queue.in_flight, oldest)

    def _counted_letters(self, now: float) -> dict[str, int]:
        if now - self._counted_at >= SLOW:
            self._letters = self._reasons()
            self._counted_at = now
        return self._letters

    def _reasons(self) -> dict[str, int]:
        letters = DeadLetterQueue(self._stage.client("sqs"), self._stage.name, wait=self._stage.pause)
        number = letters.number()
        reasons: dict[str, int] = {}
        if number:
            with letters.held(most=READ_LETTERS, hidden=SHORT_LOOK) as held:
                for letter in held:
                    reasons[letter.reason] = reasons.get(letter.reason, 0) + 1
            if number > len(held):
                reasons["(not looked at)"] = number - len(held)
        return reasons


def _failure(user: User) -> Failure:
    return Failure(user.user_id, user.link.account.shown if user.link else "", user.last_error or "", user.synced_at)


def _with_stop(seen: Stored, stage: Stage, state: SharedState, now: float) -> Stored:
    """Add why calls to Discord are halted, if they are."""
    if refused := refused_token(stage, state).value:
        return replace(seen, stopped=refused, stopped_since=state.refused_since)
    if state.blocked_until <= now:
        return seen
    return replace(
        seen, stopped=state.blocked_why, stopped_since=state.blocked_since, stopped_until=state.blocked_until
    )


def _is_network(error: Exception) -> bool:
    """Whether AWS was not reached at all."""
    return isinstance(getattr(error, "cause", None) or error, BotoCoreError)


def _budgets(rate_limit_store: DynamoRateLimitStore, now: float) -> list[BudgetState]:
    routes: dict[str, list[str]] = {}
    for route, key in rate_limit_store.bucket_names().items():
        routes.setdefault(key, []).append(route)
    found = [
        _budget(sorted(named), rate_limit_store.get(key), now) for key, named in routes.items() if key != GLOBAL_BUCKET
    ]
    return sorted(found, key=lambda one: one.routes)


def _budget(routes: list[str], bucket: Bucket, now: float) -> BudgetState:
    used = sum(bucket.used) if now < bucket.reopens_at else 0
    wait = {lane.name.lower(): _wait(bucket, lane, now) for lane in Lane}
    return BudgetState(tuple(routes), bucket.limit, bucket.window, str(bucket.kind), used, wait)


def _wait(bucket: Bucket, lane: Lane, now: float) -> float:
    """Return the seconds that a request of that lane would wait for its turn now."""
    return 0.0 if rate_limit.admit(bucket, lane, now=now) else round(rate_limit.backlog(bucket, lane, now=now), 1)
