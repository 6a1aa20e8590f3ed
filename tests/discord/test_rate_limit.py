"""The arithmetic of the budget: no interleaving exceeds a bucket, of either kind; no ticket is lost for good."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.discord.rate_limit import (
    HELD,
    Bucket,
    Kind,
    Lane,
    Seen,
    admit,
    backlog,
    due,
    earliest_slot,
    holds_until,
    learn,
    refused,
    released,
)

NOW = 1_000_000.0


class Sliding:
    """A leaky bucket as Discord keeps most: Reset-After is the time to a whole one."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.each, self.full_at = limit, window / limit, 0.0
        self.ends_at = 0.0  # it has no windows

    def take(self, now: float) -> Seen | None:
        level = max(0.0, self.full_at - now) / self.each
        if level > self.limit - 1 + 1e-6:
            return None
        self.full_at = max(self.full_at, now) + self.each
        remaining = int(self.limit - level - 1 + 1e-6)
        return Seen(self.limit, remaining, self.full_at, self.full_at - now, now)


class Fixed:
    """A window that opens with its first request."""

    def __init__(self, limit: int, window: float) -> None:
        self.limit, self.window, self.ends_at, self.used = limit, window, 0.0, 0

    def take(self, now: float) -> Seen | None:
        if now >= self.ends_at:
            self.ends_at, self.used = now + self.window, 0
        if self.used >= self.limit:
            return None
        self.used += 1
        return Seen(self.limit, self.limit - self.used, self.ends_at, self.ends_at - now, now)


def known(limit: int = 10, window: float = 10.0, **changes: object) -> Bucket:
    """A bucket whose window opened just now, with nothing used."""
    bucket = Bucket("b", limit, window, Kind.SLIDING, opened_at=NOW)
    return replace(bucket, reopens_at=NOW + bucket.reopens_after, **changes)  # type: ignore[arg-type]


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
    assert learn(known(), Seen(10, 0, NOW + 13, 9.0, NOW + 4)).reopens_at == NOW + 13


def test_a_window_that_is_longer_than_it_was_thought_opens_later() -> None:
    """Remaining is a whole number: what a sliding bucket needs to refill looks shorter by up to a request's time."""
    bucket = learn(known(window=7.0), Seen(10, 9, NOW + 1, 1.0, NOW))
    assert bucket.window == 10.0
    assert admit(bucket, Lane.URGENT, now=NOW + 10) is None
    assert bucket.reopens_at == NOW + bucket.reopens_after


def test_a_limit_that_discord_changed_is_learnt_anew() -> None:
    assert learn(known(), Seen(5, 4, NOW + 1, 1.0, NOW)).limit == 5


def test_a_429_closes_the_window_for_as_long_as_it_says() -> None:
    bucket = refused(known(), now=NOW, wait=42.0)
    assert all(admit(bucket, lane, now=NOW + 41.9) is None for lane in Lane)
    assert admit(bucket, Lane.BULK, now=NOW + 42.0) is not None


def test_the_longer_of_two_429s_holds() -> None:
    bucket = refused(refused(known(kind=Kind.FIXED), now=NOW, wait=42.0), now=NOW + 0.1, wait=20.0)
    assert admit(bucket, Lane.URGENT, now=NOW + 41.9) is None


def test_after_a_429_the_next_window_waits_for_those_who_hold_places_of_the_last() -> None:
    held = admit(known(kind=Kind.FIXED), Lane.URGENT, now=NOW + 1)
    assert held is not None
    bucket, until = refused(held, now=NOW + 1, wait=0.5), holds_until(held, now=NOW + 1)
    assert admit(bucket, Lane.URGENT, now=until - 0.01) is None
    assert admit(bucket, Lane.URGENT, now=until) is not None


@pytest.mark.parametrize(
    "before",
    [
        known(kind=Kind.UNKNOWN, limit=5, last=Seen(5, 4, NOW + 1, 1.0, NOW)),
        known(kind=Kind.FIXED, limit=10),
        known(kind=Kind.SLIDING, limit=10),
    ],
    ids=["of unknown kind", "fixed, with another limit", "sliding, with another limit"],
)
def test_a_late_answer_opens_nothing_that_a_429_closed(before: Bucket) -> None:
    bucket = refused(before, now=NOW + 0.3, wait=60.0)
    for late in range(2):
        bucket = learn(bucket, Seen(5, 3 - late, NOW + 1.25, 0.9, NOW + 0.35))
        assert all(admit(bucket, lane, now=NOW + 60.2) is None for lane in Lane)
    assert admit(bucket, Lane.URGENT, now=NOW + 60.3) is not None


