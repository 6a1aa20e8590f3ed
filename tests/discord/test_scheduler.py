"""Planning requests ahead."""

from collections.abc import Callable

import pytest

from chalicelib.discord.buckets import CACHE_TTL, Buckets
from chalicelib.discord.client import MEMBER_PATCH
from chalicelib.discord.rate_limit import Lane, Seen
from chalicelib.discord.scheduler import FIRST_FEW, RequestScheduler
from chalicelib.store.rate_limits import DynamoRateLimitStore
from local.simulated import World
from tests.discord.test_rate_limiter import with_a_known_bucket

PLANS: dict[str, Callable[[RequestScheduler], object]] = {
    "forecast": lambda scheduler: scheduler.forecast(MEMBER_PATCH, Lane.BULK, most=2, horizon=60),
    "seconds_each": lambda scheduler: scheduler.seconds_each(MEMBER_PATCH),
    "is_known": lambda scheduler: scheduler.is_known(MEMBER_PATCH),
    "tickets": lambda scheduler: scheduler.tickets(MEMBER_PATCH, Lane.BULK, 2),
}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
def test_a_route_that_gets_its_name_after_its_bucket_was_read_is_planned_all_the_same(
    world: World, plan: Callable[[RequestScheduler], object]
) -> None:
    scheduler = RequestScheduler(Buckets(DynamoRateLimitStore(1, 2), world.clock), world.clock)
    world.clock.advance(1)
    scheduler.refresh([MEMBER_PATCH])
    with_a_known_bucket(world)  # as another worker learnt it meanwhile
    world.clock.advance(CACHE_TTL)
    plan(scheduler)
    assert scheduler.bucket_of(MEMBER_PATCH) == "bucket"


def test_a_slot_can_be_taken_of_a_bucket_that_was_named_meanwhile(world: World) -> None:
    buckets = Buckets(DynamoRateLimitStore(1, 2), world.clock)
    with_a_known_bucket(world)
    assert buckets.take_slots("bucket", Lane.BULK, 2) == 30


def test_before_the_kind_of_a_bucket_is_known_one_window_of_requests_is_planned(world: World) -> None:
    buckets = Buckets(DynamoRateLimitStore(1, 2), world.clock)
    scheduler, now = RequestScheduler(buckets, world.clock), world.clock.now()
    assert scheduler.forecast(MEMBER_PATCH, Lane.BULK, most=100, horizon=60) == FIRST_FEW
    buckets.answered(MEMBER_PATCH, MEMBER_PATCH, "bucket", Seen(10, 9, now + 1, 1.0, now))
    scheduler.refresh([MEMBER_PATCH])
    assert not scheduler.is_known(MEMBER_PATCH)
    assert scheduler.forecast(MEMBER_PATCH, Lane.BULK, most=100, horizon=60) == 10
    assert scheduler.forecast(MEMBER_PATCH, Lane.BULK, most=4, horizon=60) == 4
