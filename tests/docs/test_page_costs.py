"""The page about the pages' costs shows what each request asks of DynamoDB, SQS and Discord, counted anew here."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pytest

from local.simulated import World
from tests.docs.pages import DOCS
from tests.linking.doors import Browser, Doors
from tests.members.support import crowd, swept
from tests.web.test_member_page import press as press_mine
from tests.web.test_officers_news import counted, known_of, news
from tests.web.test_officers_page import PAGE as OFFICERS
from tests.web.test_officers_page import press

PAGE = DOCS / "explanation" / "pages.md"
MINE = "/discord/me"
LINKED = 60


@dataclass
class Site:
    """A stage with members, and somebody's browser."""

    world: World
    browser: Browser


def site() -> Site:
    world = World({"DISCORD_SYNC_NAMES": "True"})
    world.guild.create_role("Member")
    crowd(world, LINKED, roles=["Member"], groups=["Member"], imported=False)
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    swept(world)
    return Site(world, Browser(Doors(world)))


def mine(here: Site) -> None:
    here.browser.get(MINE, token=here.world.site.token("101", "me"))


def officers(here: Site) -> None:
    here.browser.get(OFFICERS, token=here.world.site.token("7", "admin", name="Vera"))
    here.browser.get(OFFICERS)


def held(here: Site) -> None:
    for number in range(1, LINKED + 1):
        here.world.site.groups(f"u-pilot{number}", [])
    here.world.run(seconds=1200)
    officers(here)


def seen_mine(here: Site) -> None:
    mine(here)
    here.browser.get(MINE)


def measured(prepare: Callable[[Site], None], act: Callable[[Site], Callable[[], object]]) -> Counter[str]:
    """What one request asks for; what it needs to be made is done before it is counted."""
    here = site()
    prepare(here)
    request = act(here)
    with counted(here.world) as found:
        request()
    return found


def pressed_mine(action: str) -> Callable[[Site], Callable[[], object]]:
    return lambda here: partial(press_mine, here.browser, here.browser.get(MINE), action)


def pressed(button: str, **query: str) -> Callable[[Site], Callable[[], object]]:
    return lambda here: partial(press, here.browser, here.browser.get(OFFICERS, **query), button)


def looked(here: Site) -> Callable[[], object]:
    return partial(news, here.browser, known_of(here.browser.get(OFFICERS)))


def later(here: Site) -> Callable[[], object]:
    here.world.clock.advance(6)
    return lambda: here.browser.get(MINE)


def asked(path: str, **query: str) -> Callable[[Site], Callable[[], object]]:
    return lambda here: lambda: here.browser.get(path, **query)


REQUESTS: dict[str, tuple[Callable[[Site], None], Callable[[Site], Callable[[], object]]]] = {
    "*My Discord*: the click on the auth site": (lambda _: None, lambda here: lambda: mine(here)),
    "*My Discord*: the page": (mine, asked(MINE)),
    "*My Discord*: again within five seconds": (seen_mine, asked(MINE)),
    "*My Discord*: again after that": (seen_mine, later),
    "*My Discord*: *Refresh now*": (mine, pressed_mine("refresh")),
    "*My Discord*: *Use another account*": (mine, pressed_mine("other")),
    "officers' page: the page": (officers, asked(OFFICERS)),
    "officers' page: a look by itself, every half minute": (officers, looked),
    "officers' page: *Explain*, by an id": (officers, asked(OFFICERS, member="101")),
    "officers' page: *Explain*, by a name": (officers, asked(OFFICERS, member="@kira")),
    "officers' page: the trail of one role": (officers, asked(OFFICERS, role="Member")),
    "officers' page: *Start a sweep now*": (officers, pressed("Start a sweep now")),
    "officers' page: the page with 35 held": (held, asked(OFFICERS)),
    "officers' page: one held removal released": (held, pressed(">Let it be taken<", member="u-pilot60")),
    "officers' page: one held removal dropped": (held, pressed(">Let them keep it<", member="u-pilot60")),
}


def row(name: str, found: Counter[str]) -> str:
    queues = sum(number for operation, number in found.items() if operation in SQS)
    tables = sum(number for operation, number in found.items() if operation not in (*SQS, "Discord"))
    return f"| {name} | {tables} | {queues} | {found['Discord']} |"


SQS = ("GetQueueAttributes", "SendMessage", "SendMessageBatch", "GetQueueUrl")


@pytest.mark.parametrize("name", REQUESTS)
def test_the_page_shows_what_a_request_asks_for(name: str) -> None:
    (shown,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {name} |")]
    assert shown == row(name, measured(*REQUESTS[name]))


def test_the_page_shows_every_request_and_no_others() -> None:
    shown = [line.split("|")[1].strip() for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert [name for name in shown if name in REQUESTS] == list(REQUESTS)
