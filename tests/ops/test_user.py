"""All that is known of one user."""

import time

import pytest

from chalicelib.problems import from_last_error
from chalicelib.store import users
from chalicelib.store.rows import UserRow
from tests.ops.links import linked
from tests.ops.worker import at_work
from tests.ops.world import NOON, Command, World


@pytest.fixture
def alice(empty_world: World) -> str:
    """A user whose member lacks a role; her Discord id."""
    world = empty_world
    world.build_for_discord()
    world.create_queues()
    world.discord.create_role("Fleet")
    world.discord.create_role("Miners")
    member = world.discord.add_member("alice", roles=["Miners"])
    linked(world, "17", int(member.id), groups=("Fleet", "Scouts"), username="alice")
    return str(member.id)


def test_desired_stands_beside_actual_and_what_differs_is_said(alice: str, ops: Command) -> None:
    said = ops("user", "17")
    assert said.code == 1
    assert f"@alice ({alice})" in said.out
    assert "Fleet, Scouts" in said.out
    assert "A sync would take Miners; give Fleet; create and give Scouts." in said.out


def test_a_discord_id_finds_the_user_too(alice: str, ops: Command) -> None:
    assert ops("user", alice, "--json").json["user_id"] == "17"


def test_a_sync_is_posted_awaited_and_shown(empty_world: World, alice: str, ops: Command) -> None:  # noqa: ARG001
    with at_work(empty_world):
        said = ops("user", "17", "--sync", "--timeout", "20")
    assert said.code == 0
    assert set(empty_world.discord.member("alice").roles) == {"Fleet", "Scouts"}
    assert "Discord is as the auth site wants." in said.out
    assert "took Miners; gave Fleet, Scouts" in said.out


def test_a_sync_that_nobody_does_is_not_waited_for_for_ever(alice: str, ops: Command) -> None:  # noqa: ARG001
    said = ops("user", "17", "--sync", "--timeout", "0.1")
    assert "No result after 0 s" in said.err
    assert "--stage prod status" in said.err


def test_a_sync_without_a_result_is_no_success(empty_world: World, alice: str, ops: Command) -> None:  # noqa: ARG001
    with at_work(empty_world):
        assert ops("user", "17", "--sync", "--timeout", "20").code == 0
    assert ops("user", "17").code == 0
    assert ops("user", "17", "--sync", "--timeout", "0.1").code == 1


def test_somebody_who_left_is_shown_as_such(empty_world: World, alice: str, ops: Command) -> None:  # noqa: ARG001
    empty_world.discord.leave("alice")
    said = ops("user", "17")
    assert said.code == 1
    assert "The member is not in the server." in said.out


def test_where_the_bot_is_not_in_the_server_the_cure_is_told(empty_world: World, alice: str, ops: Command) -> None:  # noqa: ARG001
    empty_world.discord.turn(bot_in_guild=False)
    assert "--stage prod add-bot-url" in ops("user", "17").out


def test_roles_stand_on_both_sides_in_one_order(empty_world: World, ops: Command) -> None:
    empty_world.build_for_discord()
    for name in ("Miners", "Fleet"):
        empty_world.discord.create_role(name)
    member = empty_world.discord.add_member("bob", roles=["Miners", "Fleet"])
    linked(empty_world, "5", int(member.id), groups=("Miners", "Fleet"))
    assert ops("user", "5").out.count("Fleet, Miners") == 2


def test_a_reserved_role_is_shown_as_not_ours_to_touch(empty_world: World, ops: Command) -> None:
    empty_world.shell["DISCORD_RESERVED_ROLES"] = "staff"
    empty_world.build_for_discord()
    for name in ("Fleet", "Staff"):
        empty_world.discord.create_role(name)
    member = empty_world.discord.add_member("bob", roles=["Fleet", "Staff"])
    linked(empty_world, "5", int(member.id), groups=("Fleet",))
    rows = {line.strip(" │").split("  ")[0]: line for line in ops("user", "5").out.splitlines()}
    assert "Staff" not in rows["roles"]
    assert "Fleet" in rows["roles"]
    assert "Staff" in rows["not ours to touch"]


def test_what_the_auth_site_stated_of_a_user_without_a_link_is_shown(empty_world: World, ops: Command) -> None:
    empty_world.build_for_discord()
    users.record_groups("5", ("Miners", "Fleet"), 1_700_000_000_000, now=time.time())
    users.record_nickname("5", "Bob", 1_700_000_000_000, now=time.time())
    said = ops("user", "5")
    assert "Fleet, Miners" in said.out
    assert "Bob" in said.out


