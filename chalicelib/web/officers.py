"""What the officers' page shows: whether all is well, what needs a hand, groups and their roles, sweeps, limits."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from chalicelib.discord import rate_limit
from chalicelib.discord.buckets import GLOBAL_BUCKET
from chalicelib.discord.client import RequestOptions, fingerprint
from chalicelib.discord.rate_limit import Lane
from chalicelib.members.explain import GroupLine, GroupVerdict, Situation, explain
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Desired
from chalicelib.members.removals import WithheldRemovals
from chalicelib.problems import in_order, text, withheld
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.rate_limits import DynamoRateLimitStore
from chalicelib.store.removals import Cause, Withheld
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from chalicelib.store.users import User

PATIENT = RequestOptions(Lane.NORMAL, patience=2.0)  # a person waits, and changes of members go first
MAX_SWEEPS = 24  # in the picture: a day of hourly ones
LATE_SWEEP = 3 * 3600.0  # seconds without a sweep after which something is wrong; one is due every hour
MAX_ID = 2**63 - 1  # above every Discord id
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
class People:
    """The linked users, counted. `troubled`: those with a problem that is not one of `Held`."""

    linked: int = 0
    unsettled: int = 0
    in_group: Counter[str] = field(default_factory=Counter)
    troubled: tuple[User, ...] = ()


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything but the explanation of a member. `stopped`: why all calls to Discord are stopped."""

    now: float
    people: People
    held: tuple[Held, ...]
    stopped: str
    sweeps: tuple[Sweep, ...]
    groups: tuple[GroupShown, ...]
    limits: tuple[LimitShown, ...]

    @property
    def last_sweep(self) -> Sweep | None:
        """The newest sweep that has ended."""
        ended = (SweepState.DONE, SweepState.FAILED, SweepState.HELD)
        return next((sweep for sweep in self.sweeps if sweep.state in ended and not sweep.dry_run), None)

    @property
    def sweep_trouble(self) -> str:
        """What is wrong with sweeps; empty if nothing is."""
        last = self.last_sweep
        if last is None:
            return ""
        if last.state is SweepState.FAILED:
            return f"The last sweep failed: {last.note or 'its log says why'}."
        if self.now - last.updated_at > LATE_SWEEP:
            return "No sweep has ended for more than three hours."
        return ""

    @property
    def is_well(self) -> bool:
        """Whether nothing needs a hand."""
        broken = any(group.needs_a_hand for group in self.groups)
        return not (self.held or self.stopped or self.sweep_trouble or self.people.troubled or broken)


def overview(services: Services, view: GuildView, removals: WithheldRemovals) -> Overview:
    """Look at everything. Raises RolecallError if the guild is not known and Discord does not answer."""
    people = count_people(users.links_between(services.settings.guild_id, 0, MAX_ID))
    return Overview(
        now=services.now(),
        people=people,
        held=tuple(held_lists(removals)),
        stopped=_stopped(services),
        sweeps=tuple(Sweeps(services.settings.guild_id).latest(MAX_SWEEPS)),
        groups=_groups(view, people),
        limits=tuple(_limits(services)),
    )


def count_people(linked: Iterable[User]) -> People:
    """Count the linked users, and pick out those who could not be brought in step."""
    number = unsettled = 0
    in_group: Counter[str] = Counter()
    troubled = []
    for user in linked:
        number += 1
        unsettled += user.synced_version != user.version
        in_group.update(set(user.wanted or ()))
        if user.problems - withheld(user.problems):
            troubled.append(user)
    return People(number, unsettled, in_group, tuple(troubled))


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


def problems_in_words(user: User) -> list[str]:
    """What could not be done for the user, a sentence each."""
    return [text(problem) for problem in in_order(user.problems - withheld(user.problems))]


def _stopped(services: Services) -> str:
    settings = services.settings
    state = DynamoHaltStore(settings.app_id, settings.guild_id).shared_state()
    if state.halted_token == fingerprint(settings.bot_token):
        return "Discord refuses the bot's token"
    return state.blocked_why or "Discord blocks the calls" if state.blocked_until > services.now() else ""


def _groups(view: GuildView, people: People) -> tuple[GroupShown, ...]:
    stated = tuple(sorted(people.in_group, key=str.casefold))
    rules = view.rules(view.facts(PATIENT))
    lines = explain(Desired(stated), None, rules, Situation()).groups or ()
    return tuple(GroupShown(line, people.in_group[line.group]) for line in lines)


def _limits(services: Services) -> Iterable[LimitShown]:
    store = DynamoRateLimitStore(services.settings.guild_id, services.settings.app_id)
    routes: dict[str, list[str]] = {}
    for route, key in sorted(store.bucket_names().items()):
        routes.setdefault(key, []).append(route)
    now = services.now()
    for key, named in routes.items():
        if key != GLOBAL_BUCKET:
            bucket = store.get(key)
            used = sum(bucket.used) if now < bucket.reopens_at else 0
            yield LimitShown(tuple(named), bucket.limit, used, rate_limit.backlog(bucket, Lane.NORMAL, now=now))
