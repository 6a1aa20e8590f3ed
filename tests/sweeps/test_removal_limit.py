"""What keeps a sweep from taking: a guild that was never swept, too many who would lose, a survey without the list."""

import pytest

from chalicelib.discord.models import Account
from chalicelib.members.removal_limit import MIN_REMOVALS, max_removals
from chalicelib.messages import Parts
from chalicelib.store import users
from local.simulated import GUILD, World
from tests.members.support import (
    crowd,
    fault,
    let_sweeps_take,
    linked,
    swept,
)
from tests.sweeps.support import latest, losers, names, roles_of_all


def without_census(world: World) -> None:
    """Discord does not count the holders of roles: nobody can tell beforehand how many would lose something."""
    world.guild.inject(fault(path="/member-counts$", status=403, code=50001, times=None))


@pytest.mark.parametrize(
    ("linked_members", "percent", "most"),
    [(0, 20, 25), (10, 20, 25), (125, 20, 25), (130, 20, 26), (1000, 20, 200), (1000, 0, 25), (1000, 100, 1000)],
)
def test_a_fifth_may_lose_roles_and_few_always_may(linked_members: int, percent: int, most: int) -> None:
    assert max_removals(linked_members, percent) == most


def test_the_first_sweep_of_a_guild_gives_and_takes_nothing(world: World) -> None:
    losers(world, 5, of=10)
    world.guild.change_member(names(world)[0], take=["Member"])
    told = swept(world)
    assert roles_of_all(world) == {frozenset({"Member"})}
    assert roles_of_all(world, "loser") == {frozenset({"Member", "Old"})}
    assert [n["kind"] for n in told] == ["sync_failed"]
    assert "force" in told[0]["reason"]
    swept(world)
    assert roles_of_all(world, "loser") == {frozenset({"Member", "Old"})}, "nor does the second"
    swept(world, force=True)
    assert roles_of_all(world, "loser") == {frozenset({"Member"})}
    world.guild.change_member(names(world)[0], give=["Old"])
    swept(world)
    assert roles_of_all(world) == {frozenset({"Member"})}, "from then on sweeps take"


def test_a_whole_survey_that_found_nothing_to_take_lets_later_sweeps_take(world: World) -> None:
    losers(world, 0, of=5)
    swept(world)
    world.guild.change_member(names(world)[0], give=["Old"])
    swept(world)
    assert roles_of_all(world) == {frozenset({"Member"})}


@pytest.mark.parametrize("parts", [Parts.USERNAME, Parts.NICKNAME], ids=str)
def test_a_survey_that_did_not_look_at_roles_lets_nobody_take(world: World, parts: Parts) -> None:
    losers(world, 5, of=10)
    swept(world, parts=parts)
    swept(world)
    assert roles_of_all(world, "loser") == {frozenset({"Member", "Old"})}


def test_a_survey_without_the_list_lets_nobody_take(world: World) -> None:
    losers(world, 5, of=10)
    world.guild.turn(member_intent=False)
    for _ in range(2):
        swept(world)
    world.guild.turn(member_intent=True)
    swept(world)
    assert roles_of_all(world, "loser") == {frozenset({"Member", "Old"})}


@pytest.mark.parametrize(("losing", "held"), [(MIN_REMOVALS, False), (MIN_REMOVALS + 1, True)])
def test_a_sweep_that_would_take_from_too_many_stops(world: World, losing: int, held: bool) -> None:
    losers(world, losing, of=60)
    let_sweeps_take(world)
    world.guild.change_member(names(world)[0], take=["Member"])
    told = swept(world)
    wanted = {"Member", "Old"} if held else {"Member"}
    assert roles_of_all(world, "loser") == {frozenset(wanted)}
    assert latest(world).state == ("held" if held else "done")
    assert [n["kind"] for n in told] == (["removals_held", "sync_failed"] if held else [])
    assert world.roles(names(world)[0]) == {"Member"}, "giving goes on"
    swept(world, force=True)
    assert roles_of_all(world, "loser") == {frozenset({"Member"})}


