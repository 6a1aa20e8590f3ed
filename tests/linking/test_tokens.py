"""Tokens: which are valid, for how long by whose clock, and what is read of them."""

from typing import Any

import jwt
import pytest

from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.tokens import MAX_TOKEN, Purpose, Token, read_token

SECRET = "k" * 32
NOW = 1_767_614_400  # as the auth site says it: whole seconds
DAY = 24 * 3600 * 1000
STATED: dict[str, Any] = {"groups": ["Member"], "nickname": "Kira", "changed_at": NOW * 1000}


def claims(**changes: Any) -> dict[str, Any]:
    return {"sub": "101", "purpose": "link", "iat": NOW, "exp": NOW + 600, "jti": "j"} | changes


def read(
    said: dict[str, Any], purpose: Purpose = Purpose.LINK, *, now: float = float(NOW), secret: str = SECRET
) -> Token:
    return read_token(jwt.encode(said, secret, algorithm="HS256"), purpose, secret=SECRET, now=now)


def refusal(said: dict[str, Any], purpose: Purpose = Purpose.LINK, **more: Any) -> Reason:
    with pytest.raises(LinkRefused) as refused:
        read(said, purpose, **more)
    return refused.value.reason


def test_all_that_a_token_says_is_read() -> None:
    assert read(claims(**STATED, name=" Kira\n Vantari ", nbf=NOW)) == Token(
        user_id="101",
        purpose=Purpose.LINK,
        jti="j",
        issued_at=NOW,
        expires_at=NOW + 600,
        groups=("Member",),
        nickname="Kira",
        changed_at=NOW * 1000,
        name="Kira Vantari",
    )


def test_what_a_token_does_not_state_is_not_known() -> None:
    token = read(claims())
    assert (token.groups, token.nickname, token.changed_at, token.name) == ((), None, None, "")


def test_a_user_without_a_nickname_has_none() -> None:
    for nickname in (None, ""):
        assert read(claims(**STATED | {"nickname": nickname})).nickname is None


@pytest.mark.parametrize("missing", ["sub", "purpose", "iat", "exp", "jti"])
def test_no_claim_of_the_contract_may_be_missing(missing: str) -> None:
    assert refusal({name: value for name, value in claims().items() if name != missing}) is Reason.BAD_TOKEN


@pytest.mark.parametrize("purpose", Purpose)
def test_a_token_is_for_one_purpose(purpose: Purpose) -> None:
    assert read(claims(purpose=purpose), purpose).purpose is purpose
    for other in set(Purpose) - {purpose}:
        assert refusal(claims(purpose=purpose), other) is Reason.BAD_TOKEN


@pytest.mark.parametrize(
    ("accepted", "refused"),
    [
        ({"exp": NOW + 900}, {"exp": NOW + 901}),  # it lives for a quarter of an hour
        ({"iat": NOW + 60, "exp": NOW + 60}, {"iat": NOW + 60, "exp": NOW + 59}),  # it does not end before it begins
        ({"iat": NOW + 60}, {"iat": NOW + 61}),  # the auth site's clock may be a minute ahead
        ({"nbf": NOW + 60}, {"nbf": NOW + 61}),
        (STATED | {"changed_at": NOW * 1000 + DAY}, STATED | {"changed_at": NOW * 1000 + DAY + 1}),
        ({"jti": "x" * 256}, {"jti": "x" * 257}),
        ({"jti": "x"}, {"jti": ""}),
        ({"sub": "x" * 256}, {"sub": ""}),
        ({"name": "x" * 100}, {"name": "x" * 101}),
    ],
    ids=lambda value: " ".join(value),
)
def test_the_bounds_of_each_claim(accepted: dict[str, Any], refused: dict[str, Any]) -> None:
    read(claims(**accepted))
    assert refusal(claims(**refused)) is Reason.BAD_TOKEN


@pytest.mark.parametrize("left_out", STATED)
def test_a_link_token_states_all_of_it_or_nothing(left_out: str) -> None:
    some = {name: value for name, value in STATED.items() if name != left_out}
    assert refusal(claims(**some)) is Reason.BAD_TOKEN
    assert read(claims(purpose="unlink", **some), Purpose.UNLINK), "of others it does not matter"


def test_a_token_is_over_at_the_second_it_names() -> None:
    assert read(claims(exp=NOW + 600), now=NOW + 599.9)
    for later in (0.0, 0.1, 10_000.0):
        assert refusal(claims(exp=NOW + 600), now=NOW + 600 + later) is Reason.EXPIRED


def test_what_never_was_valid_is_not_called_expired() -> None:
    assert refusal(claims(exp=NOW + 600, purpose="unlink"), now=NOW + 600) is Reason.BAD_TOKEN
    assert refusal(claims(exp=NOW + 600), now=NOW + 600, secret="another" * 5) is Reason.BAD_TOKEN


@pytest.mark.parametrize("text", [None, "", "x", "a.b.c", "ü.ü.ü"])
def test_what_is_no_token_is_refused(text: str | None) -> None:
    with pytest.raises(LinkRefused) as refused:
        read_token(text, Purpose.LINK, secret=SECRET, now=NOW)
    assert refused.value.reason is Reason.BAD_TOKEN


def test_a_token_has_at_most_8000_characters() -> None:
    texts = (jwt.encode(claims(more="x" * size), SECRET, algorithm="HS256") for size in range(5800, 5900))
    by_length = {len(text): text for text in texts}
    assert read_token(by_length[MAX_TOKEN], Purpose.LINK, secret=SECRET, now=NOW)
    with pytest.raises(LinkRefused, match="over-long"):
        read_token(by_length[MAX_TOKEN + 1], Purpose.LINK, secret=SECRET, now=NOW)
    assert MAX_TOKEN == 8000


def test_an_unsigned_token_and_one_of_another_algorithm_are_refused() -> None:
    for text in (jwt.encode(claims(), "", algorithm="none"), jwt.encode(claims(), "k" * 64, algorithm="HS512")):
        with pytest.raises(LinkRefused) as refused:
            read_token(text, Purpose.LINK, secret=SECRET, now=NOW)
        assert refused.value.reason is Reason.BAD_TOKEN
