"""HTTP: what is read from headers, bodies and paths, whatever another site or a stranger puts there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.http import (
    FORM,
    JSON,
    MAX_FIELDS,
    MAX_FORM,
    bearer_token,
    path_readings,
    preferred_language,
    read_cookies,
    read_fields,
    set_cookie,
)


@pytest.mark.parametrize(
    ("header", "cookies"),
    [
        pytest.param("", {"": ""}, id="none"),
        pytest.param("a=1", {"a": "1"}, id="one"),
        pytest.param(" a = 1 ;b=2", {"a": "1", "b": "2"}, id="spaces around"),
        pytest.param("a=1=2", {"a": "1=2"}, id="an equals sign in the value"),
        pytest.param("a=1; a=2", {"a": "2"}, id="the last of two"),
        pytest.param('{"x": "y"}; a=1', {'{"x": "y"}': "", "a": "1"}, id="another site's odd one"),
        pytest.param('q="unclosed; a=1', {"q": '"unclosed', "a": "1"}, id="an unclosed quote"),
    ],
)
def test_cookies_are_read_whatever_stands_beside_them(header: str, cookies: dict[str, str]) -> None:
    assert read_cookies(header) == cookies


def test_a_cookie_is_out_of_reach_of_scripts_and_comes_back_from_another_sites_redirect() -> None:
    written = set_cookie("n", "v", max_age=600, path="/discord/callback", secure=True)
    assert written == "n=v; Max-Age=600; Path=/discord/callback; HttpOnly; SameSite=Lax; Secure"
    assert set_cookie("n", "v", max_age=1, path="/", secure=False) == "n=v; Max-Age=1; Path=/; HttpOnly; SameSite=Lax"


@pytest.mark.parametrize(
    ("content_type", "body", "fields"),
    [
        pytest.param(FORM, b"token=a%20b&x=1", {"token": "a b", "x": "1"}, id="form"),
        pytest.param(f"{FORM.title()} ; charset=UTF-8", b"token=a", {"token": "a"}, id="form, oddly named"),
        pytest.param(FORM, b"", {}, id="an empty form"),
        pytest.param(FORM, b"&".join([b"x=1"] * MAX_FIELDS), {"x": "1"}, id="as many fields as are read"),
        pytest.param(FORM, b"&".join([b"x=1"] * (MAX_FIELDS + 1)), {}, id="one field more"),
        pytest.param(FORM, b"token=\xff", {}, id="a form that is not UTF-8"),
        pytest.param(JSON, b'{"token": "a", "n": 7, "l": ["b"]}', {"token": "a"}, id="the texts of a JSON object"),
        pytest.param(None, b'{"token": "a"}', {"token": "a"}, id="JSON without a Content-Type"),
        pytest.param("", b'{"token": "a"}', {}, id="an empty Content-Type"),
        pytest.param("text/plain", b"token=a", {}, id="text, as a foreign form may send"),
        pytest.param(JSON, b'["token"]', {}, id="a list"),
        pytest.param(JSON, b"", {}, id="no JSON"),
        pytest.param(JSON, b"[" * MAX_FORM, {}, id="nested without end"),
        pytest.param(JSON, b'{"n": ' + b"9" * 5000 + b"}", {}, id="a number of 5,000 digits"),
        pytest.param(FORM, b"token=" + b"a" * (MAX_FORM - 6), {"token": "a" * (MAX_FORM - 6)}, id="the longest"),
        pytest.param(FORM, b"token=" + b"a" * (MAX_FORM - 5), {}, id="a byte too long"),
    ],
)
def test_the_text_fields_of_a_form_or_of_json(content_type: str | None, body: bytes, fields: dict[str, str]) -> None:
    assert read_fields(content_type, body) == fields


@given(st.sampled_from([FORM, JSON, None]), st.binary(max_size=300))
def test_no_body_raises(content_type: str | None, body: bytes) -> None:
    assert all(isinstance(text, str) for text in read_fields(content_type, body).values())


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer", ""),
        ("Basic abc", None),
        ("Bearerabc", None),
        ("", None),
    ],
)
def test_a_bearer_token_is_read_in_any_case_and_no_other_scheme(header: str, token: str | None) -> None:
    assert bearer_token(header) == token


@pytest.mark.parametrize(
    ("parameter", "readings"),
    [("101", {"101"}), ("a%2Fb", {"a%2Fb", "a/b"}), ("100%", {"100%"}), ("%C3%BC", {"%C3%BC", "ü"})],
)
def test_a_path_parameter_is_read_as_sent_and_decoded(parameter: str, readings: set[str]) -> None:
    assert path_readings(parameter) == readings


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("fr, de;q=0.3", "de"),
        ("de;q=0, en;q=0.1", "en"),
        ("de;q=x", "en"),
        ("de;q=nan", "en"),
        ("*", "en"),
        ("fr", "en"),
        (",;=," * 9000, "en"),
    ],
)
def test_the_language_is_the_one_that_the_browser_prefers_of_those_there_are(header: str, language: str) -> None:
    assert preferred_language(header, ("en", "de")) == language
