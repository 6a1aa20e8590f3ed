"""Requests of a sweep, and how near to Discord's limits it runs. In virtual time."""

from collections.abc import Callable
from math import ceil

from bench.figures import Figure, at_least, at_most
from bench.guilds import Cost, cost_of_sweep, drift_much, drift_one_role, is_right, linked_world
from chalicelib.sweeps import schedule
from chalicelib.sweeps.page_rules import SWEEPING
from local.simulated import World

Drift = Callable[[World, list[str]], None]

DRIFTED = 100  # members, in the runs that count requests
MAX_NAP = 0.21
"""Seconds that a job sleeps for its turn, on average of those that do. SQS delays by whole seconds, and windows open a
little later than foreseen: the first job of a window comes too early. To queue it once more instead would cost three
requests of SQS and an invocation, $1.4 a million, which pays for 0.21 s of a function with half a GB."""


def few_requests(sizes: list[int]) -> list[Figure]:
    """Requests of sweeps in which nobody, or some, differ."""
    figures = []
    for size in sizes:
        world, ids = linked_world(size)
        pages = ceil(size / 1000)
        still = cost_of_sweep(world)
        figures.append(at_most(f"requests, {size:,} linked, nothing drifted", still.all_requests, pages + 2))
        figures.append(at_most("— DynamoDB calls per unchanged member", still.calls / size, 0.05, shown="{:.4f}"))
        drift_one_role(world, ids[-DRIFTED:])
        one = _right(cost_of_sweep(world), world, ids)
        name = f"requests, {size:,} linked, {DRIFTED} drifted by one role"
        figures.append(at_most(name, one.all_requests, pages + DRIFTED + 2))
        calls = (one.calls - still.calls) / DRIFTED
        figures.append(at_most("— DynamoDB calls per member drifted by one role", calls, 4, shown="{:.2f}"))
        drift_much(world, ids[-DRIFTED:])
        much = _right(cost_of_sweep(world), world, ids)
        name = f"requests, {size:,} linked, {DRIFTED} with several differences"
        figures.append(at_most(name, much.all_requests, pages + 2 * DRIFTED + 2))
    return figures


def without_list(sizes: list[int]) -> list[Figure]:
    """What sweeps cost where Discord does not list the members: each linked user is looked at by a request."""
    figures = []
    for size in sizes:
        world, _ = linked_world(size)
        world.guild.turn(member_intent=False)
        cost = cost_of_sweep(world)
        made = ", ".join(f"{times:,} {route}" for route, times in sorted(cost.requests.items()))
        name = f"requests, {size:,} linked, no list of members, nothing drifted"
        figures += [
            at_most(name, cost.all_requests, size + size // 500 + 4, shown="{:,.0f}", note=made),
            Figure("— seconds", f"{cost.virtual_seconds:,.0f}"),
            Figure("— Lambda-seconds", f"{cost.lambda_seconds:,.0f}"),
            Figure("— DynamoDB calls per member", f"{cost.calls / size:.2f}"),
        ]
    return figures


def one_change() -> list[Figure]:
    """Requests for one user, changed and unchanged; the guild's facts are cached for an hour."""
    world, ids = linked_world(10)
    world.http.delivery.view.facts(SWEEPING)
    figures = []
    for name, groups, limit in (("changed", ["Extra"], 2), ("unchanged", ["Extra"], 1)):
        before = len(world.counts.requests)
        world.site.groups(f"user-{ids[0]}", groups)
        world.run(seconds=60)
        made = [one.route for one in world.counts.requests[before:]]
        figures.append(at_most(f"requests for one {name} user", len(made), limit, note=", ".join(made)))
    return figures


def at_the_limit(drifted: int) -> list[Figure]:
    """Everybody drifted, ten workers at once: each bucket kind alone, then both together.

    How long jobs sleep is held against what queueing again would cost, and against what it was, with a little room: in
    milliseconds a member, since as a share of the Lambda-seconds it grows when jobs get quicker.
    """
    figures = []
    for name, drift, spill, share, calls, asleep in (
        ("PATCH member (sliding)", drift_much, schedule.SPILL_AFTER, 0.95, 4.0, 25),
        ("single roles (fixed window)", drift_one_role, float("inf"), 0.95, 3.2, 12),
        ("by one role, both buckets", drift_one_role, schedule.SPILL_AFTER, 1.70, 4.0, 25),
    ):
        cost = _everybody(drifted, drift, spill)
        slept = f"{cost.naps} times; {cost.slept / cost.lambda_seconds:.1%} of the Lambda-seconds"
        figures += [
            at_most(f"429s, {drifted:,} drifted, {name}", cost.limited, 0),
            at_least("— share of one bucket's capacity", drifted / cost.virtual_seconds, share, shown="{:.1%}"),
            at_most("— times a job is received, mean", cost.received / cost.jobs, 2.2, shown="{:.2f}"),
            at_most("— DynamoDB calls per drifted member", cost.calls / drifted, calls, shown="{:.2f}"),
            Figure("— Lambda-seconds per 1,000 drifted", f"{cost.lambda_seconds * 1000 / drifted:.0f}"),
            at_most("— ms asleep per drifted member", cost.slept * 1000 / drifted, asleep, shown="{:.1f}", note=slept),
            at_most("— seconds of such a sleep, mean", cost.slept / cost.naps, MAX_NAP, shown="{:.2f}"),
        ]
    return figures


def _everybody(drifted: int, drift: Drift, spill: float) -> Cost:
    world, ids = linked_world(drifted)
    kept, schedule.SPILL_AFTER = schedule.SPILL_AFTER, spill
    try:
        drift(world, ids)
        return _right(cost_of_sweep(world), world, ids)
    finally:
        schedule.SPILL_AFTER = kept


def precedence(drifted: int) -> list[Figure]:
    """How long a single change takes while a sweep of everybody runs."""
    world, ids = linked_world(drifted)
    drift_much(world, ids)
    world.sweep(force=True)
    world.run(seconds=60)
    waits = []
    for number in range(20):
        user, asked = ids[-1 - number], world.clock.now()
        world.site.groups(f"user-{user}", ["Other"])
        world.run(seconds=120, until=lambda user=user: world.roles(user) == {"Other"})  # type: ignore[misc]
        waits.append(world.clock.now() - asked)
        world.run(seconds=7.3)
    waits.sort()
    median = waits[len(waits) // 2]
    note = f"of {len(waits)}; slowest {waits[-1]:.1f} s"
    return [at_most("seconds of a single change during a sweep, median", median, 5, shown="{:.1f}", note=note)]


def _right(cost: Cost, world: World, ids: list[str]) -> Cost:
    if not is_right(world, ids):
        raise RuntimeError("the sweep did not make the guild right")
    return cost
