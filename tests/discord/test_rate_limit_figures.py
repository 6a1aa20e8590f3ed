"""The arithmetic of the budget in figures: what each formula yields, and where each rule begins to hold."""

from dataclasses import replace

import pytest

from chalicelib.discord.rate_limit import (
    Bucket,
    Kind,
    Lane,
    Seen,
    admit,
    backlog,
    due,
    earliest_slot,
    global_bucket,
    holds_until,
    learn,
    may_open_early,
    refused,
    released,
)

NOW = 1_000_000.0


def known(limit: int = 10, window: float = 10.0, **changes: object) -> Bucket:
    """A bucket whose third window opened just now, with nothing used."""
    bucket = Bucket("b", limit, window, Kind.SLIDING, number=3, opened_at=NOW)
    bucket = replace(bucket, reopens_at=NOW + bucket.reopens_after)
    return replace(bucket, **changes)  # type: ignore[arg-type]


def admitted(bucket: Bucket, lane: Lane, *, ticketed: bool = False, now: float = NOW + 1) -> int:
    """How many requests of the lane go in, one after the other."""
    count = 0
    while acquired := admit(bucket, lane, now=now, ticketed=ticketed):
        bucket, count = acquired, count + 1
    return count


# --- windows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "admits_for", "reopens_after", "period"),
    [
        (0.04, 0.02, 0.09, 0.0912),  # half of it, and 50 ms
        (1.0, 0.95, 1.05, 1.08),
        (10.0, 9.5, 10.1, 10.4),  # a twentieth before its end, a hundredth after it, and 3 % of slip
        (172_800.0, 172_795.0, 172_805.0, 177_989.0),  # 5 s at most
    ],
)
def test_how_long_a_window_admits_and_when_the_next_opens(
    window: float, admits_for: float, reopens_after: float, period: float
) -> None:
    bucket = known(window=window)
    assert bucket.admits_for == pytest.approx(admits_for)
    assert bucket.closes_at == pytest.approx(NOW + admits_for)
    assert bucket.reopens_after == pytest.approx(reopens_after)
    assert bucket.period == pytest.approx(period)
    assert bucket.spacing == pytest.approx(window / 20)


def test_a_bucket_that_nobody_has_seen_lets_one_request_go_in_five_seconds() -> None:
    unseen = Bucket("b")
    assert (unseen.limit, unseen.window, unseen.kind, unseen.is_known) == (1, 5.0, Kind.UNSEEN, False)
    assert (unseen.number, unseen.used, unseen.tickets, unseen.opened_at, unseen.reopens_at) == (
        0,
        (0, 0, 0),
        (0, 0, 0),
        0.0,
        0.0,
    )
    tried = admit(unseen, Lane.BULK, now=NOW)
    assert tried == replace(unseen, number=1, opened_at=NOW, reopens_at=NOW + 5.05, used=(0, 0, 1))


def test_all_requests_of_a_bot_are_fifty_a_second() -> None:
    assert global_bucket("global") == Bucket("global", limit=50, window=1.0, kind=Kind.FIXED)


def test_the_next_window_counts_from_its_own_first_request() -> None:
    bucket = known(used=(1, 2, 3))
    assert admit(bucket, Lane.NORMAL, now=NOW + 10.1) == replace(
        bucket, number=4, opened_at=NOW + 10.1, reopens_at=NOW + 20.2, used=(0, 1, 0)
    )
    assert admit(bucket, Lane.NORMAL, now=NOW + 10.05) is None
    assert admit(bucket, Lane.NORMAL, now=NOW + 9.49) == replace(bucket, used=(1, 3, 3))
    assert admit(bucket, Lane.NORMAL, now=NOW + 9.5) is None


@pytest.mark.parametrize(
    ("window", "used", "early"),
    [(2.0, (0, 5, 0), True), (2.0, (1, 2, 3), False), (2.01, (0, 0, 0), False), (1.0, (2, 1, 2), True)],
)
def test_a_short_window_of_which_half_was_used_is_followed_at_once(
    window: float, used: tuple[int, int, int], early: bool
) -> None:
    bucket = known(window=window, used=used)
    assert may_open_early(bucket) is early
    opened = admit(bucket, Lane.URGENT, now=bucket.closes_at)
    assert (opened.used if opened else None) == ((used[0] + 1, used[1], used[2]) if early else None)


