"""Section A: which roles a user should have."""

import pytest

from local.simulated import World
from tests.members.support import Meter, fault, import_link, last_error, role_names, swept

PATCH_MEMBER = "PATCH /guilds/{guild_id}/members/{user_id}"


@pytest.mark.behaviour(1)
def test_groups_and_state_are_matched_to_roles_by_exact_name(world: World) -> None:
    for name in ("Member", "member", "Logistics "):
        world.guild.create_role(name)
    member = world.guild.state().role("Member")
    world.link("101", "kira", groups=["Member", "Logistics"])
    kira = world.guild.member("kira")
    assert member
    assert kira
    assert set(kira.roles) == {"Member", "Logistics "}
    assert member.id in kira.role_ids
    assert role_names(world) == ["Logistics ", "Member", "member"]


@pytest.mark.behaviour(2)
def test_a_user_without_groups_keeps_the_role_of_the_state_alone(world: World) -> None:
    world.link("101", "kira", groups=["Member", "Logistics", "Capitals"])
    world.site.groups("101", ["Member"])
    world.run()
    assert world.roles("kira") == {"Member"}


@pytest.mark.behaviour(3)
def test_names_equal_after_100_characters_are_one_role(world: World) -> None:
    long = "x" * 100
    world.link("101", "kira", groups=[long + "one", long + "two", " Member ", "Member"])
    assert world.roles("kira") == {long, "Member"}
    assert role_names(world) == ["Member", long]


@pytest.mark.behaviour(4)
def test_the_state_in_the_message_counts_though_nobody_stored_it_before(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.site.groups("101", ["Blue"])
    world.run()
    assert world.roles("kira") == {"Blue"}


@pytest.mark.behaviour(5)
@pytest.mark.parametrize(
    "tags",
    [
        pytest.param({"integration_id": "1457705189376000099"}, id="integration"),
        pytest.param({"premium_subscriber": None}, id="boost"),
        pytest.param({"guild_connections": None}, id="linked role"),
    ],
)
def test_managed_roles_stay_and_are_no_drift(world: World, tags: dict[str, str | None]) -> None:
    world.guild.create_role("Theirs", managed="guild_connections" not in tags, tags=tags)
    world.link("101", "kira", groups=["Member", "Logistics"])
    world.guild.change_member("kira", give=["Theirs"])
    meter = Meter(world)
    world.site.groups("101", ["Member", "Logistics"])
    world.run()
    assert meter.routes == ["GET member"]
    world.site.groups("101", [])
    world.run()
    assert world.roles("kira") == {"Theirs"}


@pytest.mark.behaviour(6)
def test_reserved_roles_stay_in_any_case_and_are_no_drift() -> None:
    world = World({"DISCORD_RESERVED_ROLES": "Moderator, éLITE"})
    for name in ("moderator", "MODERATOR", "Élite"):
        world.guild.create_role(name)
    world.link("101", "kira", groups=["Member", "Moderator"])
    assert world.roles("kira") == {"Member"}, "a reserved role is not given either"
    world.guild.change_member("kira", give=["moderator", "MODERATOR", "Élite"])
    meter = Meter(world)
    world.site.groups("101", ["Member"])
    world.run()
    assert meter.routes == ["GET member"]
    world.site.groups("101", [])
    world.run()
    assert world.roles("kira") == {"MODERATOR", "moderator", "Élite"}


@pytest.mark.behaviour(7)
def test_a_role_given_by_hand_is_taken_at_the_next_update(world: World) -> None:
    world.guild.create_role("Moderator")
    world.link("101", "kira", groups=["Member"])
    world.guild.change_member("kira", give=["Moderator"])
    world.site.post({"kind": "update_groups", "user_id": "101"})
    world.run()
    assert world.roles("kira") == {"Member"}


@pytest.mark.behaviour(8)
def test_what_differs_is_written_once_what_does_not_never(world: World) -> None:
    for name in ("Member", "Blue", "Logistics"):
        world.guild.create_role(name)
    world.link("101", "kira", groups=["Member"])
    meter = Meter(world)
    world.site.groups("101", ["Member"])
    world.run()
    assert meter.routes == ["GET member"], "unchanged: one request"
    meter = Meter(world)
    world.site.groups("101", ["Blue", "Logistics"])
    world.run()
    assert meter.routes == ["GET member", "PATCH member"], "changed: two requests"
    assert world.roles("kira") == {"Blue", "Logistics"}


@pytest.mark.behaviour(9)
def test_a_role_unknown_to_the_cached_list_makes_it_be_read_again(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.create_role("Fresh")
    world.guild.change_member("kira", give=["Fresh"])
    meter = Meter(world)
    world.site.post({"kind": "update_groups", "user_id": "101"})
    world.run()
    assert meter.routes.count("GET guild") == 1
    assert world.roles("kira") == {"Member"}


@pytest.mark.behaviour(10)
def test_a_role_that_stays_unknown_does_not_stop_the_update(world: World) -> None:
    for name in ("Blue", "Logistics"):
        world.guild.create_role(name)
    world.link("101", "kira", groups=["Member"])
    kira = world.guild.member("kira")
    assert kira
    ghost = "1457705189376009999"
    seen = {"user": {"id": kira.id, "username": "kira"}, "roles": [*kira.role_ids, ghost], "nick": None}
    world.guild.inject(fault(method="GET", path=f"/members/{kira.id}", status=200, body=seen))
    world.site.groups("101", ["Blue", "Logistics"])
    world.run()
    assert world.roles("kira") == {"Blue", "Logistics"}
    assert last_error(world, "101") is None
    assert ghost not in world.guild.received(route=PATCH_MEMBER)[-1].body


@pytest.mark.behaviour(11)
def test_nothing_wanted_and_nothing_to_keep_empties_the_roles() -> None:
    world = World({"DISCORD_DISABLE_ROLE_CREATION": "True"})
    world.guild.create_role("Stale")
    world.guild.add_member("kira", roles=["Stale"])
    import_link(world, "101", "kira", imported=False)
    world.site.groups("101", ["Nothing matches this"])
    world.run()
    assert world.roles("kira") == set()
    assert last_error(world, "101") is None


@pytest.mark.behaviour(11)
def test_who_was_never_told_groups_keeps_the_roles_they_have(world: World) -> None:
    world.guild.create_role("Veteran")
    world.guild.add_member("kira", roles=["Veteran"])
    import_link(world, "101", "kira")
    world.site.post({"kind": "update_groups", "user_id": "101"})
    world.run()
    swept(world, force=True)
    assert world.roles("kira") == {"Veteran"}, "never told is not empty"
    world.site.groups("101", [])
    world.run()
    assert world.roles("kira") == set(), "a stated empty list is"
