"""What the check of the demo makes of pages, and the check itself, as a person types it."""

import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local import chromium
from local.allianceauth import site
from local.allianceauth.check import ABORTED, NotAsItShouldBe, Watch
from local.aws import CannotStart
from local.aws.server import ROOT

SET_UP = (site.CDN / "differing.json").exists()


class Page:
    """Hands what happens on it to whoever listens."""

    def __init__(self) -> None:
        self._listeners: dict[str, Any] = {}

    def on(self, event: str, listener: Any) -> None:
        self._listeners[event] = listener

    def happens(self, event: str, **what: Any) -> None:
        self._listeners[event](SimpleNamespace(**what))


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def watch(page: Page) -> Watch:
    made = Watch()
    made.over(page)  # type: ignore[arg-type]  # it has what is used of one
    return made


def test_pages_that_stay_on_this_machine_are_fine(page: Page, watch: Watch) -> None:
    page.happens("request", url="http://127.0.0.1:8000/static/a.js")
    page.happens("request", url="data:image/svg+xml,x")
    page.happens("requestfailed", url="http://127.0.0.1:8000/task-counts/", failure=ABORTED)
    page.happens("console", type="log", text="ESI Check")
    watch.verdict()


def test_a_page_that_needs_the_internet_is_noticed(page: Page, watch: Watch) -> None:
    page.happens("request", url="https://fonts.example.org/lato.css")
    with pytest.raises(NotAsItShouldBe, match=re.escape("fonts.example.org")):
        watch.verdict()


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ("console", {"type": "error", "text": "Failed to find a valid digest"}),
        ("requestfailed", {"url": "http://127.0.0.1/a.js", "failure": "net::ERR_CONNECTION_REFUSED"}),
    ],
)
def test_what_the_browser_complains_of_is_told(page: Page, watch: Watch, event: str, what: dict[str, str]) -> None:
    page.happens(event, **what)
    with pytest.raises(NotAsItShouldBe, match=r"valid digest|ERR_CONNECTION_REFUSED"):
        watch.verdict()


def test_without_its_environment_the_demo_says_what_makes_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(site, "CDN", tmp_path)
    with pytest.raises(CannotStart, match="make demo-allianceauth"), site.alliance_auth():
        pass


@pytest.mark.slow
@pytest.mark.skipif(not SET_UP, reason="the environment of Alliance Auth is missing: make demo-allianceauth makes it")
@pytest.mark.timeout(600)
def test_the_app_keeps_its_half_of_the_contract() -> None:
    command = [sys.executable, "-m", "local", "demo-allianceauth", "--conformance"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The auth site keeps its half of the contract." in done.stdout


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(not SET_UP, reason="the environment of Alliance Auth is missing: make demo-allianceauth makes it")
@pytest.mark.skipif(chromium.PATH is None, reason=chromium.MISSING)
@pytest.mark.timeout(400)
def test_a_browser_sees_discord_follow_alliance_auth() -> None:
    command = [sys.executable, "-m", "local", "demo-allianceauth", "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Discord follows Alliance Auth." in done.stdout
    assert done.stdout.count("✓") == 8
