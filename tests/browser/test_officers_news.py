"""The officers' page looks again by itself: in a real browser, with the browser's own clock moved ahead."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from chalicelib.members.guild import CACHE_TTL
from tests.browser.conftest import PHONE
from tests.browser.stage import Reply, Stage
from tests.browser.test_pages import faults_of
from tests.members.support import swept

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
LOOK = 31_000  # milliseconds; a little more than the time between two looks


class Asked:
    """Counts what the page asks for by itself."""

    def __init__(self, stage: Stage) -> None:
        self.answers: list[int] = []
        self._serve = stage.sites["r"]
        stage.sites["r"] = self._site

    def _site(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        reply = self._serve(method, url, headers, body)
        if "part=live" in url:
            self.answers.append(reply[0])
        return reply


@pytest.fixture
def asked(alone: Stage) -> Asked:
    return Asked(alone)


@pytest.fixture
def opened(page: "Page", alone: Stage, asked: Asked) -> "Page":  # noqa: ARG001 - it must be in place before the page
    world = alone.world
    world.link("101", "kira", groups=["Member"])
    world.run()
    swept(world)
    page.clock.install()
    page.goto(alone.opening("admin", name="Vera"))
    assert page.locator("h1").inner_text() == "All is well"
    return page


def break_something(stage: Stage) -> None:
    world = stage.world
    world.guild.change_role("Member", position=200)
    world.guild.change_member("kira", roles=[])
    swept(world)
    world.clock.advance(CACHE_TTL + 1)


def ahead(page: "Page", asked: Asked, looks: int) -> None:
    """Move the browser's clock until it has looked so many times."""
    page.clock.run_for(LOOK)
    page.wait_for_function("() => true")
    for _ in range(100):
        if len(asked.answers) >= looks:
            break
        page.wait_for_timeout(20)
    assert len(asked.answers) == looks


def test_what_changes_is_seen_without_a_reload(opened: "Page", alone: Stage, asked: Asked) -> None:
    ahead(opened, asked, 1)
    assert asked.answers == [304]
    assert opened.locator("#age").inner_text().startswith("Looked ")
    break_something(alone)
    ahead(opened, asked, 2)
    opened.wait_for_selector("h1:text('2 things need a hand')")
    assert faults_of(opened) == []
    ahead(opened, asked, 3)
    assert asked.answers == [304, 200, 304]


def test_a_hidden_tab_asks_for_nothing_and_looks_when_it_is_seen_again(opened: "Page", asked: Asked) -> None:
    opened.evaluate("Object.defineProperty(document, 'hidden', {get: () => window.away, configurable: true})")
    opened.evaluate("window.away = true")
    opened.clock.run_for(10 * LOOK)
    assert asked.answers == []
    opened.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    for _ in range(100):
        if asked.answers:
            break
        opened.wait_for_timeout(20)
    assert asked.answers == [304]


def test_a_button_about_to_be_pressed_stays_where_it_is(opened: "Page", alone: Stage, asked: Asked) -> None:
    break_something(alone)
    ahead(opened, asked, 1)
    opened.wait_for_selector("h1:text('2 things need a hand')")
    opened.locator("#live a").first.focus()
    alone.world.guild.change_role("Member", position=1)
    swept(alone.world)
    swept(alone.world)
    alone.world.clock.advance(CACHE_TTL + 1)
    ahead(opened, asked, 2)
    opened.wait_for_selector("#said:text('Something has changed since.')")
    assert opened.locator("h1").inner_text() == "2 things need a hand"
    opened.locator("#live a").first.blur()
    ahead(opened, asked, 3)
    opened.wait_for_selector("h1:text('All is well')")


def test_once_the_session_is_over_it_says_so_and_asks_no_more(opened: "Page", alone: Stage, asked: Asked) -> None:
    alone.world.clock.advance(3600)
    ahead(opened, asked, 1)
    opened.wait_for_selector("#said:text('Your hour is over.')")
    opened.clock.run_for(10 * LOOK)
    assert asked.answers == [400]


def test_it_asks_less_and_less_often_while_there_is_no_answer(opened: "Page", alone: Stage, asked: Asked) -> None:
    serve = alone.sites["r"]

    def fails(method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        if "part=live" not in url:
            return serve(method, url, headers, body)
        asked.answers.append(500)
        return 500, [], b""

    alone.sites["r"] = fails
    ahead(opened, asked, 1)
    opened.wait_for_selector("#said:text('Rolecall does not answer just now.')")
    opened.clock.run_for(LOOK)
    assert len(asked.answers) == 1, "the next look is a minute later"
    alone.sites["r"] = serve
    ahead(opened, asked, 2)
    opened.wait_for_selector("#said:empty", state="attached")


@pytest.fixture
def without_scripts(chromium: "Browser") -> Iterator["Page"]:
    context = chromium.new_context(viewport=PHONE, java_script_enabled=False)  # type: ignore[arg-type]  # a TypedDict
    yield context.new_page()
    context.close()


def test_without_scripts_the_page_says_how_old_it_is_and_all_of_it_works(without_scripts: "Page", alone: Stage) -> None:
    page, world = without_scripts, alone.world
    world.link("101", "kira", groups=["Member"])
    world.run()
    swept(world)
    page.goto(alone.opening("admin", name="Vera"))
    assert page.locator("#age").inner_text().startswith("As of ")
    page.get_by_label("Why does somebody").fill("@kira")
    page.get_by_role("button", name="Explain").click()
    assert "A sync would change nothing." in page.inner_text("main")
    break_something(alone)
    page.get_by_role("link", name="Look again").click()
    assert page.locator("h1").inner_text() == "2 things need a hand"
