"""Sections D and E: nicknames and usernames."""

import pytest

from local.simulated import World
from tests.members.support import Meter, import_link, last_error, let_sweeps_take, linked, stored, swept


@pytest.mark.behaviour(29)
@pytest.mark.parametrize(
    ("name", "nick"),
    [
        pytest.param("Kira Vex", "Kira Vex", id="as it is"),
        pytest.param("K" * 40, "K" * 32, id="cut to 32"),
        pytest.param("  Kira   Vex ", "Kira Vex", id="white space as Discord stores it"),
        pytest.param("x" * 31 + " y", "x" * 31, id="cut at a blank"),
    ],
)
def test_the_nickname_is_the_main_characters_name(world: World, name: str, nick: str) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Before")
    world.site.nickname("101", name)
    world.run()
    assert world.nick("kira") == nick
    meter = Meter(world)
    world.site.nickname("101", name)
    world.run()
    assert meter.writes == []


@pytest.mark.behaviour(30)
@pytest.mark.parametrize("name", [None, "", "   "])
def test_without_a_main_character_no_nickname_is_sent(world: World, name: str | None) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.guild.change_member("kira", nick="By hand")
    meter = Meter(world)
    world.site.nickname("101", name)
    world.run()
    assert meter.writes == []
    assert world.nick("kira") == "By hand"


@pytest.mark.behaviour(31)
def test_a_nickname_in_the_message_counts_and_who_left_is_unlinked(world: World) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.site.nickname("101", "Kira Vex")
    world.run()
    assert world.nick("kira") == "Kira Vex"
    world.site.notices()
    world.guild.leave("kira")
    world.site.nickname("101", "Kira Again")
    world.run()
    assert not linked(world, "101")
    assert [notice["reason"] for notice in world.site.notices()] == ["left_server"]


@pytest.mark.behaviour(32)
def test_nicknames_are_never_sent_with_the_setting_off() -> None:
    world = World({"DISCORD_SYNC_NAMES": "False"})
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.site.nickname("101", "Kira Vex")
    world.site.post({"kind": "update_all", "user_id": "101"})
    world.run()
    swept(world)
    assert world.nick("kira") is None
    assert "PATCH member" not in [request.route for request in world.asked()]
    user = stored(world, "101")
    assert user
    assert user.nickname == "Kira Vex", "kept, for the day it is turned on"


@pytest.mark.behaviour(32)
def test_nicknames_are_sent_on_joining_on_change_and_by_update_all(world: World) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    assert world.nick("kira") == "Kira"
    world.guild.change_member("kira", nick="By hand")
    swept(world)
    assert world.nick("kira") == "Kira"


@pytest.mark.behaviour(33)
def test_a_nickname_that_matches_is_not_written(world: World) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    meter = Meter(world)
    world.site.post({"kind": "update_all", "user_id": "101"})
    world.site.nickname("101", "Kira")
    world.run()
    assert meter.routes == ["GET member", "GET member"]


@pytest.mark.behaviour(33)
def test_roles_and_nickname_travel_in_one_request(world: World) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.link("102", "liam", groups=["Blue"])
    meter = Meter(world)
    world.site.post(
        {
            "kind": "update_all",
            "user_id": "101",
            "groups": ["Blue"],
            "nickname": "Kira Vex",
            "changed_at": world.site.stamp(),
        }
    )
    world.run()
    assert meter.routes == ["GET member", "PATCH member"]
    assert (world.roles("kira"), world.nick("kira")) == ({"Blue"}, "Kira Vex")


@pytest.mark.behaviour(34)
def test_the_owners_roles_follow_and_the_nickname_is_reported_once(world: World) -> None:
    import_link(world, "1", "fleet.admiral", groups=["Member"], nickname="Admiral")
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.site.notices()
    meter = Meter(world)
    for _ in range(2):
        world.site.post({"kind": "update_all", "user_id": "1"})
        world.run()
    world.site.groups("1", ["Member", "Command"])
    world.run()
    told = world.site.notices()
    for _ in range(3):
        told += swept(world)
    world.site.nickname("1", "Grand Admiral")
    world.run()
    told += world.site.notices()
    assert world.roles("fleet.admiral") == {"Member", "Command"}
    assert 403 not in [request.status for request in world.asked()]
    assert [(n["kind"], n["reason"]) for n in told] == [("sync_failed", "nickname_not_permitted")]
    assert last_error(world, "1") == "nickname_not_permitted"
    assert meter.routes.count("PATCH member") == 0


