"""What may happen once."""

from chalicelib.store import attempts
from chalicelib.store.attempts import RETENTION_AFTER_EXPIRY
from chalicelib.store.rows import AttemptRow
from local.memory.clock import START as NOW


def test_a_key_can_be_used_once() -> None:
    assert attempts.use_once("jti", expires_at=NOW + 60)
    assert not attempts.use_once("jti", expires_at=NOW + 60)
    assert attempts.use_once("another", expires_at=NOW + 60)


def test_a_key_that_is_over_is_still_taken_until_dynamodb_deletes_it() -> None:
    attempts.use_once("jti", expires_at=NOW - 10_000)
    assert not attempts.use_once("jti", expires_at=NOW + 60)


def test_a_row_outlives_what_it_is_about() -> None:
    attempts.use_once("jti", expires_at=NOW + 60.9)
    assert AttemptRow.get("jti").expires_at == int(NOW) + 60 + RETENTION_AFTER_EXPIRY


def test_what_is_kept_is_found_until_it_is_taken() -> None:
    data = {"user_id": "1", "groups": ["a", "ü"], "nickname": None, "changed_at": 5}
    assert attempts.find("state") is None
    assert attempts.put("state", data, expires_at=NOW)
    assert attempts.find("state") == data
    assert attempts.find("state") == data
    assert attempts.take("state")
    assert attempts.find("state") is None


def test_a_taken_key_keeps_what_it_has() -> None:
    attempts.put("state", {"user_id": "1"}, expires_at=NOW)
    assert not attempts.put("state", {"user_id": "2"}, expires_at=NOW)
    assert attempts.find("state") == {"user_id": "1"}


def test_only_one_of_many_takes_it() -> None:
    attempts.put("state", {}, expires_at=NOW)
    assert [attempts.take("state") for _ in range(4)] == [True, False, False, False]
    assert not attempts.take("never put")
