"""`python -m local demo-allianceauth`: a real Alliance Auth, the app, all of Rolecall and a local Discord."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from playwright.sync_api import Error as BrowserError
from rich.console import Console
from rich.table import Table

from local.allianceauth.check import NotAsItShouldBe, check
from local.allianceauth.site import Login, Site, alliance_auth, app_settings, logins
from local.aws import CannotStart
from local.chromium import MISSING, PATH
from local.discord.control import Control
from local.up import Up, everything, interruptible

SECRET = "a secret of Rolecall and this Alliance Auth, made up for the demo"
SETTINGS = {"AUTH_SITE_SECRET": SECRET, "DISCORD_SYNC_NAMES": "True"}
LOOK = 0.2  # seconds


@dataclass(frozen=True)
class Scene:
    """What runs."""

    up: Up
    site: Site
    discord: Control
    people: list[Login]

    @property
    def running(self) -> bool:
        """Whether all of it still runs."""
        return self.up.running and self.site.running


@contextmanager
def staged(show: Console) -> Iterator[Scene]:
    """Start everything, with an account on Discord for each person. Raises CannotStart."""
    began = time.monotonic()

    def tell(what: str) -> None:
        show.print(f"[dim]{time.monotonic() - began:5.1f} s  {what}[/]", highlight=False)

    with alliance_auth() as site:
        tell("Making Alliance Auth's database meanwhile")
        environ = {"PATH": os.environ.get("PATH", "")} | SETTINGS | site.settings
        with everything(environ, tell=tell) as up:
            tell("Starting Alliance Auth and its worker")
            site.connect(
                app_settings(
                    rolecall_url=up.aws.api_url,
                    secret=SECRET,
                    jobs_queue_url=up.aws.jobs_queue_url,
                    notices_queue_url=up.aws.notices_queue_url,
                    aws_endpoint_url=up.aws.endpoint_url,
                )
            )
            discord, people = Control(up.discord_url), logins()
            for login in people:
                discord.add_person(login.name, global_name=login.character)
            tell("Ready")
            yield Scene(up, site, discord, people)


def introduce(scene: Scene, show: Console) -> None:
    """Print the addresses and who can log in."""
    table = Table(title="Log in as", title_justify="left", title_style="bold", min_width=72)
    for column in ("user", "password", "main character", "groups", ""):
        table.add_column(column)
    for one in scene.people:
        role = "superuser" if one.superuser else ""
        table.add_row(one.name, one.password, one.character, ", ".join(one.groups) or "–", role)
    show.print(table)
    for what, url in (
        ("log in", f"{scene.site.url}/demo/login/"),
        ("activate Discord", f"{scene.site.url}/services/"),
        ("change groups (as admin)", f"{scene.site.url}/admin/authentication/user/"),
        ("the Discord server as JSON", f"{scene.up.discord_url}/control/state"),
    ):
        show.print(f"  {what:<28}{url}", soft_wrap=True, highlight=False)


def stay(scene: Scene, show: Console) -> None:
    """Keep it running, and print the members of the server whenever they change. Raises CannotStart."""
    show.print("It runs until Ctrl-C. In another shell, an operator's commands:")
    for hint in scene.up.hints():
        show.print(f"  {hint}", soft_wrap=True, highlight=False)
    shown = members(scene)
    while scene.running:
        if (now := members(scene)) != shown:
            for line in sorted(set(now) - set(shown)) or ["nobody is there but the bot"]:
                show.print(f"  Discord: {line}", highlight=False)
            shown = now
        time.sleep(LOOK)
    raise CannotStart(f"A part of it ended by itself:\n{scene.site.log_end()}\n{scene.up.aws.log_end()}")


def members(scene: Scene) -> list[str]:
    """A line for each member of the server."""
    return [
        f"@{one.username} ({one.nick or 'no nickname'}): {', '.join(sorted(one.roles)) or 'no roles'}"
        for one in scene.discord.state().members
        if not one.bot
    ]


def run(*, checking: bool) -> int:
    """Run the demo until Ctrl-C, or `checking` it in a browser. 0 if all went well, else 1."""
    show = Console(width=None if sys.stdout.isatty() else 100)
    if checking and PATH is None:
        show.print(f"[red]There is {MISSING}.[/]")
        return 1
    try:
        with interruptible(), staged(show) as scene:
            introduce(scene, show)
            if checking:
                check(scene.site.url, scene.people, scene.discord, show)
                show.print("[bold green]Discord follows Alliance Auth.[/]")
            else:
                stay(scene, show)
    except (NotAsItShouldBe, BrowserError) as wrong:
        show.print(f"[bold red]This did not come true:[/] {wrong}")
        return 1
    except CannotStart as error:
        show.print(f"[red]{error}[/]")
        return 1
    except KeyboardInterrupt:
        return 1 if checking else 0
    return 0
