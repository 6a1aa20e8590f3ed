"""A real browser, and what it found fault with."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from local.chromium import NoChromium, browser
from tests.browser.stage import Stage, stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    try:
        with browser() as started:
            yield started
    except NoChromium as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["light", "dark"])
def page(request: pytest.FixtureRequest, chromium: "Browser") -> Iterator["Page"]:
    """A phone's window, by day and by night; the test fails if the browser finds fault with anything."""
    context = chromium.new_context(viewport=PHONE, color_scheme=request.param)  # type: ignore[arg-type]  # a TypedDict
    context.set_default_timeout(5000)  # milliseconds
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    context.close()
    # It names each answer of 400 or 500, which refusals are, and says where it held a page to its word.
    meant = ("the server responded with a status of", "frame-ancestors 'none'")
    assert [fault for fault in faults if not any(part in fault for part in meant)] == [], "the browser complained"


@pytest.fixture
def alone() -> Iterator[Stage]:
    """Rolecall without an auth site to return to."""
    with stage(returns=False) as made:
        yield made


@pytest.fixture
def with_auth_site() -> Iterator[Stage]:
    with stage(returns=True) as made:
        yield made
