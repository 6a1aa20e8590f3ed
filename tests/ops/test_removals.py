"""Looking at what is withheld, releasing and dropping it."""

import getpass
import json
import time

import pytest

from chalicelib.problems import Problem, ProblemKind
from chalicelib.store import audit, users
from chalicelib.store.removals import Cause, Loss, RemovalStore, Withheld
from tests.ops.links import GUILD, linked
from tests.ops.world import Command, World

DELETION = '{"kind":"delete_user","user_id":"2","notify":true}'


@pytest.fixture
def held(empty_world: World) -> World:
    """A hold that withholds roles from one user and a deletion from another; a third one was imported."""
    world = empty_world
    world.build_for_discord()
    world.create_queues()
    store, now = RemovalStore(GUILD), time.time()
    store.count(25, now=now, linked=60)
    store.open_hold(now=now)
    for user_id, loss, cause in (
        ("1", Loss.ROLES, Cause.LIMIT),
        ("2", Loss.KICK, Cause.LIMIT),
        ("3", Loss.UNLINK, Cause.FIRST_RUN),
    ):
        user = linked(world, user_id, 100 + int(user_id), groups=(), username=f"pilot{user_id}")
        roles = ("Fleet",) if loss is Loss.ROLES else ()
        deletion = DELETION if loss is Loss.KICK else ""
        by, name = "message from the auth site", f"@pilot{user_id}"
        store.withhold(
            Withheld(
                user_id, str(100 + int(user_id)), name, loss, cause, now, by, user.version, roles, len(roles), deletion
            )
        )
        kind = ProblemKind.REMOVAL_HELD if cause is Cause.LIMIT else ProblemKind.FIRST_RUN_LOCK
        users.mark_failed(user, frozenset({Problem(kind)}), now=now)
    return world


def still(cause: Cause = Cause.LIMIT) -> list[str]:
    return [one.user_id for one in RemovalStore(GUILD).withheld(cause)]


@pytest.mark.usefixtures("held")
def test_the_list_says_who_would_lose_what_since_when_and_why(ops: Command) -> None:
    said = ops("removals", "list")
    assert said.code == 1
    for part in ("@pilot1", "Fleet", "removed from the server", "seem to have left", "message from the auth site"):
        assert part in said.out
    assert "A hold is open since" in said.out
    assert "25 of at most 25 members" in said.out
    assert "--stage prod removals release --all" in said.out
    assert "--stage prod removals release --first-run" in said.out
    assert (still(), still(Cause.FIRST_RUN)) == (["1", "2"], ["3"])


@pytest.mark.usefixtures("held")
def test_the_list_is_there_for_programs(ops: Command) -> None:
    found = ops("removals", "list", "--json").json
    assert (found["lost"], found["limit"], found["linked"]) == (25, 25, 60)
    assert [(one["user_id"], one["loss"], one["cause"]) for one in found["withheld"]] == [
        ("2", "kick", "limit"),
        ("1", "roles", "limit"),
        ("3", "unlink", "first_run"),
    ]


def test_without_anything_withheld_the_list_is_fine(empty_world: World, ops: Command) -> None:
    empty_world.build_for_discord()
    said = ops("removals", "list")
    assert (said.code, "Nothing is withheld." in said.out) == (0, True)


def test_release_of_all_sends_a_message_for_each_and_ends_the_hold(held: World, ops: Command) -> None:
    said = ops("removals", "release", "--all", "--yes")
    assert (said.code, "2 users released" in said.out) == (0, True)
    sent = [json.loads(body) for body in held.bodies("bulk")]
    who = f"{getpass.getuser()} (ops)"
    assert {(one["kind"], one["user_id"], one["cause"]) for one in sent} == {
        ("release_removal", "1", f"removal released by {who}"),
        ("release_removal", "2", f"removal released by {who}"),
    }
    [deletion] = [one["deletion"] for one in sent if one["user_id"] == "2"]
    assert deletion == json.loads(DELETION)
    assert (still(), still(Cause.FIRST_RUN)) == ([], ["3"])
    assert RemovalStore(GUILD).window().held_since is None
    [entry] = audit.of_user("1", now=time.time())
    assert (entry["what"], entry["cause"]) == ("removal released", who)


def test_some_users_are_released_and_the_hold_stays(held: World, ops: Command) -> None:
    assert ops("removals", "release", "1", "--yes").code == 0
    assert still() == ["2"]
    assert RemovalStore(GUILD).window().held_since is not None
    assert len(held.bodies("bulk")) == 1


def test_dropped_users_keep_what_they_have(held: World, ops: Command) -> None:
    said = ops("removals", "drop", "--all", "--yes")
    assert (said.code, "2 users dropped" in said.out) == (0, True)
    assert held.bodies("bulk") == []
    assert still() == []
    for user_id in ("1", "2"):
        user = users.get(user_id, now=time.time())
        assert user
        assert (user.kept, user.last_error, user.deletion_held) == (True, None, False)


@pytest.mark.usefixtures("held")
def test_who_changed_since_is_left(ops: Command) -> None:
    now = time.time()
    users.record_groups("1", ("Fleet",), int(now * 1000) + 5, now=now)
    said = ops("removals", "drop", "1", "--yes")
    assert (said.code, "Changed since" in said.err) == (1, True)
    assert still() == ["1", "2"]


@pytest.mark.usefixtures("held")
def test_release_of_imported_members_ends_the_first_run_lock(held: World, ops: Command) -> None:
    assert ops("removals", "release", "--first-run", "--yes").code == 0
    assert still(Cause.FIRST_RUN) == []
    assert held.stage().wired.services.memory.sweeps.taking_allowed_since() == pytest.approx(time.time(), abs=60)


@pytest.mark.parametrize("arguments", [("release",), ("release", "--all", "1"), ("drop", "--all", "--first-run")])
@pytest.mark.usefixtures("held")
def test_it_must_be_said_which_and_in_one_way(ops: Command, arguments: tuple[str, ...]) -> None:
    said = ops("removals", *arguments, "--yes")
    assert (said.code, "Name some users" in said.err) == (2, True)


@pytest.mark.usefixtures("held")
def test_nothing_is_done_unasked(ops: Command) -> None:
    said = ops("removals", "release", "--all")
    assert (said.code, "add --yes" in said.err) == (2, True)
    assert still() == ["1", "2"]


@pytest.mark.usefixtures("held")
def test_a_user_from_whom_nothing_is_withheld_is_named(ops: Command) -> None:
    said = ops("removals", "release", "1", "77", "--yes")
    assert (said.code, "77" in said.err) == (1, True)
    assert still() == ["1", "2"]


@pytest.mark.usefixtures("held")
def test_status_and_doctor_show_the_hold_and_the_command(held: World, ops: Command) -> None:
    said = ops("status")
    assert said.code == 1
    assert "a hold is open since" in said.out
    assert "3 users would lose something" in said.out
    findings = held.examine("removals")["removals"].findings
    assert len(findings) == 2
    assert all("removals list" in finding.fix for finding in findings)
