"""The officers' page speaks English and German: the same things in both."""

import re
from string import Formatter

import pytest

from chalicelib.discord import routes
from chalicelib.members import explained
from chalicelib.members.explain import GroupVerdict, NicknameVerdict
from chalicelib.members.explained import Explained
from chalicelib.members.roles import MatchedBy, WhyNot
from chalicelib.members.words import Text
from chalicelib.problems import Problem, ProblemKind
from chalicelib.store.audit import Kind
from chalicelib.store.removals import Cause
from chalicelib.web.officers import SweepTrouble
from chalicelib.web.officers_words import ENGLISH, GERMAN, OfficersWords
from chalicelib.web.render import TEMPLATES
from local.simulated import World
from tests.linking.doors import Browser
from tests.members.support import swept
from tests.web.test_member_page import text_of
from tests.web.test_officers_page import PAGE, opened

USED = {
    *(f"kind_{kind.value}" for kind in Kind),
    *(f"held_{cause.value}{end}" for cause in Cause for end in ("", "_about")),
    *(f"{trouble.value}{end}" for trouble in SweepTrouble for end in ("", "_about")),
    *explained.DID.values(),
    *explained.BY.values(),
    *explained.ROUTES,
    *("released", "dropped", "changed", "sweep"),
}


def fields(text: Text) -> set[str]:
    variants = [text] if isinstance(text, str) else [text[1], text[2]]
    return {name for one in variants for _, name, _, _ in Formatter().parse(one) if name}


def test_both_languages_have_the_same_keys_and_fill_in_the_same() -> None:
    assert ENGLISH.keys() == GERMAN.keys()
    assert {key for key in ENGLISH if fields(ENGLISH[key]) != fields(GERMAN[key])} == set()
    assert {key for key in ENGLISH if isinstance(ENGLISH[key], str) != isinstance(GERMAN[key], str)} == set()


def test_every_text_that_is_used_is_there() -> None:
    named = {
        name
        for path in TEMPLATES.glob("officers*.html")
        for name in re.findall(r"""\bt\(["'](\w+)["'][,)]""", path.read_text())
    }
    assert len(named) > 50
    assert (named | USED) - ENGLISH.keys() == set()


@pytest.mark.parametrize("language", ["en", "de"])
def test_every_verdict_and_problem_has_its_words(language: str) -> None:
    words = Explained(OfficersWords(language))
    for kind in ProblemKind:
        assert words.problem(Problem(kind, "" if kind in explained.PROBLEMS else "Discord's words"))
    assert explained.GROUPS.keys() == set(GroupVerdict)
    assert explained.NICKNAMES.keys() == set(NicknameVerdict)
    assert explained.WHY_NOT.keys() == set(WhyNot)
    assert explained.MATCHED_BY.keys() == set(MatchedBy)
    assert words.route(routes.MEMBER_PATCH) != routes.MEMBER_PATCH


def in_german(browser: Browser, **query: str) -> str:
    cookies = "; ".join(f"{name}={value}" for name, value in browser.jar.items())
    address = PAGE + "".join(
        f"{'&' if number else '?'}{name}={value}" for number, (name, value) in enumerate(query.items())
    )
    event = browser.doors.event("GET", address, headers={"Cookie": cookies, "Accept-Language": "de-AT,en;q=0.5"})
    answer = browser.doors.send(event)
    assert '<html lang="de">' in answer.body
    return text_of(answer)


def test_a_german_browser_reads_german(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member", "Logistics"])
    world.run()
    swept(world)
    opened(world, browser)
    assert "Alles in Ordnung Ein Mitglied ist verknüpft, und alles stimmt." in in_german(browser)
    world.guild.change_member("kira", roles=["Member"])
    said = in_german(browser, member="101")
    assert "Ein Abgleich würde: Logistics geben." in said
    assert "Rolle Member (durch ihren Namen)" in said
    assert "auf den Server gelassen; gegeben: Logistics, Member" in said
    world.guild.change_role("Logistics", position=200)
    swept(world)
    world.clock.advance(31)
    said = in_german(browser)
    assert "2 Dinge brauchen Aufmerksamkeit" in said
    assert "sie steht nicht unter der höchsten Rolle des Bots" in said
    assert "Bei einem Mitglied ging etwas nicht" in said
