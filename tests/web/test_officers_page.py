"""The officers' page: it says what is so, answers only what was seen, and records who did what."""

import re
from datetime import UTC, datetime
from html import unescape
from urllib.parse import parse_qsl

import pytest

from chalicelib.discord.client import fingerprint
from chalicelib.linking.tokens import Purpose
from chalicelib.store import audit, users
from chalicelib.store.halts import DynamoHaltStore
from chalicelib.web.sessions import LIFE, cookie_name
from local.simulated import World
from tests.linking.doors import Answer, Browser, Doors
from tests.members.support import crowd, swept
from tests.web.test_member_page import NASTY, csrf_of, text_of

PAGE = "/discord/admin"
LINKED = 60  # members; the removal limit lets 25 of them lose something within an hour


def opened(world: World, browser: Browser, name: str | None = "Vera") -> Answer:
    """Open the page with a token, as the auth site's link does, and follow the redirect."""
    first = browser.get(PAGE, token=world.site.token("7", "admin", **({"name": name} if name else {})))
    assert (first.status, first.location) == (302, "?"), first
    return browser.get(PAGE)


def hidden(page: Answer, button: str) -> dict[str, str]:
    """The fields of the form whose button has that text."""
    for form in re.findall(r"<form method=\"post\".*?</form>", page.body, flags=re.DOTALL):
        if button in form:
            fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))
            return {name: value for name, value in fields.items() if name != "member"}
    raise AssertionError(f"no button {button!r}")


def press(browser: Browser, page: Answer, button: str) -> Answer:
    return browser.post(PAGE, **hidden(page, button))


@pytest.fixture
def held(world: World) -> list[str]:
    """Members who all would lose their role: the removal limit holds."""
    world.guild.create_role("Member")
    ids = crowd(world, LINKED, roles=["Member"], groups=["Member"], imported=False)
    swept(world)
    for one in ids:
        world.site.groups(one, [])
    world.run(seconds=1200)
    return ids


def keep_role(world: World, ids: list[str]) -> int:
    return sum(world.roles(one.removeprefix("u-")) == {"Member"} for one in ids)


# --- what it says -------------------------------------------------------------------------------------------------


