"""My Discord: what a member reads there is so, its buttons do what they say, and nobody else can press them."""

import re
from html import unescape
from typing import Any

import pytest

from chalicelib.linking.tokens import Purpose
from chalicelib.members import standing, words
from chalicelib.members.explain import RoleVerdict
from chalicelib.members.standing import State
from chalicelib.problems import Problem, ProblemKind
from chalicelib.store import users
from chalicelib.web.sessions import LIFE, cookie_name
from local.discord.faults import Fault
from local.simulated import World
from tests.linking.doors import FORM, Answer, Browser, Doors, callback

PAGE = "/discord/me"
NASTY = "\"'><script>alert(1)</script>&amp;<img src=x onerror=y>"


def opened(world: World, browser: Browser, user_id: str = "101") -> Answer:
    """Open the page with a token, as the auth site's link does, and follow the redirect."""
    first = browser.get(PAGE, token=world.site.token(user_id, "me"))
    assert (first.status, first.location) == (302, "?"), first
    return browser.get(PAGE)


def text_of(answer: Answer) -> str:
    """What a person reads."""
    assert answer.status == 200, answer
    without = re.sub(r"<(style|title|script)>.*?</\1>|<[^>]+>", " ", answer.body, flags=re.DOTALL)
    return " ".join(unescape(without).split())


def csrf_of(answer: Answer) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', answer.body)
    assert found
    return found[1]


def press(browser: Browser, page: Answer, action: str) -> Answer:
    return browser.post(PAGE, csrf=csrf_of(page), action=action)


# --- what it says -------------------------------------------------------------------------------------------------