def test_the_first_answer_ends_the_wait_for_it() -> None:
    tried = admit(Bucket("b"), Lane.NORMAL, now=NOW)
    assert tried is not None
    assert learn(tried, Seen(5, 4, NOW + 0.2, 0.2, NOW + 0.1)).reopens_at - NOW == pytest.approx(1.1)


def test_a_window_that_opened_late_at_discord_is_waited_out() -> None:
    """Its first request was made on a place that had been held for a while."""
    bucket = known(kind=Kind.FIXED, used=(1, 0, 0))
    assert learn(bucket, Seen(10, 9, NOW + 10.15, 10.0, NOW + 0.15)).reopens_at == NOW + 10.15
    assert learn(bucket, Seen(10, 9, NOW + 10.11, 10.0, NOW + 0.11)) is bucket  # later by less than any round trip


@pytest.mark.parametrize(
    "changed",
    [
        lambda bucket: learn(bucket, Seen(5, 4, NOW + 1, 1.0, NOW)),
        lambda bucket: learn(refused(bucket, now=NOW, wait=3.0), Seen(5, 4, NOW + 1, 1.0, NOW)),
    ],
    ids=["changed by Discord", "forgotten after a 429"],
)
def test_slots_counted_by_another_limit_hold_up_nobody(changed: Callable[[Bucket], Bucket]) -> None:
    before = known(kind=Kind.UNKNOWN, number=300, tickets=(0, 3600, 0))
    bucket = changed(before)
    for _ in range(2):
        opened = admit(bucket, Lane.BULK, now=bucket.reopens_at)
        assert opened is not None
        bucket = learn(opened, Seen(5, 4, NOW + 1, 1.0, NOW))
    assert max(bucket.tickets) <= bucket.first_slot
    assert backlog(bucket, Lane.NORMAL, now=bucket.opened_at) <= bucket.period


def test_requests_under_way_count_by_a_new_limit_too() -> None:
    assert sum(learn(known(used=(0, 4, 0)), Seen(5, 4, NOW + 1, 1.0, NOW)).used) == 4


# --- admission ------------------------------------------------------------------------------------------------


def test_a_window_admits_as_many_as_its_limit_and_not_one_more() -> None:
    bucket, admitted = known(), 0
    while (acquired := admit(bucket, Lane.NORMAL, now=NOW + 1)) is not None:
        bucket, admitted = acquired, admitted + 1
    assert admitted == 10


def test_no_request_is_begun_shortly_before_the_end_of_a_window() -> None:
    assert admit(known(), Lane.URGENT, now=NOW + 9.6) is None


@pytest.mark.parametrize("window", [1.0, 10.0, 48 * 3600.0], ids=lambda window: f"{window:.0f} s")
def test_the_pause_between_two_windows_is_seconds_however_long_they_are(window: float) -> None:
    bucket = Bucket("b", limit=250, window=window, kind=Kind.FIXED, opened_at=NOW, reopens_at=NOW + window)
    assert bucket.admits_for >= max(window - 5, window * 0.94)
    assert window < bucket.reopens_after <= window + 5


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
    while (acquired := admit(bucket, lane, now=NOW + 1, ticketed=ticketed)) is not None:
        bucket, count = acquired, count + 1
    assert count == admitted


@pytest.mark.parametrize(("used", "goes"), [(2, True), (3, False)])
def test_the_pause_after_a_short_window_is_not_waited_for_while_few_went(used: int, goes: bool) -> None:
    """What went counts on, so that no more go in both together than one may hold."""
    bucket = known(limit=5, window=1.0, used=(0, 0, used))
    acquired = admit(bucket, Lane.BULK, now=NOW + 0.97)
    assert (acquired is not None) is goes
    if acquired:
        assert sum(acquired.used) == used + 1


def test_appointments_on_a_bucket_that_nobody_has_seen_hold_up_no_first_request() -> None:
    """They were made by a process that did not know yet that its size was forgotten."""
    bucket = Bucket("b", opened_at=NOW - 5, reopens_at=NOW, tickets=(0, 39, 0))
    assert admit(bucket, Lane.BULK, now=NOW) is not None