def test_line_one_says_that_all_is_well(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.sweep()
    world.run()
    page = opened(world, browser)
    assert "<h1>All is well</h1>" in page.body
    assert "One member is linked, and in step. The last sweep looked at everybody a minute ago." in text_of(page)
    assert "You are here as Vera." in text_of(page)


def test_imported_members_of_whom_nothing_is_stated_are_not_called_in_step(world: World, browser: Browser) -> None:
    crowd(world, 3, groups=None)
    swept(world)
    said = text_of(opened(world, browser))
    assert "All is well 3 members are linked. The auth site never stated the groups of 3 of them, who keep" in said
    assert "under way" not in said


def test_a_role_above_the_bot_needs_a_hand(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.guild.create_role("Director", position=200)
    world.site.groups("101", ["Member", "Director"])
    world.run()
    world.sweep()
    world.run()
    said = text_of(opened(world, browser))
    assert "2 things need a hand" in said
    assert "The role of Director is out of reach" in said
    assert "drag the bot’s role above it" in said
    assert "One member could not be brought in step" in said


def test_a_refused_token_is_said(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    opened(world, browser)
    settings = world.settings
    DynamoHaltStore(settings.app_id, settings.guild_id).refuse_token(
        fingerprint(settings.bot_token), now=world.clock.now()
    )
    said = text_of(browser.get(PAGE))
    assert "Rolecall cannot reach Discord" in said
    assert "One thing needs a hand" in said
    assert f"0 messages wait. Since {datetime.fromtimestamp(world.clock.now(), UTC):%Y-%m-%d %H:%M} UTC." in said


def test_a_discord_that_answers_nobody_is_said_with_since_when_and_what_waits(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    opened(world, browser)
    world.outages.begin("discord", 3600, manner="503")
    since = datetime.fromtimestamp(world.clock.now(), UTC)
    world.site.groups("101", [])
    world.run(seconds=30)
    assert "Discord does not answer" not in text_of(browser.get(PAGE)), "the next try may mend it"
    world.run(seconds=1800)
    said = text_of(browser.get(PAGE))
    assert "Nothing to do but wait for Discord" in said
    assert "needs a hand" not in said
    assert "Discord does not answer Every request has failed (HTTP 503), the last one" in said
    assert f"One message waits. Since {since:%Y-%m-%d %H:%M} UTC." in said
    world.run(seconds=3600)
    assert "Discord does not answer" not in text_of(opened(world, browser))


def test_a_block_that_passes_needs_no_hand_and_neither_do_the_sweeps_that_it_holds_up(
    world: World, browser: Browser
) -> None:
    world.link("101", "kira", groups=["Member"])
    swept(world)
    world.clock.advance(4 * 3600)
    opened(world, browser)
    settings, now = world.settings, world.clock.now()
    halts = DynamoHaltStore(settings.app_id, settings.guild_id)
    assert "No sweep for more than three hours" in text_of(browser.get(PAGE))
    halts.halt_until(now + 600, "Cloudflare blocks several containers", since=now)
    said = text_of(browser.get(PAGE))
    assert "Nothing to do but wait for Discord" in said
    assert "Discord blocks the calls (Cloudflare blocks several containers)" in said
    assert "No sweep for more than" not in said
    assert "needs a hand" not in said
    halts.refuse_token(fingerprint(settings.bot_token), now=now)
    said = text_of(browser.get(PAGE))
    assert "One thing needs a hand" in said
    assert "No sweep for more than" not in said


def test_what_waits_for_later_waits(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    page = opened(world, browser)
    assert "for later 0 Nothing waits." in text_of(page)
    world.http.services.queues.bulk(b"{}", delay=600)
    assert "for later 1" in text_of(browser.get(PAGE))
    assert "Nothing waits." not in text_of(browser.get(PAGE))


def test_groups_are_shown_with_their_roles_and_how_many_users_are_in_them(world: World, browser: Browser) -> None:
    for number in range(3):
        world.link(f"10{number}", f"pilot{number}", groups=["Member"] if number else ["Member", "Logistics"])
    world.run()
    swept(world)
    said = text_of(opened(world, browser))
    assert "Logistics 1 role Logistics (by its name)" in said
    assert "Member 3 role Member (by its name)" in said


@pytest.mark.parametrize("query", ["101", "@kira", "KIRA", "discord id"])
def test_a_member_is_explained_by_whatever_one_knows_of_them(world: World, browser: Browser, query: str) -> None:
    world.link("101", "kira", groups=["Member", "Logistics"])
    world.run()
    world.guild.change_member("kira", roles=["Member"])
    opened(world, browser)
    discord_id = next(person.id for person in world.guild.people() if person.username == "kira")
    said = text_of(browser.get(PAGE, member=str(discord_id) if query == "discord id" else query))
    assert f"User 101, account {discord_id}" in said
    assert "A sync would give Logistics." in said
    assert "What was done to them" in said


def test_who_is_not_known_is_said_not_to_be(world: World, browser: Browser) -> None:
    opened(world, browser)
    assert f"Nobody is known by “{'9' * 30}”" in text_of(browser.get(PAGE, member="9" * 30))


def test_names_from_outside_stay_text(world: World, browser: Browser) -> None:
    world.link(NASTY[:40], "kira", groups=[NASTY])
    world.run()
    opened(world, browser, name=NASTY)
    page = browser.get(PAGE, member=NASTY[:40])
    assert page.body.count("<script") == 1, "ours"
    assert "<img" not in page.body


# --- its buttons --------------------------------------------------------------------------------------------------


def test_what_is_held_is_listed_and_released_under_the_officers_name(
    world: World, browser: Browser, held: list[str]
) -> None:
    kept = keep_role(world, held)
    assert kept > 0
    page = opened(world, browser)
    assert f"{kept} members would lose roles or their link." in text_of(page)
    assert press(browser, page, f"Let it be taken from all {kept}").location == "?done=released"
    world.run(seconds=1200)
    assert keep_role(world, held) == 0
    last = next(one for one in held if any("released" in entry["what"] for entry in trail(world, one)))
    assert "Vera (officers' page)" in str(trail(world, last))
    assert trail(world, audit.THE_SERVER)[0]["cause"] == "Vera (officers' page)"
    assert "removals of" in text_of(browser.get(PAGE, kind="server"))


def trail(world: World, user_id: str) -> list[dict[str, str]]:
    return audit.of_user(user_id, now=world.clock.now())


def test_what_is_held_is_dropped_and_everybody_keeps_it(world: World, browser: Browser, held: list[str]) -> None:
    kept = keep_role(world, held)
    page = opened(world, browser)
    assert press(browser, page, f"Let all {kept} keep it").location == "?done=dropped"
    world.run(seconds=1200)
    assert keep_role(world, held) == kept
    assert "would lose roles" not in text_of(browser.get(PAGE))
    dropped = [one for one in held if any(entry["what"] == "removal dropped" for entry in trail(world, one))]
    assert len(dropped) == kept
    assert {trail(world, one)[0]["cause"] for one in dropped} == {"Vera (officers' page)"}
    assert trail(world, audit.THE_SERVER)[0]["cause"] == "Vera (officers' page)"


def test_one_member_is_released_from_their_explanation(world: World, browser: Browser, held: list[str]) -> None:
    opened(world, browser)
    one = next(one for one in held if world.roles(one.removeprefix("u-")) == {"Member"})
    before = keep_role(world, held)
    page = browser.get(PAGE, member=one)
    assert press(browser, page, ">Let it be taken<").location == "?done=released"
    world.run(seconds=600)
    assert keep_role(world, held) == before - 1


def test_an_answer_counts_only_for_the_list_that_was_seen(world: World, browser: Browser, held: list[str]) -> None:
    kept = keep_role(world, held)
    page = opened(world, browser)
    one = next(one for one in held if world.roles(one.removeprefix("u-")) == {"Member"})
    world.site.groups(one, ["Member"])
    world.run(seconds=600)
    assert press(browser, page, f"Let it be taken from all {kept}").location == "?done=changed"
    world.run(seconds=600)
    assert keep_role(world, held) == kept


def test_a_sweep_is_started_after_one_that_failed_or_is_overdue(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.sweep()
    world.run()
    world.clock.advance(4 * 3600)
    page = opened(world, browser)
    assert "No sweep for more than three hours" in text_of(page)
    assert press(browser, page, "Start a sweep now").location == "?done=sweep"
    world.run()
    assert "<h1>All is well</h1>" in browser.get(PAGE).body
    assert trail(world, audit.THE_SERVER)[0]["what"] == "sweep started"


# --- its door -----------------------------------------------------------------------------------------------------


def test_a_members_session_opens_no_officers_page(world: World, doors: Doors, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    browser.get("/discord/me", token=world.site.token("101", "me"))
    mine = browser.jar[cookie_name(Purpose.ME, secure=True)]
    csrf = csrf_of(browser.get("/discord/me"))
    thief = Browser(doors, {cookie_name(Purpose.ADMIN, secure=True): mine})
    assert thief.get(PAGE).reason == "expired"
    assert thief.post(PAGE, csrf=csrf, action="sweep").reason == "expired"


@pytest.mark.parametrize("csrf", ["", "0" * 64])
@pytest.mark.parametrize("action", ["release", "drop", "sweep"])
def test_a_form_without_the_sessions_own_value_does_nothing(
    world: World, browser: Browser, action: str, csrf: str
) -> None:
    opened(world, browser)
    assert browser.post(PAGE, csrf=csrf, action=action, which="all:limit", shown="").reason == "bad_state"
    assert trail(world, audit.THE_SERVER) == []


def test_a_button_that_is_none_of_ours_does_nothing(world: World, browser: Browser, held: list[str]) -> None:
    page = opened(world, browser)
    assert browser.post(PAGE, csrf=csrf_of(page), action="force", which="all:limit").reason == "bad_state"
    assert keep_role(world, held) > 0


def test_an_officers_session_ends_after_an_hour(world: World, browser: Browser) -> None:
    opened(world, browser)
    world.clock.advance(LIFE[Purpose.ADMIN] - 1)
    assert browser.get(PAGE).status == 200
    world.clock.advance(1)
    assert browser.get(PAGE).reason == "expired"


def test_without_a_name_the_users_id_stands_in_its_place(world: World, browser: Browser) -> None:
    assert "You are here as 7." in text_of(opened(world, browser, name=None))
    assert users.get("7", now=world.clock.now()) is None


# --- the audit trail ----------------------------------------------------------------------------------------------


def rows_of(page: Answer) -> list[str]:
    """The rows of the trail of all users."""
    table = page.body[page.body.index('<section id="trail">') :]
    return [" ".join(re.sub("<[^>]+>", " ", row).split()) for row in re.findall("<tr><td.*?</tr>", table, re.DOTALL)]


def test_the_trail_of_all_users_is_shown_newest_first_and_filtered(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.link("102", "dov", groups=["Blue"])
    world.run()
    world.site.groups("101", ["Member", "Logistics"])
    world.run()
    page = opened(world, browser)
    first, *others = rows_of(page)
    assert "@kira gave Logistics a message from the auth site" in first
    assert [next(name for name in ("@dov", "@kira") if name in row) for row in others] == ["@dov", "@kira"]
    assert ["@kira" in row for row in rows_of(browser.get(PAGE, user="101"))] == [True, True]
    assert ["@dov" in row for row in rows_of(browser.get(PAGE, role="blue"))] == [True]
    assert len(rows_of(browser.get(PAGE, kind="joined"))) == 2
    assert rows_of(browser.get(PAGE, by="Vera")) == []
    press(browser, page_with_late_sweep(world, browser), "Start a sweep now")
    assert ["everybody a sweep was started Vera" in row for row in rows_of(browser.get(PAGE, by="vera"))] == [True]


def page_with_late_sweep(world: World, browser: Browser) -> Answer:
    swept(world)
    world.clock.advance(4 * 3600)
    return opened(world, browser)


def test_older_entries_are_a_link_away_and_none_is_lost(world: World, browser: Browser) -> None:
    crowd(world, 70, roles=[], groups=["Member"], imported=False)
    world.guild.create_role("Member")
    swept(world)
    page, seen = opened(world, browser), list[str]()
    while True:
        seen += rows_of(page)
        older = re.search(r'href="([^"]*before=[^"]*)#trail"', page.body)
        if older is None:
            break
        page = browser.get(PAGE, **dict(parse_qsl(unescape(older[1]).lstrip("?"), keep_blank_values=True)))
    assert len(seen) == 70
    assert len({row.split("@")[1].split()[0] for row in seen}) == 70


@pytest.mark.parametrize("field", ["user", "role", "by", "kind", "before", "member", "done", "part"])
def test_whatever_is_asked_for_stays_text_and_breaks_nothing(world: World, browser: Browser, field: str) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    opened(world, browser)
    for query in (NASTY, "\x00", "9" * 3000, "\ud7ff" * 50, "2026-99"):
        page = browser.get(PAGE, **{field: query})
        assert page.status == 200, (field, query)
        assert page.body.count("<script") == 1, "ours"
        assert "<img" not in page.body
