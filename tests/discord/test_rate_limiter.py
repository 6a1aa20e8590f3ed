"""The shared budget at work: what waits, what goes first, what stops, and what is never held up."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import pytest

from chalicelib.discord.buckets import MAX_SWAPS, Buckets
from chalicelib.discord.client import MEMBER_PATCH, ROLE_GIVE, ROLE_TAKE
from chalicelib.discord.halts import Halts
from chalicelib.discord.rate_limit import Bucket, Kind, Lane, Seen
from chalicelib.discord.rate_limiter import FIRST_ANSWER_NAP, MIN_TURN, RateLimiter
from chalicelib.errors import RateLimitDeferred, Ticket
from chalicelib.members.context import JobContext, Outcome
from chalicelib.messages import UpdateAll
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.store.rate_limits import DynamoRateLimitStore
from local.discord.faults import Fault
from local.simulated import World


def linked(world: World, count: int) -> list[str]:
    """Users 0, 1, … who are members and linked, with the role Member."""
    names = [f"pilot-{number}" for number in range(count)]
    for number, name in enumerate(names):
        world.link(str(number), name, groups=["Member"], nickname=f"Right {name}")
        world.clock.advance(2)
    return names


def limited(world: World) -> int:
    """How often Discord had to say 429."""
    return sum(one.status == 429 for one in world.asked())


def test_a_burst_of_changes_is_done_at_the_limit_and_never_over_it() -> None:
    world = World({"DISCORD_SYNC_NAMES": "True", "REMOVAL_LIMIT_PERCENT": "100"}, workers=10)
    names = linked(world, 40)
    world.guild.create_role("Blue")
    world.guild.create_role("Red")
    began = world.clock.now()
    for number in range(len(names)):
        world.site.groups(str(number), ["Blue", "Red"])
    world.run(until=lambda: all(world.roles(name) == {"Blue", "Red"} for name in names))
    assert limited(world) == 0
    assert world.clock.now() - began < 60  # 40 writes at 10 in 10 s, and what is learnt first


def test_no_worker_sleeps_longer_than_two_seconds() -> None:
    world = World({"DISCORD_SYNC_NAMES": "True"}, workers=10)
    names = linked(world, 30)
    world.guild.create_role("Blue")
    world.guild.create_role("Red")
    naps: list[float] = []
    asleep = world.clock.on_sleep
    assert asleep is not None

    def note(seconds: float) -> None:
        naps.append(seconds)
        asleep(seconds)

    world.clock.on_sleep = note
    for number in range(len(names)):
        world.site.groups(str(number), ["Blue", "Red"])
    world.run()
    assert max(naps) <= 2.0


def test_a_limit_on_creating_roles_that_lasts_a_day_holds_up_no_role_that_exists(world: World) -> None:
    linked(world, 2)
    world.guild.create_role("Blue")
    world.guild.inject(Fault(kind="rate_limit", method="POST", path=".*/roles", times=None, retry_after=86_400.0))
    world.site.groups("0", ["Member", "Blue", "Brand New"])
    world.run(seconds=60, until=lambda: "Blue" in (world.roles("pilot-0") or set()))
    assert world.roles("pilot-0") == {"Member", "Blue"}
    world.run(seconds=60)
    asked = len(world.asked("POST role"))
    world.site.groups("1", ["Blue", "Brand New"])
    world.run(seconds=60)
    assert world.roles("pilot-1") == {"Blue"}
    assert len(world.asked("POST role")) == asked  # it is not tried again for every member


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
def test_a_429_of_any_scope_is_obeyed_and_costs_no_try(
    world: World, scope: Literal["user", "shared", "global"]
) -> None:
    linked(world, 1)
    world.guild.create_role("Blue")
    world.guild.inject(
        Fault(kind="rate_limit", method="PATCH|PUT", path=".*/members/.*", times=4, scope=scope, retry_after=20.0)
    )
    world.site.groups("0", ["Member", "Blue"])
    world.run(seconds=600)
    assert world.roles("pilot-0") == {"Member", "Blue"}
    assert list(world.dead_letters()) == []
    times = [one.at for one in world.guild.received() if one.status == 429]
    assert len(times) >= 2
    assert all(later - earlier >= 20 for earlier, later in pairwise(times))


def test_a_global_limit_of_a_second_delays_nobody_for_longer(world: World) -> None:
    names = linked(world, 4)
    world.guild.inject(Fault(kind="rate_limit", method="GET", path=".*/members/.*", scope="global", retry_after=1.0))
    began = world.clock.now()
    for number in range(len(names)):
        world.site.groups(str(number), ["Member", "Blue"])
    world.run(until=lambda: all(world.roles(name) == {"Member", "Blue"} for name in names))
    assert world.clock.now() - began < 10


@pytest.mark.parametrize("kind", ["cut", "hang"])
def test_first_requests_that_get_no_answer_make_no_queue_of_those_behind(kind: Literal["cut", "hang"]) -> None:
    world = World({"DISCORD_TASKS_RETRY_PAUSE": "1", "DISCORD_API_TIMEOUT_READ": "4"}, workers=5)
    names = linked(world, 30)
    world.guild.create_role("Blue")
    world.guild.inject(Fault(kind=kind, method="PUT", path=".*/roles/.*", seconds=30.0, times=2))
    began = world.clock.now()
    for number in range(len(names)):
        world.site.groups(str(number), ["Member", "Blue"])
    world.run(until=lambda: all(world.roles(name) == {"Member", "Blue"} for name in names))
    assert world.clock.now() - began < (35 if kind == "cut" else 45)  # 30 writes at 10 in 10 s, and two first answers
    assert limited(world) == 0


def test_a_place_taken_for_a_write_that_is_not_needed_is_left_to_somebody_else(world: World) -> None:
    linked(world, 1)
    world.site.groups("0", ["Blue", "Red"])
    world.run()  # the bucket is known
    world.clock.advance(60)
    container = world.container()
    rate_limiter = container.services.discord.rate_limiter
    context = JobContext(Lane.NORMAL, "test", ticket=Ticket(rate_limiter.bucket_of(MEMBER_PATCH), 0))
    assert container.delivery.reconciler.change(UpdateAll(user_id="0"), context) is Outcome.NOTHING
    bucket = rate_limiter.buckets.read(rate_limiter.bucket_of(MEMBER_PATCH))
    assert bucket.opened_at == world.clock.now() - 0.05  # the place was taken, and the member looked at
    assert sum(bucket.used) == 0


def test_a_place_whose_window_is_over_is_good_for_nothing(world: World) -> None:
    rate_limit_store, rate_limiter = with_a_known_bucket(world)
    reservation = rate_limiter.reserve(MEMBER_PATCH, Lane.NORMAL)
    world.clock.advance(2)
    assert rate_limiter.use(reservation, MEMBER_PATCH)
    reservation = rate_limiter.reserve(MEMBER_PATCH, Lane.NORMAL)
    world.clock.advance(12)
    assert not rate_limiter.use(reservation, MEMBER_PATCH)
    rate_limiter.acquire(MEMBER_PATCH, Lane.NORMAL)
    rate_limiter.release(reservation)
    assert sum(rate_limit_store.get("bucket").used) == 1  # of the window that is open now


def with_a_known_bucket(
    world: World, kind: Kind = Kind.FIXED, **changes: Any
) -> tuple[DynamoRateLimitStore, RateLimiter]:
    """A store in which MEMBER_PATCH has a bucket of ten in ten seconds, just opened; and a process that reads it."""
    rate_limit_store, now = DynamoRateLimitStore(1, 2), world.clock.now()
    bucket = Bucket("bucket", 10, 10.0, kind, number=3, opened_at=now, reopens_at=now + 10.1)
    assert rate_limit_store.swap(Bucket("bucket"), replace(bucket, **changes), alone=True)
    rate_limit_store.name_bucket(MEMBER_PATCH, "bucket")
    return rate_limit_store, limiter(world, rate_limit_store)


def test_after_a_429_on_a_bucket_of_unknown_kind_old_appointments_hold_up_nobody(world: World) -> None:
    rate_limit_store, rate_limiter = with_a_known_bucket(world, Kind.UNKNOWN, used=(0, 10, 0))
    assert rate_limiter.buckets.take_slots("bucket", Lane.NORMAL, 38) == 40
    rate_limiter.buckets.limited(MEMBER_PATCH, "bucket", 4.0)
    world.clock.advance(4.1)
    began = world.clock.now()
    rate_limiter.acquire(MEMBER_PATCH, Lane.BULK)
    assert world.clock.now() == began
    rate_limiter.buckets.answered(MEMBER_PATCH, "bucket", "bucket", Seen(10, 9, began + 10, 10.0, began))
    assert rate_limiter.buckets.take_slots("bucket", Lane.NORMAL, 1) == rate_limit_store.get("bucket").first_slot + 1


def limiter(world: World, rate_limit_store: DynamoRateLimitStore) -> RateLimiter:
    """A process that reads that store."""
    halts = Halts(DynamoHaltStore(2, 1), world.clock, token="any", container="any")
    return RateLimiter(Buckets(rate_limit_store, world.clock), halts, world.clock)


def defer_all(rate_limiter: RateLimiter, ticket: Ticket | None) -> RateLimitDeferred:
    """How a request is sent away that cannot be made now."""
    with pytest.raises(RateLimitDeferred) as later:
        rate_limiter.acquire(MEMBER_PATCH, Lane.NORMAL, ticket)
    return later.value


def test_a_ticket_of_a_bucket_whose_row_was_lost_since_strands_nobody(world: World) -> None:
    _, rate_limiter = with_a_known_bucket(
        world, used=(0, 10, 0)
    )  # as it was learnt anew: its windows count from the start
    later = defer_all(rate_limiter, Ticket("bucket", 40_000))
    assert later.ticket.slot == 40
    assert later.retry_after < 15
    world.clock.advance(later.retry_after)
    rate_limiter.acquire(MEMBER_PATCH, Lane.NORMAL, later.ticket)


def test_a_ticket_that_was_given_out_since_the_bucket_was_read_is_kept(world: World) -> None:
    rate_limit_store, rate_limiter = with_a_known_bucket(world, used=(0, 10, 0))
    defer_all(rate_limiter, None)
    slot = rate_limit_store.take_slots("bucket", Lane.BULK, 1, at_least=60)
    assert defer_all(rate_limiter, Ticket("bucket", slot)).ticket.slot == slot


def test_whoever_comes_early_with_a_ticket_is_sent_away_without_a_further_look_at_the_bucket(world: World) -> None:
    rate_limit_store, rate_limiter = with_a_known_bucket(world, used=(0, 10, 0))
    rate_limit_store.take_slots("bucket", Lane.NORMAL, 1, at_least=60)
    rate_limiter.buckets.read(rate_limiter.bucket_of(MEMBER_PATCH))
    before = world.dynamodb.counts["GetItem", "rolecall-test-budgets"]
    assert defer_all(rate_limiter, Ticket("bucket", 60)).ticket.slot == 60
    assert world.dynamodb.counts["GetItem", "rolecall-test-budgets"] == before


class Beaten(DynamoRateLimitStore):
    """A store in which others always get ahead."""

    tries = 0

    def swap(self, *_: Any, **__: Any) -> bool:
        self.tries += 1
        return False


def test_who_waits_for_a_first_answer_asks_the_store_a_few_times_a_second_at_most(world: World) -> None:
    rate_limit_store = Beaten(1, 2)
    began = world.clock.now()
    with pytest.raises(RateLimitDeferred) as later:
        limiter(world, rate_limit_store).acquire(MEMBER_PATCH, Lane.NORMAL)
    assert later.value.retry_after >= MIN_TURN
    assert rate_limit_store.tries <= MAX_SWAPS * (1 + (world.clock.now() - began) / FIRST_ANSWER_NAP)


def test_nobody_is_sent_away_for_next_to_no_time(world: World) -> None:
    _, rate_limiter = with_a_known_bucket(world, used=(10, 0, 0))
    world.clock.advance(10.09)
    with pytest.raises(RateLimitDeferred) as later:
        rate_limiter.acquire(MEMBER_PATCH, Lane.NORMAL, patience=0.0)
    assert later.value.retry_after >= MIN_TURN


def test_giving_and_taking_a_role_count_against_one_bucket_as_discord_says(world: World) -> None:
    linked(world, 1)
    world.guild.create_role("Blue")
    world.site.groups("0", ["Member", "Blue"])
    world.run(seconds=60)
    world.site.groups("0", ["Member"])
    world.run(seconds=60)
    rate_limiter = world.container().services.discord.rate_limiter
    assert (
        rate_limiter.bucket_of(ROLE_GIVE) == rate_limiter.bucket_of(ROLE_TAKE) != rate_limiter.bucket_of(MEMBER_PATCH)
    )


def test_a_single_change_goes_before_a_sweep_of_many() -> None:
    world = World({"DISCORD_SYNC_NAMES": "True"}, workers=5)
    names = linked(world, 60)
    for name in names:
        world.guild.change_member(name, take=["Member"], nick="wrong")
    world.sweep(force=True)
    world.run(seconds=30)
    asked = world.clock.now()
    world.site.groups("59", ["Blue"])
    world.run(until=lambda: world.roles("pilot-59") == {"Blue"})
    assert world.clock.now() - asked < 12  # at worst until the next window opens
