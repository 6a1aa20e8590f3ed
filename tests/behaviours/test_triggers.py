"""Section H: what triggers what. The auth site posts the message; this is what follows from it."""

import pytest

from local.simulated import World
from tests.members.support import Meter, crowd, linked


@pytest.mark.behaviour(51)
def test_every_user_whose_group_changed_follows(world: World) -> None:
    for name in ("kira", "liam", "mira"):
        world.link(f"u-{name}", name, groups=["Member"])
    for name in ("kira", "liam"):
        world.site.groups(f"u-{name}", ["Member", "Logistics"])
    world.run()
    assert world.roles("kira") == world.roles("liam") == {"Member", "Logistics"}
    assert world.roles("mira") == {"Member"}
    for name in ("kira", "liam", "mira"):
        world.site.groups(f"u-{name}", ["Member"])
    world.run()
    assert world.roles("kira") == world.roles("liam") == world.roles("mira") == {"Member"}


@pytest.mark.behaviour(52)
def test_a_changed_state_swaps_the_roles_in_one_request(world: World) -> None:
    world.guild.create_role("Blue")
    world.link("101", "kira", groups=["Member"])
    world.link("102", "liam", groups=["Blue"])
    meter = Meter(world)
    world.site.groups("101", ["Blue"])
    world.run()
    assert world.roles("kira") == {"Blue"}
    assert meter.writes == ["PATCH member"]


@pytest.mark.behaviour(53, 56)
def test_permission_lost_removes_and_tells_and_its_return_restores_nothing(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.site.notices()
    world.site.delete("101", notify=True)
    world.run()
    assert world.roles("kira") is None
    assert [(n["kind"], n["reason"]) for n in world.site.notices()] == [("unlinked", "asked")]
    world.site.groups("101", ["Member"])
    world.site.post({"kind": "update_all", "user_id": "101"})
    world.run()
    assert world.roles("kira") is None
    assert not linked(world, "101")


@pytest.mark.behaviour(54)
def test_a_renamed_main_character_renames_the_member(world: World) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    meter = Meter(world)
    world.site.nickname("101", "Kira Vex")
    world.run()
    assert world.nick("kira") == "Kira Vex"
    assert world.roles("kira") == {"Member"}
    assert meter.routes == ["GET member", "PATCH member"]


@pytest.mark.behaviour(54)
def test_a_rename_of_someone_who_left_unlinks_them(world: World) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.guild.leave("kira")
    world.site.nickname("101", "Kira Vex")
    world.run()
    assert not linked(world, "101")


@pytest.mark.behaviour(55)
def test_main_character_lost_removes_without_a_notice(world: World) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.site.notices()
    meter = Meter(world)
    world.site.delete("101")
    world.run()
    assert meter.routes == ["DELETE member"]
    assert world.roles("kira") is None
    assert world.site.notices() == []


@pytest.mark.behaviour("55b")
def test_a_deactivated_user_is_removed_whatever_the_auth_site_still_knows_of_them(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.site.post('{"kind": "delete_user", "user_id": "101"}')
    world.run()
    assert world.roles("kira") is None
    assert not linked(world, "101")


@pytest.mark.behaviour(56)
def test_deleting_a_user_without_an_account_is_nothing(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    meter = Meter(world)
    world.site.delete("102", notify=True)
    world.run()
    assert meter.routes == []
    assert linked(world, "101")


@pytest.mark.behaviour("60b")
def test_a_whole_state_that_lost_permission_is_removed_one_request_each(world: World) -> None:
    world.guild.create_role("Blue")
    blues = crowd(world, 11, roles=["Blue"], groups=["Blue"], imported=False)
    world.link("101", "kira", groups=["Member"])
    meter = Meter(world)
    for user_id in blues:
        world.site.delete(user_id, notify=True)
    world.run()
    assert meter.routes == ["DELETE member"] * 11
    assert [linked(world, user_id) for user_id in blues] == [False] * 11
    assert world.roles("kira") == {"Member"}
    assert [n["kind"] for n in world.site.notices() if n["user_id"] in blues] == ["unlinked"] * 11
