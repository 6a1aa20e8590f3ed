"""The callback where something comes in between: a deletion, an upgrade, a lost answer, the death of its process."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from chalicelib.errors import LinkRefused
from chalicelib.linking.cookie import LIFE
from chalicelib.linking.follow_ups import VERIFY_AFTER
from chalicelib.messages import MAX_CLOCK_SKEW
from chalicelib.store import users
from chalicelib.store.rows import AttemptRow
from local.discord.faults import Fault
from local.simulated import World
from tests.linking.doors import Browser, Doors, callback
from tests.linking.state import id_of, linked_id


def test_a_deletion_counts_in_the_very_second_of_the_click(world: World, browser: Browser) -> None:
    world.clock.move_to(int(world.clock.now()) + 1.0)
    second = int(world.clock.now())
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.site.delete("101")
    world.run(seconds=0.5)
    assert int(world.clock.now()) == second
    assert browser.follow(back).reason == "expired"
    assert (linked_id(world), world.roles("kira")) == (None, None)


@pytest.mark.parametrize(("after", "reason"), [(0.6, "expired"), (1.0, "")], ids=["same second", "next second"])
def test_who_is_deleted_by_a_dated_message_can_link_again_from_the_next_second_on(
    world: World, browser: Browser, after: float, reason: str
) -> None:
    world.clock.move_to(int(world.clock.now()) + 1.0)
    second = world.clock.now()
    world.site.delete("101", changed_at=world.site.stamp())
    world.run(seconds=0.5)
    world.clock.move_to(second + after)
    started = browser.link(world.site.token("101", "link", groups=["Member"]))
    assert browser.follow(callback(world, started, "kira")).reason == reason


def test_who_is_deleted_by_a_message_without_a_date_waits_as_long_as_clocks_may_differ(
    world: World, browser: Browser
) -> None:
    world.site.delete("101")
    world.run(seconds=0.5)
    refused = browser.follow(callback(world, browser.link(world.site.token("101", "link")), "kira"))
    assert refused.reason == "expired"
    world.clock.advance(MAX_CLOCK_SKEW + 1)
    assert browser.follow(callback(world, browser.link(world.site.token("101", "link")), "kira")).reason == ""


def test_who_unlinks_can_link_again_at_once(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    browser.post("/discord/unlink", token=world.site.token("101", "unlink"))
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    assert browser.follow(back).reason == ""
    world.run()
    assert (linked_id(world), world.roles("kira")) == (id_of(world, "kira"), {"Member"})


def test_a_callback_that_comes_twice_is_answered_twice(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    assert [browser.follow(back).reason for _ in range(2)] == ["", ""]
    assert [one["kind"] for one in world.site.notices()] == ["linked"]


def test_a_callback_that_comes_twice_at_once_waits_for_the_first(world: World) -> None:
    linking, told = world.http.linking, list[str]()
    world.guild.add_person("kira")
    started = linking.start(world.site.token("101", "link", groups=["Member"]))
    back = world.consent(started.url, "kira")

    def finish() -> None:
        try:
            world.container().linking.finish(cookie=started.cookie, **back)
            told.append("linked")
        except LinkRefused as refused:
            told.append(str(refused.reason))

    for _ in range(3):
        world.scheduler.spawn(finish)
    world.run(seconds=60)
    assert told == ["linked"] * 3


def test_a_callback_that_comes_twice_is_not_told_of_a_link_that_the_first_one_undoes(world: World) -> None:
    """The link is stored before the account is brought in, which may fail."""
    world.guild.add_person("kira", guild_count=200)
    started = world.http.linking.start(world.site.token("101", "link", groups=["Member"]))
    back, told = world.consent(started.url, "kira"), list[str]()
    first, second = world.container(), world.container()
    join = first.services.discord.join

    def overtaken(*arguments: Any) -> bool:
        assert linked_id(world) == id_of(world, "kira")
        with pytest.raises(LinkRefused) as refused:
            second.linking.finish(cookie=started.cookie, **back)
        told.append(str(refused.value.reason))
        return join(*arguments)

    first.services.discord.join = overtaken  # type: ignore[method-assign,assignment]  # one moment, made certain
    with pytest.raises(LinkRefused) as failed:
        first.linking.finish(cookie=started.cookie, **back)
    assert (told, str(failed.value.reason), linked_id(world)) == (["bad_state"], "guild_limit", None)


def test_a_callback_that_fails_undoes_no_link_that_another_one_stored_meanwhile(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.guild.inject(Fault(kind="answer", method="PUT", status=400, code=30001))
    other, happened = Browser(Doors(world)), list[str]()

    def meanwhile(operation: str, arguments: Any) -> None:
        if operation == "TransactWriteItems" and any("Delete" in item for item in arguments["TransactItems"]):
            world.dynamodb.before = None
            token = world.site.token("101", "link", groups=["Member"])
            happened.append(other.link_as(token, "kira").reason)

    world.dynamodb.before = meanwhile
    assert browser.follow(back).reason == "guild_limit"
    assert happened == [""], "it was about to be undone"
    assert linked_id(world) == id_of(world, "kira")
    world.run()
    assert (linked_id(world), world.roles("kira")) == (id_of(world, "kira"), {"Member"})


def test_what_the_auth_site_stated_of_somebody_whose_link_is_refused_is_known(world: World, browser: Browser) -> None:
    world.link("100", "kira", groups=["Member"])
    token = world.site.token("101", "link", groups=["Director"], nickname="Kira")
    assert browser.link_as(token, "kira").reason == "already_linked"
    user = users.get("101", now=world.clock.now())
    assert user is not None
    assert (user.groups, user.nickname, user.link) == (("Director",), "Kira", None)


def test_a_callback_that_comes_twice_does_not_wait_for_one_that_was_refused(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.guild.inject(Fault(kind="answer", method="PUT", status=400, code=30001))
    assert browser.follow(back).reason == "guild_limit"
    asked = world.clock.now()
    assert browser.follow(back).reason == "bad_state"
    assert world.clock.now() - asked < 1


def test_an_account_is_put_back_though_two_callbacks_fail_to_replace_it(world: World, browser: Browser) -> None:
    """The second one puts the account of the first one back, which never comes."""
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.site.notices()
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira.two")
    world.dynamodb.before = dies_when(lambda: is_linked_quietly(world, id_of(world, "kira.two")))
    with pytest.raises(Died):
        browser.follow(back)
    world.dynamodb.before = None
    world.guild.add_person("kira.three", guild_count=200)
    assert browser.link_as(world.site.token("101", "link", groups=["Member"]), "kira.three").reason == "guild_limit"
    assert linked_id(world) == id_of(world, "kira.two")
    world.run(seconds=VERIFY_AFTER + 3600)
    assert (linked_id(world), world.roles("kira")) == (id_of(world, "kira"), {"Member"})
    assert [one["kind"] for one in world.site.notices()] == ["linked"]


@pytest.mark.parametrize("first_ends", [True, False])
def test_a_callback_that_fails_leaves_the_one_before_it_to_go_on(
    world: World, browser: Browser, *, first_ends: bool
) -> None:
    """The account of the first is put back while that is at work: no job may find it missing and end its link."""
    world.guild.add_person("kira.three", guild_count=200)
    discord = browser.doors.container.services.discord
    join, other = discord.join, Browser(Doors(world))

    def overtaken(*arguments: Any) -> bool:
        token = world.site.token("101", "link", groups=["Member"])
        assert other.link_as(token, "kira.three").reason == "guild_limit"
        world.site.groups("101", ["Member"])
        world.run(seconds=5)
        if not first_ends:
            raise Died
        return join(*arguments)

    discord.join = overtaken  # type: ignore[method-assign,assignment]  # one moment, made certain
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    with nullcontext() if first_ends else pytest.raises(Died):
        browser.follow(back)
    assert linked_id(world) == id_of(world, "kira")
    world.run(seconds=VERIFY_AFTER + 3600)
    assert (linked_id(world), world.roles("kira")) == (
        (id_of(world, "kira"), {"Member"}) if first_ends else (None, None)
    )


def test_a_callback_that_comes_twice_too_late_is_refused_at_once(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.clock.advance(LIFE)
    assert browser.follow(back).reason == "expired"
    asked = world.clock.now()
    assert browser.follow(back).reason == "bad_state"
    assert world.clock.now() - asked < 1


def test_a_member_is_linked_and_compared_later_where_sqs_is_away_at_the_end(world: World, browser: Browser) -> None:
    world.guild.create_role("Member")
    world.guild.add_member("kira")
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    notices = browser.doors.container.services.notices
    tell = notices.linked

    def loses_sqs(*arguments: Any, **more: Any) -> None:
        tell(*arguments, **more)
        world.outages.begin("sqs", 5)

    notices.linked = loses_sqs  # type: ignore[method-assign]  # one moment, made certain
    assert "You are linked" in browser.follow(back).body
    assert world.roles("kira") == set()
    world.run(seconds=VERIFY_AFTER + 60)
    assert world.roles("kira") == {"Member"}


def test_the_repeated_callback_of_a_link_that_is_gone_is_refused(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    browser.follow(back)
    browser.post("/discord/unlink", token=world.site.token("101", "unlink"))
    assert browser.follow(back).reason == "bad_state"
    assert linked_id(world) is None


def test_an_attempt_that_was_begun_before_an_upgrade_is_finished(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    (row,) = [row for row in AttemptRow.scan() if row.data]
    del row.data["opened_at"]
    row.save()
    assert "You are linked" in browser.follow(back).body


# --- what goes wrong half-way --------------------------------------------------------------------------------------


def test_a_join_whose_answer_was_lost_leaves_no_member_unknown_to_us(world: World, browser: Browser) -> None:
    world.guild.inject(Fault(kind="cut_after", method="PUT", path="/members/", times=2))
    answer = browser.link_as(world.site.token("101", "link", groups=["Member"]), "kira")
    assert answer.reason == "discord_unavailable"
    world.run(seconds=VERIFY_AFTER + 60)
    assert world.roles("kira") == {"Member"}
    assert linked_id(world) == id_of(world, "kira")
    world.site.groups("101", [])
    world.run(seconds=60)
    assert world.roles("kira") == set()


def test_an_account_that_cannot_join_does_not_cost_the_one_that_is_linked(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.add_person("kira.second", guild_count=200)
    assert browser.link_as(world.site.token("101", "link", groups=["Member"]), "kira.second").reason == "guild_limit"
    world.run()
    assert linked_id(world) == id_of(world, "kira")
    assert world.roles("kira") == {"Member"}


def test_a_callback_that_dies_after_joining_is_finished_by_its_check(world: World, browser: Browser) -> None:
    started = browser.link(world.site.token("101", "link", groups=["Member"]))
    back = callback(world, started, "kira")
    world.dynamodb.before = dies_when(lambda: world.roles("kira") is not None)
    with pytest.raises(Died):
        browser.follow(back)
    world.dynamodb.before = None
    world.run(seconds=VERIFY_AFTER + 60)
    user = users.get("101", now=world.clock.now())
    assert user
    assert user.settled
    assert world.roles("kira") == {"Member"}
    assert [one["kind"] for one in world.site.notices()] == ["linked"]


@pytest.mark.parametrize(
    ("heard", "at_last"),
    [
        pytest.param([], ["linked"], id="before the notice"),
        pytest.param(["linked"], ["linked"] * 2, id="just after it"),
    ],
)
def test_a_callback_that_dies_at_its_end_leaves_the_notice_to_its_check(
    world: World, browser: Browser, heard: list[str], at_last: list[str]
) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    dies_at_its_notice(browser, after=bool(heard))
    with pytest.raises(Died):
        browser.follow(back)
    sent = [one["kind"] for one in world.site.notices()]
    assert sent == heard
    world.run(seconds=VERIFY_AFTER + 60)
    assert sent + [one["kind"] for one in world.site.notices()] == at_last
    user = users.get("101", now=world.clock.now())
    assert user
    assert user.link
    assert not user.link.notify_pending


def test_a_link_that_is_gone_when_its_check_comes_is_not_told_of(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    dies_at_its_notice(browser)
    with pytest.raises(Died):
        browser.follow(back)
    world.site.delete("101")
    world.run(seconds=VERIFY_AFTER + 60)
    assert (linked_id(world), world.site.notices()) == (None, [])


def test_a_link_whose_member_cannot_be_made_right_is_told_of_by_its_check(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.dynamodb.before = dies_when(lambda: world.roles("kira") is not None)
    with pytest.raises(Died):
        browser.follow(back)
    world.dynamodb.before = None
    world.guild.inject(Fault(kind="answer", method="GET", path="/members/[0-9]+$", status=400, code=50035, times=None))
    world.run(seconds=VERIFY_AFTER + 60)
    assert [one["kind"] for one in world.site.notices()] == ["linked", "sync_failed"]


def test_a_link_whose_check_is_given_up_is_told_of_then(world: World, browser: Browser) -> None:
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.dynamodb.before = dies_when(lambda: world.roles("kira") is not None)
    with pytest.raises(Died):
        browser.follow(back)
    world.dynamodb.before = None
    world.guild.inject(Fault(kind="answer", method="GET", path="/members/[0-9]+$", status=500, times=None))
    world.run(seconds=VERIFY_AFTER + 3600)
    assert len(list(world.dead_letters())) == 1
    assert [one["kind"] for one in world.site.notices()] == ["linked", "sync_failed"]


def test_a_check_says_nothing_of_a_link_that_another_callback_is_at(world: World, browser: Browser) -> None:
    world.guild.add_person("kira", guild_count=200)
    assert browser.link_as(world.site.token("101", "link"), "kira").reason == "guild_limit"
    world.clock.advance(VERIFY_AFTER - 1)
    back = callback(world, browser.link(world.site.token("101", "link", groups=["Member"])), "kira")
    world.dynamodb.before = dies_when(lambda: linked_id_quietly(world) is not None)
    with pytest.raises(Died):
        browser.follow(back)
    world.dynamodb.before = None
    world.run(seconds=10)
    assert (linked_id(world), world.site.notices()) == (id_of(world, "kira"), [])


def test_a_callback_that_dies_before_joining_leaves_no_link(world: World, browser: Browser) -> None:
    started = browser.link(world.site.token("101", "link", groups=["Member"]))
    back = callback(world, started, "kira")
    world.dynamodb.before = dies_when(lambda: linked_id_quietly(world) is not None)
    with pytest.raises(Died):
        browser.follow(back)
    world.dynamodb.before = None
    world.run(seconds=VERIFY_AFTER + 60)
    assert (linked_id(world), world.roles("kira")) == (None, None)
    assert [one["reason"] for one in world.site.notices()] == ["left_server"]


class Died(BaseException):
    """The function's process was killed."""


def dies_at_its_notice(browser: Browser, *, after: bool = False) -> None:
    """The callback's process is killed before, or just after, it tells the auth site."""
    notices = browser.doors.container.services.notices
    tell = notices.linked

    def killed(*arguments: Any, **more: Any) -> None:
        if after:
            tell(*arguments, **more)
        raise Died

    notices.linked = killed  # type: ignore[method-assign]  # one moment, made certain


def dies_when(holds: Callable[[], bool]) -> Callable[[str, object], None]:
    def check(_operation: str, _arguments: object) -> None:
        if holds():
            raise Died

    return check


def is_linked_quietly(world: World, discord_id: str) -> bool:
    """Whether the table of accounts holds this one, without a call that could die."""
    tables = world.dynamodb.snapshot().items()
    return any(discord_id in str(rows) for name, rows in tables if name.endswith("accounts"))


def linked_id_quietly(world: World) -> object:
    """Whether the table of accounts holds any, without a call that could die."""
    return next((rows for name, rows in world.dynamodb.snapshot().items() if name.endswith("accounts") and rows), None)
