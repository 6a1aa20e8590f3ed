"""Section I: bulk work."""

from typing import Any

import pytest

from chalicelib.messages import Parts
from chalicelib.store import leaving
from chalicelib.store.cutoff import of_message
from chalicelib.store.users import unlink
from local.simulated import STAGE, WorkerDied, World
from tests.members.support import Meter, crowd, fault, import_link, let_sweeps_take, linked, stored, swept, waiting

MEMBER = r"/members/[0-9]+$"
EVERY_HOUR = 3600.0  # seconds; the schedule's default


def drifted(world: World, count: int) -> list[str]:
    """Linked members who all have one role too many and one too few."""
    for name in ("Member", "Logistics", "Stale"):
        world.guild.create_role(name)
    let_sweeps_take(world)
    return crowd(world, count, roles=["Member", "Stale"], groups=["Member", "Logistics"])


def all_right(world: World, user_ids: list[str]) -> bool:
    return all(world.roles(user_id.removeprefix("u-")) == {"Member", "Logistics"} for user_id in user_ids)


def a_world() -> World:
    """No brake: it is not what these tests are about."""
    return World({"REMOVAL_LIMIT_PERCENT": "100", "DISCORD_SYNC_NAMES": "True"})


@pytest.mark.behaviour(58)
@pytest.mark.parametrize(
    ("parts", "roles", "nick", "username"),
    [
        pytest.param(Parts.ALL, {"Member"}, "Kira", "@kira.vex", id="update_all"),
        pytest.param(Parts.GROUPS, {"Member"}, "By hand", "@kira.vex", id="update_all_groups"),
        pytest.param(Parts.NICKNAME, {"Odd"}, "Kira", "@kira.vex", id="update_all_nicknames"),
        pytest.param(Parts.USERNAME, {"Odd"}, "By hand", "@kira.vex", id="update_all_usernames"),
    ],
)
def test_the_four_bulk_tasks_repair_what_they_are_for(
    world: World, parts: Parts, roles: set[str], nick: str, username: str
) -> None:
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.run()
    world.guild.create_role("Odd")
    world.guild.change_member("kira", roles=["Odd"], nick="By hand")
    world.guild.change_person("kira", username="kira.vex")
    swept(world, parts=parts, force=True)
    kira = stored(world, "101")
    assert kira
    assert kira.link
    assert (world.roles("kira.vex"), world.nick("kira.vex"), kira.link.account.shown) == (roles, nick, username)