@pytest.mark.behaviour(34)
def test_a_member_ranked_above_the_bot_keeps_their_name_and_gets_their_roles(world: World) -> None:
    world.guild.create_role("Director", position=50)
    world.guild.add_member("boss", roles=["Director"])
    import_link(world, "1", "boss", groups=["Member"], nickname="Boss")
    world.site.post({"kind": "update_all", "user_id": "1"})
    world.run()
    assert world.roles("boss") == {"Director", "Member"}
    assert world.nick("boss") is None
    assert last_error(world, "1") == "nickname_not_permitted"


@pytest.mark.behaviour(34)
def test_without_the_permission_to_rename_roles_are_still_synced(world: World) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.link("102", "liam", groups=["Blue"], nickname="Liam")
    world.site.notices()
    permissions = world.guild.switches()["bot_permissions"]
    world.guild.turn(bot_permissions=permissions & ~(1 << 27))
    message = {"kind": "update_all", "user_id": "101", "groups": ["Blue"], "nickname": "Vex"}
    world.site.post(message | {"changed_at": world.site.stamp()})
    world.run()
    assert (world.roles("kira"), world.nick("kira")) == ({"Blue"}, "Kira")
    assert [n["reason"] for n in world.site.notices()] == ["nickname_not_permitted"]
    world.guild.turn(bot_permissions=permissions)
    let_sweeps_take(world)
    swept(world)
    assert world.nick("kira") == "Vex", "allowed again: the next sweep mends it"
    assert last_error(world, "101") is None


# --- section E ------------------------------------------------------------------------------------------------


@pytest.mark.behaviour(35)
def test_the_username_is_read_and_stored(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.site.notices()
    world.guild.change_person("kira", username="kira.vex")
    meter = Meter(world)
    world.site.post({"kind": "update_username", "user_id": "101"})
    world.run()
    user = stored(world, "101")
    assert user
    assert user.link
    assert user.link.account.username == "kira.vex"
    assert meter.routes == ["GET member"]
    assert [(n["kind"], n["username"]) for n in world.site.notices()] == [("username_changed", "@kira.vex")]


@pytest.mark.behaviour(36)
def test_a_username_of_someone_who_left_unlinks_them(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.site.notices()
    world.guild.leave("kira")
    world.site.post({"kind": "update_username", "user_id": "101"})
    world.run()
    assert not linked(world, "101")
    assert [(n["kind"], n["reason"]) for n in world.site.notices()] == [("unlinked", "left_server")]


@pytest.mark.behaviour(37)
@pytest.mark.parametrize(
    ("discriminator", "shown"), [("0", "@kira"), ("1234", "kira#1234")], ids=["new kind", "old kind"]
)
def test_usernames_are_shown_in_both_of_discords_ways(world: World, discriminator: str, shown: str) -> None:
    world.guild.add_person("kira", discriminator=discriminator)
    world.link("101", "kira", groups=[])
    assert [notice["username"] for notice in world.site.notices()] == [shown]
    account = world.http.linking.account(world.site.token("101", "read"), "101")
    assert account
    assert account["username"] == shown


@pytest.mark.behaviour(37)
def test_an_imported_link_without_a_username_shows_none_until_it_is_read(world: World) -> None:
    world.guild.add_member("kira")
    import_link(world, "101", "kira", username="")
    account = world.http.linking.account(world.site.token("101", "read"), "101")
    assert account
    assert account["username"] == ""
    world.site.post({"kind": "update_username", "user_id": "101"})
    world.run()
    assert world.site.notices() == [], "to be read at last is no change"
    account = world.http.linking.account(world.site.token("101", "read"), "101")
    assert account
    assert account["username"] == "@kira"