# --- giving back ----------------------------------------------------------------------------------------------


def test_a_place_that_is_given_back_is_somebody_elses() -> None:
    bucket = known(used=(0, 7, 3))
    assert admit(bucket, Lane.BULK, now=NOW + 1) is None
    bucket = released(bucket, Lane.NORMAL, bucket.number)
    assert bucket.used == (0, 6, 3)
    assert admit(bucket, Lane.BULK, now=NOW + 1) is not None


def test_a_place_in_a_window_that_is_over_is_nobodys() -> None:
    bucket = known(used=(0, 2, 0), number=7)
    assert released(bucket, Lane.NORMAL, 6) is bucket


@pytest.mark.parametrize("kind", list(Kind))
def test_no_place_that_is_given_back_opens_what_a_429_closed(kind: Kind) -> None:
    held = admit(known(kind=kind), Lane.URGENT, now=NOW + 1)
    assert held is not None
    bucket = released(refused(held, now=NOW + 2, wait=42.0), Lane.URGENT, held.number)
    assert all(admit(bucket, lane, now=NOW + 43.9) is None for lane in Lane)


def test_nor_do_all_places_together_that_were_held_when_it_came() -> None:
    bucket = refused(known(kind=Kind.UNKNOWN, used=(8, 0, 0)), now=NOW + 2, wait=42.0)
    for _ in range(8):
        bucket = released(bucket, Lane.URGENT, known().number)
        bucket = released(bucket, Lane.URGENT, bucket.number)
    assert all(admit(bucket, lane, now=NOW + 43.9) is None for lane in Lane)


def test_a_first_request_that_failed_after_another_was_answered_makes_no_room() -> None:
    first = admit(Bucket("b"), Lane.URGENT, now=NOW)
    assert first is not None
    second = admit(first, Lane.URGENT, now=first.reopens_at)
    assert second is not None
    bucket = learn(second, Seen(10, 9, NOW + 7, 1.0, NOW + 6))
    assert all(released(bucket, Lane.URGENT, one.number) is bucket for one in (first, second))


def test_a_short_window_stays_open_as_long_as_it_was_to_whatever_kind_it_turns_out_to_be() -> None:
    """Places in it may be held until then."""
    first, second = Seen(5, 4, NOW + 0.2, 0.2, NOW), Seen(5, 3, NOW + 0.2, 0.1, NOW + 0.1)
    unknown = known(limit=5, window=1.0, kind=Kind.UNKNOWN, last=first)
    learnt = learn(replace(unknown, used=(2, 0, 0)), second)
    assert learnt.kind is Kind.FIXED
    assert learnt.window == pytest.approx(0.2)
    assert learnt.reopens_at == unknown.reopens_at


@pytest.mark.parametrize(
    ("bucket", "seconds"),
    [
        (known(limit=5, window=1.0, kind=Kind.FIXED), 0.95),
        (known(limit=10, window=60.0), HELD),
        (known(limit=10, window=10.0, kind=Kind.UNKNOWN, last=Seen(10, 9, NOW + 1.0, 1.0, NOW)), 0.95),
        (known(limit=5, window=1.0, kind=Kind.UNKNOWN, last=Seen(5, 4, NOW + 0.2, 0.2, NOW)), 0.95),
    ],
    ids=[
        "until the window closes",
        "for some seconds at most",
        "while the shortest window lasts that it may be",
        "until a short window closes, which does not shrink",
    ],
)
def test_a_place_is_held_no_longer_than_its_window_surely_lasts(bucket: Bucket, seconds: float) -> None:
    assert holds_until(bucket, now=NOW) - NOW == pytest.approx(seconds)


def test_a_first_request_that_failed_on_on_its_way_lets_another_try_at_once() -> None:
    tried = admit(Bucket("b"), Lane.NORMAL, now=NOW)
    assert tried is not None
    assert admit(tried, Lane.NORMAL, now=NOW + 0.1) is None
    assert admit(released(tried, Lane.NORMAL, tried.number), Lane.NORMAL, now=NOW + 0.1) is not None


# --- tickets --------------------------------------------------------------------------------------------------


