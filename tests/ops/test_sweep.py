"""Starting sweeps, and following them."""

import pytest

from tests.ops.links import linked
from tests.ops.worker import Lambda, WithLambda, at_work
from tests.ops.world import DISCORD, Command, World


@pytest.fixture
def drifted(empty_world: World) -> World:
    """One member lacks a role, another has one too many."""
    world = empty_world
    world.build_for_discord()
    world.create_queues()
    world.discord.turn(rate_limits=False)
    world.session = WithLambda(world)
    for name in ("Fleet", "Miners"):
        world.discord.create_role(name)
    for user_id, roles in (("1", []), ("2", ["Fleet", "Miners"])):
        member = world.discord.add_member(f"pilot{user_id}", roles=roles)
        linked(world, user_id, int(member.id), groups=("Fleet",), username=f"pilot{user_id}")
    return world


def functions(world: World) -> Lambda:
    found: Lambda = world.session.awslambda
    return found


def roles(world: World, who: str) -> list[str]:
    return sorted(world.discord.member(who).roles)


def test_a_dry_run_shows_what_would_change_and_changes_nothing(drifted: World, ops: Command) -> None:
    said = ops("sweep", "--dry-run")
    assert functions(drifted).invoked == [("rolecall-prod-update_all", {"dry_run": True})]
    assert "@pilot1" in said.out
    assert "2 would change, 1 lose roles, 0 have left." in said.out
    assert roles(drifted, "pilot2") == ["Fleet", "Miners"]


@pytest.mark.usefixtures("drifted")
def test_a_dry_run_that_would_be_held_back_says_how_to_go_on_and_exits_with_1(ops: Command) -> None:
    said = ops("sweep", "groups", "--dry-run")
    assert said.code == 1
    assert "--stage prod sweep groups --force --watch" in said.out
    assert "{" not in said.out  # no word for those who invoke functions by hand


def test_the_first_sweep_takes_nothing_and_says_so(drifted: World, ops: Command) -> None:
    with at_work(drifted):
        said = ops("sweep", "--watch")
    assert (roles(drifted, "pilot1"), roles(drifted, "pilot2")) == (["Fleet"], ["Fleet", "Miners"])
    assert "takes nothing" in said.out
    assert "--force" in said.out


def test_a_forced_sweep_is_followed_until_everything_is_repaired(drifted: World, ops: Command) -> None:
    with at_work(drifted):
        said = ops("sweep", "--force", "--watch")
    assert said.code == 0
    assert (roles(drifted, "pilot1"), roles(drifted, "pilot2")) == (["Fleet"], ["Fleet"])
    assert "done" in said.out


def test_a_sweep_that_is_not_followed_returns_at_once(drifted: World, ops: Command) -> None:
    said = ops("sweep", "nicknames", "--json")
    assert said.code == 0
    assert said.json["state"] == "surveying"
    assert functions(drifted).invoked == [("rolecall-prod-update_all_nicknames", {})]


@pytest.mark.usefixtures("drifted")
def test_another_sweep_that_runs_already_is_mentioned(ops: Command) -> None:
    ops("sweep")
    assert "Another sweep is running" in ops("sweep", "groups").out


def test_a_function_that_fails_is_told_with_its_reason(drifted: World, ops: Command) -> None:
    functions(drifted).fails = True
    said = ops("sweep")
    assert said.code == 1
    assert "Settings need attention" in said.err


def test_what_is_not_deployed_cannot_sweep(empty_world: World, ops: Command) -> None:
    empty_world.shell["DISCORD_GUILD_ID"] = DISCORD.guild_id
    said = ops("sweep")
    assert said.code == 1
    assert "make deploy STAGE=prod" in said.err


def test_dry_run_and_force_exclude_each_other(ops: Command) -> None:
    with pytest.raises(SystemExit) as ended:
        ops("sweep", "--dry-run", "--force")
    assert ended.value.code == 2
