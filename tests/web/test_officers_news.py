"""The part of the officers' page that changes by itself: fetched again while somebody looks, at little cost."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chalicelib.linking.tokens import Purpose
from chalicelib.members.guild import CACHE_TTL
from chalicelib.store import users
from chalicelib.web.sessions import cookie_name
from local.simulated import World
from tests.linking.doors import Answer, Browser, Doors
from tests.members.support import crowd, swept
from tests.web.test_member_page import text_of
from tests.web.test_officers_page import PAGE, opened, press


def news(browser: Browser, known: str = "") -> Answer:
    """What the page's script asks for."""
    doors, cookies = browser.doors, "; ".join(f"{name}={value}" for name, value in browser.jar.items())
    headers = {"Cookie": cookies, "If-None-Match": known}
    return doors.send(doors.event("GET", f"{PAGE}?part=live", headers=headers))


def known_of(page: Answer) -> str:
    """What the page says that it shows."""
    found = re.search(r'data-seen="&quot;(\w+)&quot;"', page.body)
    assert found
    return f'"{found[1]}"'


@pytest.fixture
def kira(world: World) -> World:
    world.link("101", "kira", groups=["Member"])
    world.run()
    swept(world)
    return world


def test_as_long_as_nothing_changes_nothing_is_sent(kira: World, browser: Browser) -> None:
    page = opened(kira, browser)
    answer = news(browser, known_of(page))
    assert (answer.status, answer.body) == (304, "")


def test_what_changed_is_sent_as_a_part_of_the_page(kira: World, browser: Browser) -> None:
    known = known_of(opened(kira, browser))
    kira.guild.change_role("Member", position=200)
    kira.guild.change_member("kira", roles=[])
    swept(kira)
    kira.clock.advance(CACHE_TTL + 1)  # for which the roles of the server are not read again
    answer = news(browser, known)
    assert answer.status == 200
    assert "2 things need a hand" in answer.body
    assert "<html" not in answer.body
    assert news(browser, answer.headers["etag"]).status == 304


def test_the_part_answers_to_its_session_only(kira: World, doors: Doors, browser: Browser) -> None:
    opened(kira, browser)
    assert news(Browser(doors)).reason == "expired"
    member = Browser(doors)
    member.get("/discord/me", token=kira.site.token("101", "me"))
    mine = member.jar[cookie_name(Purpose.ME, secure=True)]
    assert news(Browser(doors, {cookie_name(Purpose.ADMIN, secure=True): mine})).reason == "expired"
    kira.clock.advance(3600)
    assert news(browser).reason == "expired"


def test_a_button_of_the_part_works(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.sweep()
    world.run()
    opened(world, browser)
    world.clock.advance(1800)
    world.clock.advance(1799)
    opened(world, browser)
    world.clock.advance(3599)
    opened(world, browser)
    world.clock.advance(3599)
    opened(world, browser)
    world.clock.advance(60)
    assert press(browser, news(browser), "Start a sweep now").location == "?done=sweep"


def test_the_script_is_allowed_by_its_hash_and_may_ask_this_host_only(kira: World, browser: Browser) -> None:
    page = opened(kira, browser)
    policy = page.headers["content-security-policy"]
    script = re.search(r"<script>(.*?)</script>", page.body, flags=re.DOTALL)
    assert script
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert "connect-src 'self';" in policy
    assert policy.startswith("default-src 'none';")
    assert not re.search(r"unsafe|\*", policy)


def test_other_pages_have_no_script_and_allow_none(kira: World, browser: Browser) -> None:
    browser.get("/discord/me", token=kira.site.token("101", "me"))
    for page in (browser.get("/discord/me"), browser.get("/discord/unlink", token=kira.site.token("101", "unlink"))):
        assert page.status == 200
        assert "<script" not in page.body
        assert "script-src" not in page.headers["content-security-policy"]


def test_who_was_put_right_since_the_sweep_is_in_trouble_no_longer(kira: World, browser: Browser) -> None:
    kira.guild.change_role("Member", position=200)
    kira.guild.change_member("kira", roles=[])
    swept(kira)
    assert "could not be brought in step" in text_of(opened(kira, browser))
    user = users.get("101", now=kira.clock.now())
    assert user
    users.mark_failed(user, frozenset(), now=kira.clock.now())
    assert "could not be brought in step" not in text_of(browser.get(PAGE))


# --- what it costs ------------------------------------------------------------------------------------------------


@contextmanager
def counted(world: World) -> Iterator[Counter[str]]:
    """Calls to DynamoDB and SQS, by operation, and requests to Discord, meanwhile."""
    found: Counter[str] = Counter()
    asked = len(world.asked())
    kept = world.dynamodb.before, world.sqs.before
    world.dynamodb.before = lambda operation, _: found.update([operation])
    world.sqs.before = lambda operation, _: found.update([operation])
    yield found
    world.dynamodb.before, world.sqs.before = kept
    found["Discord"] = len(world.asked()) - asked


@pytest.mark.parametrize("members", [1, 30])
def test_a_look_costs_the_same_however_many_are_linked(world: World, browser: Browser, members: int) -> None:
    world.guild.create_role("Member")
    crowd(world, members, roles=["Member"], groups=["Member"], imported=False)
    swept(world)
    page = opened(world, browser)
    browser.get(PAGE)
    with counted(world) as view:
        browser.get(PAGE)
    with counted(world) as look:
        assert news(browser, known_of(page)).status == 304
    assert {name: number for name, number in view.items() if number} == {
        "GetItem": 4,
        "BatchGetItem": 2,
        "Query": 7,  # of these four months of the audit trail, which has fewer entries than the page shows
        "GetQueueAttributes": 3,
    }
    assert {name: number for name, number in look.items() if number} == {
        "GetItem": 4,
        "BatchGetItem": 2,
        "Query": 3,
        "GetQueueAttributes": 3,
    }
