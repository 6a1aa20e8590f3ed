"""A real browser, and what it found fault with."""

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.stage import Stage, stage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--no-sandbox",  # tests may run as root, in a container
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="session")
def chromium() -> Iterator["Browser"]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian, Ubuntu: apt install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


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
