"""The demo with Alliance Auth, driven in Chromium as people drive it: the pages are real, and so is every click."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rich.console import Console

from local.allianceauth.site import Login
from local.chromium import browser
from local.discord.control import Control, Member

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Request

SHOTS = os.environ.get("ROLECALL_SCREENSHOTS")  # a folder; the pages are photographed there
WINDOW = {"width": 1280, "height": 900}
PATIENCE = 60.0  # seconds; the longest wait for Discord to follow
LOOK = 0.1  # seconds between two looks
PAGE_TIMEOUT = 30_000  # milliseconds
ABORTED = "net::ERR_ABORTED"  # a request of a page that was left meanwhile
MACHINE = ("127.0.0.1", "localhost")
MEMBER, OFFICER = "kira", "admin"


class NotAsItShouldBe(Exception):
    """What a person would have seen is not what they should see."""


@dataclass
class Watch:
    """What the browser asked for elsewhere, and what it complained of."""

    elsewhere: set[str] = field(default_factory=set)
    complaints: list[str] = field(default_factory=list)

    def over(self, page: "Page") -> None:
        """Watch this page."""
        page.on("request", self._note)
        page.on("requestfailed", self._note_failure)
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, request: "Request") -> None:
        host = urlsplit(request.url).hostname
        if request.url.startswith("http") and host not in MACHINE:
            self.elsewhere.add(str(host))

    def _note_failure(self, request: "Request") -> None:
        if request.failure != ABORTED:
            self.complaints.append(f"{urlsplit(request.url).path}: {request.failure}")

    def verdict(self) -> None:
        """Raises NotAsItShouldBe if a page needed the internet, or the browser found fault."""
        if self.elsewhere:
            raise NotAsItShouldBe(f"pages need no internet (they asked {', '.join(sorted(self.elsewhere))})")
        if self.complaints:
            raise NotAsItShouldBe(f"the browser has nothing to complain of ({'; '.join(self.complaints)})")


@dataclass(frozen=True)
class BrowserCheck:
    """The people's browsers, and the Discord server that follows."""

    site_url: str
    logins: dict[str, Login]
    discord: Control
    chromium: "Browser"
    show: Console
    watch: Watch = field(default_factory=Watch)

    @contextmanager
    def as_person(self, name: str) -> Iterator["Page"]:
        """A browser in which this person is logged in."""
        context = self.chromium.new_context(viewport=WINDOW)  # type: ignore[arg-type]  # a TypedDict
        context.set_default_timeout(PAGE_TIMEOUT)
        page = context.new_page()
        self.watch.over(page)
        try:
            page.goto(f"{self.site_url}/demo/login/")
            shoot(page, "login")
            page.fill("input[name=username]", name)
            page.fill("input[name=password]", self.logins[name].password)
            page.click("button[type=submit]")
            page.wait_for_url("**/dashboard/**")
            shoot(page, f"dashboard-{name}")
            yield page
        finally:
            context.close()

    def member(self, name: str) -> Member | None:
        """The person as a member of the Discord server, or None."""
        return next((member for member in self.discord.state().members if member.username == name), None)

    def follows(self, what: str, holds: Callable[[Member | None], bool]) -> None:
        """Wait until the member on Discord is as `holds` wants it. Raises NotAsItShouldBe."""
        began = time.monotonic()
        while not holds(self.member(MEMBER)):
            if time.monotonic() > began + PATIENCE:
                raise NotAsItShouldBe(f"{what} (@{MEMBER}: {self.member(MEMBER)})")
            time.sleep(LOOK)
        self.show.print(f"  [green]✓[/] {what} [dim]({time.monotonic() - began:.1f} s)[/]", highlight=False)

    def done(self, what: str) -> None:
        """Say that a step has been seen."""
        self.show.print(f"  [green]✓[/] {what}", highlight=False)


def shoot(page: "Page", name: str) -> None:
    """Photograph the page, if a folder for that is named."""
    if SHOTS:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=Path(SHOTS) / f"{name}.png")


def has_roles(*names: str) -> Callable[[Member | None], bool]:
    """Whether a member has exactly these roles."""
    return lambda member: member is not None and set(member.roles) == set(names)


def activate(run: BrowserCheck, page: "Page") -> None:
    """A member activates Discord on Alliance Auth's services page, says yes at Discord, and comes back linked."""
    page.goto(f"{run.site_url}/services/")
    shoot(page, "services-before")
    page.click("a.btn-warning[title=Activate]")
    page.wait_for_selector("select")
    shoot(page, "discord")
    people = {person.username: person.id for person in run.discord.people()}
    page.select_option("select", value=people[MEMBER])
    page.get_by_role("button", name="Authorise").click()
    page.wait_for_url("**/services/")
    shoot(page, "services-after")
    expect_text(page, "Your Discord account has been successfully activated.")
    expect_text(page, f"@{MEMBER}")
    run.done(f"{run.logins[MEMBER].character} activated Discord and came back linked to @{MEMBER}")


def expect_text(page: "Page", text: str) -> None:
    """Raises NotAsItShouldBe if the page does not say this."""
    if text not in page.inner_text("body"):
        raise NotAsItShouldBe(f"the page says {text!r} (it says: {page.inner_text('body')})")


def change_groups(run: BrowserCheck, page: "Page", *, give: str = "", take: str = "") -> None:
    """An officer changes the member's groups on the admin site."""
    page.goto(f"{run.site_url}/admin/authentication/user/?q={MEMBER}")
    page.click("#result_list tbody tr a:has-text('" + MEMBER + "')")
    page.wait_for_selector("#id_groups_to")
    if give:
        page.select_option("#id_groups_from", label=give)
        page.click("#id_groups_add, #id_groups_add_link")
    if take:
        page.select_option("#id_groups_to", label=take)
        page.click("#id_groups_remove, #id_groups_remove_link")
    shoot(page, f"admin-{'give' if give else 'take'}")
    page.click("input[name=_save]")
    page.wait_for_selector("ul.messagelist .success")


def deactivate(run: BrowserCheck, page: "Page") -> None:
    """The member ends the link on the services page."""
    page.goto(f"{run.site_url}/services/")
    page.click("button[title=Deactivate]")
    page.wait_for_url("**/services/")
    shoot(page, "services-deactivated")
    expect_text(page, "Deactivated Discord account.")
    run.done("and deactivated Discord again")


def run_all(run: BrowserCheck) -> None:
    """All of it. Raises NotAsItShouldBe."""
    with run.as_person(MEMBER) as members:
        activate(run, members)
        character = run.logins[MEMBER].character
        run.follows("their roles on Discord are those of Alliance Auth", has_roles("Member", "Logistics"))
        run.follows("and so is their name", lambda member: member is not None and member.nick == character)
        with run.as_person(OFFICER) as officers:
            change_groups(run, officers, give="Fleet Commander")
            run.follows(
                "an officer added Fleet Commander, and the role followed",
                has_roles("Member", "Logistics", "Fleet Commander"),
            )
            change_groups(run, officers, take="Logistics")
            run.follows("an officer took Logistics away, and the role followed", has_roles("Member", "Fleet Commander"))
        deactivate(run, members)
        run.follows("whereupon the member left the server", lambda member: member is None)
    run.watch.verdict()
    run.done("the pages asked for nothing beyond this machine, and the browser had nothing to complain of")


def check(site_url: str, logins: list[Login], discord: Control, show: Console) -> None:
    """Drive the demo in Chromium. Raises NotAsItShouldBe, and NoChromium."""
    with browser() as chromium:
        run_all(BrowserCheck(site_url, {login.name: login for login in logins}, discord, chromium, show))
