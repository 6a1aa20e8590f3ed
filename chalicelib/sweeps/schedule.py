"""Turning differences into jobs, each with its ticket: when it is repaired, and on which rate-limit bucket."""

from dataclasses import dataclass

from chalicelib.discord.client import MEMBER_GET, MEMBER_PATCH, ROLE_GIVE, ROLE_TAKE
from chalicelib.discord.rate_limit import Lane
from chalicelib.messages import RepairMember, encode
from chalicelib.queues import MAX_DELAY, Progress
from chalicelib.services import Services
from chalicelib.store.sweeps import Difference, Sweep

# Seconds ahead for which jobs are sent; the others stay in the sweep's pages. SQS delays a message by MAX_DELAY at
# most, and a minute of that is kept for turns that are put off: a job that comes too early has to be queued again.
HORIZON = MAX_DELAY - 60.0
FIRST_HORIZON = 60.0  # the same while a bucket is not known that could share the work: it will be in a moment
INTERVAL = 600.0  # seconds until more are sent; less than the horizon, so that there is always work in the queue
FIRST_INTERVAL = 20.0  # seconds; the same while a bucket is not known that could share the work
FIRST_ANSWERS = 1.0  # seconds; the same while nothing is known of any bucket
SPILL_AFTER = 120.0  # seconds of single-role work from which on PATCH shares it: faster, at one read more each


@dataclass(frozen=True, slots=True)
class RepairBatch:
    """The jobs for the first of the waiting members: body, progress, and delay in seconds of each.

    `pause`: seconds until more can be sent.
    """

    jobs: list[tuple[bytes, Progress, float]]
    pause: float

    @property
    def count(self) -> int:
        """How many members have a job."""
        return len(self.jobs)


def schedule_repairs(
    services: Services, sweep: Sweep, waiting: list[Difference], *, counted: bool = False
) -> RepairBatch:
    """Jobs for the first of `waiting`, as many as Discord's limits allow within the horizon.

    `counted`: those who lose something were counted in the removal limit, or an operator allowed it.
    """
    return _Scheduler(services, sweep, waiting, counted=counted).batch()


class _Scheduler:
    def __init__(self, services: Services, sweep: Sweep, waiting: list[Difference], *, counted: bool) -> None:
        self._limits = services.discord.scheduler
        self._now = services.now()
        self._sweep = sweep
        self._waiting = waiting
        self._counted = counted

    def batch(self) -> RepairBatch:
        routes = self._possible_routes()
        room = self._room({route for several in routes for route in several})
        chosen = self._choose(routes, room)
        known = [self._limits.is_known(route) for route in room]
        return RepairBatch(
            self._jobs(chosen), INTERVAL if all(known) else FIRST_INTERVAL if any(known) else FIRST_ANSWERS
        )

    def _possible_routes(self) -> list[tuple[str, ...]]:
        """For each member, the routes that could repair them."""
        needed = {route for one in self._waiting for route in _routes(one, spill=False)}
        self._limits.refresh(needed)
        singles = [self._limits.seconds_each(route) for route in needed & {ROLE_GIVE, ROLE_TAKE}]
        spill = self._sweep.singles * max(singles, default=0.0) > SPILL_AFTER
        if spill and MEMBER_PATCH not in needed:
            self._limits.refresh([MEMBER_PATCH])
        return [_routes(one, spill=spill) for one in self._waiting]

    def _room(self, routes: set[str]) -> dict[str, int]:
        """How many requests each route has room for within the horizon."""
        most = len(self._waiting)
        horizon = HORIZON if all(self._limits.is_known(route) for route in routes) else FIRST_HORIZON
        return {route: self._limits.forecast(route, Lane.BULK, most=most, horizon=horizon) for route in sorted(routes)}

    def _choose(self, routes: list[tuple[str, ...]], room: dict[str, int]) -> list[str]:
        """A route for each of the first members: the one with the most room. Routes of one bucket share theirs."""
        left, chosen = dict(room), list[str]()
        for several in routes:
            best = max(several, key=lambda route: left[route])
            if left[best] <= 0:
                break
            for other in left:
                left[other] -= self._limits.bucket_of(other) == self._limits.bucket_of(best)
            chosen.append(best)
        return chosen

    def _jobs(self, chosen: list[str]) -> list[tuple[bytes, Progress, float]]:
        tickets = {
            route: iter(self._limits.tickets(route, Lane.BULK, chosen.count(route))) for route in sorted(set(chosen))
        }
        jobs = []
        for one, route in zip(self._waiting, chosen, strict=False):
            ticket, due = next(tickets[route])
            trace = f"{self._sweep.sweep_id}/{one.user_id}"[:120]
            progress = Progress(trace=trace, since=self._now, ticket=ticket, due=due)
            jobs.append((encode(self._job(one)), progress, max(0.0, due - self._now)))
        return jobs

    def _job(self, one: Difference) -> RepairMember:
        sweep = self._sweep
        counted = sweep.force or (self._counted and one.loses and not one.locked)
        may_take = sweep.may_take or sweep.held or one.locked  # the job finds out, and records what it must leave
        return RepairMember(
            user_id=one.user_id,
            sweep_id=sweep.sweep_id,
            parts=sweep.parts,
            version=one.version,
            role=one.role if one.give or may_take else None,
            give=bool(one.give),
            take=may_take,
            brake=0 if counted else max(1, sweep.brake),
            counted_at=sweep.counted_at if counted else 0.0,
        )


def _routes(one: Difference, *, spill: bool) -> tuple[str, ...]:
    """The routes that could repair this member. With `spill`, PATCH shares the work of the single-role bucket."""
    if one.gone or not (one.give or one.take or one.nickname):
        return (MEMBER_GET,)
    if one.role is None:
        return (MEMBER_PATCH,)
    single = ROLE_GIVE if one.give else ROLE_TAKE
    return (single, MEMBER_PATCH) if spill else (single,)
