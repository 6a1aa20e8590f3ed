"""Places that are taken together, for several messages of one batch."""

from dataclasses import replace

import pytest

from chalicelib.discord.buckets import Buckets
from chalicelib.discord.client import MEMBER_GET, MEMBER_PATCH, ROLE_GIVE
from chalicelib.discord.rate_limit import Bucket, Kind, Lane, Seen
from chalicelib.discord.rate_limiter import MAX_BLOCK, RateLimiter
from chalicelib.errors import Ticket
from chalicelib.store.rate_limits import DynamoRateLimitStore
from local.simulated import GUILD, World

NAMES = {MEMBER_PATCH: "patch", MEMBER_GET: "get", ROLE_GIVE: "role"}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def rate_limiter(world: World) -> RateLimiter:
    """The rate limiter of a process that has seen three buckets of ten requests in ten seconds."""
    now, store = world.clock.now(), DynamoRateLimitStore(int(GUILD), 2)
    limiter = world.container().services.discord.rate_limiter
    for route, key in NAMES.items():
        bucket = Bucket(key, limit=10, window=10.0, kind=Kind.SLIDING, opened_at=now, reopens_at=now + 10.1)
        store.swap(Bucket(key), bucket, alone=True)
        store.name_bucket(route, key)
        limiter.buckets.read(key)
    limiter.bucket_of(MEMBER_PATCH)
    limiter.halts.check()
    return limiter


def begin(rate_limiter: RateLimiter, *keys: str) -> None:
    """A batch of messages with a ticket of each of these buckets begins, with the first of them."""
    tickets = [Ticket(key, number) for number, key in enumerate(keys)]
    rate_limiter.block.expect(tickets)
    rate_limiter.block.begin(tickets[0])


def calls(world: World) -> int:
    return sum(world.dynamodb.counts.values())


def used(key: str) -> int:
    """How many places of the open window are taken, as stored."""
    return sum(DynamoRateLimitStore(int(GUILD), 2).get(key).used)


def acquire_all(rate_limiter: RateLimiter, route: str, count: int, lane: Lane = Lane.BULK) -> None:
    for number in range(count):
        if number:
            rate_limiter.block.begin(Ticket(NAMES[route], number))
        rate_limiter.acquire(route, lane, Ticket(NAMES[route], number))


def test_the_messages_of_a_batch_take_their_places_by_one_call(world: World, rate_limiter: RateLimiter) -> None:
    begin(rate_limiter, "role", "role", "role")
    before = calls(world)
    acquire_all(rate_limiter, ROLE_GIVE, 3)
    assert (calls(world) - before, used("role")) == (1, 3)


def test_the_looks_before_changes_of_members_are_taken_by_one_call_too(world: World, rate_limiter: RateLimiter) -> None:
    begin(rate_limiter, "patch", "patch")
    before = calls(world)
    rate_limiter.acquire(MEMBER_GET, Lane.BULK)
    rate_limiter.block.begin(Ticket("patch", 1))
    rate_limiter.acquire(MEMBER_GET, Lane.BULK)
    assert (calls(world) - before, used("get")) == (1, 2)


def test_no_more_are_taken_than_a_batch_uses_within_a_second(rate_limiter: RateLimiter) -> None:
    begin(rate_limiter, *["role"] * 9)
    rate_limiter.acquire(ROLE_GIVE, Lane.BULK)
    assert used("role") == MAX_BLOCK


@pytest.mark.parametrize("lane", [Lane.URGENT, Lane.NORMAL], ids=lambda lane: lane.name)
def test_only_bulk_work_takes_places_ahead(rate_limiter: RateLimiter, lane: Lane) -> None:
    begin(rate_limiter, "role", "role")
    rate_limiter.acquire(ROLE_GIVE, lane)
    assert used("role") == 1


def test_a_place_of_bulk_work_is_nobody_elses(rate_limiter: RateLimiter) -> None:
    begin(rate_limiter, "role", "role")
    rate_limiter.acquire(ROLE_GIVE, Lane.BULK)
    rate_limiter.acquire(ROLE_GIVE, Lane.NORMAL)
    assert used("role") == 3


def test_a_place_is_not_used_after_it_lapsed(world: World, rate_limiter: RateLimiter) -> None:
    begin(rate_limiter, "role", "role")
    first = rate_limiter.acquire(ROLE_GIVE, Lane.BULK)
    world.clock.move_to(first.closes_at)
    rate_limiter.block.begin(Ticket("role", 1))
    rate_limiter.acquire(ROLE_GIVE, Lane.BULK)
    assert used("role") == 3


def test_a_place_is_not_used_after_a_429_closed_its_window(world: World, rate_limiter: RateLimiter) -> None:
    begin(rate_limiter, "role", "role")
    rate_limiter.acquire(ROLE_GIVE, Lane.BULK)
    rate_limiter.buckets.limited(ROLE_GIVE, "role", 0.5)
    before = world.clock.now()
    rate_limiter.acquire(ROLE_GIVE, Lane.BULK, patience=60.0)
    assert world.clock.now() >= before + 0.5


def test_what_one_batch_did_not_use_the_next_one_does_not_count_on(rate_limiter: RateLimiter) -> None:
    begin(rate_limiter, "role", "role", "role")
    rate_limiter.block.expect([])
    rate_limiter.acquire(ROLE_GIVE, Lane.BULK)
    assert used("role") == 1


def test_the_last_places_of_a_window_are_taken_one_by_one(world: World, rate_limiter: RateLimiter) -> None:
    for _ in range(9):
        rate_limiter.acquire(ROLE_GIVE, Lane.BULK)
    begin(rate_limiter, "role", "role")
    before = calls(world)
    rate_limiter.acquire(ROLE_GIVE, Lane.BULK)
    assert (calls(world) - before, used("role")) == (1, 10)


def test_a_process_learns_of_a_short_window_from_its_own_answers(world: World) -> None:
    """Each pair of looks is a second from the next: an answer is compared with the one before it, not with a stored."""
    now, store = world.clock.now(), DynamoRateLimitStore(int(GUILD), 2)
    buckets = Buckets(store, world.clock)
    first = Seen(5, 4, now + 0.2, 0.2, now)
    unknown = Bucket("get", limit=5, kind=Kind.UNKNOWN, window=1.0, last=first, opened_at=now, reopens_at=now + 1.0)
    store.swap(Bucket("get"), unknown, alone=True)
    buckets.answered(MEMBER_GET, "get", "get", replace(first, at=now + 5, reset=now + 5.2))
    before = sum(world.dynamodb.counts.values())
    buckets.answered(MEMBER_GET, "get", "get", Seen(5, 3, now + 5.4, 0.22, now + 5.18))
    assert store.get("get").kind is Kind.SLIDING
    assert sum(world.dynamodb.counts.values()) - before <= 4
