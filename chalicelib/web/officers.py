"""What the officers' page shows: whether all is well, what needs a hand, groups and their roles, sweeps, limits."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from chalicelib import log
from chalicelib.discord import rate_limit
from chalicelib.discord.availability import Away
from chalicelib.discord.buckets import GLOBAL_BUCKET
from chalicelib.discord.client import RequestOptions, fingerprint
from chalicelib.discord.halts import SharedState
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import RolecallError
from chalicelib.members.explain import GroupLine, GroupVerdict, Situation, explain
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Desired
from chalicelib.members.removals import WithheldRemovals
from chalicelib.problems import withheld
from chalicelib.queue_history import Moment
from chalicelib.queues import Depth
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.rate_limits import DynamoRateLimitStore
from chalicelib.store.removals import Cause, Withheld
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from chalicelib.store.tally import Tallies, Tally
from chalicelib.store.users import User

PATIENT = RequestOptions(Lane.NORMAL, patience=2.0)  # a person waits, and changes of members go first
MAX_SWEEPS = 24  # in the picture: a day of hourly ones
LATE_SWEEP = 3 * 3600.0  # seconds without a sweep after which something is wrong; one is due every hour
MIN_AWAY = 60.0  # seconds without an answer of Discord; after less, the next try may mend it
NEEDS_A_HAND = {GroupVerdict.OUT_OF_REACH, GroupVerdict.GONE}


@dataclass(frozen=True, slots=True)
class Held:
    """What is withheld for one cause. `shown` stands for exactly this list: an answer is about what was seen."""

    cause: Cause
    since: float
    members: tuple[Withheld, ...]
    shown: str


@dataclass(frozen=True, slots=True)
class GroupShown:
    """A group that the auth site states, how many linked users are in it, and what stands for it on Discord."""

    line: GroupLine
    users: int

    @property
    def needs_a_hand(self) -> bool:
        """Whether its role can be neither given nor taken."""
        return self.line.verdict in NEEDS_A_HAND


@dataclass(frozen=True, slots=True)
class LimitShown:
    """A bucket of Discord's rate limits: `used` of `limit` requests, and how long a change of a member would wait."""

    routes: tuple[str, ...]
    limit: int
    used: int
    wait: float


@dataclass(frozen=True, slots=True)
class Stopped:
    """All calls to Discord are stopped: it refuses the bot's token, or else blocks the calls for the reason `why`.

    `since` is in epoch seconds; 0 where it is not known.
    """

    token_refused: bool
    why: str = ""
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class QueuesShown:
    """What waits now, of jobs and sweeps together; `letters` could not be processed. `moments`: the last hours."""

    now: Depth
    letters: int
    moments: tuple[Moment, ...]

    @property
    def number(self) -> int:
        """How many wait, now or for later, or are being worked on."""
        return self.now.waiting + self.now.under_way + self.now.later

    @property
    def oldest(self) -> float:
        """How many seconds the oldest has waited, as far as it is known; 0 if nothing waits."""
        return self.moments[-1].oldest if self.moments and self.now.waiting else 0.0

    @property
    def most(self) -> int:
        """How many waited at once at most."""
        return max((moment.waiting for moment in self.moments), default=0)


class SweepTrouble(StrEnum):
    """What is wrong with sweeps; the values are keys of words."""

    FAILED = "sweep_failed"
    LATE = "sweep_late"


@dataclass(frozen=True, slots=True)
class Overview:
    """What changes by itself. `tally`: as the last sweep counted; None before the first one.

    `troubled`: users in trouble then who still are now. `unreached`: groups whose role can be neither given nor taken.
    `away`: Discord answers nobody.
    """

    now: float
    tally: Tally | None
    troubled: tuple[User, ...]
    held: tuple[Held, ...]
    stopped: Stopped | None
    sweeps: tuple[Sweep, ...]
    unreached: tuple[GroupShown, ...]
    limits: tuple[LimitShown, ...]
    queues: QueuesShown
    away: Away | None = None

    @property
    def last_sweep(self) -> Sweep | None:
        """The newest sweep that has ended."""
        ended = (SweepState.DONE, SweepState.FAILED, SweepState.HELD)
        return next((sweep for sweep in self.sweeps if sweep.state in ended and not sweep.dry_run), None)

    @property
    def waits_for_discord(self) -> bool:
        """Whether Discord is away, or blocks the calls: everything is tried again by itself, and nobody can help."""
        return self.away is not None or (self.stopped is not None and not self.stopped.token_refused)

    @property
    def sweep_trouble(self) -> SweepTrouble | None:
        """What is wrong with sweeps; None while they cannot reach Discord: that is said."""
        last = self.last_sweep
        if last is None or self.stopped or self.away:
            return None
        if last.state is SweepState.FAILED:
            return SweepTrouble.FAILED
        return SweepTrouble.LATE if self.now - last.updated_at > LATE_SWEEP else None

    @property
    def needing_a_hand(self) -> int:
        """How many things need a hand. What only waits for Discord needs none."""
        token_refused = self.stopped is not None and self.stopped.token_refused
        single = (token_refused, self.sweep_trouble, self.troubled, self.queues.letters)
        return len(self.held) + len(self.unreached) + sum(map(bool, single))


