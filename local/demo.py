"""The demo: link three people, change their groups, damage the guild, repair it.

Everything runs on this machine: the packaged functions in a local AWS, a local Discord beside it, and this program in
the place of the auth site and of three people with browsers.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import requests
from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from chalicelib.settings import load
from local.auth_site import AuthSite
from local.aws import CannotStart
from local.aws.process import port_to_use
from local.discord.config import Config
from local.discord.control import Control, Member, Received
from local.up import Up, everything, interruptible
from ops.commands import register

SECRET = "an auth site's secret, made up for the demo"
SETTINGS = {
    "AUTH_SITE_SECRET": SECRET,
    "DISCORD_SYNC_NAMES": "True",
    "DISCORD_RESERVED_ROLES": "Streamer",
    "UPDATE_ALL_SCHEDULE": "rate(7 days)",
    "UPDATE_ALL_USERNAMES_SCHEDULE": "rate(7 days)",
}
PATIENCE = 60.0  # seconds; the longest wait for one step
LOOK = 0.1  # seconds between two checks
ASK_AGAIN = 3.0  # seconds between two commands of @kira

PEOPLE = {
    "101": ("kira", "Kira Vantari", ["Member", "Logistics"]),
    "102": ("dov", "Dov Ashurak", ["Member", "Capital Pilot"]),
    "103": ("sanne", "Sanne d'Ortu", ["Blue"]),
}


class NotAsItShouldBe(Exception):
    """The guild did not reach the expected state in time."""


class Meter:
    """Counts the bot's requests to Discord and the seconds of each step."""

    def __init__(self, discord: Control) -> None:
        self._discord = discord
        self._last, self._began = 0, time.monotonic()

    def step(self) -> str:
        """Requests and seconds since the step before."""
        received = self._discord.received(after=self._last)
        self._last = max((one.number for one in received), default=self._last)
        asked, began = sum(of_the_bot(one) for one in received), self._began
        self._began = time.monotonic()
        return f"{self._began - began:.1f} s, {asked} request{'' if asked == 1 else 's'} to Discord"


def of_the_bot(request: Received) -> bool:
    """Whether Rolecall made this request, not a browser."""
    return request.path.startswith("/api/")


@dataclass(frozen=True)
class Scene:
    """The running services, and the people of the demo."""

    up: Up
    site: AuthSite
    discord: Control
    meter: Meter
    show: Console

    def member(self, username: str) -> Member | None:
        """The member of that name, or None."""
        return next((member for member in self.discord.state().members if member.username == username), None)

    def expect(self, what: str, holds: Callable[[], bool]) -> None:
        """Wait until the condition holds. Raises NotAsItShouldBe."""
        deadline = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > deadline:
                raise NotAsItShouldBe(what)
            time.sleep(LOOK)
        self.show.print(f"  [green]✓[/] {what} [dim]({self.meter.step()})[/]", highlight=False)

    def has(self, username: str, roles: set[str], nick: str | None = None) -> Callable[[], bool]:
        """Whether the member has exactly these roles, and this nickname if one is given."""

        def holds() -> bool:
            member = self.member(username)
            return member is not None and set(member.roles) == roles and nick in (None, member.nick)

        return holds

    def guild(self, title: str) -> None:
        """Print the guild."""
        table = Table(title=title, title_justify="left", title_style="bold", min_width=72)
        for column in ("member", "nickname", "roles"):
            table.add_column(column)
        for member in self.discord.state().members:
            if not member.bot:
                table.add_row(f"@{member.username}", member.nick or "–", ", ".join(sorted(member.roles)) or "–")
        self.show.print(table)

    def repair(self) -> None:
        """Run `update_all`, as its schedule does every hour."""
        started = self.up.aws.invoke("update_all")
        self.show.print(f"  update_all → {started['state']}" if isinstance(started, dict) else f"  {started}")


def link(scene: Scene, user_id: str) -> None:
    """Link one person as their browser would: the auth site's link, Discord's consent page, the callback."""
    username, character, groups = PEOPLE[user_id]
    token = scene.site.token(user_id, "link", groups=groups, nickname=character)
    browser = requests.Session()
    at_discord = browser.get(f"{scene.up.aws.api_url}/discord/link", params={"token": token}, allow_redirects=False)
    back = scene.discord.consent(at_discord.headers["Location"], username)
    page = browser.get(back, timeout=30)
    if "You are linked" not in page.text:
        raise NotAsItShouldBe(f"@{username} is linked (the page said {page.status_code}: {page.text[-300:]})")
    scene.expect(f"@{username} is linked and has {', '.join(groups)}", scene.has(username, set(groups), character))


