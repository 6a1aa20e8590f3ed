"""The pages in a real browser, on a phone, by day and by night: clicked through, and nothing for it to complain of."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from chalicelib.errors import Reason
from local.discord.faults import Fault
from tests.browser.conftest import PHONE
from tests.browser.stage import Stage
from tests.members.support import crowd, swept

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
SHOTS = os.environ.get("ROLECALL_SCREENSHOTS")  # a folder; every page is photographed there
SIZES = {"desk": {"width": 1200, "height": 800}, "phone": PHONE}  # the phone last: on it the test goes on
SMALLEST_TOUCH = 44  # pixels; https://www.w3.org/WAI/WCAG22/Understanding/target-size-enhanced
MIN_CONTRAST = 4.5  # https://www.w3.org/WAI/WCAG22/Understanding/contrast-minimum

# The contrast of every text with what is behind it, by WCAG's formula; the least of the page.
CONTRAST = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const shine = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const contrast = node => {
    const lights = [parse(getComputedStyle(node).color), behind(node)].map(shine);
    return (Math.max(...lights) + .05) / (Math.min(...lights) + .05);
  };
  const hasText = node => [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim());
  return Math.min(...[...document.querySelectorAll('body *')].filter(hasText).map(contrast));
}"""


def look(page: "Page", name: str) -> None:
    """The page is fit for a desk and for a phone: nothing sticks out, texts can be read, buttons be hit."""
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)  # type: ignore[arg-type]  # a TypedDict
        look_at(page, f"{name}-{size}", viewport["width"])


def look_at(page: "Page", name: str, width: int) -> None:
    """The same for one width."""
    if SHOTS:
        night = page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        page.screenshot(path=Path(SHOTS) / f"{name}-{'dark' if night else 'light'}.png", full_page=True)
    assert faults_of(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CONTRAST) >= MIN_CONTRAST
    for button in page.locator("button:visible, a:visible, summary:visible").all():
        box = button.bounding_box()
        assert box
        assert box["height"] >= SMALLEST_TOUCH
    assert page.locator("h1").count() == 1
    assert page.title()


def faults_of(page: "Page") -> list[str]:
    """What axe-core finds fault with, as a screen reader or a keyboard would meet it."""
    found = Axe().run(page).response["violations"]
    return [f"{fault['id']}: {node['html'][:200]}" for fault in found for node in fault["nodes"]]


def press(page: "Page", button: str) -> None:
    """Press it, and wait until the page that it leads to has loaded: a click returns while the old one still stands."""
    before = page.url
    page.get_by_role("button", name=button).click()
    page.wait_for_url(lambda url: url != before)


def authorise(page: "Page", stage: Stage) -> None:
    page.select_option("select", value=stage.world.guild.people()[-1].id)
    press(page, "Authorise")


def sign_up(stage: Stage, **more: int) -> None:
    stage.world.guild.add_person("kira", **more)  # type: ignore[arg-type]  # only numbers are given here


def test_a_person_links_and_unlinks(page: "Page", alone: Stage) -> None:
    sign_up(alone)
    page.goto(alone.opening("link", groups=["Member"]))
    assert "Authorise" in page.title()
    authorise(page, alone)
    look(page, "linked")
    assert page.get_by_role("heading").inner_text() == "You are linked"
    assert alone.world.roles("kira") == {"Member"}
    page.reload()
    assert "You are linked" in page.inner_text("main")  # a callback that is repeated says what the first one did
    page.goto(alone.opening("unlink"))
    look(page, "unlink")
    assert alone.world.roles("kira") == {"Member"}
    press(page, "Unlink")
    look(page, "unlinked")
    assert page.get_by_role("heading").inner_text() == "You are unlinked"
    assert alone.world.roles("kira") is None


def test_with_an_auth_site_people_end_there(page: "Page", with_auth_site: Stage) -> None:
    stage = with_auth_site
    sign_up(stage)
    page.goto(stage.opening("link", groups=["Member"]))
    authorise(page, stage)
    assert page.inner_text("#said") == "tab=discord&discord=linked"
    page.goto(stage.opening("unlink"))
    press(page, "Unlink")  # form-action must allow where the answer leads
    assert page.url.startswith(f"{stage.auth_site}/")
    assert page.inner_text("#said") == "tab=discord&discord=unlinked"
    assert page.evaluate("document.referrer") == ""
    page.goto(stage.opening("link").replace("token=", "token=x"))
    assert page.inner_text("#said") == "tab=discord&discord=failed&reason=bad_token"


def cancelled(page: "Page", stage: Stage) -> None:
    page.goto(stage.opening("link"))
    press(page, "Cancel")


def linked_with(prepare: Callable[[Stage], object]) -> Callable[["Page", Stage], None]:
    def play(page: "Page", stage: Stage) -> None:
        prepare(stage)
        page.goto(stage.opening("link"))
        authorise(page, stage)

    return play


def token_wrong(page: "Page", stage: Stage) -> None:
    page.goto(f"{stage.rolecall}/discord/link?token=<b>x</b>")