class Looker:
    """Looks at what is kept, never at all users; Discord is asked only if nothing is known of the server."""

    def __init__(self, services: Services, view: GuildView, removals: WithheldRemovals) -> None:
        self._services = services
        self._view = view
        self._removals = removals
        self._guild_id = services.settings.guild_id

    def overview(self) -> Overview:
        """What changes by itself."""
        services, tally = self._services, Tallies(self._guild_id).newest()
        halts = DynamoHaltStore(services.settings.app_id, services.settings.guild_id).shared_state()
        return Overview(
            now=services.now(),
            tally=tally,
            troubled=self._troubled(tally),
            held=tuple(held_lists(self._removals)),
            stopped=_stopped(services, halts),
            sweeps=tuple(Sweeps(self._guild_id).latest(MAX_SWEEPS)),
            unreached=tuple(group for group in self.groups(tally) or () if group.needs_a_hand),
            limits=tuple(_limits(services)),
            queues=_queues(services),
            away=halts.away if halts.away and services.now() - halts.away.since >= MIN_AWAY else None,
        )

    def groups(self, tally: Tally | None) -> tuple[GroupShown, ...] | None:
        """The groups that the last sweep counted, by name; None if the server's roles are not known."""
        counted = tally.groups if tally else {}
        try:
            guild = self._view.remembered() or self._view.facts(PATIENT)
        except RolecallError as error:
            log.warning("guild_not_seen", why=str(error))
            return None
        stated = tuple(sorted(counted, key=str.casefold))
        lines = explain(Desired(stated), None, self._view.rules(guild), Situation()).groups or ()
        return tuple(GroupShown(line, counted[line.group]) for line in lines)

    def _troubled(self, tally: Tally | None) -> tuple[User, ...]:
        """Those whom the last sweep saw in trouble, and who still are."""
        ids = tally.troubled if tally else ()
        known = users.several(ids, now=self._services.now()) if ids else {}
        several = (known[user_id] for user_id in ids if user_id in known)
        return tuple(user for user in several if user.link and user.problems - withheld(user.problems))


def held_lists(removals: WithheldRemovals) -> list[Held]:
    """What is withheld, a list for each cause that has any."""
    lists = ((cause, tuple(removals.all(cause))) for cause in Cause)
    return [
        Held(cause, min(one.since for one in members), members, digest_of(members))
        for cause, members in lists
        if members
    ]


def digest_of(members: Iterable[Withheld]) -> str:
    """A text that stands for exactly these members and what each would lose."""
    facts = sorted(f"{one.user_id}\0{one.version}\0{one.loss}\0{one.cause}" for one in members)
    return hashlib.sha256("\n".join(facts).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _stopped(services: Services, halts: SharedState) -> Stopped | None:
    if halts.halted_token == fingerprint(services.settings.bot_token):
        return Stopped(token_refused=True, since=halts.refused_since)
    if halts.blocked_until <= services.now():
        return None
    return Stopped(token_refused=False, why=halts.blocked_why, since=halts.blocked_since)


def _limits(services: Services) -> Iterable[LimitShown]:
    store = DynamoRateLimitStore(services.settings.guild_id, services.settings.app_id)
    routes: dict[str, list[str]] = {}
    for route, key in sorted(store.bucket_names().items()):
        routes.setdefault(key, []).append(route)
    now, buckets = services.now(), store.several(routes)
    for key, named in routes.items():
        if key != GLOBAL_BUCKET and key in buckets:
            bucket = buckets[key]
            used = sum(bucket.used) if now < bucket.reopens_at else 0
            free = rate_limit.admit(bucket, Lane.NORMAL, now=now)
            wait = 0.0 if free else rate_limit.backlog(bucket, Lane.NORMAL, now=now)
            yield LimitShown(tuple(named), bucket.limit, used, wait)


def _queues(services: Services) -> QueuesShown:
    jobs, bulk = services.queues.depth("jobs"), services.queues.depth("bulk")
    both = Depth(jobs.waiting + bulk.waiting, jobs.under_way + bulk.under_way, jobs.later + bulk.later)
    history = services.queue_history
    moments = history.read(now=services.now()) if history else ()
    return QueuesShown(both, services.queues.depth("dead-letters").waiting, moments)
