"""A dry run: what it shows, that it changes nothing, how long it waits."""

from typing import Any

import pytest

from chalicelib.errors import CallsHalted, GiveUp
from chalicelib.members.removal_limit import MIN_REMOVALS
from chalicelib.messages import Parts
from chalicelib.sweeps.examples import MAX_EXAMPLES, MAX_RENAMED
from local.simulated import World
from tests.members.support import (
    Meter,
    crowd,
    fault,
    import_link,
    stored,
    swept,
)
from tests.sweeps.support import LIST, losers, names


def test_a_dry_run_changes_nothing_and_says_what_would_change(world: World) -> None:
    losers(world, 1, of=3)
    world.link("101", "kira", groups=["Member"], nickname="Kira")
    world.guild.change_member("kira", nick="By hand", take=["Member"])
    world.guild.change_person("kira", username="kira.vex")
    world.run()
    world.site.notices()
    before, sent = world.guild.state(), len(world.sqs.sent)
    meter = Meter(world)
    shown = world.sweep(dry_run=True)
    world.run()
    assert world.guild.state() == before
    assert meter.writes == []
    assert world.sqs.sent[sent:] == []
    assert (shown["state"], shown["dry_run"], shown["linked"], shown["differing"]) == ("dry_run", True, 4, 2)
    assert sorted(shown["would_change"], key=lambda one: str(one["username"])) == [
        {
            "user_id": "101",
            "discord_id": shown["would_change"][-1]["discord_id"],
            "username": "@kira.vex",
            "renamed_from": "@kira",
            "give": ["Member"],
            "take": [],
            "nickname": {"from": "By hand", "to": "Kira"},
        },
        {
            "user_id": shown["would_change"][0]["user_id"],
            "discord_id": shown["would_change"][0]["discord_id"],
            "username": f"@{shown['would_change'][0]['user_id'].removeprefix('u-')}",
            "give": [],
            "take": ["Old"],
            "spared": "first_run",
        },
    ]
    assert "takes nothing" in shown["note"], "it says what a real run would do"
    user = stored(world, "101")
    assert user
    assert user.link
    assert user.link.account.username == "kira"


def test_a_dry_run_does_not_let_later_sweeps_take(world: World) -> None:
    world.guild.create_role("Member")
    crowd(world, 3, roles=["Member"], groups=["Member"])
    world.sweep(dry_run=True)
    world.guild.create_role("Old")
    world.guild.change_member(names(world)[0], give=["Old"])
    swept(world)
    assert "Old" in (world.roles(names(world)[0]) or ())


@pytest.mark.parametrize("parts", [Parts.USERNAME, Parts.ALL], ids=str)
def test_a_dry_run_shows_new_usernames_which_are_nothing_to_repair(world: World, parts: Parts) -> None:
    world.link("101", "kira", groups=["Member"])
    world.link("102", "liam", groups=["Member"])
    world.run()
    world.guild.change_person("kira", username="kira.vex")
    shown = world.sweep(parts, dry_run=True)
    (one,) = shown["would_change"]
    assert (one["user_id"], one["username"], one["renamed_from"]) == ("101", "@kira.vex", "@kira")
    assert (one["give"], one["take"]) == ([], [])
    assert (shown["differing"], shown["would_lose_roles"], shown["note"]) == (0, 0, "")
    swept(world)
    assert world.sweep(parts, dry_run=True)["would_change"] == []


