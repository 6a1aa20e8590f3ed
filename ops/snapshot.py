"""The current state of a stage, as plain data."""

from dataclasses import dataclass, field

from chalicelib.discord import rate_limit
from chalicelib.discord.buckets import GLOBAL_BUCKET
from chalicelib.discord.rate_limit import Bucket, Lane
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.rate_limits import DynamoRateLimitStore
from chalicelib.store.removals import RemovalStore
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from ops.dead_letter_queue import DeadLetterQueue
from ops.discord_refusals import refused_token
from ops.queues import look_at
from ops.stage import Stage
from ops.stalled_sweeps import stalled_for
from ops.store import Links, look_through

QUEUES = ("jobs", "bulk", "notices", "dead-letters")
READ_LETTERS = 100  # dead letters whose reasons are counted; the others are only counted
SHORT_LOOK = 15  # seconds that they are hidden meanwhile
SLOW = 60.0  # seconds between two looks at what costs a read of everything
MAX_SWEEPS = 5


@dataclass(frozen=True)
class QueueState:
    """A queue. `oldest` is the age in seconds of its oldest message; None if it is empty or the age is unknown."""

    queue: str
    waiting: int
    delayed: int
    in_flight: int
    oldest: float | None


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
class Snapshot:
    """Everything that `status` shows. `stopped` says why all calls to Discord have stopped; `still` for how many
    seconds the sweep that runs has made no step, where that is for too long.
    """

    stage: str
    at: float
    linked: int
    never_told: int
    unsettled: int
    failures: list[Failure]
    queues: list[QueueState]
    sweeps: list[Sweep]
    budgets: list[BudgetState]
    stopped: str
    stopped_until: float
    invalid: int
    still: float
    withheld: int = 0
    held_since: float | None = None
    letters: dict[str, int] = field(default_factory=dict)

    @property
    def troubled(self) -> bool:
        """Whether an operator should look at anything."""
        newest = next((sweep.state for sweep in self.sweeps if not sweep.dry_run), None)
        return bool(
            self.failures or self.letters or self.stopped or self.still or self.withheld or self.held_since
        ) or newest in (
            SweepState.FAILED,
            SweepState.HELD,
        )


class Watcher:
    """Takes snapshots; expensive reads are repeated less often."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._looked_at = float("-inf")
        self._links = Links()
        self._letters: dict[str, int] = {}
        stage.connect()

    def take(self) -> Snapshot:
        """Take a snapshot."""
        stage, now = self._stage, self._stage.now()
        if now - self._looked_at >= SLOW:
            self._links = look_through(stage.guild_id)
            self._letters = self._reasons()
            self._looked_at = now
        links, halt_store = self._links, DynamoHaltStore(stage.app_id, stage.guild_id)
        stopped, until = _stopped(stage, halt_store, now)
        sweeps = Sweeps(stage.guild_id)
        return Snapshot(
            stage=stage.name,
            at=now,
            linked=links.linked,
            never_told=links.never_told,
            unsettled=links.unsettled,
            failures=[
                Failure(
                    user.user_id, user.link.account.shown if user.link else "", user.last_error or "", user.synced_at
                )
                for user in links.failed
            ],
            queues=[self._queue(short, now) for short in QUEUES],
            sweeps=sweeps.latest(MAX_SWEEPS),
            budgets=_budgets(DynamoRateLimitStore(stage.guild_id, stage.app_id), now),
            stopped=stopped,
            stopped_until=until,
            invalid=halt_store.invalid(now),
            still=stalled_for(sweeps.running(), now),
            withheld=links.withheld,
            held_since=RemovalStore(stage.guild_id).window().held_since,
            letters=self._letters,
        )

    def _queue(self, short: str, now: float) -> QueueState:
        queue = look_at(self._stage.client("sqs"), self._stage.queue(short))
        if queue is None:
            return QueueState(short, 0, 0, 0, None)
        oldest = queue.oldest(self._stage.client("cloudwatch"), now) if queue.waiting else None
        return QueueState(short, queue.waiting, queue.delayed, queue.in_flight, oldest)

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


def _stopped(stage: Stage, halt_store: DynamoHaltStore, now: float) -> tuple[str, float]:
    """Return why calls to Discord are halted, and until when (0: until somebody acts); empty if they are not."""
    board = halt_store.shared_state()
    if refused := refused_token(stage, board).value:
        return refused, 0.0
    return (board.blocked_why, board.blocked_until) if board.blocked_until > now else ("", 0.0)


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
