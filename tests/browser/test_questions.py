"""Ten questions that members and officers ask, and where the pages answer them.

docs/explanation/questions.md lists them. Each is asked in the issue trackers of programs that do the same. Whoever asks
has only the page, and a few clicks.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from chalicelib.members.guild import CACHE_TTL
from tests.browser.stage import Stage, stage
from tests.docs.pages import DOCS
from tests.members.support import crowd, swept

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser
PAGE = DOCS / "explanation" / "questions.md"
MAX_CLICKS = 3  # after the one on the auth site that opens the page; typing a name counts as one


@pytest.fixture
def alone() -> Iterator[Stage]:
    with stage(returns=False, DISCORD_SYNC_NAMES="True") as made:
        yield made


@dataclass
class Reader:
    """Somebody who has only the page. Counts what they do there."""

    page: "Page"
    stage: Stage
    clicks: int = 0

    def open(self, purpose: str, **claims: str) -> None:
        self.page.goto(self.stage.opening(purpose, **claims))

    def press(self, name: str) -> None:
        self.clicks += 1
        self.page.get_by_role("button", name=name).first.click()
        self.page.wait_for_load_state()

    def unfold(self, name: str) -> None:
        self.clicks += 1
        self.page.locator("summary", has_text=name).click()

    def type(self, label: str, text: str) -> None:
        self.clicks += 1
        self.page.get_by_label(label).fill(text)

    def reads(self, *sentences: str) -> None:
        shown = " ".join(self.page.inner_text("main").split())
        for sentence in sentences:
            assert sentence in shown


def linked(stage: Stage, *groups: str) -> None:
    world = stage.world
    world.link("101", "kira", groups=list(groups or ("Member",)), nickname="Kira Vantari")
    world.run()
    swept(world)


# --- members ------------------------------------------------------------------------------------------------------


def missing_role(reader: Reader) -> None:
    linked(reader.stage, "Member", "Director")
    world = reader.stage.world
    world.guild.change_role("Director", position=200)
    world.guild.change_member("kira", roles=["Member"])
    swept(world)
    world.clock.advance(CACHE_TTL + 1)
    reader.open("me")
    reader.reads("Director: its role ranks too high on Discord for the bot to give it. Tell an administrator.")


def put_right_now(reader: Reader) -> None:
    linked(reader.stage, "Member", "Logistics")
    world = reader.stage.world
    world.guild.change_member("kira", roles=["Member"])
    reader.open("me")
    reader.reads("One thing differs.", "Logistics by your group Logistics on its way")
    reader.press("Refresh now")
    world.run()
    world.clock.advance(6)
    reader.clicks += 1
    reader.page.get_by_role("link", name="Look again").click()
    reader.page.wait_for_selector(".state.in_step")
    reader.reads("Everything is in step.")
    assert world.roles("kira") == {"Member", "Logistics"}


def wrong_account(reader: Reader) -> None:
    linked(reader.stage)
    reader.stage.world.guild.add_person("kira_main")
    reader.open("me")
    reader.unfold("Use another account")
    reader.reads("First log in to Discord with the other account", "It gets your roles; @kira loses them.")
    reader.press("Go to Discord")
    assert "Authorise" in reader.page.title()


def name_not_changed(reader: Reader) -> None:
    linked(reader.stage)
    world = reader.stage.world
    world.guild.turn(owner="kira")
    world.guild.change_member("kira", nick="Boss")
    swept(world)
    world.clock.advance(CACHE_TTL + 1)
    reader.open("me")
    reader.reads("Your nickname: you own the server, or rank above the bot. Discord does not let it change your name")


def left_and_back(reader: Reader) -> None:
    linked(reader.stage)
    reader.stage.world.guild.leave("kira")
    reader.open("me")
    reader.reads("Your account is not in the server. Go back to your alliance’s site and link it again.")


# --- officers -----------------------------------------------------------------------------------------------------


def why_this_member(reader: Reader) -> None:
    linked(reader.stage, "Member", "Logistics")
    world = reader.stage.world
    world.guild.create_role("Streamer", position=200)
    world.guild.change_member("kira", roles=["Member", "Streamer"])
    world.clock.advance(3601)  # the roles of the server are read anew
    reader.open("admin", name="Vera")
    reader.type("Why does somebody have what they have?", "@kira")
    reader.press("Explain")
    reader.reads(
        "A sync would give Logistics.",
        "Member yes kept: by group Member",
        "Streamer yes left alone: it is not below the bot's highest role",
    )


def role_for_nobody(reader: Reader) -> None:
    missing_role(Reader(reader.page, reader.stage))
    reader.open("admin", name="Vera")
    reader.reads("The role of Director is out of reach", "drag the bot’s role above it", "2 things need a hand")


def check_everybody(reader: Reader) -> None:
    linked(reader.stage)
    world = reader.stage.world
    world.guild.create_role("Blue")
    world.guild.change_member("kira", give=["Blue"])
    reader.open("admin", name="Vera")
    reader.press("Start a sweep now")
    reader.reads("A sweep has been started.")
    world.run()
    assert world.roles("kira") == {"Member"}


def too_many_lose(reader: Reader) -> None:
    world = reader.stage.world
    world.guild.create_role("Member")
    ids = crowd(world, 60, roles=["Member"], groups=["Member"], imported=False)
    swept(world)
    for one in ids:
        world.site.groups(one, [])
    world.run(seconds=1200)
    reader.open("admin", name="Vera")
    reader.reads("members would lose roles or their link. Nobody loses anything until you answer.")
    reader.press("keep it")
    reader.reads("Dropped. They keep it until the auth site states something newer.")
    assert sum(world.roles(one.removeprefix("u-")) == {"Member"} for one in ids) > 30


def who_gave_it(reader: Reader) -> None:
    linked(reader.stage, "Member")
    world = reader.stage.world
    world.site.groups("101", ["Member", "Director"])
    world.run()
    reader.open("admin", name="Vera")
    reader.unfold("Show only")
    reader.type("a role’s name", "Director")
    reader.press("Show")
    reader.reads("@kira gave Director a message from the auth site")


QUESTIONS: dict[str, Callable[[Reader], None]] = {
    "I am in the group. Why do I not have the role?": missing_role,
    "Can I have my roles put right without asking anybody?": put_right_now,
    "I linked the wrong account. How do I change it?": wrong_account,
    "Why is my name on Discord not changed?": name_not_changed,
    "I left the server and came back. Where are my roles?": left_and_back,
    "Why does this member have this role, or not have it?": why_this_member,
    "Why does nobody get a certain role, though the bot has every permission?": role_for_nobody,
    "Somebody has a role that no group gives them. Can everybody be checked?": check_everybody,
    "Many are about to lose their roles. What happens, and how do I stop it?": too_many_lose,
    "Who gave or took this role, and when?": who_gave_it,
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered_within_a_few_clicks(page: "Page", alone: Stage, question: str) -> None:
    reader = Reader(page, alone)
    QUESTIONS[question](reader)
    assert reader.clicks <= MAX_CLICKS
    assert f"| {clicks_of(question)} |" in row_of(question)
    assert reader.clicks == clicks_of(question)


def row_of(question: str) -> str:
    (row,) = [line for line in PAGE.read_text().splitlines() if line.startswith(f"| {question} |")]
    return row


def clicks_of(question: str) -> int:
    return int(re.split(r"\s*\|\s*", row_of(question))[3])


def test_the_page_of_questions_lists_these_and_no_others() -> None:
    rows = [line.split("|")[1].strip() for line in PAGE.read_text().splitlines() if line.startswith("| ")]
    assert [row for row in rows if row.endswith("?")] == list(QUESTIONS)
