"""Unusual conditions of a run: what AWS, Discord and the auth site do beyond single failing calls.

Each condition has a name, and is drawn for a seed from the seed and that name alone, so that one of them can be left
out or added without a change of the others. `known` names the conditions that Rolecall does not survive yet.
"""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

from local.discord.blocks import SHAPES
from local.discord.faults import Fault
from local.outages import Manner, Outage, Service
from local.simulated import Clocks
from simulation.known import KNOWN

HOUR, DAY = 3600.0, 86_400.0
MEMBER = r"/members/\d+$"
NAMED_ROLE = "Logistics"  # the role that Discord refuses to create
NAMED_NICKNAME = "Kira"  # the nickname that Discord refuses


@dataclass(frozen=True)
class Storm:
    """Many statements at once: how many, in how many seconds, and the share of them that gives one group to all."""

    begins: float
    statements: int
    seconds: float
    gain: float


@dataclass
class Conditions:
    """What is unusual about one run. Times are seconds from its beginning."""

    names: list[str] = field(default_factory=list)
    clocks: Clocks = field(default_factory=Clocks)
    outages: list[Outage] = field(default_factory=list)
    idle_limit: float | None = None
    expire_every: float | None = None
    early: float = 0.0  # chance that a message is received again while the first receiver is at work
    switches: dict[str, Any] = field(default_factory=dict)
    refusals: list[Fault] = field(default_factory=list)  # for good
    refused_members: dict[str, list[int]] = field(default_factory=dict)  # by method; places among the people
    discord: dict[str, float] = field(default_factory=dict)  # chances of kinds of faults, of each request
    blocks: list[tuple[float, float, str, int]] = field(default_factory=list)  # begin, seconds, shape, address
    troubles: list[tuple[float, float, dict[str, Any], dict[str, Any]]] = field(default_factory=list)
    imported: float = 0.0  # share of users whose link an operator imported
    never_told: float = 0.0  # share of those whose groups were never stated
    environment: dict[str, str] = field(default_factory=dict)  # settings
    dated: float = 0.0  # share of deletions that say when the auth site decided them
    members_stay: bool = False  # removed members may stay in the server, without roles
    grace_days: int = 0  # the longest of a deletion, or of the settings
    removal_limit: int | None = None  # members who may lose something within an hour, in place of 25
    storms: list[Storm] = field(default_factory=list)
    crowd: int = 0  # users beyond those of the plan


Draw = Callable[[random.Random, Conditions, float], None]  # the last: how long the run is


def draw(seed: int, seconds: float, *, only: Collection[str] | None = None) -> Conditions:
    """The conditions of a seed: of those that Rolecall survives, or `only` of these."""
    conditions = Conditions()
    for name, (chance, draw_one) in CONDITIONS.items():
        rng = random.Random(f"{name} {seed}")
        happens = rng.random() < chance
        if name in only if only is not None else happens and name not in KNOWN:
            conditions.names.append(name)
            draw_one(rng, conditions, seconds)
    return conditions


def _auth_site_clock(rng: random.Random, found: Conditions, _seconds: float) -> None:
    found.clocks = _with(found.clocks, auth_site=rng.uniform(-50, 50))


def _aws_clocks(rng: random.Random, found: Conditions, _seconds: float) -> None:
    salt = rng.random()
    found.clocks = _with(
        found.clocks,
        sqs=rng.uniform(-1, 1),
        discord=rng.uniform(-5, 5),
        functions=lambda number: random.Random(f"{salt} {number}").uniform(-0.5, 0.5),
    )


def _with(clocks: Clocks, **changed: Any) -> Clocks:  # noqa: ANN401 - fields of Clocks
    return Clocks(**({name: getattr(clocks, name) for name in Clocks.__dataclass_fields__} | changed))


