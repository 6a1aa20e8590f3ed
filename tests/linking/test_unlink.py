"""Unlinking at the person's own wish."""

from local.discord.faults import Fault
from local.simulated import World
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


def test_a_member_whom_the_bot_may_not_remove_loses_roles_and_link(world: World, browser: Browser) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.turn(owner="kira")
    assert browser.post("/discord/unlink", token=world.site.token("101", "unlink")).reason == ""
    assert (world.roles("kira"), linked_id(world)) == (set(), None)
    assert [n["reason"] for n in world.site.notices() if n["kind"] == "sync_failed"] == ["cannot_remove"]
