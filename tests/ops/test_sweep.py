"""Starting sweeps, and following them."""

import itertools
import re
import time
from dataclasses import replace

import pytest

from chalicelib.problems import from_last_error
from chalicelib.store import users
from chalicelib.store.sweeps import Sweeps, SweepState
from local.discord.config import LEAST_PERMISSIONS, MANAGE_ROLES
from ops.console import Screen
from ops.watch import follow
from tests.ops.links import GUILD, linked
from tests.ops.worker import Lambda, WithLambda, at_work
from tests.ops.world import DISCORD, Command, Said, World


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
        linked(world, user_id, int(member.id), groups=("Fleet",), username=f"pilot{user_id}", imported=True)
    return world


def functions(world: World) -> Lambda:
    found: Lambda = world.session.awslambda
    return found


def roles(world: World, who: str) -> list[str]:
    return sorted(world.discord.member(who).roles)


def fact(name: str, said: Said) -> int:
    (value,) = re.findall(rf"^ {name} +(\d+)", said.out, re.MULTILINE)
    return int(value)


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


def test_a_dry_run_that_compared_nobody_says_so_and_not_that_all_would_change(drifted: World, ops: Command) -> None:
    drifted.discord.turn(member_intent=False)
    said = ops("sweep", "--dry-run")
    assert said.code == 1
    assert "cannot be known" in said.out
    assert "By Discord's counts of the holders of each role, perhaps none of them" in said.out, "imported, and locked"
    assert "would change," not in said.out
    assert "Server Members Intent on" in said.out
    assert ops("sweep", "--dry-run", "--json").json["compared"] is False


def test_a_sweep_of_a_server_without_the_bot_ends_with_how_to_add_it(drifted: World, ops: Command) -> None:
    drifted.discord.turn(bot_in_guild=False)
    with at_work(drifted):
        said = ops("sweep", "--watch")
    assert (said.code, fact("repairs sent", said)) == (1, 0)
    assert "--stage prod add-bot-url" in said.out
    assert "--stage prod doctor" in said.out
    assert "last sweep  failed: " in ops("status").out


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
    assert "users not repaired" in said.out


def test_who_could_not_be_repaired_is_counted_by_reason_and_the_exit_code_is_1(drifted: World, ops: Command) -> None:
    drifted.discord.turn(bot_permissions=LEAST_PERMISSIONS & ~MANAGE_ROLES)
    with at_work(drifted):
        said = ops("sweep", "--force", "--watch")
    assert said.code == 1
    assert (roles(drifted, "pilot1"), roles(drifted, "pilot2")) == ([], ["Fleet", "Miners"])
    assert (fact("found to differ", said), fact("repairs sent", said), fact("users not repaired", said)) == (2, 2, 2)
    assert re.search(r"50013.* 2\s*$", said.out, re.MULTILINE)
    assert "doctor looks for the cause" in said.out


def test_what_failed_before_a_sweep_and_not_in_it_is_not_held_against_it(drifted: World, ops: Command) -> None:
    user = users.get("1", now=time.time())
    assert user is not None
    users.mark_failed(user, from_last_error("an old fault"), now=time.time() - 3600)
    with at_work(drifted):
        said = ops("sweep", "nicknames", "--watch")
    assert (said.code, fact("users not repaired", said)) == (0, 0)
    again = users.get("1", now=time.time())
    assert again is not None
    assert again.last_error == "an old fault"


def test_a_sweep_that_waits_for_another_is_followed_when_its_turn_comes(drifted: World, ops: Command) -> None:
    first = ops("sweep", "groups", "--json").json["sweep_id"]
    with at_work(drifted):
        said = ops("sweep", "--force", "--watch")
    mine, theirs = Sweeps(GUILD).latest()
    assert said.code == 0
    assert (theirs.sweep_id, theirs.force, mine.force) == (first, False, True)
    assert "yours comes after it" in said.err
    assert f"Sweep {mine.sweep_id} has started" in said.err
    assert f"Sweep {mine.sweep_id}" in said.out
    assert "--force" not in said.out
    assert roles(drifted, "pilot2") == ["Fleet"]


def test_a_sweep_whose_turn_never_comes_is_not_waited_for_for_ever(drifted: World, ops: Command) -> None:
    ops("sweep", "groups")
    looks = itertools.count()

    def clock() -> float:
        if other := Sweeps(GUILD).running():
            Sweeps(GUILD).finish(other)
        return time.time() + 300 * next(looks)

    drifted.clock = clock
    said = ops("sweep", "--force", "--watch")
    assert said.code == 1
    assert "yours has not begun" in said.err


@pytest.mark.parametrize("state", [SweepState.SURVEYING, SweepState.REPAIRING, SweepState.DONE])
def test_whoever_follows_a_sweep_that_stands_still_is_told_now_and_then(
    drifted: World, ops: Command, capsys: pytest.CaptureFixture[str], state: SweepState
) -> None:
    """One that is done stands still where nobody makes the repairs that it sent."""
    sweep_id = ops("sweep", "groups", "--json").json["sweep_id"]
    sweep = Sweeps(GUILD).get(sweep_id)
    assert sweep is not None
    Sweeps(GUILD).note(replace(sweep, state=state, sent=2))
    looks, began = itertools.count(), time.time()

    def clock() -> float:
        if (look := next(looks)) == 16:
            raise KeyboardInterrupt
        return began + 100 * look

    drifted.clock = clock
    with pytest.raises(KeyboardInterrupt):
        follow(sweep_id, "groups", drifted.stage(), Screen())
    said = capsys.readouterr().err
    assert said.count("No step for") == 3
    assert "aws logs tail /aws/lambda/rolecall-prod-sync_bulk" in said


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
    functions(drifted).error = "Settings need attention"
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


def test_a_dry_run_is_waited_for_as_long_as_aws_lets_it_run(drifted: World, ops: Command) -> None:
    ops("sweep", "--dry-run")
    assert max(functions(drifted).patience) > 300


@pytest.mark.usefixtures("drifted")
def test_a_dry_run_that_outlasts_lambda_is_told_with_what_else_can_be_done(drifted: World, ops: Command) -> None:
    functions(drifted).error = "2026-01-01T00:05:00.000Z 8b0 Task timed out after 300.00 seconds"
    said = ops("sweep", "--dry-run")
    assert said.code == 1
    assert "longer than the 5 min that it may run" in said.err
    assert "lambda_timeout" in said.err


def test_an_answer_that_never_comes_is_told_with_where_to_look(drifted: World, ops: Command) -> None:
    functions(drifted).silent = True
    said = ops("sweep", "--dry-run")
    assert said.code == 1
    assert "has not answered" in said.err
    assert "status lists every sweep" in said.err
    assert len(functions(drifted).invoked) == 1