def _outage_of(service: Service) -> Draw:
    def draw_outage(rng: random.Random, found: Conditions, seconds: float) -> None:
        manner: Manner = rng.choice(("unreachable", "503", "hangs")) if service == "discord" else "unreachable"
        length = rng.choice((DAY, *[600.0] * 4, *[HOUR] * 7))  # a day takes as long to run as twenty other seeds
        begins = rng.uniform(0, seconds)
        found.outages.append(Outage(service, begins, begins + length, manner))

    return draw_outage


def _frozen_processes(rng: random.Random, found: Conditions, _seconds: float) -> None:
    found.idle_limit = rng.choice((30.0, 300.0))


def _early_redelivery(rng: random.Random, found: Conditions, _seconds: float) -> None:
    found.early = rng.uniform(0, 0.3)


def _expiry(rng: random.Random, found: Conditions, _seconds: float) -> None:
    found.expire_every = rng.choice((60.0, HOUR))


def _switch(**switches: Callable[[random.Random], Any]) -> Draw:
    def turn(rng: random.Random, found: Conditions, _seconds: float) -> None:
        found.switches |= {name: choose(rng) for name, choose in switches.items()}

    return turn


def _refusal(**fault: Any) -> Draw:  # noqa: ANN401 - fields of Fault
    def refuse(_rng: random.Random, found: Conditions, _seconds: float) -> None:
        found.refusals.append(Fault(**({"kind": "answer", "times": None} | fault)))

    return refuse


def _refused_member(method: str) -> Draw:
    def refuse(rng: random.Random, found: Conditions, _seconds: float) -> None:
        found.refused_members[method] = [rng.randint(0, 2)]

    return refuse


def _rate(kind: str, most: float) -> Draw:
    def spread(rng: random.Random, found: Conditions, _seconds: float) -> None:
        found.discord[kind] = rng.uniform(0, most)

    return spread


def _blocked_address(rng: random.Random, found: Conditions, seconds: float) -> None:
    found.idle_limit = found.idle_limit or HOUR  # processes have addresses only then
    for _ in range(rng.randint(1, 2)):
        length = rng.choice((60.0, HOUR))
        found.blocks.append((rng.uniform(0, seconds), length, rng.choice(SHAPES), rng.randint(1, 4)))


def _trouble(lost: dict[str, Any], back: dict[str, Any]) -> Draw:
    def happen(rng: random.Random, found: Conditions, seconds: float) -> None:
        found.troubles.append((rng.uniform(0, seconds), rng.choice((30.0, 600.0, HOUR)), lost, back))

    return happen


def _imported_links(rng: random.Random, found: Conditions, _seconds: float) -> None:
    found.imported = rng.uniform(0.2, 1)


def _never_told(rng: random.Random, found: Conditions, _seconds: float) -> None:
    found.imported = found.imported or rng.uniform(0.2, 1)
    found.never_told = rng.uniform(0.2, 1)


def _settings(**choices: tuple[str, ...]) -> Draw:
    def choose(rng: random.Random, found: Conditions, _seconds: float) -> None:
        found.environment |= {name: rng.choice(values) for name, values in choices.items()}

    return choose


def _dated_deletions(rng: random.Random, found: Conditions, _seconds: float) -> None:
    found.dated = rng.uniform(0.3, 1)


def _removed_members_stay(_rng: random.Random, found: Conditions, _seconds: float) -> None:
    found.environment["DISCORD_EXPIRE_BEHAVIOR"] = "remove_roles"
    found.members_stay = True


def _grace_days(rng: random.Random, found: Conditions, _seconds: float) -> None:
    found.grace_days = 1
    found.environment["DISCORD_EXPIRE_GRACE_DAYS"] = rng.choice(("0", "1"))  # 0: some deletions say it themselves


def _removal_limit(rng: random.Random, found: Conditions, _seconds: float) -> None:
    found.removal_limit = rng.randint(1, 3)
    found.environment["REMOVAL_LIMIT_PERCENT"] = "1"


