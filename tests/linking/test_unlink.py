"""Unlinking at the person's own wish."""

import pytest

from local.discord.faults import Fault
from local.simulated import WorkerDied, World
from tests.linking.doors import Browser
from tests.linking.state import linked_id


def test_unlinking_asks_first_and_acts_by_post_only(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    token = world.site.token("101", "unlink")
    asked = [browser.get("/discord/unlink", token=token) for _ in range(2)]
    assert [one.status for one in asked] == [200, 200]
    assert 'method="post" action="?"' in asked[0].body
    assert world.roles("kira") == {"Member"}
    done = browser.post("/discord/unlink", token=token)
    assert (done.status, "You are unlinked" in done.body) == (200, True)
    assert (world.roles("kira"), linked_id(world)) == (None, None)
    notices = [(one["kind"], one["reason"]) for one in world.site.notices()]
    assert notices == [("linked", None), ("unlinked", "asked")]
    assert browser.post("/discord/unlink", token=token).reason == "bad_token"


def test_a_token_in_the_address_unlinks_nobody(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    assert browser.post(f"/discord/unlink?token={world.site.token('101', 'unlink')}").reason == "bad_token"
    assert linked_id(world) is not None


def test_what_was_asked_for_is_done_later_where_discord_does_not_answer(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(Fault(kind="answer", method="DELETE", status=503))
    assert "You are unlinked" in browser.post("/discord/unlink", token=world.site.token("101", "unlink")).body
    world.run()
    assert (world.roles("kira"), linked_id(world)) == (None, None)


def test_what_could_not_be_done_at_once_is_tried_again_in_seconds(world: World, browser: Browser) -> None:
    """The message that was sent beforehand, in case this process died, comes a minute later."""
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(Fault(kind="answer", method="DELETE", status=503))
    browser.post("/discord/unlink", token=world.site.token("101", "unlink"))
    world.run(seconds=30)
    assert (world.roles("kira"), linked_id(world)) == (None, None)


def test_a_member_whom_the_bot_may_not_remove_loses_roles_and_link(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.turn(owner="kira")
    assert browser.post("/discord/unlink", token=world.site.token("101", "unlink")).reason == ""
    assert (world.roles("kira"), linked_id(world)) == (set(), None)
    assert [n["reason"] for n in world.site.notices() if n["kind"] == "sync_failed"] == ["cannot_remove"]


@pytest.mark.parametrize("calls", range(12))
def test_an_unlinking_is_done_though_its_process_dies_at_any_call(world: World, calls: int) -> None:
    world.link("101", "kira", groups=["Member"])
    token, left = world.site.token("101", "unlink"), calls

    def die(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise WorkerDied

    container = world.container()
    world.dynamodb.before = die
    died = False
    try:
        container.linking.unlink(token)
    except WorkerDied:
        died = True
    finally:
        world.dynamodb.before = None
    world.run()
    if died and calls == 0:  # nothing was done, and the token is still good
        container.linking.unlink(token)
    assert (world.roles("kira"), linked_id(world)) == (None, None)
    assert [one["kind"] for one in world.site.notices()].count("unlinked") in (1, 2)


def test_the_unlinking_that_waits_in_the_queue_spares_a_newer_link(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    browser.post("/discord/unlink", token=world.site.token("101", "unlink"))
    world.clock.advance(5)
    world.link("101", "kira", groups=["Member"])
    world.run()
    assert world.roles("kira") == {"Member"}
    assert linked_id(world) is not None
