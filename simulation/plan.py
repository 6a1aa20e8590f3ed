"""The plan of a run: its size and its faults, all determined by the seed."""

import random
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from local.memory.sqs import Chaos
from simulation.conditions import Conditions, draw

# Group names as auth sites have them: some equal after trimming or except for case, one longer than Discord allows.
GROUP_NAMES = (
    "Member",
    "member",
    " Logistics ",
    "Logistics",
    "Fleet Commander",
    "Capital Pilot",
    "Ændring Æ",
    "L" * 101,
    "Streamer",
    "Blue",
    "@everyone",
    "Nitro",
)
RESERVED = ("Streamer", "Moderator")
OWNER = "fleet.admiral"


@dataclass(frozen=True)
class Rates:
    """Probabilities of faults, from 0 to 1, per call or request."""

    die: float = 0.0  # a function's process dies before or after a call
    throttle: float = 0.0  # DynamoDB refuses, after botocore's own retries
    conflict: float = 0.0  # a conflict with another transaction
    lost: float = 0.0  # DynamoDB performs the call, but its answer is lost
    repeated: float = 0.0  # botocore repeats a call that was performed already
    queue: float = 0.0  # SQS refuses a call
    queue_lost: float = 0.0  # SQS performs the call, but its answer is lost
    slow: float = 0.0  # a request takes seconds to reach Discord, and others overtake it
    discord: dict[str, float] = field(default_factory=dict)  # by the kind of fault; see `faults`


@dataclass(frozen=True)
class Plan:
    """One run. Times are seconds."""

    seed: int
    users: int
    people: int
    groups: tuple[str, ...]
    protected: int  # number of people who must never be changed
    workers: int
    seconds: float
    events: int
    rates: Rates
    chaos: Chaos
    index_lag: float
    store_latency: float
    environment: dict[str, str]
    sweep_every: float
    roles_stay: bool  # nobody renames, moves, creates or deletes roles by hand
    restore: bool
    redrive: bool  # an operator redrives the dead letters at the end
    conditions: Conditions = field(default_factory=Conditions)


def make(seed: int, *, only: Collection[str] | None = None) -> Plan:
    """The plan of a seed. `only`: exactly these conditions, instead of those that the seed draws."""
    rng = random.Random(f"plan {seed}")
    users = rng.randint(3, 12)
    seconds = rng.choice((120.0, 600.0, 1800.0, 7200.0))
    conditions = draw(seed, seconds, only=only)
    users += conditions.crowd
    severity = rng.choice((0.0, 0.3, 1.0, 1.0, 2.0))
    environment = {
        "DISCORD_SYNC_NAMES": rng.choice(("True", "True", "False")),
        "DISCORD_RESERVED_ROLES": ",".join(RESERVED) if rng.random() < 0.7 else "",
        "DISCORD_ROLES_CACHE_MAX_AGE": str(rng.choice((0, 60, 600, 3600))),
        "DISCORD_TASKS_RETRY_PAUSE": str(rng.choice((5, 60))),
        "DISCORD_TASKS_MAX_RETRIES": str(rng.choice((1, 3, 6))),
        "DISCORD_DISABLE_ROLE_CREATION": "True" if rng.random() < 0.08 else "False",
    }
    return Plan(
        seed=seed,
        users=users,
        people=users + rng.randint(0, 2),
        groups=tuple(rng.sample(GROUP_NAMES, rng.randint(3, 8))),
        protected=rng.choice((0, 0, 1, 2)),
        workers=rng.randint(1, 4),
        seconds=seconds,
        events=20 + int(60 * rng.random() ** 2),
        rates=_rates(rng, severity),
        chaos=replace(_chaos(rng, severity), few=random.Random(f"few {seed}").choice((0.0, 0.5, 1.0))),
        index_lag=rng.choice((0.0, 0.5, 3.0)),
        store_latency=rng.choice((0.002, 0.01, 0.05)),
        environment=environment,
        sweep_every=max(rng.choice((120.0, 900.0, 3600.0)), seconds / 8),
        roles_stay=rng.random() < 0.5,
        restore=rng.random() < 0.12,
        redrive=rng.random() < 0.5,
        conditions=conditions,
    )


def _rates(rng: random.Random, severity: float) -> Rates:
    def some(most: float, share: float = 0.6) -> float:
        return rng.uniform(0, most) * severity if rng.random() < share else 0.0

    discord = {
        "user": some(0.02),
        "global": some(0.01),
        "shared": some(0.02),
        "500": some(0.02),
        "503": some(0.02),
        "overloaded": some(0.01),
        "proxy": some(0.01),
        "hang": some(0.01),
        "hang_after": some(0.02),
        "cut": some(0.02),
        "cut_after": some(0.03),
        "delay": some(0.04),
        "cloudflare": some(0.002, 0.15),
        "401": some(0.002, 0.15),
        "refused": some(0.005, 0.4),
    }
    return Rates(
        die=some(0.01),
        throttle=some(0.004),
        conflict=some(0.01),
        lost=some(0.004),
        repeated=some(0.01),
        queue=some(0.003),
        queue_lost=some(0.003),
        slow=some(0.03),
        discord=discord,
    )


def _chaos(rng: random.Random, severity: float) -> Chaos:
    def some(most: float) -> float:
        return min(0.5, rng.uniform(0, most) * severity) if rng.random() < 0.6 else 0.0

    return Chaos(duplicate=some(0.15), late=some(0.2), reorder=some(0.5), zombie=some(0.05))