def play(scene: Scene) -> None:
    """Run all steps. Raises NotAsItShouldBe."""
    show, discord, site = scene.show, scene.discord, scene.site
    for username, _, _ in PEOPLE.values():
        discord.add_person(username)
    discord.add_member("sanne")
    scene.guild("The guild before: @sanne is a member already, the others are not")

    show.rule("1  Three people link their Discord accounts")
    for user_id in PEOPLE:
        link(scene, user_id)
    scene.guild("After linking")

    show.rule("2  Groups and names change on the auth site, which posts messages to SQS")
    site.groups("101", ["Member", "Logistics", "Fleet Commander"])
    scene.expect("@kira got Fleet Commander", scene.has("kira", {"Member", "Logistics", "Fleet Commander"}))
    site.groups("102", ["Member"])
    scene.expect("@dov lost Capital Pilot", scene.has("dov", {"Member"}))
    site.nickname("103", "Sanne Prime")
    scene.expect("@sanne has her new name", scene.has("sanne", {"Blue"}, "Sanne Prime"))
    scene.guild("After the changes")
    show.print("A repair with nothing to do, so that Rolecall knows the guild as sound:")
    scene.repair()
    scene.expect("it found nothing", lambda: "sweep_done" in "".join(scene.up.aws.logs("sync_bulk")))

    show.rule("3  A moderator damages the guild by hand, in five ways")
    damage(scene)
    scene.guild("Damaged")
    scene.repair()
    scene.expect("@kira has her roles again", scene.has("kira", {"Member", "Logistics", "Fleet Commander"}))
    scene.expect("@dov is a plain Member again, but still a Streamer", scene.has("dov", {"Member", "Streamer"}))
    scene.expect("@sanne is Blue again, under her name", scene.has("sanne", {"Blue"}, "Sanne Prime"))
    scene.guild("Repaired")

    show.rule("4  @sanne leaves the server")
    discord.leave("sanne")
    scene.repair()
    heard: list[dict[str, str]] = []

    def told() -> bool:
        heard.extend(site.notices())
        return any(n["kind"] == "unlinked" and n["reason"] == "left_server" and n["user_id"] == "103" for n in heard)

    scene.expect("her link is gone, and the auth site was told so", told)
    scene.guild("At the end")

    show.rule("5  A group's role is out of reach: @kira asks on Discord, the officers' channel is told")
    ask(scene)


def ask(scene: Scene) -> None:
    """Give @kira a group whose role is above the bot's; then she asks, and the officers read what needs a hand."""
    discord, show = scene.discord, scene.show
    register(load(lambda _: {}, scene.up.aws.settings), deploy="make demo")
    discord.create_role("Director", position=50)
    scene.site.groups("101", ["Member", "Director"])
    scene.expect("@kira is a plain Member", scene.has("kira", {"Member"}))
    scene.repair()  # which reads the server's roles anew
    scene.expect(
        "the officers' channel is told", lambda: any("cannot be given" in one.content for one in discord.posts())
    )
    for post in discord.posts():
        show.print(Panel(Text(post.content), title=f"#{post.channel}", width=76))
    show.print("  (what answers commands reads the server's roles every half minute: @kira may have to ask again)")
    told = ""

    def names_the_group() -> bool:
        nonlocal told
        time.sleep(ASK_AGAIN)
        told = whoami(discord)
        return "Director" in told

    scene.expect("@kira's /whoami says why she has no role Director", names_the_group)
    show.print(Panel(Text(told), title="/whoami", width=76))


def whoami(discord: Control) -> str:
    """What @kira reads at once; the answer is in the store, or deferred."""
    return discord.command_shown(discord.use_command("kira", "whoami").id).content


