"""How large a run is and how bad: everything that a seed decides before anything happens."""

import random
from dataclasses import dataclass, field, replace

from local.memory.sqs import Chaos

# Names as auth sites have them: some equal after trimming, some only in another case, one longer than Discord allows.
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
    """How often what goes wrong: chances from 0 to 1, of each call or request."""

    die: float = 0.0  # the process of a function, before or after any call
    throttle: float = 0.0  # DynamoDB refuses, after botocore's own retries
    conflict: float = 0.0  # another transaction is at the same item
    lost: float = 0.0  # DynamoDB did it, but its answer never came
    repeated: float = 0.0  # botocore tried again what had been done already
    queue: float = 0.0  # SQS does not take a call
    queue_lost: float = 0.0  # SQS did it, but its answer never came
    slow: float = 0.0  # a request takes seconds to arrive at Discord: others overtake it
    discord: dict[str, float] = field(default_factory=dict)  # by the kind of fault; see `weather`


@dataclass(frozen=True)
class Plan:
    """One run. Times are seconds."""

    seed: int
    users: int
    people: int
    groups: tuple[str, ...]
    protected: int  # how many people are never to be changed
    workers: int
    seconds: float
    events: int
    rates: Rates
    chaos: Chaos
    index_lag: float
    store_latency: float
    environment: dict[str, str]
    sweep_every: float
    roles_stay: bool  # nobody renames, moves, makes or deletes roles by hand
    restore: bool
    redrive: bool  # an operator sends the dead letters round again at the end


def make(seed: int) -> Plan:
    """The plan of a seed."""
    chance = random.Random(f"plan {seed}")
    users = chance.randint(3, 12)
    seconds = chance.choice((120.0, 600.0, 1800.0, 7200.0))
    severity = chance.choice((0.0, 0.3, 1.0, 1.0, 2.0))
    environment = {
        "DISCORD_SYNC_NAMES": chance.choice(("True", "True", "False")),
        "DISCORD_RESERVED_ROLES": ",".join(RESERVED) if chance.random() < 0.7 else "",
        "DISCORD_ROLES_CACHE_MAX_AGE": str(chance.choice((0, 60, 600, 3600))),
        "DISCORD_TASKS_RETRY_PAUSE": str(chance.choice((5, 60))),
        "DISCORD_TASKS_MAX_RETRIES": str(chance.choice((1, 3, 6))),
        "DISCORD_DISABLE_ROLE_CREATION": "True" if chance.random() < 0.08 else "False",
    }
    return Plan(
        seed=seed,
        users=users,
        people=users + chance.randint(0, 2),
        groups=tuple(chance.sample(GROUP_NAMES, chance.randint(3, 8))),
        protected=chance.choice((0, 0, 1, 2)),
        workers=chance.randint(1, 4),
        seconds=seconds,
        events=20 + int(60 * chance.random() ** 2),
        rates=_rates(chance, severity),
        chaos=replace(_chaos(chance, severity), few=random.Random(f"few {seed}").choice((0.0, 0.5, 1.0))),
        index_lag=chance.choice((0.0, 0.5, 3.0)),
        store_latency=chance.choice((0.002, 0.01, 0.05)),
        environment=environment,
        sweep_every=max(chance.choice((120.0, 900.0, 3600.0)), seconds / 8),
        roles_stay=chance.random() < 0.5,
        restore=chance.random() < 0.12,
        redrive=chance.random() < 0.5,
    )


def _rates(chance: random.Random, severity: float) -> Rates:
    def some(most: float, share: float = 0.6) -> float:
        return chance.uniform(0, most) * severity if chance.random() < share else 0.0

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


def _chaos(chance: random.Random, severity: float) -> Chaos:
    def some(most: float) -> float:
        return min(0.5, chance.uniform(0, most) * severity) if chance.random() < 0.6 else 0.0

    return Chaos(duplicate=some(0.15), late=some(0.2), reorder=some(0.5), zombie=some(0.05))
