"""The arithmetic of the budget: no interleaving exceeds a bucket, of either kind; no ticket is lost for good."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.discord.budget import (
    Bucket,
    Kind,
    Lane,
    Seen,
    admit,
    backlog,
    due,
    earliest_slot,
    given_back,
    learn,
    refused,
)

NOW = 1_000_000.0


class Sliding:
    """A leaky bucket as Discord keeps most: Reset-After is the time to a whole one."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.each, self.whole_at = limit, window / limit, 0.0

    def take(self, now: float) -> Seen | None:
        level = max(0.0, self.whole_at - now) / self.each
        if level > self.limit - 1 + 1e-6:
            return None
        self.whole_at = max(self.whole_at, now) + self.each
        remaining = int(self.limit - level - 1 + 1e-6)
        return Seen(self.limit, remaining, self.whole_at, self.whole_at - now, now)


class Fixed:
    """A window that opens with its first request."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.window, self.ends, self.used = limit, window, 0.0, 0

    def take(self, now: float) -> Seen | None:
        if now >= self.ends:
            self.ends, self.used = now + self.window, 0
        if self.used >= self.limit:
            return None
        self.used += 1
        return Seen(self.limit, self.limit - self.used, self.ends, self.ends - now, now)


def known(limit: int = 10, window: float = 10.0, **changes: object) -> Bucket:
    """A bucket whose window opened just now, with nothing used."""
    bucket = Bucket("b", limit, window, Kind.SLIDING, opened_at=NOW)
    return replace(bucket, reopens_at=NOW + bucket.shut_for, **changes)  # type: ignore[arg-type]


# --- learning -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Sliding, Fixed])
@pytest.mark.parametrize(("limit", "window"), [(10, 10.0), (5, 1.0), (250, 172_800.0), (2, 3.5)])
def test_two_answers_of_one_stretch_tell_the_kind_and_the_window(
    model: type[Sliding | Fixed], limit: int, window: float
) -> None:
    discord, bucket = model(limit, window), Bucket("b")
    for number in range(2):
        seen = discord.take(NOW + number * 0.01)
        assert seen is not None
        bucket = learn(bucket, seen)
    assert bucket.kind is (Kind.SLIDING if model is Sliding else Kind.FIXED)
    assert bucket.limit == limit
    assert bucket.window == pytest.approx(window)


def test_an_answer_that_says_nothing_new_leaves_the_bucket_as_it_is() -> None:
    bucket = known(used=(1, 0, 0))
    assert learn(bucket, Seen(10, 9, NOW + 1, 1.0, NOW)) is bucket


def test_requests_that_were_not_admitted_here_count_all_the_same() -> None:
    assert sum(learn(known(used=(1, 0, 0)), Seen(10, 4, NOW + 6, 6.0, NOW)).used) == 6


def test_a_later_reset_pushes_the_next_window() -> None:
    assert learn(known(), Seen(10, 0, NOW + 13, 13.0, NOW)).reopens_at == NOW + 13


def test_a_limit_that_discord_changed_is_learnt_anew() -> None:
    assert learn(known(), Seen(5, 4, NOW + 1, 1.0, NOW)).limit == 5


def test_a_429_closes_the_window_for_as_long_as_it_says() -> None:
    bucket = refused(known(), now=NOW, wait=42.0)
    assert all(admit(bucket, lane, now=NOW + 41.9) is None for lane in Lane)
    assert admit(bucket, Lane.BULK, now=NOW + 42.0) is not None


# --- admission ------------------------------------------------------------------------------------------------


def test_a_window_admits_as_many_as_its_limit_and_not_one_more() -> None:
    bucket, admitted = known(), 0
    while (entered := admit(bucket, Lane.NORMAL, now=NOW + 1)) is not None:
        bucket, admitted = entered, admitted + 1
    assert admitted == 10


def test_no_request_is_begun_shortly_before_the_end_of_a_window() -> None:
    assert admit(known(), Lane.URGENT, now=NOW + 9.6) is None


@pytest.mark.parametrize(
    ("lane", "ticketed", "admitted"),
    [
        (Lane.URGENT, False, 10),
        (Lane.NORMAL, True, 10),  # its own tickets are not ahead of it
        (Lane.NORMAL, False, 6),  # four places are promised to those who hold tickets
        (Lane.BULK, True, 6),  # and to lanes above
        (Lane.BULK, False, 6),
    ],
)
def test_tickets_of_a_lane_are_kept_for_it_against_the_lanes_below(lane: Lane, ticketed: bool, admitted: int) -> None:
    bucket, count = known(tickets=(0, 4, 0)), 0
    while (entered := admit(bucket, lane, now=NOW + 1, ticketed=ticketed)) is not None:
        bucket, count = entered, count + 1
    assert count == admitted


@pytest.mark.parametrize(("used", "goes"), [(2, True), (3, False)])
def test_the_pause_after_a_short_window_is_not_waited_for_while_few_went(used: int, goes: bool) -> None:
    """What went counts on, so that no more go in both together than one may hold."""
    bucket = known(limit=5, window=1.0, used=(0, 0, used))
    entered = admit(bucket, Lane.BULK, now=NOW + 0.97)
    assert (entered is not None) is goes
    if entered:
        assert sum(entered.used) == used + 1


# --- giving back ----------------------------------------------------------------------------------------------


def test_a_place_that_is_given_back_is_somebody_elses() -> None:
    bucket = known(used=(0, 7, 3))
    assert admit(bucket, Lane.BULK, now=NOW + 1) is None
    bucket = given_back(bucket, Lane.NORMAL, bucket.number)
    assert bucket.used == (0, 6, 3)
    assert admit(bucket, Lane.BULK, now=NOW + 1) is not None


def test_a_place_in_a_window_that_is_over_is_nobodys() -> None:
    bucket = known(used=(0, 2, 0), number=7)
    assert given_back(bucket, Lane.NORMAL, 6) is bucket


@pytest.mark.parametrize("kind", list(Kind))
def test_no_place_that_is_given_back_opens_what_a_429_closed(kind: Kind) -> None:
    held = admit(known(kind=kind), Lane.URGENT, now=NOW + 1)
    assert held is not None
    bucket = given_back(refused(held, now=NOW + 2, wait=42.0), Lane.URGENT, held.number)
    assert all(admit(bucket, lane, now=NOW + 43.9) is None for lane in Lane)


def test_a_first_request_that_failed_on_its_way_lets_another_try_at_once() -> None:
    tried = admit(Bucket("b"), Lane.NORMAL, now=NOW)
    assert tried is not None
    assert admit(tried, Lane.NORMAL, now=NOW + 0.1) is None
    assert admit(given_back(tried, Lane.NORMAL, tried.number), Lane.NORMAL, now=NOW + 0.1) is not None


# --- tickets --------------------------------------------------------------------------------------------------


def test_slots_are_spread_over_the_first_half_of_each_window() -> None:
    times = [due(known(), slot, now=NOW) - NOW for slot in range(30)]
    assert times == sorted(times)
    assert times[:10] == pytest.approx([index * 0.5 for index in range(10)])
    assert times[10] == pytest.approx(known().shut_for)


def test_a_ticket_whose_time_was_foreseen_too_early_is_due_when_the_window_opens() -> None:
    late = replace(known(), reopens_at=NOW + 30)
    assert due(late, 10, now=NOW + 10.4) == NOW + 30


def test_a_dead_holders_slot_holds_up_nobody() -> None:
    """Slots 10 to 19 were given to workers that died; whoever comes next opens a window and goes."""
    bucket = known(tickets=(0, 0, 20))
    assert admit(bucket, Lane.BULK, now=NOW + 1000, ticketed=True) is not None
    assert backlog(bucket, Lane.BULK, now=NOW + 1000) <= bucket.period + 1e-6


@given(
    elapsed=st.floats(0, 100),
    used=st.integers(0, 10),
    tickets=st.tuples(*[st.integers(0, 200)] * 3),
    lane=st.sampled_from(Lane),
)
def test_a_new_ticket_is_never_for_a_place_that_is_gone(
    elapsed: float, used: int, tickets: tuple[int, int, int], lane: Lane
) -> None:
    bucket = known(used=(used, 0, 0), tickets=tickets)
    slot = earliest_slot(bucket, lane, now=NOW + elapsed)
    assert slot >= bucket.first_slot + used
    assert slot >= max(tickets[:lane], default=0)
    assert due(bucket, slot, now=NOW + elapsed) >= NOW + min(elapsed, bucket.shut_for) - 1e-6


# --- any interleaving -----------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    workers=st.integers(1, 12),
    limit=st.integers(1, 12),
    window=st.sampled_from([1.0, 4.0, 10.0]),
    fixed=st.booleans(),
)
def test_no_interleaving_of_any_number_of_workers_exceeds_a_bucket(
    seed: int, workers: int, limit: int, window: float, fixed: bool
) -> None:
    """Workers of all lanes ask at any times; requests arrive, and answers come back, up to 40 ms later."""
    chance = random.Random(seed)  # noqa: S311 - decides a simulation
    discord: Sliding | Fixed = (Fixed if fixed else Sliding)(limit, window)
    bucket, now, made = Bucket("b"), NOW, 0
    arriving: list[tuple[float, str, Seen | None]] = []
    in_flight = 0
    for _ in range(400):
        now += chance.expovariate(workers * limit / window)
        while arriving and (event := min(arriving, key=lambda one: one[0]))[0] <= now:
            arriving.remove(event)
            at, what, seen = event
            if what == "request":
                answer = discord.take(at)
                assert answer is not None, f"429 after {made} requests"
                arriving.append((at + chance.uniform(0.0, 0.02), "answer", answer))
            elif seen is not None:
                in_flight -= 1
                bucket = learn(bucket, replace(seen, at=at))
        if bucket.kind is Kind.UNSEEN and in_flight:
            continue
        entered = admit(bucket, chance.choice(list(Lane)), now=now, ticketed=chance.random() < 0.5)
        if entered is not None:
            bucket, made, in_flight = entered, made + 1, in_flight + 1
            arriving.append((now + chance.uniform(0.0, 0.02), "request", None))
    assert made > 0