def token_expired(page: "Page", stage: Stage) -> None:
    address = stage.opening("link")
    stage.world.clock.advance(601)
    page.goto(address)


def state_lost(page: "Page", stage: Stage) -> None:
    page.goto(stage.opening("link"))
    page.context.clear_cookies()
    authorise(page, stage)


def somebody_elses(stage: Stage) -> None:
    stage.world.guild.turn(redirect_uris=[stage.world.settings.callback_url])
    stage.world.link("100", "kira", groups=[])


REFUSED: dict[Reason, Callable[["Page", Stage], None]] = {
    Reason.BAD_TOKEN: token_wrong,
    Reason.EXPIRED: token_expired,
    Reason.BAD_STATE: state_lost,
    Reason.DENIED: cancelled,
    Reason.ALREADY_LINKED: linked_with(somebody_elses),
    Reason.BANNED: linked_with(lambda stage: stage.world.guild.ban("kira")),
    Reason.GUILD_LIMIT: linked_with(lambda stage: stage.world.guild.change_person("kira", guild_count=200)),
    Reason.DISCORD_UNAVAILABLE: linked_with(
        lambda stage: stage.world.guild.inject(Fault(kind="answer", path="token", times=None))
    ),
    Reason.ACCOUNT_NOT_READY: linked_with(
        lambda stage: stage.world.guild.inject(
            Fault(kind="answer", method="PUT", path="/members/", status=403, code=50178, times=None)
        )
    ),
    Reason.MISCONFIGURED: linked_with(lambda stage: stage.world.guild.turn(bot_in_guild=False)),
}


@pytest.mark.parametrize("reason", list(Reason))
def test_a_person_who_is_refused_reads_why(page: "Page", alone: Stage, reason: Reason) -> None:
    sign_up(alone)
    REFUSED[reason](page, alone)
    look(page, f"refused-{reason}")
    assert str(reason) in page.inner_text("main")
    assert alone.world.roles("kira") is None or reason is Reason.ALREADY_LINKED


def test_a_page_cannot_be_framed(page: "Page", with_auth_site: Stage) -> None:
    with page.expect_console_message(lambda said: "frame-ancestors" in said.text):
        page.set_content(f'<iframe src="{with_auth_site.opening("unlink")}"></iframe>')
    assert not any("Unlink" in frame.content() for frame in page.frames[1:])


def test_my_discord_is_clicked_through_on_a_phone(page: "Page", alone: Stage) -> None:
    world = alone.world
    world.link("101", "kira", groups=["Member", "Logistics"])
    world.run()
    world.guild.change_member("kira", roles=["Member"])
    page.goto(alone.opening("me"))
    assert "token" not in page.url
    assert page.locator("h1").inner_text() == "@kira"
    assert "One thing differs." in page.locator(".state").inner_text()
    look(page, "my-discord-differs")
    press(page, "Refresh now")
    assert "One change is waiting" in page.locator(".state").inner_text()
    look(page, "my-discord-waiting")
    world.run()
    world.clock.advance(6)
    page.get_by_role("link", name="Look again").click()
    page.wait_for_selector(".state.in_step")
    page.locator("summary", has_text="Unlink").click()
    look(page, "my-discord-in-step")
    page.get_by_role("button", name="Unlink @kira").click()  # the address stays
    page.wait_for_selector("h1:text('You are unlinked')")
    assert world.roles("kira") is None


def test_an_officer_sees_what_is_held_and_answers_it(page: "Page", alone: Stage) -> None:
    world = alone.world
    world.guild.create_role("Member")
    ids = crowd(world, 60, roles=["Member"], groups=["Member"], imported=False)
    swept(world)
    for one in ids:
        world.site.groups(one, [])
    world.run(seconds=1200)
    page.goto(alone.opening("admin", name="Vera"))
    assert "token" not in page.url
    assert page.locator("h1").inner_text() == "One thing needs a hand"
    look(page, "officers-held")
    page.get_by_label("Why does somebody have what they have?").fill(ids[-1])
    press(page, "Explain")
    look(page, "officers-explained")
    page.get_by_role("button", name="Let it be taken from all").click()
    page.wait_for_selector("text=Released.")
    world.run(seconds=1200)
    page.reload()
    look(page, "officers-well")
    assert page.locator("h1").inner_text() == "All is well"


def test_an_officer_sees_that_discord_is_away_and_that_nobody_has_to_do_anything(page: "Page", alone: Stage) -> None:
    world = alone.world
    world.guild.create_role("Member")
    ids = crowd(world, 5, roles=["Member"], groups=["Member"], imported=False)
    swept(world)
    world.outages.begin("discord", 3600, manner="503")
    for one in ids:
        world.site.groups(one, [])
    world.run(seconds=900)
    page.goto(alone.opening("admin", name="Vera"))
    look(page, "officers-outage")
    assert page.locator("h1").inner_text() == "Nothing to do but wait for Discord"
    assert page.get_by_role("heading", name="Discord does not answer").is_visible()