# --- lanes and tickets ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lane", "ticketed", "count"),
    [(Lane.URGENT, True, 10), (Lane.URGENT, False, 7), (Lane.NORMAL, True, 7), (Lane.BULK, True, 5)],
)
def test_places_are_promised_to_tickets_of_the_window_that_is_open(lane: Lane, ticketed: bool, count: int) -> None:
    assert admitted(known(tickets=(33, 35, 0)), lane, ticketed=ticketed) == count


def test_a_place_that_a_higher_lane_took_is_one_of_those_promised_to_it() -> None:
    assert admitted(known(tickets=(34, 0, 0), used=(3, 0, 0)), Lane.BULK) == 6
    assert admitted(known(tickets=(34, 0, 0), used=(5, 0, 0)), Lane.BULK) == 5
    assert admitted(known(tickets=(34, 0, 0), used=(3, 0, 2)), Lane.BULK) == 4


def test_tickets_for_which_nobody_came_in_a_whole_period_bind_nobody() -> None:
    bucket = known(tickets=(0, 60, 0))
    waits = bucket.reopens_at + bucket.period
    assert admit(bucket, Lane.BULK, now=waits - 0.01) is None
    assert admit(bucket, Lane.BULK, now=waits) is not None


@pytest.mark.parametrize(
    ("slot", "seconds"),
    [
        (15, -2 * 10.4 + 2.5),  # two windows ago
        (30, 0.0),
        (39, 4.5),
        (40, 10.1),  # the next window
        (52, 10.1 + 10.4 + 1.0),  # and the one after it
    ],
)
def test_when_the_holder_of_a_ticket_is_to_come(slot: int, seconds: float) -> None:
    assert due(known(), slot, now=NOW) - NOW == pytest.approx(seconds)


def test_who_is_to_come_later_is_counted_from_now_where_the_next_window_could_be_open() -> None:
    assert due(known(), 52, now=NOW + 15) == pytest.approx(NOW + 15 + 10.4 + 1.0)


@pytest.mark.parametrize(
    ("elapsed", "used", "tickets", "slot"),
    [
        (0.0, (0, 0, 0), (0, 0, 0), 30),
        (1.2, (0, 0, 0), (0, 0, 0), 33),  # half a second apart
        (1.2, (1, 2, 3), (0, 0, 0), 36),
        (8.0, (0, 0, 0), (0, 0, 0), 40),
        (10.1, (0, 0, 0), (0, 0, 0), 40),
        (0.0, (0, 0, 0), (0, 37, 99), 37),  # behind the lanes above, whatever the own one has
    ],
)
def test_the_first_slot_of_a_new_ticket(
    elapsed: float, used: tuple[int, int, int], tickets: tuple[int, int, int], slot: int
) -> None:
    assert earliest_slot(known(used=used, tickets=tickets), Lane.BULK, now=NOW + elapsed) == slot


def test_a_request_waits_for_nothing_while_the_open_window_has_room_for_it() -> None:
    late = known(used=(0, 1, 0))
    assert backlog(late, Lane.NORMAL, now=NOW + 7) == 0.0  # a new ticket would be for the next window
    assert backlog(replace(late, used=(0, 10, 0)), Lane.NORMAL, now=NOW + 7) == pytest.approx(3.1)
    assert backlog(replace(late, tickets=(40, 0, 0)), Lane.NORMAL, now=NOW + 7) == pytest.approx(3.1)  # others' room
    assert backlog(late, Lane.NORMAL, now=NOW + 9.6) == pytest.approx(0.5)  # nothing is begun any more


def test_how_long_a_new_ticket_would_wait() -> None:
    assert backlog(known(), Lane.NORMAL, now=NOW) == 0.0
    assert backlog(known(), Lane.NORMAL, now=NOW + 50) == 0.0
    assert backlog(known(tickets=(0, 52, 0)), Lane.NORMAL, now=NOW + 2) == pytest.approx(19.5)


# --- places that are held, and given back ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bucket", "elapsed", "seconds"),
    [
        (known(), 0.0, 3.0),
        (known(), 8.0, 9.5 - 8.0),
        (known(window=2.0, kind=Kind.UNKNOWN, last=Seen(10, 9, NOW, 0.4, NOW)), 0.0, 1.9),
        (known(window=2.1, kind=Kind.UNKNOWN, last=Seen(10, 9, NOW, 0.4, NOW)), 0.0, 0.35),
        (known(window=4.0, kind=Kind.UNKNOWN, last=Seen(10, 9, NOW, 40.0, NOW)), 2.0, 1.8),
    ],
)
def test_how_long_a_place_may_be_held(bucket: Bucket, elapsed: float, seconds: float) -> None:
    assert holds_until(bucket, now=NOW + elapsed) - NOW - elapsed == pytest.approx(seconds)


