"""Which role stands for which group, and tying a group to a role."""

from typing import Any

import pytest

from chalicelib.store.guild import GuildMemory
from chalicelib.store.tally import Tallies, Tally
from tests.ops.world import DISCORD, Command, World


@pytest.fixture
def world(empty_world: World) -> World:
    empty_world.build_for_discord()
    empty_world.create_queues()
    for name in ("Blue", "Twin", "Twin", "Streamer"):
        empty_world.discord.create_role(name)
    empty_world.discord.create_role("Nitro", managed=True)
    empty_world.discord.create_role("Director", position=99)
    empty_world.shell["DISCORD_RESERVED_ROLES"] = "streamer"
    empty_world.shell["DISCORD_EXCLUDED_GROUPS"] = "secret"
    return empty_world


def memory() -> GuildMemory:
    return GuildMemory(int(DISCORD.guild_id))


def listed(ops: Command) -> dict[str, dict[str, Any]]:
    return {row["role"]: row for row in ops("roles", "list", "--json").json}


def test_a_mapped_role_stands_for_the_group_until_it_is_unmapped(world: World, ops: Command) -> None:
    blue = next(role for role in world.discord.state().roles if role.name == "Blue")
    said = ops("roles", "map", " Alliance Member ", "Blue")
    assert said.code == 0
    assert f"The role Blue ({blue.id}) stands for the group Alliance Member now." in said.out
    assert "sweep --dry-run" in said.err
    assert memory().roles().role_map == {"Alliance Member": int(blue.id)}
    assert listed(ops)["Blue"] == {
        "role": "Blue",
        "role_id": str(blue.id),
        "groups": ["Alliance Member"],
        "how": "by the role map",
        "not_managed": None,
        "users": None,
    }
    assert ops("roles", "unmap", "Alliance Member").code == 0
    assert memory().roles().role_map == {}
    assert memory().roles().ever_known == {int(blue.id)}, "who has it still is to lose it"


@pytest.mark.parametrize(
    ("role", "why", "fix"),
    [
        ("Director", "it is not below the bot's highest role", "drag the bot's role above it"),
        ("Nitro", "it belongs to an integration", "make a role by hand"),
        ("Streamer", "DISCORD_RESERVED_ROLES", "take it out of DISCORD_RESERVED_ROLES"),
        ("@everyone", "everybody has it", "choose another role"),
        ("Twin", "2 roles called Twin", "by its id"),
        ("Nothing", "no role Nothing", "roles list"),
    ],
)
def test_a_role_that_cannot_stand_for_a_group_is_refused_with_the_reason_and_the_fix(
    world: World,  # noqa: ARG001
    ops: Command,
    role: str,
    why: str,
    fix: str,
) -> None:
    said = ops("roles", "map", "Member", role)
    assert said.code == 1
    assert why in " ".join(said.err.split())
    assert fix in " ".join(said.err.split())
    assert memory().roles().role_map == {}


def test_an_excluded_group_is_not_mapped(world: World, ops: Command) -> None:  # noqa: ARG001
    said = ops("roles", "map", "Secret", "Blue")
    assert (said.code, "DISCORD_EXCLUDED_GROUPS" in said.err) == (1, True)


def test_a_group_that_is_not_mapped_cannot_be_unmapped(world: World, ops: Command) -> None:  # noqa: ARG001
    assert ops("roles", "unmap", "Member").code == 1


def test_the_list_says_whose_every_other_role_is(world: World, ops: Command) -> None:  # noqa: ARG001
    rows = listed(ops)
    assert rows["Director"]["not_managed"] == "it is not below the bot's highest role"
    assert rows["Streamer"]["not_managed"] == "it is in DISCORD_RESERVED_ROLES"
    assert rows["Blue"]["not_managed"] == "taken from linked members: no group is known for it"


def test_a_map_that_points_nowhere_is_a_fault_and_shown(world: World, ops: Command) -> None:
    assert ops("roles", "map", "Member", "Blue").code == 0
    world.discord.delete_role("Blue")
    said = ops("roles", "list")
    assert said.code == 1
    assert "does not exist any more" in " ".join(said.out.split())
    assert "roles unmap 'Member'" in said.err


def test_how_many_users_are_in_a_roles_groups_is_shown_as_the_last_sweep_counted(world: World, ops: Command) -> None:  # noqa: ARG001
    ops("roles", "map", "Alliance Member", "Blue")
    assert listed(ops)["Blue"]["users"] is None
    Tallies(int(DISCORD.guild_id)).keep(Tally(1_796_000_000.0, 12, groups={"Alliance Member": 12}))
    assert listed(ops)["Blue"]["users"] == 12
    assert listed(ops)["Nitro"]["users"] is None
    assert "counted by the sweep of 2026-11-30" in ops("roles", "list").out