def test_a_braked_sweep_still_unlinks_nobody_and_lets_the_next_begin(world: World) -> None:
    losers(world, 40, of=60)
    let_sweeps_take(world)
    world.guild.leave(names(world)[0])
    swept(world)
    assert "already_running" not in world.sweep()


def test_a_sweep_to_which_too_many_seem_to_have_left_stops_and_asks(world: World) -> None:
    for number in range(30):
        world.link(str(number), f"pilot-{number}", groups=["Member"])
        world.clock.advance(3)
    world.sweep()
    world.run(seconds=600)
    for number in range(26):
        world.guild.leave(f"pilot-{number}")
    held = world.sweep()["sweep_id"]
    world.run(seconds=600)
    found = world.http.delivery.sweeper.sweeps.get(held)
    assert found is not None
    assert (found.state, found.gone) == ("held", 26)
    assert users.get("0", now=world.clock.now()).link is not None  # type: ignore[union-attr]
    world.sweep(force=True)
    world.run(seconds=600)
    assert users.get("0", now=world.clock.now()).link is None  # type: ignore[union-attr]


def test_a_guild_that_everybody_seems_to_have_left_is_held_not_stuck(world: World) -> None:
    """A wrong guild id, say, or an old table imported: the one listed page of members meets all the links."""
    now = world.clock.now()
    for number in range(2500):
        account = Account(300000000000000000 + number, f"p{number}")
        users.link(f"{number}", int(GUILD), account, users.Claim(issued_at=now), now=now - users.JOIN_TIMEOUT)
    let_sweeps_take(world)
    told = swept(world)
    assert (latest(world).state, latest(world).gone, latest(world).linked) == ("held", 2500, 2500)
    assert "unlink 2500 who seem to have left" in told[1]["reason"]


# --- without the member intent --------------------------------------------------------------------------------


def test_without_the_member_intent_every_linked_user_is_looked_at_by_a_job(world: World) -> None:
    world.guild.create_role("Old")
    accounts = crowd(world, 6, roles=["Old"], groups=["Member"])
    let_sweeps_take(world)
    world.guild.turn(member_intent=False)
    world.guild.leave(accounts[0].removeprefix("u-"))
    swept(world)
    assert roles_of_all(world) == {frozenset({"Member"})}
    assert not linked(world, accounts[0])
    assert "Server Members Intent" in latest(world).note


def test_without_the_intent_and_not_yet_allowed_to_take_it_gives_only(world: World) -> None:
    world.guild.create_role("Old")
    crowd(world, 6, roles=["Old"], groups=["Member"])
    world.guild.turn(member_intent=False)
    told = swept(world)
    assert roles_of_all(world) == {frozenset({"Old", "Member"})}
    assert "force" in told[0]["reason"]
    swept(world, force=True)
    assert roles_of_all(world) == {frozenset({"Member"})}


def test_without_the_intent_it_stops_taking_where_the_brake_is_and_says_so_once(world: World) -> None:
    world.guild.create_role("Old")
    crowd(world, 40, roles=["Old"], groups=["Member"])
    let_sweeps_take(world)
    world.guild.turn(member_intent=False)
    without_census(world)
    told = swept(world)
    assert sorted(roles_of_all(world), key=len) == [{"Member"}, {"Old", "Member"}]
    kept = [member for member in world.guild.state().members if "Old" in member.roles]
    assert len(kept) == 40 - 25
    assert [(n["kind"], n["user_id"]) for n in told] == [("removals_held", "")]
    assert "more than 25 of 40" in told[0]["reason"]
    swept(world)
    assert latest(world).state == "held", "the next one has no fresh allowance"
    world.site.groups("u-" + kept[0].username, ["Member"])
    world.run()
    assert world.roles(kept[0].username) == {"Old", "Member"}, "the limit holds for messages, too"
    swept(world, force=True)
    assert roles_of_all(world) == {frozenset({"Member"})}


