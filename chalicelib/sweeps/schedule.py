"""Turning those who differ into jobs, each with its ticket: when, and on which rate-limit bucket, each is mended."""

from chalicelib.discord.client import MEMBER_GET, MEMBER_PATCH, ROLE_GIVE, ROLE_TAKE
from chalicelib.discord.rate_limit import Lane
from chalicelib.members.removal_limit import brake
from chalicelib.messages import RepairMember, encode
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store.sweeps import Difference, Sweep

HORIZON = 60.0  # seconds ahead that jobs are sent; what lies further ahead stays in the sweep's own pages
SPILL_AFTER = 120.0  # seconds of single-role work from which on PATCH shares it: faster, at one read more each


def schedule_repairs(
    services: Services, sweep: Sweep, waiting: list[Difference]
) -> tuple[int, list[tuple[bytes, Progress, float]], bool]:
    """Jobs for the first few of `waiting`, each with its ticket; how many; whether all buckets are known."""
    rate_limiter, now = services.discord.rate_limiter, services.now()
    needed = {route for one in waiting for route in _routes(one, spill=False)}
    rate_limiter.refresh(needed)
    singles = [rate_limiter.seconds_each(route) for route in needed & {ROLE_GIVE, ROLE_TAKE}]
    spill = sweep.singles * max(singles, default=0.0) > SPILL_AFTER
    if spill and MEMBER_PATCH not in needed:
        rate_limiter.refresh([MEMBER_PATCH])
    routes = [_routes(one, spill=spill) for one in waiting]
    room = {
        route: rate_limiter.forecast(route, Lane.BULK, most=len(waiting), horizon=HORIZON)
        for route in sorted({route for several in routes for route in several})
    }
    chosen: list[str] = []
    for several in routes:
        best = max(several, key=lambda route: room[route])
        if room[best] <= 0:
            break
        for other in room:
            room[other] -= rate_limiter.bucket_of(other) == rate_limiter.bucket_of(best)
        chosen.append(best)
    tickets = {
        route: iter(rate_limiter.tickets(route, Lane.BULK, chosen.count(route))) for route in sorted(set(chosen))
    }
    jobs = []
    unforeseen = 0 if sweep.force else brake(sweep.linked, services.settings.sweep_brake_percent)
    for one, route in zip(waiting, chosen, strict=False):
        ticket, due = next(tickets[route])
        progress = Progress(trace=f"{sweep.sweep_id}/{one.user_id}"[:120], since=now, ticket=ticket, due=due)
        jobs.append((encode(_job(sweep, one, unforeseen)), progress, max(0.0, due - now)))
    return len(chosen), jobs, all(rate_limiter.is_known(route) for route in room)


def _routes(one: Difference, *, spill: bool) -> tuple[str, ...]:
    """The routes that could mend this member. With `spill`, PATCH shares the work of the single-role bucket."""
    if one.gone or not (one.give or one.take or one.nickname):
        return (MEMBER_GET,)
    if one.role is None:
        return (MEMBER_PATCH,)
    single = ROLE_GIVE if one.give else ROLE_TAKE
    return (single, MEMBER_PATCH) if spill else (single,)


def _job(sweep: Sweep, one: Difference, unforeseen: int) -> RepairMember:
    """`unforeseen`: how many members may lose what the survey did not see."""
    return RepairMember(
        user_id=one.user_id,
        sweep_id=sweep.sweep_id,
        parts=sweep.parts,
        version=one.version,
        role=int(one.role) if one.role and (one.give or sweep.may_take) else None,
        give=bool(one.give),
        take=sweep.may_take,
        brake=0 if one.take or one.gone else unforeseen,
    )