@pytest.mark.behaviour(58)
def test_update_all_usernames_renews_the_servers_name_too(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.turn(guild_name="New Name")
    swept(world, parts=Parts.USERNAME)
    assert (world.http.linking.account(world.site.token("101", "read"), "101") or {})["server_name"] == "New Name"


@pytest.mark.behaviour(58)
def test_chosen_users_alone_are_updated_by_a_message_each() -> None:
    world = a_world()
    users = drifted(world, 6)
    for user_id in users[:3]:
        world.site.post({"kind": "update_all", "user_id": user_id})
    world.run()
    assert [all_right(world, [user_id]) for user_id in users] == [True] * 3 + [False] * 3


@pytest.mark.behaviour(58)
def test_a_bulk_task_that_finds_nothing_costs_one_request_a_thousand_members(world: World) -> None:
    world.guild.create_role("Member")
    crowd(world, 200, roles=["Member"], groups=["Member"])
    meter = Meter(world)
    swept(world)
    assert sorted(meter.routes) == ["GET guild", "GET member", "GET members"]


@pytest.mark.behaviour(59)
def test_a_single_change_goes_before_bulk_work() -> None:
    world = a_world()
    users = drifted(world, 120)
    world.guild.create_role("Blue")
    world.sweep()
    world.run(seconds=20)
    waits = []
    for _ in range(5):
        began = world.clock.now()
        world.site.groups(users[-1], ["Blue"])
        world.run(until=lambda: world.roles(users[-1].removeprefix("u-")) == {"Blue"})
        waits.append(world.clock.now() - began)
        world.site.groups(users[-1], ["Member", "Logistics"])
        world.run(seconds=10)
    assert sum(not all_right(world, [user_id]) for user_id in users) > 20, "bulk work was still going on"
    assert sorted(waits)[2] < 7, f"a window of the rate limit at most: {waits}"
    assert max(waits) < 15
    world.run()
    assert all_right(world, users)


@pytest.mark.behaviour(60)
def test_who_left_is_found_by_the_bulk_and_the_rest_goes_on() -> None:
    world = a_world()
    users = drifted(world, 10)
    world.guild.leave(users[3].removeprefix("u-"))
    told = swept(world)
    assert [(n["kind"], n["user_id"], n["reason"]) for n in told] == [("unlinked", users[3], "left_server")]
    assert not linked(world, users[3])
    assert all_right(world, users[:3] + users[4:])


@pytest.mark.behaviour(61)
def test_a_guild_that_drifted_whole_is_repaired_at_discords_pace() -> None:
    world = a_world()
    users = drifted(world, 100)
    began, meter = world.clock.now(), Meter(world)
    world.sweep()
    world.run(until=lambda: all_right(world, users))
    assert world.clock.now() - began < 100 * 1.2 + 20, "ten writes in ten seconds are what Discord allows"
    world.run()
    assert meter.routes.count("PATCH member") == 100
    assert 429 not in [request.status for request in world.asked()]


@pytest.mark.behaviour(62)
def test_users_deleted_while_it_runs_stop_nobody_else() -> None:
    world = a_world()
    users = drifted(world, 20)
    world.sweep()
    world.run(seconds=3)
    for user_id in users[10:13]:
        user = stored(world, user_id)
        assert user
        assert user.link
        unlink(user_id, user.link.account.id, now=world.clock.now())
        now = world.clock.now()
        leaving.begin(user_id, stored(world, user_id), of_message(now), changed_at=None, now=now)
    world.run()
    assert all_right(world, users[:10] + users[13:])
    assert list(world.dead_letters()) == []


@pytest.mark.behaviour(63)
def test_overlapping_bulk_tasks_lose_nobody_and_the_second_looks_again() -> None:
    world = a_world()
    users = drifted(world, 100)
    world.sweep()
    world.run(seconds=1)
    answer = world.sweep(parts=Parts.GROUPS)
    assert (answer["already_running"], answer["queued"]) == (True, True)
    late = users[0].removeprefix("u-")
    world.run(until=lambda: all_right(world, users[:1]))
    world.guild.change_member(late, roles=["Stale"])
    world.run()
    assert all_right(world, users), "what drifted after the first had passed was found by the second"


@pytest.mark.behaviour(64)
@pytest.mark.parametrize("seed", range(4))
def test_workers_that_are_killed_lose_nothing(seed: int) -> None:
    world = World({"REMOVAL_LIMIT_PERCENT": "100"}, seed=seed, workers=4, store_latency=0.002)
    users = drifted(world, 25)
    deaths = 0

    def die() -> None:
        nonlocal deaths
        if world.random.random() < 0.02:
            deaths += 1
            raise WorkerDied

    world.scheduler.on_resume = die
    world.sweep()
    world.run(seconds=2 * EVERY_HOUR)
    assert deaths
    assert all_right(world, users)
    assert waiting(world, "bulk") == []


@pytest.mark.behaviour(64)
def test_a_sweep_goes_on_whose_worker_is_killed_after_every_step_before_it_sent_what_follows() -> None:
    world = a_world()
    world.guild.add_members(1000, prefix="guest")  # so that the survey has two pages
    users = drifted(world, 100)
    killed_after: list[int] = []

    def die_once(operation: str, arguments: dict[str, Any]) -> None:
        step = arguments["Item"].get("step") if operation == "PutItem" else None
        if step and int(step["N"]) not in killed_after:
            killed_after.append(int(step["N"]))
            raise WorkerDied

    world.sweep()
    world.dynamodb.after = die_once
    world.run(seconds=2 * EVERY_HOUR)
    assert len(killed_after) >= 4, "after both pages of the survey, and after steps of the repair"
    assert all_right(world, users)
    assert waiting(world, "bulk") == []
    world.dynamodb.after = None
    assert "already_running" not in world.sweep(), "it ended"


@pytest.mark.behaviour(65)
@pytest.mark.parametrize(
    "trouble",
    [{"status": 403, "code": 50013}, {"status": 500}, {"kind": "hang_after"}],
    ids=["not permitted", "500", "no answer"],
)
def test_one_failing_user_holds_nobody_up(trouble: dict[str, object]) -> None:
    world = a_world()
    users = drifted(world, 20)
    victim = world.guild.member(users[0].removeprefix("u-"))
    assert victim
    world.guild.inject(fault(path=f"/members/{victim.id}", times=None, **trouble))
    began = world.clock.now()
    world.sweep()
    world.run(until=lambda: all_right(world, users[1:]))
    assert all_right(world, users[1:])
    assert world.clock.now() - began < 60, "less than one pause between tries"


@pytest.mark.behaviour(65)
def test_the_owner_in_the_middle_costs_the_bulk_nothing() -> None:
    world = a_world()
    users = drifted(world, 5)
    import_link(world, "owner", "fleet.admiral", groups=["Member"], nickname="Admiral")
    swept(world)
    assert all_right(world, users)
    assert world.roles("fleet.admiral") == {"Member"}
    assert 403 not in [request.status for request in world.asked()]
    assert world.sqs.waiting(f"rolecall-{STAGE}-dead-letters") == []
