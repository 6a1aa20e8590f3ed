"""Section B: creating and matching roles."""

import pytest

from chalicelib.discord.models import Guild, Role
from chalicelib.members.roles import RoleRules
from local.simulated import World
from tests.members.support import Meter, crowd, fault, last_error, role_names

POST_ROLE = {"method": "POST", "path": "/roles$"}


def many_workers(seed: int = 0, environment: dict[str, str] | None = None) -> World:
    """Workers that interleave at every call of the store and of Discord."""
    return World(environment, seed=seed, workers=8, latency=0.15, store_latency=0.002)


@pytest.mark.behaviour(12)
def test_a_missing_role_is_created_and_given_in_the_same_update(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    meter = Meter(world)
    world.site.groups("101", ["Member", "Logistics"])
    world.run()
    assert world.roles("kira") == {"Member", "Logistics"}
    assert meter.writes == ["POST role", "PUT member role"]


@pytest.mark.behaviour(12)
def test_a_created_role_has_no_permissions(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    member = world.guild.state().role("Member")
    assert member
    assert member.permissions == "0"


@pytest.mark.behaviour(13)
def test_with_role_creation_off_the_rest_is_still_applied() -> None:
    world = World({"DISCORD_DISABLE_ROLE_CREATION": "True"})
    world.guild.create_role("Member")
    world.guild.create_role("Old")
    world.link("101", "kira", groups=["Old"])
    meter = Meter(world)
    world.site.groups("101", ["Member", "Unknown"])
    world.run()
    assert world.roles("kira") == {"Member"}
    assert "POST role" not in meter.routes
    assert last_error(world, "101") is None


@pytest.mark.behaviour(14)
def test_the_list_of_roles_is_read_once_an_hour() -> None:
    world = World({"DISCORD_ROLES_CACHE_MAX_AGE": "3600"})
    world.link("101", "kira", groups=["Member"])
    meter = Meter(world)
    for _ in range(3):
        world.clock.advance(1000)
        world.site.post({"kind": "update_groups", "user_id": "101"})
        world.run(seconds=60)
    assert meter.routes == ["GET member"] * 3
    world.clock.advance(1000)
    world.site.post({"kind": "update_groups", "user_id": "101"})
    world.run(seconds=60)
    assert "GET guild" in meter.routes


@pytest.mark.behaviour(14)
@pytest.mark.parametrize(
    "body",
    [
        pytest.param([], id="a list"),
        pytest.param("<html>maintenance</html>", id="no JSON"),
        pytest.param({"id": "1", "name": "x", "owner_id": "2", "roles": {}}, id="roles are no list"),
        pytest.param({"id": "111111111111111111", "name": "x", "owner_id": "2", "roles": []}, id="no roles at all"),
    ],
)
def test_a_list_of_roles_that_makes_no_sense_is_an_error_and_not_cached(body: object) -> None:
    world = World({"DISCORD_ROLES_CACHE_MAX_AGE": "30"})
    world.link("101", "kira", groups=["Member", "Logistics"])
    world.run(seconds=100)
    world.guild.inject(fault(method="GET", path="/guilds/[0-9]+$", status=200, body=body))
    meter = Meter(world)
    world.site.groups("101", ["Member"])
    world.run(seconds=30)
    assert world.roles("kira") == {"Member", "Logistics"}, "nothing is decided by it"
    world.run()
    assert world.roles("kira") == {"Member"}, "after another look, a minute later"
    assert "POST role" not in meter.routes
    assert role_names(world) == ["Logistics", "Member"]


@pytest.mark.behaviour(15)
def test_a_created_role_is_known_to_the_next_job_without_another_look(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.link("102", "liam", groups=["Member"])
    world.site.groups("101", ["Logistics"])
    world.run()
    meter = Meter(world)
    world.site.groups("102", ["Logistics"])
    world.run()
    assert world.roles("liam") == {"Logistics"}
    assert meter.routes == ["GET member", "PATCH member"]


@pytest.mark.behaviour(15)
def test_a_failed_creation_is_not_taken_for_a_role(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(fault(status=403, code=50013, message="Missing Permissions", **POST_ROLE))
    world.site.groups("101", ["Member", "Logistics"])
    world.run(seconds=10)
    assert world.roles("kira") == {"Member"}
    assert "50013" in (last_error(world, "101") or "")
    world.clock.advance(900)  # Discord allows 250 tries in 48 hours
    world.site.post({"kind": "update_groups", "user_id": "101"})
    world.run()
    assert world.roles("kira") == {"Member", "Logistics"}
    assert last_error(world, "101") is None


@pytest.mark.behaviour(16)
@pytest.mark.parametrize("body", [pytest.param("", id="empty"), pytest.param({}, id="without an id")])
def test_an_empty_answer_to_a_creation_is_no_role_and_tried_again(world: World, body: object) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(fault(status=200, body=body, **POST_ROLE))
    world.site.groups("101", ["Member", "Logistics"])
    world.run()
    assert world.roles("kira") == {"Member", "Logistics"}
    assert role_names(world) == ["Logistics", "Member"]


@pytest.mark.behaviour(16)
def test_a_group_whose_name_is_no_text_is_refused_before_anything_is_asked(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    meter = Meter(world)
    world.site.post('{"kind": "update_groups", "user_id": "101", "groups": [7], "changed_at": 99}')
    world.run()
    assert meter.routes == []
    assert [reason for _, reason in world.dead_letters()] == [
        "bad message: Expected `str`, got `int` - at `$.groups[0]`"
    ]


@pytest.mark.behaviour(17)
def test_looking_up_a_groups_role_finds_it_by_name_or_not_at_all() -> None:
    roles = (Role(1, "@everyone", 0), Role(9, "Bot", 5, managed=True), Role(3, "Member", 1))
    guild = Guild(1, "x", 2, roles, frozenset({9}))
    match = RoleRules(guild).match(["Member", "Logistics"])
    assert (match.ids, match.missing) == ({"Member": 3}, ("Logistics",))


@pytest.mark.behaviour(18)
@pytest.mark.parametrize("seed", range(5))
def test_workers_that_need_the_same_missing_role_at_once_make_one(seed: int) -> None:
    world = many_workers(seed)
    world.link("101", "kira", groups=["Member"])
    accounts = crowd(world, 60, groups=["Member"])  # in batches of ten, so that six workers are at it
    for user_id in accounts:
        world.site.groups(user_id, ["Member", "Logistics", "Capitals"])
    world.run()
    assert role_names(world) == ["Capitals", "Logistics", "Member"]
    assert {frozenset(world.roles(user_id.removeprefix("u-")) or ()) for user_id in accounts} == {
        frozenset({"Member", "Logistics", "Capitals"})
    }
    assert list(world.dead_letters()) == []


@pytest.mark.behaviour(18)
def test_a_creation_whose_answer_was_lost_is_not_done_twice(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(fault(kind="cut_after", **POST_ROLE))
    world.site.groups("101", ["Member", "Logistics"])
    world.run()
    assert role_names(world) == ["Logistics", "Member"]
    assert world.roles("kira") == {"Member", "Logistics"}


@pytest.mark.behaviour(19)
def test_of_two_roles_with_one_name_every_worker_uses_the_oldest(world: World) -> None:
    first = world.guild.create_role("Member")
    world.guild.create_role("Member")
    world.link("101", "kira", groups=["Member"])
    world.link("102", "liam", groups=["Member"])
    members = [world.guild.member("kira"), world.guild.member("liam")]
    assert [member.role_ids for member in members if member] == [(first.id,), (first.id,)]


@pytest.mark.behaviour(19)
def test_the_role_that_was_used_before_is_preferred_to_an_older_twin(world: World) -> None:
    older = world.guild.create_role("Twin")
    world.link("101", "kira", groups=["Member"])
    world.guild.change_role(older.id, name="Member")
    meter = Meter(world)
    world.clock.advance(2 * 3600)  # what was known of the guild is to be read again
    world.site.groups("101", ["Member"])
    world.run()
    assert meter.writes == []


@pytest.mark.behaviour(20)
def test_a_renamed_role_stays_the_groups_role(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.link("102", "liam", groups=["Blue"])
    role = world.guild.change_role("Member", name="Full Member")
    world.clock.advance(4000)
    world.site.groups("101", ["Member"])
    world.site.groups("102", ["Member"])
    world.run()
    assert world.roles("kira") == world.roles("liam") == {"Full Member"}
    assert role_names(world) == ["Blue", "Full Member"]
    kira = world.guild.member("kira")
    assert kira
    assert kira.role_ids == (role.id,)


@pytest.mark.behaviour(21)
@pytest.mark.parametrize("groups", [["Member", "Logistics"], ["Logistics"]], ids=["one role", "list of roles"])
def test_a_role_deleted_while_cached_is_made_again_at_once(world: World, groups: list[str]) -> None:
    world.link("101", "kira", groups=["Member"])
    world.link("102", "liam", groups=["Logistics"])
    world.guild.delete_role("Logistics")
    world.site.groups("101", groups)
    world.run(seconds=5)
    assert world.roles("kira") == set(groups)
    assert last_error(world, "101") is None
    assert list(world.dead_letters()) == []


@pytest.mark.behaviour(12)
def test_a_worker_that_dies_while_it_creates_a_role_blocks_nobody_for_long(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.inject(fault(**POST_ROLE))
    world.site.groups("101", ["Logistics"])
    world.run(seconds=600)
    assert world.roles("kira") == {"Logistics"}