def _storms(rng: random.Random, found: Conditions, seconds: float) -> None:
    found.crowd = rng.choice((0, 0, 8, 20))
    for _ in range(rng.randint(1, 3)):
        begins, length = rng.uniform(seconds * 0.1, seconds), rng.choice((0.5, 5.0, 30.0, 120.0))
        found.storms.append(Storm(begins, rng.randint(20, 300), length, rng.choice((0.0, 0.0, 0.3, 1.0))))
    if rng.random() < 0.15:  # Discord stops listing members, and lists them again
        begins, length = rng.uniform(0, seconds), rng.choice((30.0, 600.0))
        found.troubles.append((begins, length, {"member_intent": False}, {"member_intent": True}))


ALL_PERMISSIONS = 402_653_187  # manage roles, manage nicknames, kick members, create invites
NO_ROLES = 134_217_731  # without manage roles

CONDITIONS: dict[str, tuple[float, Draw]] = {  # how often, of all runs
    "auth_site_clock": (0.3, _auth_site_clock),
    "aws_clocks": (0.5, _aws_clocks),
    "outage_dynamodb": (0.05, _outage_of("dynamodb")),
    "outage_sqs": (0.05, _outage_of("sqs")),
    "outage_lambda": (0.05, _outage_of("lambda")),
    "outage_discord": (0.05, _outage_of("discord")),
    "frozen_processes": (0.3, _frozen_processes),
    "early_redelivery": (0.2, _early_redelivery),
    "expiry": (0.3, _expiry),
    "odd_nicknames": (
        0.2,
        _switch(null_nick_for_username=lambda r: r.random() < 0.7, strips_invisible=lambda r: r.random() < 0.7),
    ),
    "late_listing": (0.1, _switch(list_lag=lambda r: r.choice((1.0, 10.0, 120.0)))),
    "small_pages": (0.1, _switch(member_page=lambda r: r.choice((1, 2, 5)))),
    "unknown_roles": (0.2, _switch(leaves_out_unknown_roles=lambda _: True)),
    "refused_nickname": (
        0.1,
        _refusal(method="PATCH|PUT", path=MEMBER, content=f'"nick": ?"{NAMED_NICKNAME}"', status=400, code=50035),
    ),
    "refused_role_name": (
        0.1,
        _refusal(method="POST", path="/roles$", content=f'"{NAMED_ROLE}"', status=400, code=50035),
    ),
    "refused_list": (0.05, _refusal(method="GET", path="/members$", status=403, code=50001)),
    "refused_census": (0.05, _refusal(method="GET", path="/member-counts$", status=403, code=50001)),
    "refused_kick": (0.05, _refusal(method="DELETE", path=MEMBER, status=403, code=50013)),
    "refused_member": (0.05, _refused_member("PATCH|PUT|DELETE")),
    "ignored_changes": (0.1, _rate("ignore", 0.1)),
    "left_out_roles": (0.1, _rate("leave_out", 0.1)),
    "short_pages": (0.1, _rate("short_page", 0.5)),
    "blocked_address": (0.1, _blocked_address),
    "lost_permissions": (0.05, _trouble({"bot_permissions": NO_ROLES}, {"bot_permissions": ALL_PERMISSIONS})),
    "two_factor": (0.05, _trouble({"requires_2fa": True}, {"requires_2fa": False})),
    "thrown_out": (0.05, _trouble({"bot_in_guild": False}, {"bot_in_guild": True})),
    "no_member_list": (0.05, _switch(member_intent=lambda _: False)),
    "imported_links": (0.1, _imported_links),
    "never_told": (0.05, _never_told),
    "dated_deletions": (0.3, _dated_deletions),
    "removed_members_stay": (0.1, _removed_members_stay),
    "grace_days": (0.1, _grace_days),
    "removal_limit": (0.1, _removal_limit),
    "unlinked_members": (0.1, _settings(DISCORD_UNLINKED_MEMBERS=("report", "remove_roles"))),
    "storms": (0.1, _storms),
    "known_roles": (0.1, _settings(DISCORD_MANAGED_ROLES=("known",))),
}
