"""Section F: deleting an account."""

import pytest

from chalicelib.errors import LinkRefused
from local.simulated import World
from tests.members.support import Meter, crowd, fault, linked, swept

MEMBER = r"/members/[0-9]+$"


@pytest.mark.behaviour(38)
@pytest.mark.parametrize("notify", [False, True])
def test_a_deleted_account_is_removed_and_told_only_if_asked(world: World, notify: bool) -> None:
    world.link("101", "kira", groups=["Member"])
    world.site.notices()
    meter = Meter(world)
    world.site.delete("101", notify=notify)
    world.run()
    assert world.roles("kira") is None
    assert not linked(world, "101")
    assert meter.routes == ["DELETE member"]
    told = [(n["kind"], n["reason"], n["username"]) for n in world.site.notices()]
    assert told == ([("unlinked", "asked", "@kira")] if notify else [])


@pytest.mark.behaviour(39)
def test_who_is_gone_already_is_unlinked_all_the_same(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.leave("kira")
    world.site.notices()
    world.site.delete("101", notify=True)
    world.run()
    assert not linked(world, "101")
    assert [(n["kind"], n["reason"]) for n in world.site.notices()] == [("unlinked", "asked")]


@pytest.mark.behaviour(40)
def test_a_removal_that_fails_keeps_the_link_and_says_nothing_of_unlinking(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.site.notices()
    world.guild.inject(fault(method="DELETE", path=MEMBER, times=None))
    world.site.delete("101", notify=True)
    world.run()
    assert linked(world, "101")
    assert world.roles("kira") == {"Member"}
    assert [notice["kind"] for notice in world.site.notices()] == ["sync_failed"]
    assert [body for body, _ in world.dead_letters()] == ['{"kind": "delete_user", "user_id": "101", "notify": true}']


def above_the_bot(world: World) -> None:
    """Kira, linked, with two roles of the auth site's and one above the bot."""
    world.link("101", "kira", groups=["Member", "Logistics"])
    world.guild.create_role("Director", position=50)
    world.guild.change_member("kira", give=["Director"])
    world.site.notices()


@pytest.mark.behaviour(40)
def test_who_cannot_be_removed_loses_every_role_that_can_be_taken_and_it_is_reported(world: World) -> None:
    above_the_bot(world)
    world.site.delete("101", notify=True)
    world.run()
    assert world.roles("kira") == {"Director"}
    told = [(n["kind"], n["reason"]) for n in world.site.notices()]
    assert told == [("unlinked", "asked"), ("sync_failed", "cannot_remove")]
    assert list(world.dead_letters()) == []


@pytest.mark.behaviour(40)
def test_no_sweep_gives_back_what_was_taken_from_who_cannot_be_removed(world: World) -> None:
    above_the_bot(world)
    world.site.delete("101")
    world.run()
    swept(world, force=True)
    assert world.roles("kira") == {"Director"}


@pytest.mark.behaviour(41)
def test_a_link_that_is_gone_already_is_nothing_and_no_notice(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.site.delete("101", notify=True)
    world.run()
    world.site.notices()
    meter = Meter(world)
    world.site.delete("101", notify=True)
    world.run()
    assert (meter.routes, world.site.notices(), list(world.dead_letters())) == ([], [], [])


@pytest.mark.behaviour(42)
@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param({"kind": "rate_limit", "retry_after": 7.0}, id="429"),
        pytest.param({"status": 503}, id="5xx"),
        pytest.param({"kind": "cut"}, id="cut connection"),
        pytest.param({"kind": "cut_after"}, id="done, answer lost"),
    ],
)
def test_a_removal_that_meets_an_error_is_tried_again(world: World, trouble: dict[str, object]) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(fault(method="DELETE", path=MEMBER, **trouble))
    world.site.delete("101")
    world.run()
    assert world.roles("kira") is None
    assert not linked(world, "101")


@pytest.mark.behaviour(42)
@pytest.mark.parametrize("trouble", [{"kind": "rate_limit", "retry_after": 30.0}, {"status": 503}], ids=["429", "5xx"])
def test_unlinking_on_the_web_goes_on_in_the_queue_where_discord_is_in_trouble(
    world: World, trouble: dict[str, object]
) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(fault(method="DELETE", path=MEMBER, **trouble))
    world.http.linking.unlink(world.site.token("101", "unlink"))
    world.run()
    assert world.roles("kira") is None
    assert not linked(world, "101")


@pytest.mark.behaviour(43)
def test_several_are_deleted_at_once(world: World) -> None:
    world.guild.create_role("Member")
    everybody = crowd(world, 12, roles=["Member"], groups=["Member"], imported=False)
    for user_id in everybody[:10]:
        world.site.delete(user_id)
    world.run()
    assert [linked(world, user_id) for user_id in everybody] == [False] * 10 + [True] * 2
    assert len(world.guild.state().members) == 2 + 2


@pytest.mark.behaviour(44)
def test_deleting_the_auth_user_needs_nothing_of_the_auth_site_but_the_message(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(fault(method="DELETE", path=MEMBER, kind="rate_limit", retry_after=300.0, times=5))
    world.site.delete("101")
    world.run()
    assert world.roles("kira") is None
    assert not linked(world, "101")


@pytest.mark.behaviour(44)
@pytest.mark.parametrize("had_a_link", [True, False])
def test_neither_a_change_nor_an_attempt_that_was_under_way_brings_a_deleted_user_back(
    world: World, had_a_link: bool
) -> None:
    if had_a_link:
        world.link("101", "kira", groups=["Member"])
    else:
        world.guild.add_person("kira")
    at_discord = world.http.linking.start(world.site.token("101", "link", groups=["Member"]))
    world.clock.advance(5)
    world.site.delete("101")
    world.site.groups("101", ["Member", "Logistics"])
    world.run(seconds=60)
    with pytest.raises(LinkRefused, match="expired"):
        world.http.linking.finish(cookie=at_discord.cookie, **world.consent(at_discord.url, "kira"))
    world.run()
    swept(world)
    assert world.roles("kira") is None
    assert not linked(world, "101")
