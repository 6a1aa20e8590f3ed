"""Logs: one JSON object a line, and no secret in any of them."""

import json
import logging
from collections.abc import Iterator
from io import StringIO

import pytest

from chalicelib import log
from tests.linking.doors import logged

NOTHING: dict[str, str] = {}


@pytest.fixture
def written() -> Iterator[StringIO]:
    with logged() as output:
        yield output


def line(written: StringIO) -> str:
    """What was written since the last look."""
    text = written.getvalue()
    written.seek(0)
    written.truncate()
    return text


def test_a_line_is_one_json_object_with_level_event_and_trace(written: StringIO) -> None:
    log.bind("job-1")
    log.info("synced", user_id="101", added=["Mémber"], text="two\nlines")
    text = line(written)
    assert text.count("\n") == 1
    expected = {"level": "INFO", "event": "synced", "trace": "job-1", "user_id": "101", "added": ["Mémber"]}
    assert json.loads(text) == expected | {"text": "two\nlines"}


def test_a_line_names_the_user_it_is_about_until_the_next_job(written: StringIO) -> None:
    log.bind("job-1")
    log.about("101")
    log.info("synced")
    assert json.loads(line(written))["user_id"] == "101"
    log.info("compared", user_id="102")
    assert json.loads(line(written))["user_id"] == "102"
    log.bind("job-2")
    log.info("synced")
    assert "user_id" not in json.loads(line(written))


def test_an_error_brings_the_traceback_of_what_is_being_handled(written: StringIO) -> None:
    try:
        NOTHING["nobody"]
    except LookupError:
        log.error("broken")
    assert "KeyError: 'nobody'" in json.loads(line(written))["traceback"]
    log.error("given_up")
    assert "traceback" not in json.loads(line(written))


@pytest.mark.parametrize("secret", ["plain-secret", 'with "quotes"', "back\\slash\\", "naïve ☃ secret", "new\nline\tx"])
def test_a_known_secret_is_never_written(written: StringIO, secret: str) -> None:
    log.hide(secret)
    try:
        NOTHING[secret]
    except LookupError:
        log.error("broken", why=f"x{secret}y", list=[secret])
    text = line(written)
    for spelling in (secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        assert spelling not in text
    assert json.loads(text)["why"] == "x[hidden]y"


def test_of_two_secrets_of_which_one_begins_the_other_nothing_is_left(written: StringIO) -> None:
    log.hide("a-secret", "a-secret-and-more", "a-secret-and")
    log.info("x", text="a-secret-and-more")
    assert json.loads(line(written))["text"] == "[hidden]"


@pytest.mark.parametrize("token", ["eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_123", "eyJhbGciOiJub25lIn0.eyJ9."])
def test_what_looks_like_a_token_is_never_written(written: StringIO, token: str) -> None:
    log.warning("x", url=f"/discord/link?token={token}&x=1")
    assert json.loads(line(written))["url"] == "/discord/link?token=[hidden]&x=1"


def test_texts_too_short_to_be_secrets_are_not_hidden(written: StringIO) -> None:
    log.hide("", "abc")
    log.info("abc")
    assert json.loads(line(written))["event"] == "abc"


def test_what_json_cannot_say_is_written_as_text(written: StringIO) -> None:
    log.info("x", thing={1}, error=ValueError("y"))
    assert json.loads(line(written))["thing"] == "{1}"


def test_libraries_that_log_secrets_at_debug_are_kept_quiet(written: StringIO) -> None:
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.DEBUG)
    try:
        logging.getLogger("requests_oauthlib.oauth2_session").debug("token is secret-token")
        assert not logging.getLogger("requests_oauthlib.oauth2_session").isEnabledFor(logging.DEBUG)
        assert not logging.getLogger("oauthlib").isEnabledFor(logging.DEBUG)
    finally:
        root.setLevel(before)
    assert line(written) == ""