def damage(scene: Scene) -> None:
    """Damage the guild as moderators might."""
    discord = scene.discord
    for name in ("Moderator", "Streamer"):
        discord.create_role(name)
    discord.change_member("kira", take=["Logistics"])
    discord.delete_role("Fleet Commander")
    discord.change_member("dov", give=["Moderator", "Streamer"])
    discord.change_member("sanne", take=["Blue"])
    discord.change_member("sanne", nick="xX_Sanne_Xx")
    for text in (
        "took Logistics from @kira",
        "deleted the role Fleet Commander",
        "gave @dov the roles Moderator, and Streamer (which DISCORD_RESERVED_ROLES leaves to moderators)",
        "took Blue from @sanne",
        "renamed @sanne",
    ):
        scene.show.print(f"  [red]✗[/] {text}")


def report(scene: Scene) -> None:
    """Print the requests and seconds of each step."""
    received = scene.discord.received()
    bot = [one for one in received if of_the_bot(one)]
    limited = sum(one.status == requests.codes.too_many_requests for one in bot)
    scene.show.print(f"\nDiscord was asked {len(bot)} times in all; it said 429 {limited} times.")


@contextmanager
def staged(show: Console) -> Iterator[Scene]:
    """Start everything, with an auth site to drive it."""
    began = time.monotonic()

    def tell(what: str) -> None:
        show.print(f"[dim]{time.monotonic() - began:5.1f} s  {what}[/]", highlight=False)

    port = port_to_use(None)
    webhook = f"http://127.0.0.1:{port}/api/webhooks/{Config().webhook}"
    settings = SETTINGS | {"DISCORD_WEBHOOK_URL": webhook, "PATH": os.environ.get("PATH", "")}
    with everything(settings, discord_port=port, tell=tell) as up:
        site = AuthSite(
            up.aws.client("sqs"),
            secret=SECRET,
            jobs_queue_url=up.aws.jobs_queue_url,
            notices_queue_url=up.aws.notices_queue_url,
        )
        discord = Control(up.discord_url)
        yield Scene(up, site, discord, Meter(discord), show)


def run(*, keep: bool) -> int:
    """Run the demo; 0 if the guild ended as it should, else 1. `keep` leaves everything running until Ctrl-C."""
    show = Console(width=None if sys.stdout.isatty() else 100)
    try:
        with interruptible(), staged(show) as scene:
            try:
                play(scene)
            except NotAsItShouldBe as wrong:
                show.print(f"\n[bold red]This did not come true within {PATIENCE:.0f} s:[/] {wrong}")
                scene.guild("The guild as it is")
                return 1
            report(scene)
            show.print("[bold green]The guild is as the auth site wants it.[/]")
            if keep:
                stay(scene)
    except CannotStart as error:
        show.print(f"[red]{error}[/]")
        return 1
    except KeyboardInterrupt:
        return 0 if keep else 1
    return 0


def stay(scene: Scene) -> None:
    """Keep everything running, and print its addresses."""
    link_url = f"{scene.up.aws.api_url}/discord/link?token="
    scene.discord.add_person("visitor")
    token = scene.site.token("104", "link", groups=["Member", "Visitor"], nickname="A Visitor")
    scene.show.print("\nIt stays up until Ctrl-C. Link yourself as @visitor in a browser (once, within ten minutes):")
    scene.show.print(f"{link_url}{token}", soft_wrap=True, highlight=False)
    for about, page in (("My Discord, of user 101", "me"), ("The officers' page", "admin")):
        address = f"{scene.up.aws.api_url}/discord/{page}?token={scene.site.token('101', page)}"
        scene.show.print(f"{about} (once, within ten minutes; later: local link-url 101 --page {page}):")
        scene.show.print(address, soft_wrap=True, highlight=False)
    scene.show.print("The server on the local Discord: damage it by hand, or let Discord fail; then press")
    scene.show.print("“Start a sweep now” on the officers' page, and watch Rolecall put it right:")
    scene.show.print(f"{scene.up.discord_url}/", soft_wrap=True, highlight=False)
    for name, value in scene.up.facts().items():
        scene.show.print(f"  {name}: {value}", soft_wrap=True, highlight=False)
    scene.show.print(f"  the same as JSON: {scene.up.discord_url}/control/state", soft_wrap=True, highlight=False)
    scene.show.print("In another shell, an operator's commands, and a link for somebody else:")
    for hint in scene.up.hints():
        scene.show.print(f"  {hint}", soft_wrap=True, highlight=False)
    while scene.up.running:
        time.sleep(LOOK)
