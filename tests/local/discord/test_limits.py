"""The arithmetic of rate limits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.discord.limits import (
    Bucket,
    FixedBucket,
    Limit,
    RollingBucket,
    SlidingBucket,
    bucket_for,
    up_to_milliseconds,
)
from tests.local.discord.support import NOON

PAUSES = st.lists(st.floats(0, 4, allow_nan=False), min_size=1, max_size=120)


def taken(bucket: Bucket, pauses: list[float]) -> list[float]:
    """The times at which requests passed, one being tried after each pause."""
    now, passed = NOON, []
    for pause in pauses:
        now += pause
        if bucket.take(now).allowed:
            passed.append(now)
    return passed


def test_a_full_sliding_bucket_has_room_again_after_one_step() -> None:
    bucket = SlidingBucket(10, 10.0)
    assert all(bucket.take(NOON).allowed for _ in range(10))
    refused = bucket.take(NOON)
    assert (refused.allowed, refused.remaining) == (False, 0)
    assert refused.retry_after == pytest.approx(1.0)
    assert refused.reset_after == pytest.approx(10.0)
    assert bucket.take(NOON + 1.0).allowed
    assert not bucket.take(NOON + 1.0).allowed


def test_a_sliding_bucket_says_when_it_will_be_quite_empty() -> None:
    bucket = SlidingBucket(10, 10.0)
    first = bucket.take(NOON)
    assert first.remaining == 9
    assert first.reset_after == pytest.approx(1.0)
    third = [bucket.take(NOON + 0.5) for _ in range(2)][-1]
    assert third.remaining == 7
    assert third.reset_after == pytest.approx(2.5)


def test_a_fixed_window_begins_with_its_first_request_and_gives_everything_back_at_once() -> None:
    bucket = FixedBucket(10, 10.0)
    assert bucket.take(NOON).remaining == 9
    assert [bucket.take(NOON + 9).allowed for _ in range(10)].count(True) == 9
    assert bucket.take(NOON + 9).retry_after == pytest.approx(1.0)
    assert [bucket.take(NOON + 10).allowed for _ in range(11)].count(True) == 10


def test_ten_at_a_windows_start_satisfy_both_kinds() -> None:
    for bucket in (SlidingBucket(10, 10.0), FixedBucket(10, 10.0)):
        verdicts = [bucket.take(NOON + window * 10.0) for window in range(5) for _ in range(10)]
        assert all(verdict.allowed for verdict in verdicts)


def test_looking_takes_no_place() -> None:
    for bucket in (SlidingBucket(1, 1.0), FixedBucket(1, 1.0), RollingBucket(1, 1.0)):
        assert all(bucket.look(NOON).allowed for _ in range(3))
        assert bucket.take(NOON).allowed
        assert not bucket.look(NOON).allowed


@given(PAUSES, st.integers(1, 10))
def test_a_sliding_bucket_never_lets_more_pass_than_it_holds_and_drains(pauses: list[float], limit: int) -> None:
    passed = taken(SlidingBucket(limit, 10.0), pauses)
    for place, start in enumerate(passed):
        for count, end in enumerate(passed[place:], start=1):
            assert count <= limit + (end - start) * limit / 10.0 + 1e-3


@given(PAUSES, st.integers(1, 10))
def test_the_global_bucket_never_lets_more_pass_in_any_stretch_of_its_window(pauses: list[float], limit: int) -> None:
    passed = taken(RollingBucket(limit, 5.0), pauses)
    for early, late in zip(passed, passed[limit:], strict=False):
        assert late - early >= 5.0 - 1e-3


@given(PAUSES, st.sampled_from(["sliding", "fixed"]))
def test_who_waits_as_told_to_the_millisecond_is_let_in(pauses: list[float], kind: str) -> None:
    limit = Limit("any", 3, 7.0, "sliding" if kind == "sliding" else "fixed")
    bucket, now = bucket_for(limit, scale=1.0), NOON
    for pause in pauses:
        now += pause
        verdict = bucket.take(now)
        if not verdict.allowed:
            now += up_to_milliseconds(verdict.retry_after)
            assert bucket.take(now).allowed


def test_scaled_windows_pass_faster() -> None:
    bucket = bucket_for(Limit("any", 10, 10.0, "fixed"), scale=10.0)
    assert bucket.take(NOON).reset_after == pytest.approx(1.0)