def test_a_member_in_step_sees_each_role_and_the_group_that_gives_it(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member", "Logistics"])
    said = text_of(opened(world, browser))
    assert "@kira linked since" in said
    assert "Everything is in step. Checked just now." in said
    assert "Member by your group Member" in said
    assert "Logistics by your group Logistics" in said


def test_a_change_that_is_waiting_is_shown_with_an_estimate_and_then_as_done(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member", "Logistics"])
    world.run()
    users.record_groups("101", ("Member",), int(world.clock.now() * 1000) + 1, now=world.clock.now())
    said = text_of(opened(world, browser))
    assert "One change is waiting, about 5 s." in said
    assert "Logistics will be taken" in said
    world.site.post({"kind": "update_groups", "user_id": "101"})
    world.run()
    world.clock.advance(6)
    assert "Everything is in step." in text_of(browser.get(PAGE))


def test_what_somebody_changed_by_hand_is_said_to_differ(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.guild.change_member("kira", roles=[])
    said = text_of(opened(world, browser))
    assert "One thing differs." in said
    assert "Member by your group Member on its way" in said


def test_who_left_the_server_reads_that_they_are_not_in_it(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.guild.leave("kira")
    assert "Your account is not in the server." in text_of(opened(world, browser))


def test_a_user_without_a_link_reads_that_there_is_none_and_gets_no_button(world: World, browser: Browser) -> None:
    page = opened(world, browser)
    assert "No Discord account is linked to you." in text_of(page)
    assert "<button" not in page.body


def test_while_discord_is_away_the_page_says_so_and_claims_nothing(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.guild.inject(Fault(kind="answer", status=503, times=None))
    said = text_of(opened(world, browser))
    assert "Discord does not answer just now" in said
    assert "in step" not in said


def test_a_german_browser_gets_german(world: World, doors: Doors, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    opened(world, browser)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.jar.items())
    answer = doors.send(doors.event("GET", PAGE, headers={"Cookie": cookie, "Accept-Language": "de-DE,de;q=0.9"}))
    assert "Alles stimmt." in text_of(answer)
    assert '<html lang="de">' in answer.body


def test_both_languages_say_the_same_things() -> None:
    def shape(text: Any) -> Any:
        if isinstance(text, dict):
            return {count: shape(one) for count, one in text.items()}
        return set(re.findall(r"{(\w+)}", text))

    assert {key: shape(text) for key, text in words.ENGLISH.items()} == {
        key: shape(text) for key, text in words.GERMAN.items()
    }


def test_there_are_words_for_every_state_and_every_difficulty() -> None:
    keys = {*State, *ProblemKind, *RoleVerdict, *standing.NO_ROLE.values(), *standing.OBSTACLES}
    assert {str(key) for key in keys} <= set(words.ENGLISH)


def test_a_member_whose_loss_is_held_reads_that_an_administrator_looks_first(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    now = world.clock.now()
    user = users.record_groups("101", (), int(now * 1000) + 1, now=now)
    users.mark_synced(user, now=now, problems=frozenset({Problem(ProblemKind.REMOVAL_HELD)}))
    said = text_of(opened(world, browser))
    assert "Something would be taken from you." in said
    assert "an administrator looks first" in said
    assert "Member will be taken" in said


def test_who_left_within_the_days_of_grace_reads_until_when_their_link_is_kept() -> None:
    world = World({"DISCORD_EXPIRE_GRACE_DAYS": "7"})
    browser = Browser(Doors(world))
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.guild.leave("kira")
    world.sweep()
    world.run()
    said = text_of(opened(world, browser))
    assert "You left the server on 5 January 2026. Come back before 12 January 2026" in said


def test_a_removed_user_reads_when_their_account_loses_its_roles() -> None:
    world = World({"DISCORD_EXPIRE_GRACE_DAYS": "7"})
    browser = Browser(Doors(world))
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.site.delete("101")
    world.run(seconds=60)
    assert "Your account loses its roles on 12 January 2026." in text_of(opened(world, browser))


@pytest.mark.parametrize(("behavior", "said"), [("kick", "is taken off the server"), ("remove_roles", "stays on the")])
def test_the_page_says_what_unlinking_does(behavior: str, said: str) -> None:
    world = World({"DISCORD_EXPIRE_BEHAVIOR": behavior})
    browser = Browser(Doors(world))
    world.link("101", "kira", groups=["Member"])
    page = opened(world, browser)
    assert said in text_of(page)
    press(browser, page, "unlink")
    assert (world.roles("kira") is None) == (behavior == "kick")


def test_names_from_outside_stay_text(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=[NASTY])
    world.run()
    page = opened(world, browser)
    assert NASTY in unescape(page.body)
    assert "<script" not in page.body
    assert "<img" not in page.body


def test_a_page_that_is_reloaded_costs_discord_one_request(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    opened(world, browser)
    before = len(world.asked())
    for _ in range(10):
        assert browser.get(PAGE).status == 200
    assert len(world.asked()) == before


# --- its buttons --------------------------------------------------------------------------------------------------


def test_refresh_brings_the_member_in_step_and_works_once_a_minute(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.guild.change_member("kira", roles=[])
    page = opened(world, browser)
    done = press(browser, page, "refresh")
    assert (done.status, done.location) == (302, "?done=refreshed")
    assert "One change is waiting, about" in text_of(browser.get(PAGE, done="refreshed"))
    assert press(browser, page, "refresh").location == "?done=too_soon"
    world.run(until=lambda: world.roles("kira") == {"Member"}, seconds=30)
    assert world.roles("kira") == {"Member"}
    world.clock.advance(60)
    assert press(browser, page, "refresh").location == "?done=refreshed"


def test_unlink_takes_the_member_off_the_server_and_ends_the_session(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    page = opened(world, browser)
    answer = press(browser, page, "unlink")
    assert "You are unlinked" in answer.body
    assert world.roles("kira") is None
    assert browser.get(PAGE).reason == "expired"


def test_another_account_takes_the_place_of_the_first_and_gets_its_roles(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    started = press(browser, opened(world, browser), "other")
    assert started.status == 302
    back = browser.follow(callback(world, started, "kira2"))
    assert "You are linked" in back.body
    world.run()
    assert world.roles("kira2") == {"Member"}
    assert world.roles("kira") is None


def test_another_account_is_refused_to_a_user_whom_the_auth_site_deleted_meanwhile(
    world: World, browser: Browser
) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    page = opened(world, browser)
    world.clock.advance(2)
    world.site.delete("101")
    world.run()
    started = press(browser, page, "other")
    assert browser.follow(callback(world, started, "kira2")).reason == "expired"
    assert world.roles("kira2") is None


# --- its door -----------------------------------------------------------------------------------------------------


def test_the_cookie_is_bound_to_this_host_and_out_of_reach_of_scripts(world: World, browser: Browser) -> None:
    first = browser.get(PAGE, token=world.site.token("101", "me"))
    name, *attributes = first.headers["set-cookie"].split("; ")
    assert name.startswith("__Host-rolecall_me=")
    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure", f"Max-Age={LIFE[Purpose.ME]}"} == set(attributes)


def test_a_session_ends_after_a_quarter_of_an_hour(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    page = opened(world, browser)
    world.clock.advance(LIFE[Purpose.ME] - 1)
    assert browser.get(PAGE).status == 200
    world.clock.advance(1)
    assert browser.get(PAGE).reason == "expired"
    assert press(browser, page, "unlink").reason == "expired"
    assert world.roles("kira") == {"Member"}


@pytest.mark.parametrize("action", ["refresh", "other", "unlink"])
@pytest.mark.parametrize("csrf", [None, "", "0" * 64, "\ud800"])
def test_a_form_without_the_sessions_own_value_does_nothing(
    world: World, browser: Browser, action: str, csrf: str | None
) -> None:
    world.link("101", "kira", groups=["Member"])
    opened(world, browser)
    form = {"action": action} | ({} if csrf is None else {"csrf": csrf.encode("utf-8", "replace").decode()})
    assert browser.post(PAGE, **form).reason == "bad_state"
    assert world.roles("kira") == {"Member"}


def test_the_form_of_another_persons_session_does_nothing(world: World, doors: Doors, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.link("666", "mallory", groups=[])
    mallory = opened(world, Browser(doors), "666")
    opened(world, browser)
    assert browser.post(PAGE, csrf=csrf_of(mallory), action="unlink").reason == "bad_state"
    assert world.roles("kira") == {"Member"}


def test_a_token_opens_one_session_only_and_no_other_purpose_does(world: World, doors: Doors) -> None:
    token = world.site.token("101", "me")
    assert Browser(doors).get(PAGE, token=token).status == 302
    assert Browser(doors).get(PAGE, token=token).reason == "bad_token"
    for purpose in ("link", "unlink", "read", "add_bot"):
        assert Browser(doors).get(PAGE, token=world.site.token("101", purpose)).reason == "bad_token"


def test_a_cookie_that_somebody_planted_is_never_made_a_session(world: World, browser: Browser) -> None:
    planted = "x" * 43
    browser.jar[cookie_name(Purpose.ME, secure=True)] = planted
    opened(world, browser)
    assert browser.jar[cookie_name(Purpose.ME, secure=True)] != planted
    browser.jar[cookie_name(Purpose.ME, secure=True)] = planted
    assert browser.get(PAGE).reason == "expired"


def test_the_table_holds_neither_cookie_nor_form_value(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    page = opened(world, browser)
    stored = repr(world.dynamodb.__dict__)
    assert browser.jar[cookie_name(Purpose.ME, secure=True)] not in stored
    assert csrf_of(page) not in stored


def test_the_page_is_kept_and_framed_by_nobody_and_runs_nothing(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    page = opened(world, browser)
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "script-src" not in page.headers["content-security-policy"]


def test_a_body_that_is_no_form_of_ours_does_nothing(world: World, doors: Doors, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    page = opened(world, browser)
    cookie = "; ".join(f"{name}={value}" for name, value in browser.jar.items())
    body = f"csrf={csrf_of(page)}&action=unlink&more={'x' * 70_000}"
    event = doors.event("POST", PAGE, headers={"Cookie": cookie, "Content-Type": FORM}, body=body)
    assert doors.send(event).reason == "bad_state"
    assert world.roles("kira") == {"Member"}