def test_slots_are_spread_over_the_first_half_of_each_window() -> None:
    times = [due(known(), slot, now=NOW) - NOW for slot in range(30)]
    assert times == sorted(times)
    assert times[:10] == pytest.approx([index * 0.5 for index in range(10)])
    assert times[10] == pytest.approx(known().reopens_after)


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
    assert due(bucket, slot, now=NOW + elapsed) >= NOW + min(elapsed, bucket.reopens_after) - 1e-6


# --- any interleaving -----------------------------------------------------------------------------------------


@dataclass
class Crowd:
    """Workers that ask Discord by one bucket. What they send arrives, and is answered, 20 to 40 ms later.

    Some take their place ahead, and then make their request a while later or give the place back; some requests are
    lost on their way. Now and then Discord refuses everything for a while, for reasons of its own (`closed_until`).
    """

    discord: Sliding | Fixed
    chance: random.Random
    refuses: bool
    bucket: Bucket = field(default_factory=lambda: Bucket("b"))
    closed_until: float = 0.0
    obeyed_from: float = float("inf")  # when the first worker was told that all are refused
    admitted: int = 0
    coming: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list)

    def run(self, steps: int, pause: float) -> None:
        """So many workers ask, with such a pause between them on average."""
        now = NOW
        for _ in range(steps):
            now += self.chance.expovariate(1 / pause)
            while self.coming and self.coming[0][0] <= now:
                at, _, happens = heappop(self.coming)
                happens(at)
            if self.refuses and now >= self.closed_until and self.chance.random() < 0.02:
                until = max(now + self.chance.uniform(0.5, 20.0), self.discord.ends_at)
                self.closed_until, self.obeyed_from = until, float("inf")
            self.ask(now)

    def ask(self, now: float) -> None:
        lane = self.chance.choice(list(Lane))
        acquired = admit(self.bucket, lane, now=now, ticketed=self.chance.random() < 0.5)
        if acquired is None:
            return
        self.bucket, self.admitted = acquired, self.admitted + 1
        fate = self.chance.random()
        if fate < 0.6:
            self.after(now, lambda at: self.arrive(at, now))
        elif fate < 0.95:
            self.after(now, lambda at: self.use(at, now, acquired, lane), most=5.0)
        else:
            self.after(now, lambda _: self.lost(acquired, lane))

    def use(self, now: float, asked: float, acquired: Bucket, lane: Lane) -> None:
        if now < holds_until(acquired, now=asked) and self.chance.random() < 0.7:
            self.after(now, lambda at: self.arrive(at, asked))
        else:
            self.bucket = released(self.bucket, lane, acquired.number)

    def lost(self, acquired: Bucket, lane: Lane) -> None:
        if self.bucket.kind is Kind.UNSEEN:
            self.bucket = released(self.bucket, lane, acquired.number)

    def arrive(self, now: float, asked: float) -> None:
        if now < self.closed_until:
            assert asked <= self.obeyed_from, "asked although a 429 holds"
            self.after(now, lambda at: self.refuse(at, self.closed_until - now))
            return
        seen = self.discord.take(now)
        assert seen is not None, f"429 after {self.admitted} requests"
        self.after(now, lambda at: self.learn(replace(seen, at=at)))

    def refuse(self, now: float, wait: float) -> None:
        self.bucket, self.obeyed_from = refused(self.bucket, now=now, wait=wait), min(self.obeyed_from, now)

    def learn(self, seen: Seen) -> None:
        self.bucket = learn(self.bucket, seen)

    def after(self, now: float, happens: Callable[[float], None], *, most: float = 0.02) -> None:
        heappush(self.coming, (now + self.chance.uniform(0.01, most), self.chance.getrandbits(64), happens))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    workers=st.integers(1, 12),
    limit=st.integers(1, 12),
    window=st.sampled_from([1.0, 4.0, 10.0]),
    fixed=st.booleans(),
    refuses=st.booleans(),
)
def test_no_interleaving_of_any_number_of_workers_exceeds_a_bucket(
    seed: int, workers: int, limit: int, window: float, fixed: bool, refuses: bool
) -> None:
    """Of admissions, answers, places given back and 429s, none; and while a 429 holds, nobody asks who knows of it."""
    chance = random.Random(seed)  # noqa: S311 - decides a simulation
    crowd = Crowd((Fixed if fixed else Sliding)(limit, window), chance, refuses)
    crowd.run(400, window / (workers * limit))
    assert crowd.admitted > 0
