"""Whose a role is, by the operator's choice: known roles, the role map, excluded groups, exempt nicknames."""

import pytest

from local.simulated import World
from tests.members.support import crowd, deliver, import_link, last_error, let_sweeps_take, swept

KNOWN = {"DISCORD_MANAGED_ROLES": "known"}


def world_with(environment: dict[str, str]) -> World:
    """Kira has Member and Blue by her groups, and Streamer by hand."""
    world = World(environment)
    world.guild.create_role("Streamer")
    world.link("101", "kira", groups=["Member", "Blue"])
    world.run()
    world.guild.change_member("kira", give=["Streamer"])
    let_sweeps_take(world)
    return world


@pytest.mark.parametrize(
    ("environment", "roles"),
    [pytest.param({}, {"Member"}, id="all"), pytest.param(KNOWN, {"Member", "Streamer"}, id="known")],
)
def test_a_role_given_by_hand_is_the_servers_if_only_known_roles_are_managed(
    environment: dict[str, str], roles: set[str]
) -> None:
    world = world_with(environment)
    world.site.groups("101", ["Member"])
    world.run()
    assert world.roles("kira") == roles
    swept(world)
    assert world.roles("kira") == roles


def test_a_group_that_was_once_stated_stays_known() -> None:
    world = world_with(KNOWN)
    world.site.groups("101", ["Member"])
    world.run()
    world.guild.change_member("kira", give=["Blue"])
    swept(world)
    assert world.roles("kira") == {"Member", "Streamer"}


def test_a_group_is_known_until_nobody_holds_its_role_and_then_the_role_is_the_servers() -> None:
    world = world_with(KNOWN)
    world.guild.add_member("ghost", roles=["Blue"])  # without a link
    world.site.groups("101", ["Member"])
    world.run()
    blue = next(int(role.id) for role in world.guild.state().roles if role.name == "Blue")
    swept(world)
    assert blue in world.http.services.memory.roles().ever_known, "somebody still holds it"
    world.guild.change_member("ghost", take=["Blue"])
    swept(world)
    assert blue not in world.http.services.memory.roles().ever_known
    world.guild.change_member("kira", give=["Blue"])
    world.clock.advance(60)
    swept(world)
    assert world.roles("kira") == {"Member", "Blue", "Streamer"}
    world.site.groups("101", ["Blue"])
    world.run()
    assert world.roles("kira") == {"Blue", "Streamer"}


def test_a_group_is_known_though_its_member_had_the_role_already_when_it_was_stated() -> None:
    world = World(KNOWN)
    world.guild.create_role("Member")
    world.guild.add_member("kira", roles=["Member"])
    import_link(world, "101", "kira")
    let_sweeps_take(world)
    for groups in (["Member"], []):
        world.site.groups("101", groups)
        world.run()
    assert world.roles("kira") == set()


def test_a_group_that_was_stated_and_withdrawn_before_anybody_looked_is_known() -> None:
    world = World(KNOWN)
    world.guild.create_role("Member")
    world.guild.add_member("kira", roles=["Member"])
    import_link(world, "101", "kira")
    let_sweeps_take(world)
    world.sweep()
    world.run()
    world.clock.advance(60)
    world.site.groups("101", ["Member"])
    world.clock.advance(1)
    world.site.groups("101", [])
    deliver(world, world.container())  # both at once, the newer one first
    world.run()
    swept(world)
    assert world.roles("kira") == set()


def test_a_role_that_stood_for_a_group_before_another_took_its_name_is_still_taken() -> None:
    world = world_with(KNOWN)
    world.guild.change_role("Blue", name="Azure")
    world.guild.create_role("Blue")
    swept(world)
    assert world.roles("kira") == {"Member", "Blue", "Streamer"}


def test_a_mapped_group_gives_its_role_of_another_name_and_unmapping_gives_the_old_one_back() -> None:
    world = world_with({})
    memory = world.http.services.memory
    guests = int(world.guild.create_role("Guests").id)
    assert memory.keep_role_map({"Blue": guests}, known={})
    world.clock.advance(60)
    swept(world)
    assert world.roles("kira") == {"Member", "Guests"}
    assert guests not in memory.role_ids().values(), "the map alone knows it"
    assert memory.keep_role_map({}, known={"Blue": guests})
    world.clock.advance(60)
    swept(world)
    assert world.roles("kira") == {"Member", "Blue"}
    assert sorted(memory.role_ids()) == ["Blue", "Member"]


def test_a_mapped_role_that_is_gone_is_reported_once_and_costs_no_request_per_member() -> None:
    world = World()
    users = crowd(world, 5, groups=["Member"])
    let_sweeps_take(world)
    assert world.http.services.memory.keep_role_map({"Member": 5}, known={})
    assert [notice["reason"] for notice in swept(world)] == ["role_out_of_reach"] * 5
    before = len(world.asked())
    assert swept(world) == []
    assert len(world.asked()) - before == 3, "the guild, the bot, one page of members"
    assert {last_error(world, user_id) for user_id in users} == {"role_out_of_reach"}


def test_an_excluded_group_neither_gives_nor_creates_a_role() -> None:
    world = world_with({"DISCORD_EXCLUDED_GROUPS": "secret, other"})
    world.site.groups("101", ["Member", "Secret"])
    world.run()
    assert world.roles("kira") == {"Member"}
    assert all(role.name != "Secret" for role in world.guild.state().roles)


def test_holders_of_an_exempt_role_keep_their_nickname() -> None:
    world = world_with({"DISCORD_SYNC_NAMES": "True", "DISCORD_NICKNAME_EXEMPT_ROLES": "member"})
    world.guild.change_member("kira", nick="By hand")
    world.site.post(
        {"kind": "update_nickname", "user_id": "101", "nickname": "Kira Vex", "changed_at": world.site.stamp()}
    )
    world.run()
    swept(world)
    assert world.nick("kira") == "By hand"
    world.link("102", "liam", groups=["Member"], nickname="Liam Ro")
    assert (world.roles("liam"), world.nick("liam")) == ({"Member"}, None)