def test_a_place_of_each_lane_can_be_given_back_once() -> None:
    bucket = known(used=(1, 2, 3))
    assert released(bucket, Lane.URGENT, 3) == replace(bucket, used=(0, 2, 3))
    assert released(bucket, Lane.BULK, 3) == replace(bucket, used=(1, 2, 2))
    empty = known(used=(0, 2, 3))
    assert released(empty, Lane.URGENT, 3) is empty
    assert released(bucket, Lane.URGENT, 4) is bucket


# --- answers --------------------------------------------------------------------------------------------------


def test_the_first_answer_says_how_large_a_bucket_is() -> None:
    tried = Bucket("b", number=7, opened_at=NOW - 1, reopens_at=NOW + 4, used=(0, 1, 0))
    seen = Seen(limit=10, remaining=7, reset=NOW + 3, reset_after=3.0, at=NOW)
    assert learn(tried, seen) == Bucket(
        "b", 10, 10.0, Kind.UNKNOWN, seen, number=8, opened_at=NOW, reopens_at=NOW + 10.0, used=(3, 0, 0)
    )


def test_a_bucket_that_is_whole_already_has_a_window_all_the_same() -> None:
    found = learn(Bucket("b"), Seen(10, 10, NOW, 0.0, NOW))
    assert (found.window, found.used) == (0.001, (1, 0, 0))


@pytest.mark.parametrize(
    ("limit", "tickets", "number"),
    [(5, (0, 0, 0), 8), (5, (0, 47, 0), 10), (20, (0, 0, 0), 4), (20, (0, 0, 101), 6)],
)
def test_windows_of_a_new_limit_come_after_all_slots_of_the_old_one(
    limit: int, tickets: tuple[int, int, int], number: int
) -> None:
    found = learn(known(tickets=tickets), Seen(limit, limit - 1, NOW + 1, 1.0, NOW))
    assert (found.limit, found.number, found.tickets) == (limit, number, tickets)


@pytest.mark.parametrize(("used", "limit", "counted"), [((1, 5, 1), 6, 6), ((1, 1, 1), 6, 3), ((0, 0, 0), 6, 1)])
def test_requests_under_way_fill_a_new_limit_at_most(used: tuple[int, int, int], limit: int, counted: int) -> None:
    assert learn(known(used=used), Seen(limit, limit - 1, NOW + 1, 1.0, NOW)).used == (counted, 0, 0)


@pytest.mark.parametrize(
    ("kind", "seen", "window"),
    [
        (Kind.SLIDING, Seen(10, 6, NOW, 4.04, NOW), 10.0),  # 1 % more is no news
        (Kind.SLIDING, Seen(10, 6, NOW, 4.05, NOW), 10.125),
        (Kind.SLIDING, Seen(10, 6, NOW, 3.0, NOW), 10.0),
        (Kind.FIXED, Seen(10, 6, NOW, 10.1, NOW), 10.0),
        (Kind.FIXED, Seen(10, 6, NOW, 10.2, NOW), 10.2),
    ],
)
def test_a_window_grows_with_what_answers_say(kind: Kind, seen: Seen, window: float) -> None:
    bucket = known(kind=kind, used=(4, 0, 0), reopens_at=NOW + 20)
    found = learn(bucket, seen)
    assert found.window == pytest.approx(window)
    assert (found is bucket) is (window == 10.0)


def test_a_window_that_grew_opens_the_next_one_later() -> None:
    found = learn(known(used=(4, 0, 0)), Seen(10, 6, NOW, 8.0, NOW))
    assert (found.window, found.reopens_at) == (20.0, NOW + 20.2)


def test_requests_of_others_count_as_urgent_up_to_the_limit() -> None:
    assert learn(known(used=(1, 2, 1)), Seen(10, 3, NOW, 7.0, NOW)).used == (4, 2, 1)
    assert learn(known(used=(1, 2, 1)), Seen(10, -3, NOW, 9.0, NOW)).used == (7, 2, 1)
    assert learn(known(used=(9, 0, 0)), Seen(10, 3, NOW, 7.0, NOW)).used == (9, 0, 0)


