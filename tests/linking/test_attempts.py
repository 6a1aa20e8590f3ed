"""Attempts to link: each is used once, in one browser, within its time."""

import pytest

from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.attempts import MAX_STATE, is_refused, open_attempt, use_attempt
from chalicelib.linking.cookie import LIFE
from chalicelib.linking.tokens import Purpose, Token
from local.simulated import World

TOKEN = Token("101", Purpose.LINK, "j", 0.0, 600.0, ("Member",), "Kira", 5)


def refusal(state: str | None, cookie: str | None, now: float) -> Reason:
    with pytest.raises(LinkRefused) as refused:
        use_attempt(state, cookie, now=now)
    return refused.value.reason


def test_an_attempt_holds_what_its_token_stated(world: World) -> None:
    now = world.clock.now()
    attempt, first = use_attempt(*open_attempt(TOKEN, now=now), now=now)
    assert first
    assert (attempt.user_id, attempt.groups, attempt.nickname, attempt.changed_at) == ("101", ("Member",), "Kira", 5)
    assert (attempt.issued_at, attempt.opened_at) == (0.0, now)


def test_an_attempt_is_over_at_the_second_it_names(world: World) -> None:
    now = world.clock.now()
    state, cookie = open_attempt(TOKEN, now=now)
    assert use_attempt(state, cookie, now=now + LIFE - 0.1)[1]
    state, cookie = open_attempt(TOKEN, now=now)
    assert refusal(state, cookie, now + LIFE) is Reason.EXPIRED
    assert is_refused(state)


def test_the_second_call_of_an_attempt_is_not_the_first(world: World) -> None:
    now = world.clock.now()
    state, cookie = open_attempt(TOKEN, now=now)
    assert [use_attempt(state, cookie, now=now)[1] for _ in range(3)] == [True, False, False]


def test_an_attempt_of_another_browser_is_refused_and_can_be_used_yet(world: World) -> None:
    now = world.clock.now()
    (state, cookie), (_, other) = open_attempt(TOKEN, now=now), open_attempt(TOKEN, now=now)
    for wrong in (None, "", other, cookie[:-1]):
        assert refusal(state, wrong, now) is Reason.BAD_STATE
    assert use_attempt(state, cookie, now=now)[1]


@pytest.mark.parametrize(
    "state", [None, "", "unknown", "x" * (MAX_STATE + 1)], ids=["none", "empty", "unknown", "long"]
)
def test_a_state_that_is_none_of_ours_is_refused(world: World, state: str | None) -> None:
    assert refusal(state, "cookie", world.clock.now()) is Reason.BAD_STATE
