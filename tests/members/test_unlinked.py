"""Members without a link who hold roles that stand for groups: ignored, reported, or stripped."""

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.discord.models import Account, Guild, Member, Role
from chalicelib.members.roles import RolePolicy
from chalicelib.members.unlinked import holders
from chalicelib.store import audit
from local.simulated import World
from tests.members.support import Meter, crowd, deliver, swept

BOT = Role(90, "Bot", 50, managed=True)
MEMBER, STREAMER, STAFF, NITRO = Role(10, "Member", 5), Role(11, "Streamer", 6), Role(12, "Staff", 7), Role(13, "N", 8)
GUILD = Guild(1, "Guild", 2, (Role(1, "@everyone", 0), BOT, MEMBER, STREAMER, STAFF, NITRO), frozenset({90}))
RULES = RolePolicy(frozenset({"staff"}), frozenset({777})).within(GUILD, {"Member": 10, "Staff": 12})


def a_member(*roles: Role, number: int = 100, is_bot: bool = False) -> Member:
    return Member(Account(number, "kira"), None, frozenset(role.id for role in roles), is_bot)


@pytest.mark.parametrize(
    ("member", "take"),
    [
        pytest.param(a_member(MEMBER, STREAMER), {10}, id="only what stands for a group"),
        pytest.param(a_member(STREAMER), None, id="no role of a group"),
        pytest.param(a_member(MEMBER, STAFF), {10}, id="reserved roles are spared"),
        pytest.param(a_member(MEMBER, number=5), None, id="linked"),
        pytest.param(a_member(MEMBER, number=777), None, id="protected"),
        pytest.param(a_member(MEMBER, is_bot=True), None, id="a bot"),
    ],
)
def test_who_is_found_and_what_would_be_taken(member: Member, take: set[int] | None) -> None:
    assert [set(one.take) for one in holders([member], {5}, RULES)] == ([take] if take else [])


def unlinked_world(mode: str, count: int = 3, **environment: str) -> World:
    """Kira is linked and has Member; `count` others hold Member and Streamer without a link."""
    world = World({"DISCORD_UNLINKED_MEMBERS": mode} | environment)
    world.guild.create_role("Streamer")
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.sweep()
    world.run()
    world.guild.add_members(count, roles=["Member", "Streamer"], prefix="ghost")
    world.clock.advance(3600)
    world.site.notices()
    return world


def ghosts(world: World) -> list[set[str]]:
    """The roles of those without a link."""
    return [world.roles(name) or set() for name in ghost_names(world)]


def ghost_names(world: World) -> list[str]:
    """Who has no link."""
    return [person.username for person in world.guild.people() if person.username.startswith("ghost")]


BOTH = {"Member", "Streamer"}


@pytest.mark.parametrize(
    ("mode", "notices", "found"),
    [
        pytest.param("ignore", [], 0, id="ignore"),
        pytest.param("report", ["sweep: 3 members without a link hold roles of groups"], 3, id="report"),
    ],
)
def test_nothing_is_taken_where_that_is_not_asked_for(mode: str, notices: list[str], found: int) -> None:
    world = unlinked_world(mode)
    told: list[dict[str, Any]] = []
    for force in (False, True, False):
        told += swept(world, force=force)
        world.clock.advance(60)
    assert ghosts(world) == [BOTH] * 3
    reasons = [notice["reason"] for notice in told]
    assert reasons[: len(notices)] == notices
    assert set(reasons) == set(notices)
    assert world.http.delivery.sweeper.sweeps.latest(1)[0].unlinked == found


def test_they_are_reported_until_a_forced_sweep_and_stripped_from_then_on() -> None:
    world = unlinked_world("remove_roles")
    (notice,) = swept(world)
    assert notice["user_id"] == ""
    assert "3 members without a link hold roles of groups; nothing was taken" in notice["reason"]
    assert ghosts(world) == [BOTH] * 3
    swept(world, force=True)
    assert ghosts(world) == [{"Streamer"}] * 3
    assert world.roles("kira") == {"Member"}
    world.guild.add_member("late", roles=["Member", "Streamer"])
    swept(world)
    assert world.roles("late") == {"Streamer"}


def test_what_was_taken_is_in_the_audit_trail() -> None:
    world = unlinked_world("remove_roles", count=1)
    swept(world, force=True)
    ghost = next(person for person in world.guild.people() if person.username.startswith("ghost"))
    (entry,) = audit.of_user(f"discord:{ghost.id}", now=world.clock.now())
    assert entry["taken"] == ["Member"]
    assert entry["cause"].startswith("sweep ")


def test_a_dry_run_shows_them_and_takes_nothing() -> None:
    world = unlinked_world("remove_roles", count=1)
    said = world.sweep(dry_run=True, force=True)
    world.run()
    assert said["unlinked"] == 1
    (shown,) = [one for one in said["would_change"] if one.get("unlinked")]
    assert (shown["take"], shown["username"]) == (["Member"], f"@{ghost_names(world)[0]}")
    assert ghosts(world) == [BOTH]
    swept(world)
    assert ghosts(world) == [BOTH], "a forced dry run releases nothing"


def test_they_are_found_in_the_list_that_is_read_anyway() -> None:
    requests = []
    for mode in ("ignore", "report"):
        world = unlinked_world(mode)
        meter = Meter(world)
        swept(world)
        requests.append(meter.routes)
    assert len(requests[1]) <= len(requests[0])
    assert [routes.count("GET members") for routes in requests] == [1, 1]


def test_members_before_the_first_link_and_after_the_last_are_found_too() -> None:
    world = World({"DISCORD_UNLINKED_MEMBERS": "report"})
    world.guild.create_role("Member")
    world.guild.add_member("first", roles=["Member"])
    crowd(world, 1, groups=["Member"])
    world.guild.add_member("last", roles=["Member"])
    world.run()
    swept(world)
    swept(world)
    shown = world.sweep(dry_run=True)["would_change"]
    assert [one["username"] for one in shown] == ["@first", "@last"]


def test_no_more_than_the_removal_limit_lose_their_roles_in_one_sweep() -> None:
    world = unlinked_world("remove_roles", count=30)
    world.http.services.memory.sweeps.allow_stripping(by="test", now=0)
    swept(world)
    assert ghosts(world).count({"Streamer"}) == 25
    world.clock.advance(7200)
    swept(world)
    assert ghosts(world).count({"Streamer"}) == 25, "a new hour is no new allowance before a person has looked"
    world.sweep(force=True)
    world.run()
    assert ghosts(world).count({"Streamer"}) == 30


def test_who_is_linked_between_the_survey_and_the_job_keeps_their_roles() -> None:
    world = unlinked_world("remove_roles", count=1)
    world.http.services.memory.sweeps.allow_stripping(by="test", now=0)
    container = world.container()
    world.sweep()
    deliver(world, container, "bulk")  # the survey
    (ghost,) = ghost_names(world)
    world.link("102", ghost, groups=["Member"])
    world.run()
    assert world.roles(ghost) == {"Member"}
    account = next(person.id for person in world.guild.people() if person.username == ghost)
    assert audit.of_user(f"discord:{account}", now=world.clock.now()) == [], "nothing was taken, not for a moment"


def test_a_setting_that_was_changed_back_stops_what_is_under_way() -> None:
    world = unlinked_world("remove_roles", count=1)
    world.http.services.memory.sweeps.allow_stripping(by="test", now=0)
    world.sweep()
    deliver(world, world.container(), "bulk")
    for container in world._idle.values():
        container.clear()
    world.settings = replace(world.settings, unlinked_members="ignore")
    world.run()
    assert ghosts(world) == [BOTH]