FIRST = Seen(10, 8, NOW + 2, 2.0, NOW)  # two requests, a second each


def unknown(window: float = 10.0) -> Bucket:
    return known(window=window, kind=Kind.UNKNOWN, last=FIRST, used=(2, 0, 0), reopens_at=NOW + 12)


@pytest.mark.parametrize(
    ("moved", "kind", "window"),
    [(1.0, Kind.SLIDING, 10.0), (0.51, Kind.SLIDING, 10.0), (0.5, Kind.FIXED, 2.5), (0.0, Kind.FIXED, 2.5)],
)
def test_a_reset_that_moves_by_more_than_half_a_request_is_a_sliding_buckets(
    moved: float, kind: Kind, window: float
) -> None:
    found = learn(unknown(), Seen(10, 7, NOW + 2 + moved, 2.5, NOW + 0.5))
    assert (found.kind, found.window, found.last) == (kind, window, None)
    assert found.reopens_at == NOW + max(found.reopens_after, 3.0)
    assert found.used == (3, 0, 0)


@pytest.mark.parametrize(
    ("at", "remaining", "told"),
    [
        (NOW + 1.9, 7, True),
        (NOW + 2.0, 7, False),  # it was whole again in between
        (NOW + 1.9, 8, False),  # one was given back in between, or this is the older answer
    ],
)
def test_only_two_answers_of_one_stretch_tell_the_kind(at: float, remaining: int, told: bool) -> None:
    seen = Seen(10, remaining, at + 1.0, 1.0, at)
    found = learn(unknown(), seen)
    assert found.is_known is told
    assert found.last == (None if told else seen)


def test_an_answer_to_the_first_request_since_a_bucket_was_whole_is_not_kept() -> None:
    bucket = unknown()
    assert learn(bucket, Seen(10, 9, NOW + 4, 1.0, NOW + 3)) is bucket


def test_of_a_short_window_no_answer_is_kept_and_the_next_window_waits_as_it_did() -> None:
    bucket = replace(unknown(2.0), reopens_at=NOW + 2.05)
    assert learn(bucket, Seen(10, 8, NOW + 2.05, 0.05, NOW + 2.0)) is bucket
    found = learn(bucket, Seen(10, 7, NOW + 2.0, 1.9, NOW + 0.1))
    assert (found.kind, found.window, found.reopens_at) == (Kind.FIXED, 2.0, NOW + 2.05)
    found = learn(replace(bucket, reopens_at=NOW + 3), Seen(10, 7, NOW + 2.0, 1.9, NOW + 0.1))
    assert found.reopens_at == NOW + 3


# --- 429 ------------------------------------------------------------------------------------------------------


def test_a_429_uses_the_window_up_and_closes_it_for_as_long_as_it_says() -> None:
    found = refused(known(used=(1, 2, 0)), now=NOW + 1, wait=42.0)
    assert found == known(used=(20, 0, 0), reopens_at=NOW + 43)
    assert found.refused
    assert not known(used=(10, 0, 0)).refused


def test_a_429_on_a_bucket_of_unknown_kind_forgets_its_size() -> None:
    found = refused(unknown(), now=NOW + 1, wait=0.5)
    assert found == Bucket(
        "b", 1, 5.0, Kind.UNSEEN, number=3, opened_at=NOW, reopens_at=NOW + 4.0, used=(2, 0, 0)
    )  # those who hold a place have 3 s


@pytest.mark.parametrize(
    ("bucket", "until"),
    [
        (known(kind=Kind.SLIDING), 10.1),  # it is not whole before that
        (known(kind=Kind.FIXED), 4.0),
        (known(kind=Kind.FIXED, used=(20, 0, 0), reopens_at=NOW + 30), 30.0),  # the 429 before it holds, too
        (known(kind=Kind.FIXED, window=1.0), 1.5),
    ],
)
def test_the_longest_of_all_waits_holds(bucket: Bucket, until: float) -> None:
    assert refused(bucket, now=NOW + 1, wait=0.5).reopens_at == pytest.approx(NOW + until)


def test_a_429_on_a_bucket_that_never_opened_opens_it() -> None:
    assert refused(Bucket("b"), now=NOW, wait=1.0).opened_at == NOW