def test_a_dry_run_shows_no_usernames_where_they_were_not_asked_for(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.guild.change_person("kira", username="kira.vex")
    assert world.sweep(Parts.GROUPS, dry_run=True)["would_change"] == []


def test_a_name_of_which_a_part_was_never_known_is_no_new_name(world: World) -> None:
    world.guild.add_member("kira")
    import_link(world, "101", "kira", username="")
    assert world.sweep(Parts.USERNAME, dry_run=True)["would_change"] == []


def test_however_many_new_usernames_leave_room_for_who_differs(world: World) -> None:
    world.guild.create_role("Member")
    crowd(world, MAX_EXAMPLES, roles=["Member"], groups=["Member"])
    for name in names(world):
        world.guild.change_person(name, username=f"new-{name}")
    (last,) = crowd(world, 1, groups=["Member"], prefix="late")
    shown = world.sweep(dry_run=True)["would_change"]
    assert len(shown) == MAX_RENAMED + 1
    assert [one["user_id"] for one in shown if one["give"]] == [last]


def test_a_dry_run_of_a_guild_of_many_pages_waits_for_its_turns(world: World) -> None:
    crowd(world, 1)
    world.guild.add_members(12_500, prefix="stranger")
    crowd(world, 1, prefix="late")
    meter, began = Meter(world), world.clock.now()
    shown = world.sweep(dry_run=True)
    assert (shown["state"], shown["linked"]) == ("dry_run", 2)
    assert shown["members"] > 12_500
    assert set(meter.statuses("GET members")) == {200}, "it waits before Discord has to say so"
    assert len(meter.statuses("GET members")) == 13, "a page that was looked at is not looked at again"
    assert world.clock.now() - began < 30


@pytest.mark.parametrize("path", [LIST, "/guilds/[0-9]+$"], ids=["of the list", "of the guild"])
def test_a_dry_run_waits_as_long_as_a_429_says(world: World, path: str) -> None:
    losers(world, 1, of=3)
    world.guild.inject(fault(method="GET", path=path, kind="rate_limit", retry_after=20.0))
    began = world.clock.now()
    shown = world.sweep(dry_run=True)
    assert (shown["differing"], len(shown["would_change"]), shown["linked"]) == (1, 1, 3)
    assert 20 <= world.clock.now() - began < 40


@pytest.mark.parametrize("retry_after", [90.0, 250.0])
def test_a_dry_run_that_would_wait_too_long_says_what_to_do(world: World, retry_after: float) -> None:
    losers(world, 1, of=3)
    world.guild.inject(fault(method="GET", path=LIST, kind="rate_limit", times=None, retry_after=retry_after))
    began = world.clock.now()
    with pytest.raises(GiveUp, match="try again later, or run the sweep"):
        world.sweep(dry_run=True)
    assert world.clock.now() - began < 200


def test_a_dry_run_with_a_refused_token_says_so(world: World) -> None:
    losers(world, 1, of=3)
    world.guild.turn(bot_token="the new token")
    with pytest.raises(CallsHalted, match="token_refused"):
        world.sweep(dry_run=True)


def spared(shown: dict[str, Any]) -> dict[str, str]:
    """Why each member is spared, by user id."""
    return {one["user_id"]: one["spared"] for one in shown["would_change"] if "spared" in one}


def test_a_dry_run_names_protected_members_and_what_they_keep() -> None:
    def one_with_an_old_role(**settings: str) -> tuple[World, str, int]:
        world = World(settings)
        world.guild.create_role("Old")
        (user_id,) = crowd(world, 1, roles=["Old"], groups=["Member"], imported=False)
        (member_id,) = [one.id for one in world.guild.people() if one.username == user_id.removeprefix("u-")]
        return world, user_id, int(member_id)

    _, _, member_id = one_with_an_old_role()  # ids are the same in each new world
    world, user_id, _ = one_with_an_old_role(DISCORD_PROTECTED_MEMBERS=str(member_id))
    shown = world.sweep(dry_run=True)
    assert spared(shown) == {user_id: "protected"}
    assert shown["would_change"][0]["take"] == ["Old"]
    assert shown["differing"] == 0


def test_a_dry_run_names_those_whom_the_removal_limit_spares() -> None:
    world = World()
    world.guild.create_role("Old")
    users = crowd(world, MIN_REMOVALS + 5, roles=["Old"], groups=["Member"], imported=False)
    assert spared(world.sweep(dry_run=True)) == dict.fromkeys(users, "removal_limit")
    assert spared(world.sweep(dry_run=True, force=True)) == {}


def test_a_dry_run_names_members_in_their_grace_days() -> None:
    world = World({"DISCORD_EXPIRE_GRACE_DAYS": "7"})
    world.link("101", "kira", groups=["Member"])
    world.link("102", "vex", groups=["Member"])
    world.run()
    world.site.delete("101")
    world.guild.leave("vex")
    swept(world)
    assert spared(world.sweep(dry_run=True)) == {"101": "grace", "102": "grace"}