def test_the_brake_counts_who_lost_a_role_though_the_new_one_has_to_wait(world: World) -> None:
    world.guild.create_role("Old")
    crowd(world, 40, roles=["Old"], groups=["Brand New"])
    let_sweeps_take(world)
    world.guild.turn(member_intent=False)
    without_census(world)
    world.guild.inject(fault(method="POST", path=".*/roles$", kind="rate_limit", times=None, retry_after=120.0))
    world.sweep()
    world.run(seconds=600)
    kept = [member for member in world.guild.state().members if "Old" in member.roles]
    assert len(kept) == 40 - MIN_REMOVALS


@pytest.mark.parametrize("locked", [False, True], ids=["a later sweep", "imported members"])
def test_without_the_intent_it_unlinks_no_more_than_the_limit_allows(world: World, *, locked: bool) -> None:
    accounts = crowd(world, 40, groups=["Member"])
    if not locked:
        let_sweeps_take(world)
    world.guild.turn(member_intent=False)
    world.guild.inject(fault(method="GET", path="/members/[0-9]+$", status=404, code=10007, times=None))
    told = swept(world)
    unlinked = 0 if locked else MIN_REMOVALS
    assert sum(linked(world, user_id) for user_id in accounts) == 40 - unlinked
    assert [n["kind"] for n in told if n["user_id"]] == ["unlinked"] * unlinked
    assert [n["kind"] for n in told if not n["user_id"]] == ["sync_failed" if locked else "removals_held"]


def test_what_its_survey_did_not_see_a_sweep_takes_from_as_many_as_the_brake_allows(world: World) -> None:
    for name in ("Member", "Extra"):
        world.guild.create_role(name)
    crowd(world, 40, groups=["Member", "New"])  # two roles to give, so that each is looked at again
    let_sweeps_take(world)
    world.sweep()
    world.run(until=lambda: latest(world).state == "repairing")
    for name in names(world):
        world.guild.change_member(name, give=["Extra"])
    world.run(seconds=24 * 3600)
    told = world.site.notices()
    kept = [name for name in names(world) if "Extra" in (world.roles(name) or ())]
    assert len(kept) == 40 - MIN_REMOVALS
    assert all({"Member", "New"} <= (world.roles(name) or set()) for name in names(world))
    assert {n["kind"] for n in told} == {"removals_held"}


def test_the_brake_does_not_count_those_from_whom_discord_refuses_to_take(world: World) -> None:
    """No answer, or a failure, may hide that they lost a role: those count."""
    for name in ("Member", "Old"):
        world.guild.create_role(name)
    crowd(world, 40, roles=["Old"], groups=["Member"])
    let_sweeps_take(world)
    world.guild.turn(member_intent=False)
    without_census(world)
    refused = fault(method="PATCH", path="/members/[0-9]+$", status=403, code=50013, times=None)
    world.guild.inject(refused)
    assert not any(n["kind"] == "removals_held" for n in swept(world))
    assert roles_of_all(world) == {frozenset({"Old"})}


def test_the_hold_that_a_sweep_opens_stays_open_for_messages_too(world: World) -> None:
    losers(world, MIN_REMOVALS + 1, of=60)
    let_sweeps_take(world)
    swept(world)
    user_id = f"u-{names(world)[0]}"
    world.site.groups(user_id, [])
    world.run()
    assert world.roles(names(world)[0]) == {"Member"}, "nobody loses anything any more"
    swept(world)
    assert roles_of_all(world, "loser") == {frozenset({"Member", "Old"})}


def test_a_hold_ends_with_the_sweep_after_nobody_is_to_lose_anything_any_more(world: World) -> None:
    losers(world, MIN_REMOVALS + 1, of=60)
    let_sweeps_take(world)
    swept(world)
    for name in names(world, "loser"):
        world.site.groups(f"u-{name}", ["Member", "Old"])
    world.run()
    swept(world)
    world.site.groups(f"u-{names(world)[0]}", [])
    world.run()
    assert world.roles(names(world)[0]) == set()
