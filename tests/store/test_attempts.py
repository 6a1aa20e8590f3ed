"""What may happen once."""

from dataclasses import replace

from chalicelib.store import attempts
from chalicelib.store.attempts import RETENTION_AFTER_EXPIRY, Attempt
from chalicelib.store.rows import AttemptRow
from local.memory.clock import START as NOW

ATTEMPT = Attempt(
    user_id="1",
    groups=("a", "ü"),
    nickname=None,
    changed_at=5,
    issued_at=NOW - 1,
    opened_at=NOW,
    trace="request-1",
    cookie="digest",
    until=NOW + 900,
)


def test_a_key_can_be_used_once() -> None:
    assert not attempts.is_used("jti")
    assert attempts.use_once("jti", expires_at=NOW + 60)
    assert attempts.is_used("jti")
    assert not attempts.use_once("jti", expires_at=NOW + 60)
    assert attempts.use_once("another", expires_at=NOW + 60)


def test_a_key_that_is_over_is_still_taken_until_dynamodb_deletes_it() -> None:
    attempts.use_once("jti", expires_at=NOW - 10_000)
    assert not attempts.use_once("jti", expires_at=NOW + 60)


def test_a_row_outlives_what_it_is_about() -> None:
    attempts.use_once("jti", expires_at=NOW + 60.9)
    assert AttemptRow.get("jti").expires_at == int(NOW) + 60 + RETENTION_AFTER_EXPIRY
    attempts.put("state", ATTEMPT)
    assert AttemptRow.get("state").expires_at == int(NOW) + 900 + RETENTION_AFTER_EXPIRY


def test_an_attempt_is_found_with_what_became_of_it() -> None:
    assert attempts.find("state") is None
    assert attempts.put("state", ATTEMPT)
    assert attempts.find("state") == ATTEMPT
    assert attempts.find("state") == ATTEMPT
    assert attempts.take("state", "another") is None
    assert attempts.take("state", "digest") == ATTEMPT
    assert attempts.find("state") == replace(ATTEMPT, progress=attempts.TAKEN)
    attempts.refuse("state", ATTEMPT)
    assert attempts.find("state") == replace(ATTEMPT, progress=attempts.REFUSED)


def test_an_attempt_of_an_older_version_is_read_without_what_it_did_not_store() -> None:
    data = {
        "user_id": "1",
        "groups": ["a", "ü"],
        "nickname": None,
        "changed_at": 5,
        "issued_at": NOW - 1,
        "cookie": "digest",
        "until": NOW + 900,
    }
    AttemptRow("state", data=data, expires_at=int(NOW) + 900).save()
    older = replace(ATTEMPT, opened_at=None, trace=None)
    assert attempts.find("state") == older
    assert attempts.take("state", "digest") is None
    assert [attempts.take_found("state", older) for _ in range(2)] == [True, False]


def test_a_used_token_is_no_attempt() -> None:
    attempts.use_once("jti", expires_at=NOW + 60)
    assert attempts.find("jti") is None


def test_the_digest_of_the_cookie_is_not_shown() -> None:
    assert "digest" not in repr(ATTEMPT)


def test_a_taken_key_keeps_what_it_has() -> None:
    attempts.put("state", ATTEMPT)
    assert not attempts.put("state", replace(ATTEMPT, user_id="2"))
    assert attempts.find("state") == ATTEMPT


def test_only_one_of_many_takes_it() -> None:
    attempts.put("state", ATTEMPT)
    assert [attempts.take("state", "digest") for _ in range(4)] == [ATTEMPT, None, None, None]
    assert attempts.take("never put", "digest") is None
    assert not attempts.take_found("never put", ATTEMPT)