def test_a_user_who_was_never_synced_is_said_so_once(alice: str, ops: Command) -> None:  # noqa: ARG001
    assert "never (never)" not in ops("user", "17").out


def test_all_times_of_a_user_are_of_one_kind(empty_world: World, alice: str, ops: Command) -> None:  # noqa: ARG001
    with at_work(empty_world):
        ops("user", "17", "--sync", "--timeout", "20")
    said = ops("user", "17", "--json").json
    times = [said["synced_at"], said["link"]["activated_at"], said["desired"]["groups_at"], said["audit"][0]["at"]]
    assert [abs(time.time() * 1000 - moment) < 600_000 for moment in times] == [True] * 4


def test_the_last_error_is_told_in_words(alice: str, ops: Command) -> None:  # noqa: ARG001
    user = users.get("17", now=time.time())
    assert user is not None
    users.mark_failed(user, from_last_error("role_out_of_reach"), now=time.time())
    assert "is above the bot's" in ops("user", "17").out


def test_a_user_without_a_link_has_nothing_to_sync(empty_world: World, ops: Command) -> None:
    empty_world.build_for_discord()
    users.record_groups("5", ("Fleet",), 1_700_000_000_000, now=time.time())
    assert "nobody" in ops("user", "5").out
    assert ops("user", "5", "--sync").code == 1


def test_an_unknown_user_is_said_to_be_unknown(empty_world: World, ops: Command) -> None:
    empty_world.build_for_discord()
    said = ops("user", "nobody")
    assert (said.code, said.out) == (1, "")
    assert "User nobody not found." in said.err


def test_escape_sequences_in_names_do_not_reach_the_terminal(empty_world: World, ops: Command) -> None:
    empty_world.build_for_discord()
    users.record_groups("5", ("Fleet",), 1_700_000_000_000, now=time.time())
    linked(empty_world, "6", 66, groups=("\x1b[31mred [bold]",))
    said = ops("user", "6")
    assert "\x1b" not in said.out
    assert "[31mred [bold]" in said.out


def test_it_is_explained_step_by_step(alice: str, ops: Command) -> None:  # noqa: ARG001
    said = ops("user", "17", "--explain")
    told = " ".join(said.out.split())
    assert "role Fleet (by its name)" in told
    assert "its role does not exist yet and will be created" in told
    assert "to be taken: no group gives it" in told
    assert "A sync would take Miners; give Fleet; create and give Scouts." in told
    explained = ops("user", "17", "--explain", "--json").json["explain"]
    assert [(line["group"], line["verdict"]) for line in explained["groups"]] == [
        ("Fleet", "role"),
        ("Scouts", "to_create"),
    ]
    assert {line["role"]: line["verdict"] for line in explained["roles"]} == {"Fleet": "give", "Miners": "take"}
    assert explained["nickname"]["verdict"] == "off"
    assert "explain" not in ops("user", "17", "--json").json


def test_who_left_is_explained_too(empty_world: World, alice: str, ops: Command) -> None:  # noqa: ARG001
    empty_world.discord.leave("alice")
    said = ops("user", "17", "--explain")
    assert "Held back: the account is not in the server." in " ".join(said.out.split())
    assert "role Fleet (by its name)" in " ".join(said.out.split())


def test_the_first_run_lock_of_an_imported_link_is_explained(empty_world: World, ops: Command) -> None:
    empty_world.build_for_discord()
    empty_world.create_queues()
    member = empty_world.discord.add_member("bob")
    linked(empty_world, "18", int(member.id), groups=(), username="bob")
    UserRow("18").update([UserRow.imported_at.set(1)])
    told = " ".join(ops("user", "18", "--explain").out.split())
    assert "Held back: the link was imported, and nothing is taken before an operator allows it." in told


def test_somebody_who_unlinked_is_not_said_to_be_deleted_by_the_auth_site(empty_world: World, ops: Command) -> None:
    """The store knows that they went, and not who wanted it."""
    empty_world.build_for_discord()
    empty_world.create_queues()
    UserRow("18", version=1, deleted_at=NOON).save()
    assert "2026-05-28 20:26:40 UTC, by the auth site or at their own wish" in " ".join(ops("user", "18").out.split())
