"""The local Discord's own page in a real browser, at a desk and on a phone, by day and by night."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from local.discord.core import Discord
from local.discord.server import Running, serve
from tests.browser.test_pages import CONTRAST, MIN_CONTRAST, SMALLEST_TOUCH, faults_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("ROLECALL_SCREENSHOTS")
SIZES = {"phone": (360, 740), "desk": (1200, 800)}


@pytest.fixture
def discord() -> Iterator[Running]:
    made = Discord()
    for name in ("Member", "Logistics"):
        made.admin.create_role(name)
    made.admin.add_member("kira", roles=["Member", "Logistics"], nick="Kira Vantari")
    made.admin.add_person("visitor")
    with serve(made) as running:
        yield running


@pytest.fixture(params=[(size, scheme) for size in SIZES for scheme in ("light", "dark")], ids="-".join)
def window(request: pytest.FixtureRequest, chromium: "Browser") -> Iterator[tuple["Page", str]]:
    size, scheme = request.param
    width, height = SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.set_default_timeout(5000)  # milliseconds
    page, faults = context.new_page(), list[str]()
    page.on("console", lambda said: faults.append(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page, f"{size}-{scheme}"
    context.close()
    assert [fault for fault in faults if "favicon" not in fault and "404" not in fault] == [], "the browser complained"


def test_a_person_damages_the_guild_and_sees_it_put_right(window: tuple["Page", str], discord: Running) -> None:
    page, name = window
    page.goto(discord.url)
    page.get_by_role("button", name="Take Logistics from @kira").click()
    page.wait_for_load_state()
    assert page.get_by_role("button", name="Take Logistics from @kira").count() == 0
    page.locator("summary", has_text="@kira").click()
    assert faults_of(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")
    assert page.evaluate(CONTRAST) >= MIN_CONTRAST
    for button in page.locator("button:visible, summary:visible").all():
        box = button.bounding_box()
        assert box
        assert box["height"] >= SMALLEST_TOUCH
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"local-discord-{name}.png", full_page=True)
    discord.discord.admin.change_member("kira", give=["Logistics"])  # as Rolecall would
    page.evaluate("document.activeElement.blur()")
    page.get_by_role("button", name="Take Logistics from @kira").wait_for()


def test_it_does_not_change_under_the_hand_of_a_person(window: tuple["Page", str], discord: Running) -> None:
    page, _ = window
    page.clock.install()
    page.goto(discord.url)
    page.locator("summary", has_text="@kira").click()
    page.get_by_label("Nickname of @kira").fill("xX_Kira_Xx")
    discord.discord.admin.change_member("kira", take=["Logistics"])
    page.clock.run_for(10_000)  # milliseconds; some looks
    assert page.get_by_label("Nickname of @kira").input_value() == "xX_Kira_Xx"
    page.get_by_role("button", name="Set").click()
    page.wait_for_load_state()
    assert "xX_Kira_Xx" in page.inner_text("main")


def test_it_works_without_scripts(chromium: "Browser", discord: Running) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(discord.url)
    page.get_by_role("button", name="Outage").click()
    assert "Outage: until you end it" in page.inner_text("main")
    page.get_by_role("button", name="End all of it").click()
    assert "Outage:" not in page.inner_text("main")
    context.close()
