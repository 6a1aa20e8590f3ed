"""Pages and ways back: what they say, that nothing gets out of its place, and what browsers are told to forbid."""

import re
from collections.abc import Callable
from functools import partial
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urlsplit

import pytest

from chalicelib import http
from chalicelib.errors import Reason
from chalicelib.web import pages
from chalicelib.web.outcomes import DONE, LANGUAGES, WORDS
from chalicelib.web.render import style_hash
from local.outages import Service
from local.simulated import World
from tests.linking.doors import Browser, Doors, callback

NASTY = "\"'><script>alert(1)</script>&amp;<img src=x onerror=y>"


class Tags(HTMLParser):
    """The tags of a page with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


PAGES: dict[str, Callable[[str], str]] = {
    **{f"refused {reason}": partial(pages.refusal_page, reason) for reason in Reason},
    **{done: partial(pages.done_page, done) for done in DONE["en"]},
    "unlink": partial(pages.unlink_page, "a.b.c"),
}
EVERY_PAGE = {f"{name} {language}": page(language) for name, page in PAGES.items() for language in LANGUAGES}


@pytest.mark.parametrize("page", EVERY_PAGE.values(), ids=EVERY_PAGE)
def test_a_page_needs_nothing_from_elsewhere_and_runs_nothing(page: str) -> None:
    tags = Tags(page).found
    assert not {tag for tag, _ in tags} & {"script", "link", "img", "iframe", "object", "base", "a"}
    assert not {name for _, attributes in tags for name in attributes if name.startswith("on") or name == "style"}
    assert "url(" not in page
    assert ("html", {"lang": "en"}) in tags or ("html", {"lang": "de"}) in tags
    assert any(name == "meta" and attributes.get("name") == "viewport" for name, attributes in tags)


@pytest.mark.parametrize("reason", list(Reason))
def test_each_refusal_says_in_words_what_to_do_next(reason: Reason) -> None:
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", pages.refusal_page(reason), flags=re.DOTALL)
    assert re.search(r"\b(go back|ask|tell|leave|wait)\b", text, re.IGNORECASE)
    assert f"Code: {reason}" in text


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_in_the_language_that_the_browser_prefers(name: str) -> None:
    page = PAGES[name]
    german = page("de-DE,de;q=0.9,en;q=0.8")
    assert ("html", {"lang": "de"}) in Tags(german).found
    assert page("fr,en;q=0.5") == page("") != german
    codes = re.findall(r"<small>Code: \w+</small>", german)
    assert codes == re.findall(r"<small>Code: \w+</small>", page("")), "the code is the same everywhere"


def test_both_languages_have_words_for_everything() -> None:
    assert {frozenset(words) for words in WORDS.values()} == {frozenset(Reason)}
    assert DONE["de"].keys() == DONE["en"].keys()


def test_a_german_browser_is_refused_in_german(world: World) -> None:
    doors = Doors(world)
    event = doors.event("GET", "/discord/link?token=x", headers={"Accept-Language": "de"})
    assert "Dieser Link geht nicht" in doors.send(event).body
    asked = doors.event(
        "GET", f"/discord/unlink?token={world.site.token('101', 'unlink')}", headers={"Accept-Language": "de"}
    )
    assert "Du kannst jederzeit neu verknüpfen." in doors.send(asked).body


@pytest.mark.parametrize("service", ["dynamodb", "sqs", "discord"])
@pytest.mark.parametrize(
    ("language", "title", "what"),
    [
        ("en", "This does not work just now", "Discord, or a service that we need ourselves, does not answer"),
        ("de", "Das geht gerade nicht", "Discord, oder ein Dienst, den wir selbst brauchen, antwortet nicht"),
    ],
)
def test_whichever_service_is_away_the_page_says_what_is_true(
    world: World, browser: Browser, service: Service, language: str, title: str, what: str
) -> None:
    world.guild.create_role("Member")
    back = urlsplit(callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira"))
    world.outages.begin(service, 600)
    cookies = "; ".join(f"{name}={value}" for name, value in browser.jar.items())
    event = browser.doors.event(
        "GET", f"{back.path}?{back.query}", headers={"Accept-Language": language, "Cookie": cookies}
    )
    answer = browser.doors.send(event)
    assert (answer.status, answer.reason) == (400, Reason.DISCORD_UNAVAILABLE)
    assert f"<h1>{title}</h1>" in answer.body
    assert what in answer.body


def test_a_token_cannot_leave_its_attribute() -> None:
    page = pages.unlink_page(NASTY)
    tags = Tags(page).found
    assert [tag for tag, _ in tags if tag in ("script", "img")] == []
    assert ("input", {"type": "hidden", "name": "token", "value": NASTY}) in tags
    assert ("form", {"method": "post", "action": "?"}) in tags


def test_browsers_are_told_to_load_frame_keep_and_tell_nothing() -> None:
    headers = pages.security_headers()
    policy = dict(part.strip().split(" ", 1) for part in str(headers["Content-Security-Policy"]).split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{style_hash()}'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("url", "hosts"), [("https://auth.test/services/?x=1", "https:"), ("http://localhost:8000/", "https: http:")]
)
def test_a_form_may_lead_to_the_auth_site_and_from_there_to_a_login_on_another_host(url: str, hosts: str) -> None:
    assert f"form-action 'self' {hosts};" in str(pages.security_headers(url)["Content-Security-Policy"])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://auth.test", "https://auth.test?discord=failed&reason=banned"),
        ("https://auth.test/a/?b=1&c=", "https://auth.test/a/?b=1&c=&discord=failed&reason=banned"),
        ("https://auth.test/?b=%2F%20x#part", "https://auth.test/?b=%2F+x&discord=failed&reason=banned#part"),
    ],
)
def test_what_happened_is_added_to_the_auth_sites_own_query(url: str, expected: str) -> None:
    assert http.way_back(url, "failed", Reason.BANNED) == expected


@pytest.mark.parametrize("name", ["next", "redirect", "redirect_uri", "return_to", "url", "AUTH_SITE_URL", "discord"])
@pytest.mark.parametrize("path", ["/discord/link", "/discord/callback", "/discord/unlink", "/discord/add_bot"])
def test_no_parameter_decides_where_a_browser_is_sent(path: str, name: str) -> None:
    world = World({"AUTH_SITE_URL": "https://auth.test/home"})
    answer = Browser(Doors(world)).get(path, token="x", **{name: "https://evil.test/"})
    assert urlsplit(answer.location).netloc == "auth.test"
    assert dict(parse_qsl(urlsplit(answer.location).query)).keys() == {"discord", "reason"}


@pytest.mark.parametrize("path", ["/discord/link", "/discord/callback", "/discord/unlink", "/discord/add_bot"])
def test_every_page_carries_its_headers(browser: Browser, path: str) -> None:
    answer = browser.get(path, token="x")
    assert answer.status == 400
    for name, value in pages.security_headers().items():
        assert answer.headers[name.lower()] == value


def test_a_redirect_tells_nobody_where_it_came_from_and_is_not_kept(world: World, browser: Browser) -> None:
    redirect = browser.get("/discord/add_bot", token=world.site.token("1", "add_bot"))
    assert (redirect.status, redirect.body) == (302, "")
    assert (redirect.headers["referrer-policy"], redirect.headers["cache-control"]) == ("no-referrer", "no-store")
