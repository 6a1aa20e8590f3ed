"""Repairing the whole guild: the survey, the brakes, the repair, and what a crash between any two steps leaves."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.discord.models import Account, Member
from chalicelib.errors import CallsHalted, GiveUp
from chalicelib.members.context import Outcome
from chalicelib.members.removal_limit import MIN_BRAKE, brake
from chalicelib.messages import ComparePage, Parts, RepairPage, VerifyLink, encode
from chalicelib.queues import Message, message_of
from chalicelib.store import users
from chalicelib.store.sweeps import STALE_AFTER, Sweep, Sweeps
from chalicelib.store.users import Link, User
from chalicelib.sweeps.compare import MAX_EXAMPLES, MAX_RENAMED, merge
from local.discord.config import LEAST_PERMISSIONS, Config
from local.simulated import GUILD, STAGE, World
from tests.members.support import (
    Meter,
    crowd,
    fault,
    import_link,
    last_error,
    let_sweeps_take,
    linked,
    stored,
    swept,
    waiting,
)

LIST = "/members$"


def names(world: World, prefix: str = "pilot") -> list[str]:
    return [m.username for m in world.guild.state().members if m.username.startswith(prefix)]


def roles_of_all(world: World, prefix: str = "pilot") -> set[frozenset[str]]:
    return {frozenset(world.roles(name) or ()) for name in names(world, prefix)}


def latest(world: World) -> Sweep:
    """The newest sweep."""
    return world.http.delivery.sweeper._sweeps.latest(1)[0]


def losers(world: World, count: int, of: int) -> None:
    """`of` linked members who should be Member; `count` of them are Old as well, the others as they should be."""
    world.guild.create_role("Member")
    world.guild.create_role("Old")
    crowd(world, count, roles=["Member", "Old"], groups=["Member"], prefix="loser")
    crowd(world, of - count, roles=["Member"], groups=["Member"])


# --- the merge join -------------------------------------------------------------------------------------------


def member(number: int) -> Member:
    return Member(Account(number, f"name{number}"), None, frozenset())


def links(numbers: list[int]) -> Iterator[User]:
    return iter([User(str(n), link=Link(Account(n, f"name{n}"), 0)) for n in numbers])


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)))
def test_every_link_meets_its_member_or_none(members: set[int], linked_ids: set[int]) -> None:
    pairs = list(merge([member(n) for n in sorted(members)], links(sorted(linked_ids))))
    assert [int(pair.user.user_id) for pair in pairs] == sorted(linked_ids)
    assert [pair.member.id if pair.member else None for pair in pairs] == [
        n if n in members else None for n in sorted(linked_ids)
    ]


@pytest.mark.parametrize(
    ("linked_members", "percent", "most"),
    [(0, 20, 25), (10, 20, 25), (125, 20, 25), (130, 20, 26), (1000, 20, 200), (1000, 0, 25), (1000, 100, 1000)],
)
def test_a_fifth_may_lose_roles_and_few_always_may(linked_members: int, percent: int, most: int) -> None:
    assert brake(linked_members, percent) == most


# --- the survey -----------------------------------------------------------------------------------------------


def test_a_sweep_over_several_pages_meets_everybody_once(world: World) -> None:
    world.guild.create_role("Member")
    crowd(world, 60, roles=["Member"], groups=["Member"])
    world.guild.add_members(2100, prefix="stranger")
    crowd(world, 60, groups=["Member"], prefix="late")
    let_sweeps_take(world)
    meter = Meter(world)
    swept(world)
    assert meter.routes.count("GET members") == 3
    assert (latest(world).linked, latest(world).differing) == (120, 60)
    assert roles_of_all(world, "late") == {frozenset({"Member"})}


def test_members_without_a_link_are_left_alone(world: World) -> None:
    world.guild.create_role("Guest")
    world.guild.add_member("stranger", roles=["Guest"])
    world.link("101", "kira", groups=["Member"])
    swept(world, force=True)
    assert world.roles("stranger") == {"Guest"}


def test_a_guild_without_links_costs_nothing(world: World) -> None:
    world.guild.add_members(5)
    swept(world)
    assert world.asked() == []
    assert latest(world).state == "done"


def test_who_left_is_unlinked_and_who_is_joining_is_not(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.guild.leave("kira")
    person = world.guild.add_person("liam")
    now = world.clock.now()
    users.link("102", int(GUILD), Account(int(person.id), "liam"), began_at=now, now=now)
    world.site.notices()
    world.sweep()
    world.run(seconds=30)
    assert not linked(world, "101")
    assert linked(world, "102"), "a callback has stored the link and is about to bring them in"
    assert [(n["user_id"], n["reason"]) for n in world.site.notices()] == [("101", "left_server")]
    world.clock.advance(users.JOIN_TIMEOUT)
    swept(world)
    assert not linked(world, "102")


def test_a_list_that_suddenly_is_empty_unlinks_nobody(world: World) -> None:
    world.guild.create_role("Member")
    accounts = crowd(world, 8, roles=["Member"], groups=["Member"])
    world.guild.inject(fault(method="GET", path=LIST, status=200, body=[]))
    told = swept(world)
    assert all(linked(world, user_id) for user_id in accounts)
    assert told == []


def test_usernames_are_renewed_on_the_way_at_no_cost(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    world.site.notices()
    world.guild.change_person("kira", username="kira.vex")
    meter = Meter(world)
    told = swept(world)
    assert [(n["kind"], n["username"]) for n in told] == [("username_changed", "@kira.vex")]
    assert "PATCH member" not in meter.routes
    assert meter.routes.count("GET member") <= 1, "the bot's own, if it is not on the page"
    assert swept(world) == []


def test_never_told_is_not_empty(world: World) -> None:
    world.guild.create_role("Veteran")
    world.guild.add_member("kira", roles=["Veteran"], nick="Old name")
    import_link(world, "101", "kira", username="before")
    told = swept(world, force=True)
    assert (world.roles("kira"), world.nick("kira")) == ({"Veteran"}, "Old name")
    assert [n["kind"] for n in told] == ["username_changed"]
    world.site.groups("101", [])
    world.run()
    assert world.roles("kira") == set()


def test_protected_members_are_never_touched() -> None:
    world = World({"DISCORD_SYNC_NAMES": "True", "DISCORD_PROTECTED_MEMBERS": "1457705189376000777"})
    world.guild.create_role("Odd")
    world.guild.add_person("kira", person_id="1457705189376000777")
    world.guild.add_member("kira", roles=["Odd"], nick="By hand")
    import_link(world, "101", "kira", groups=["Member"], nickname="Kira")
    swept(world, force=True)
    world.site.post({"kind": "update_all", "user_id": "101"})
    world.run()
    assert (world.roles("kira"), world.nick("kira")) == ({"Odd"}, "By hand")
    world.site.delete("101")
    world.run()
    assert (world.roles("kira"), linked(world, "101")) == ({"Odd"}, False)


@pytest.mark.parametrize("drift", ["one role", "several"])
def test_a_problem_is_reported_once_however_many_sweeps_meet_it(world: World, drift: str) -> None:
    world.guild.create_role("Director", position=50)
    world.guild.create_role("Odd")
    world.guild.add_member("boss", roles=["Director"])
    import_link(world, "1", "boss", groups=["Member", "Logistics"], nickname="Boss")
    told = swept(world, force=True)
    for parts in (Parts.USERNAME, Parts.ALL, Parts.GROUPS, Parts.ALL, Parts.NICKNAME):
        world.guild.change_member("boss", give=["Odd"], take=["Member"] if drift == "several" else [])
        told += swept(world, parts=parts)
    assert [(n["kind"], n["reason"]) for n in told] == [("sync_failed", "nickname_not_permitted")]
    assert last_error(world, "1") == "nickname_not_permitted"
    world.guild.change_member("boss", take=["Director"])
    assert swept(world) == []
    assert (world.nick("boss"), last_error(world, "1")) == ("Boss", None)


def test_a_role_out_of_reach_is_reported_once_though_others_drift(world: World) -> None:
    world.link("101", "kira", groups=["Member", "Director"])
    world.run()
    world.guild.change_role("Director", position=50)
    world.guild.change_member("kira", take=["Director"])
    let_sweeps_take(world)
    told = []
    for _ in range(3):
        world.clock.advance(4000)
        world.guild.change_member("kira", take=["Member"])
        told += swept(world)
    assert world.roles("kira") == {"Member"}
    assert [n["reason"] for n in told if n["kind"] == "sync_failed"] == ["role_out_of_reach"]


# --- a dry run ------------------------------------------------------------------------------------------------


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


# --- the brakes -----------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(("losing", "held"), [(MIN_BRAKE, False), (MIN_BRAKE + 1, True)])
def test_a_sweep_that_would_take_from_too_many_stops(world: World, losing: int, held: bool) -> None:
    losers(world, losing, of=60)
    let_sweeps_take(world)
    world.guild.change_member(names(world)[0], take=["Member"])
    told = swept(world)
    wanted = {"Member", "Old"} if held else {"Member"}
    assert roles_of_all(world, "loser") == {frozenset(wanted)}
    assert latest(world).state == ("held" if held else "done")
    assert [n["kind"] for n in told] == (["sync_failed"] if held else [])
    swept(world, force=True)
    assert roles_of_all(world, "loser") == {frozenset({"Member"})}


def test_a_braked_sweep_still_unlinks_nobody_and_lets_the_next_begin(world: World) -> None:
    losers(world, 40, of=60)
    let_sweeps_take(world)
    world.guild.leave(names(world)[0])
    swept(world)
    assert "already_running" not in world.sweep()


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
    told = swept(world)
    assert sorted(roles_of_all(world), key=len) == [{"Member"}, {"Old", "Member"}]
    kept = [member for member in world.guild.state().members if "Old" in member.roles]
    assert len(kept) == 40 - 25
    assert [(n["kind"], n["user_id"]) for n in told] == [("sync_failed", "")]
    assert "25 members" in told[0]["reason"]
    world.site.groups("u-" + kept[0].username, ["Member"])
    world.run()
    assert world.roles(kept[0].username) == {"Member"}, "what the auth site posts is never held back"
    swept(world, force=True)
    assert roles_of_all(world) == {frozenset({"Member"})}


def test_the_brake_counts_who_lost_a_role_though_the_new_one_has_to_wait(world: World) -> None:
    world.guild.create_role("Old")
    crowd(world, 40, roles=["Old"], groups=["Brand New"])
    let_sweeps_take(world)
    world.guild.turn(member_intent=False)
    world.guild.inject(fault(method="POST", path=".*/roles$", kind="rate_limit", times=None, retry_after=120.0))
    world.sweep()
    world.run(seconds=600)
    kept = [member for member in world.guild.state().members if "Old" in member.roles]
    assert len(kept) == 40 - MIN_BRAKE


@pytest.mark.parametrize("may_take", [True, False], ids=["a later sweep", "the first sweep"])
def test_without_the_intent_it_unlinks_no_more_than_the_brake_allows(world: World, may_take: bool) -> None:
    accounts = crowd(world, 40, groups=["Member"])
    if may_take:
        let_sweeps_take(world)
    world.guild.turn(member_intent=False)
    world.guild.inject(fault(method="GET", path="/members/[0-9]+$", status=404, code=10007, times=None))
    told = swept(world)
    assert sum(linked(world, user_id) for user_id in accounts) == 40 - MIN_BRAKE
    assert [n["kind"] for n in told if n["user_id"]] == ["unlinked"] * MIN_BRAKE
    assert sum("stopped taking roles and unlinking" in (n["reason"] or "") for n in told) == 1


def test_what_its_survey_did_not_see_a_sweep_takes_from_as_many_as_the_brake_allows(world: World) -> None:
    for name in ("Member", "Extra"):
        world.guild.create_role(name)
    crowd(world, 40, groups=["Member", "New"])  # two roles to give, so that each is looked at again
    let_sweeps_take(world)
    world.sweep()
    world.run(until=lambda: latest(world).state == "repairing")
    for name in names(world):
        world.guild.change_member(name, give=["Extra"])
    told = swept(world)
    kept = [name for name in names(world) if "Extra" in (world.roles(name) or ())]
    assert len(kept) == 40 - MIN_BRAKE
    assert all({"Member", "New"} <= (world.roles(name) or set()) for name in names(world))
    assert sum("stopped taking" in (n["reason"] or "") for n in told) == 1


def test_the_brake_does_not_count_those_from_whom_discord_refuses_to_take(world: World) -> None:
    """No answer, or a failure, may hide that they lost a role: those count."""
    for name in ("Member", "Old"):
        world.guild.create_role(name)
    crowd(world, 40, roles=["Old"], groups=["Member"])
    let_sweeps_take(world)
    world.guild.turn(member_intent=False)
    refused = fault(method="PATCH", path="/members/[0-9]+$", status=403, code=50013, times=None)
    world.guild.inject(refused)
    assert not any("stopped taking" in (n["reason"] or "") for n in swept(world))
    assert roles_of_all(world) == {frozenset({"Old"})}


def test_a_look_that_may_not_take_does_not_answer_for_a_message_that_may(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.create_role("Old")
    (account,) = crowd(world, 1, roles=["Member", "Old"], groups=["Member", "Old"])
    world.site.groups(account, ["Member"])
    (record,) = world.sqs.receive(f"rolecall-{STAGE}-jobs")
    message = message_of(record)
    users.record_groups(account, ("Member",), json.loads(message.body)["changed_at"], now=world.clock.now())
    world.clock.advance(1)
    world.sweep()
    world.run(seconds=120)
    assert world.roles(account.removeprefix("u-")) == {"Member", "Old"}, "the first sweep takes nothing"
    world.container().delivery.batch([message], bulk=False, seconds_left=lambda: 60.0)
    assert world.roles(account.removeprefix("u-")) == {"Member"}


@pytest.mark.parametrize("role", ["Member", None], ids=["one role to give", "an old fault to clear"])
def test_a_sweep_of_groups_does_not_pass_a_nickname_for_brought_that_was_not(role: str | None) -> None:
    """A callback that died, say, left both to its CheckLink, which looks only at what was not brought."""
    world = World({"DISCORD_SYNC_NAMES": "True"})
    world.guild.create_role("Member")
    (account,) = crowd(world, 1, roles=[] if role else ["Member"], groups=["Member"])
    users.record_nickname(account, "Kira", 1, now=world.clock.now())
    told = stored(world, account)
    assert told
    users.mark_failed(told, "an old fault", now=world.clock.now())
    swept(world, parts=Parts.GROUPS)
    world.http.services.queues.bulk(encode(VerifyLink(user_id=account)))
    world.run()
    name = account.removeprefix("u-")
    assert (world.roles(name), world.nick(name)) == ({"Member"}, "Kira")
    assert last_error(world, account) is None


def test_a_bot_that_may_rename_nobody_does_not_ask_discord_in_every_sweep() -> None:
    world = World({"DISCORD_SYNC_NAMES": "True"}, discord=Config(bot_permissions=LEAST_PERMISSIONS & ~(1 << 27)))
    world.guild.create_role("Member")
    crowd(world, 5, roles=["Member"], groups=["Member"])
    for name in names(world):
        users.record_nickname(f"u-{name}", f"Right {name}", 1, now=world.clock.now())
    meter = Meter(world)
    told = [len(swept(world)) for _ in range(3)]
    assert meter.writes == []
    assert told == [5, 0, 0]
    world.guild.turn(bot_permissions=LEAST_PERMISSIONS)
    swept(world)
    assert {member.nick for member in world.guild.state().members if member.username in names(world)} == {
        f"Right {name}" for name in names(world)
    }


def test_a_role_renamed_to_another_groups_name_is_made_right_for_everybody_by_one_sweep(world: World) -> None:
    world.guild.create_role("Nitro", managed=True)
    world.link("101", "kira", groups=["Member"])  # whose groups alone do not show whose the role is now
    world.link("102", "liam", groups=["Member", "Nitro"])
    world.sweep(force=True)
    world.run()
    world.guild.change_role("Member", name="Nitro")
    rehearsed = {one["user_id"]: one["give"] for one in world.sweep(dry_run=True)["would_change"]}
    world.sweep()
    world.run()
    assert world.roles("kira") == {"Member"}
    assert world.roles("liam") == {"Member", "Nitro"}
    assert rehearsed == {"101": ["Member"], "102": ["Member"]}
    assert world.sweep(dry_run=True)["differing"] == 0


def test_a_role_that_everybody_had_already_is_the_groups_own_when_it_is_renamed(world: World) -> None:
    world.guild.create_role("Member")
    (account,) = crowd(world, 1, roles=["Member"], groups=["Member"])  # as after an import
    swept(world)
    world.guild.change_role("Member", name="Full Member")
    meter = Meter(world)
    assert swept(world) == []
    assert meter.writes == []
    assert world.roles(account.removeprefix("u-")) == {"Full Member"}


@pytest.mark.parametrize("answer", [{"status": 403, "code": 50001}, {"status": 404, "code": 10004}], ids=str)
def test_a_bot_that_was_kicked_is_one_report_not_one_for_every_user(world: World, answer: dict[str, int]) -> None:
    accounts = crowd(world, 12, groups=["Member"])
    world.guild.inject(fault(path="/guilds/", times=None, **answer))
    meter = Meter(world)
    told = swept(world)
    assert [(n["kind"], n["user_id"]) for n in told] == [("sync_failed", "")]
    assert len(meter.routes) < 5
    assert all(linked(world, user_id) for user_id in accounts)


# --- crashes, duplicates, delays ------------------------------------------------------------------------------


def bulk(world: World, job: ComparePage | RepairPage, *, received: int = 1) -> None:
    """Deliver a step, for the `received`th time."""
    body = encode(job).decode()
    message = Message(body, "id", "handle", f"rolecall-{STAGE}-bulk", world.clock.now(), {}, received)
    world.container().delivery.batch([message], bulk=True, seconds_left=lambda: 60.0)


@pytest.mark.parametrize("received", [1, 2], ids=["duplicate", "delivered again"])
@pytest.mark.parametrize("moment", [0.5, 3.0, 200.0], ids=["early", "half-way", "when all is done"])
def test_a_first_step_that_comes_again_does_no_harm(world: World, moment: float, received: int) -> None:
    losers(world, 20, of=40)
    let_sweeps_take(world)
    sweep_id = world.sweep()["sweep_id"]
    world.run(seconds=moment)
    bulk(world, ComparePage(sweep_id=sweep_id), received=received)
    world.run()
    assert roles_of_all(world, "loser") == roles_of_all(world) == {frozenset({"Member"})}
    assert latest(world).state == "done"
    assert "already_running" not in world.sweep()


class Killed(BaseException):
    """The process of the function was killed."""


def steps(world: World) -> int:
    """How many calls of store and queues a whole sweep makes, those that its jobs make left out."""
    calls = 0

    def count(*_: Any) -> None:
        nonlocal calls
        calls += 1

    world.dynamodb.before = count
    world.sqs.before = count
    run_steps(world)
    return calls


def run_steps(world: World) -> None:
    """Deliver the bulk queue's steps, one process each, until it is empty; those that died come again."""
    queue, again = f"rolecall-{STAGE}-bulk", 0
    while (at := world.sqs.next_event_at(queue)) is not None:
        world.clock.move_to(at)
        for record in world.sqs.receive(queue, most=1):
            try:
                world.container().delivery.batch([message_of(record)], bulk=True, seconds_left=lambda: 60.0)
            except Killed:
                again += 1
                assert again < 20
            else:
                world.sqs.delete_all([record])


def small_guild() -> World:
    world = World({"DISCORD_SYNC_NAMES": "True"})
    losers(world, 2, of=3)
    let_sweeps_take(world)
    return world


def test_a_worker_killed_at_any_call_of_a_sweep_leaves_a_sweep_that_ends() -> None:
    first = small_guild()
    first.sweep()
    total = steps(first)
    assert total > 30
    for fatal in range(total):
        world = small_guild()
        world.sweep()
        left = fatal

        def kill(*_: Any) -> None:
            nonlocal left
            left -= 1
            if left == -1:
                raise Killed

        world.dynamodb.before = kill
        world.sqs.before = kill
        run_steps(world)
        world.dynamodb.before = world.sqs.before = None
        assert roles_of_all(world, "loser") == {frozenset({"Member"})}, f"killed at call {fatal}"
        assert "already_running" not in world.sweep(), f"killed at call {fatal}"


def test_a_sweep_whose_messages_were_lost_makes_room_after_half_an_hour(world: World) -> None:
    losers(world, 2, of=3)
    let_sweeps_take(world)
    world.sweep()
    for record in world.sqs.receive(f"rolecall-{STAGE}-bulk"):
        world.sqs.delete_all([record])
    world.clock.advance(STALE_AFTER + 1)
    swept(world)
    assert roles_of_all(world, "loser") == {frozenset({"Member"})}


def test_a_page_that_comes_again_does_not_begin_the_repair_again(world: World) -> None:
    losers(world, 150, of=160)
    sweep_id = world.sweep(force=True)["sweep_id"]
    world.run(seconds=60)
    under_way = latest(world)
    assert (under_way.state, 0 < under_way.sent < 150) == ("repairing", True)
    assert world.http.delivery.sweeper.compare(ComparePage(sweep_id=sweep_id), redelivered=True) is Outcome.NOTHING
    world.run()
    assert (latest(world).state, latest(world).sent) == ("done", 150)


def test_a_halt_of_a_day_does_not_pile_up_sweeps(world: World) -> None:
    losers(world, 2, of=3)
    let_sweeps_take(world)
    world.guild.turn(bot_token="the new token")
    for _ in range(24):
        world.sweep()
        world.run(seconds=3600)
    world.settings = replace(world.settings, bot_token="the new token")
    world.http = world.container()
    world._idle = {"jobs": [], "bulk": []}
    meter = Meter(world)
    world.run(seconds=2 * 3600)
    assert roles_of_all(world, "loser") == {frozenset({"Member"})}
    assert meter.routes.count("GET members") <= 2


# --- several at once ------------------------------------------------------------------------------------------


def test_a_sweep_asked_for_while_one_has_looked_at_nobody_is_that_one(world: World) -> None:
    losers(world, 0, of=3)
    first = world.sweep()
    second = world.sweep(parts=Parts.GROUPS)
    assert (second["sweep_id"], second["already_running"], second["queued"]) == (first["sweep_id"], True, False)
    meter = Meter(world)
    world.run()
    assert meter.routes.count("GET members") == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param({"parts": Parts.USERNAME}, {"parts": Parts.ALL}, id="it looks at less"),
        pytest.param({}, {"force": True}, id="it may do less"),
    ],
)
def test_a_sweep_that_does_less_is_no_substitute(world: World, first: dict[str, Any], second: dict[str, Any]) -> None:
    losers(world, 2, of=3)
    world.sweep(**first)
    assert world.sweep(**({"force": True} | second))["queued"]
    world.run()
    assert roles_of_all(world, "loser") == {frozenset({"Member"})}


def test_many_that_wait_for_one_become_one(world: World) -> None:
    losers(world, 20, of=40)
    let_sweeps_take(world)
    world.sweep()
    world.run(seconds=2)
    meter = Meter(world)
    for _ in range(6):
        world.sweep()
    world.run(seconds=6 * 3600)
    assert meter.routes.count("GET members") <= 3
    assert waiting(world, "bulk") == []


def test_a_dry_run_needs_not_wait_for_a_sweep(world: World) -> None:
    losers(world, 0, of=3)
    world.sweep()
    assert world.sweep(dry_run=True)["state"] == "dry_run"


# --- the repair -----------------------------------------------------------------------------------------------


def test_who_loses_goes_before_who_gains(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.create_role("Old")
    crowd(world, 15, groups=["Member"], prefix="gainer")
    crowd(world, 15, roles=["Member", "Old"], groups=["Member"], prefix="loser")
    let_sweeps_take(world)
    world.sweep()
    world.run(until=lambda: frozenset({"Member", "Old"}) not in roles_of_all(world, "loser"))
    assert frozenset() in roles_of_all(world, "gainer"), "nobody gains before everybody has lost"
    world.run()
    assert roles_of_all(world, "gainer") == roles_of_all(world, "loser") == {frozenset({"Member"})}


def test_one_role_is_one_request_without_another_look(world: World) -> None:
    losers(world, 5, of=10)
    let_sweeps_take(world)
    meter = Meter(world)
    swept(world)
    assert sorted(set(meter.routes)) == ["DELETE member role", "GET guild", "GET member", "GET members"]
    assert meter.routes.count("DELETE member role") == 5
    assert meter.routes.count("GET member") == 1


def test_what_the_auth_site_said_meanwhile_wins_over_what_the_sweep_found(world: World) -> None:
    losers(world, 3, of=10)
    let_sweeps_take(world)
    user_id = next(f"u-{name}" for name in names(world, "loser"))
    world.sweep()
    world.run(seconds=0.3)
    world.site.groups(user_id, ["Member", "Old"])
    world.run()
    assert world.roles(user_id.removeprefix("u-")) == {"Member", "Old"}


def test_a_member_who_differs_in_several_ways_is_two_requests(world: World) -> None:
    world.guild.create_role("Member")
    world.guild.create_role("Old")
    crowd(world, 1, roles=["Old"], groups=["Member"])
    let_sweeps_take(world)
    meter = Meter(world)
    swept(world)
    assert meter.writes == ["PATCH member"]
    assert meter.routes.count("GET member") == 2, "the bot's own and the member's"


def test_the_sweeps_of_another_guild_are_another_matter() -> None:
    World()
    Sweeps(7).begin(Sweep("2-other", Parts.ALL.value, "surveying", 1.0, 1.0))
    assert Sweeps(int(GUILD)).running() is None


def test_the_answer_can_be_shown_as_json(world: World) -> None:
    losers(world, 1, of=2)
    assert json.loads(json.dumps(world.sweep(dry_run=True)))["would_lose_roles"] == 1


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
    found = world.http.delivery.sweeper._sweeps.get(held)
    assert found is not None
    assert (found.state, found.gone) == ("held", 26)
    assert users.get("0", now=world.clock.now()).link is not None  # type: ignore[union-attr]
    world.sweep(force=True)
    world.run(seconds=600)
    assert users.get("0", now=world.clock.now()).link is None  # type: ignore[union-attr]


# --- sizes ----------------------------------------------------------------------------------------------------


def test_examples_of_long_names_fit_into_the_sweeps_item(world: World) -> None:
    groups = [f"Группа Разведки Флота Альянса {number}" for number in range(40)]
    crowd(world, 205, groups=groups)
    shown = world.sweep(dry_run=True)
    assert shown["differing"] == 205
    assert 10 < len(shown["would_change"]) < 205
    world.clock.advance(1)  # ids of one second are in no order
    world.sweep()
    world.run(until=lambda: latest(world).state == "repairing", seconds=120)
    assert latest(world).state == "repairing"


def test_a_guild_that_everybody_seems_to_have_left_is_held_not_stuck(world: World) -> None:
    """A wrong guild id, say, or an old table imported: the one listed page of members meets all the links."""
    now = world.clock.now()
    for number in range(2500):
        account = Account(300000000000000000 + number, f"p{number}")
        users.link(f"{number}", int(GUILD), account, began_at=now, now=now - users.JOIN_TIMEOUT)
    let_sweeps_take(world)
    told = swept(world)
    assert (latest(world).state, latest(world).gone, latest(world).linked) == ("held", 2500, 2500)
    assert "unlink 2500 who seem to have left" in told[0]["reason"]


def test_a_sweep_whose_step_breaks_for_good_has_failed_and_says_so(world: World) -> None:
    crowd(world, 1, groups=["Member"])

    def broken(operation: str, given: dict[str, Any]) -> None:
        if operation == "PutItem" and "#000000" in str(given["Item"].get("sweep_id")):
            raise ConnectionError("no answer")

    world.dynamodb.before = broken
    told = swept(world)
    assert latest(world).state == "failed"
    assert [n["reason"] for n in told] == ["sweep failed: internal error: ConnectionError"]
    world.dynamodb.before = None
    assert world.sweep().get("already_running") is None


def test_of_two_workers_at_one_page_only_what_the_one_found_is_repaired_who_goes_on(world: World) -> None:
    """The verdict is about that; what the other found meanwhile may be more than the brake allows."""
    losers(world, 5, of=100)
    let_sweeps_take(world)
    job = ComparePage(sweep_id=world.sweep()["sweep_id"])
    first, second = (world.container().delivery.sweeper for _ in range(2))
    late = second._current(job.sweep_id)
    first.compare(job, redelivered=False)
    for name in names(world):
        world.guild.change_member(name, give=["Old"])
    second._current = lambda _: late  # type: ignore[method-assign,assignment]  # it read the sweep before the first went on
    assert second.compare(job, redelivered=False) is Outcome.NOTHING
    world.run(seconds=1800)
    assert sum("Old" in member.roles for member in world.guild.state().members) == 95


def test_of_many_sweeps_asked_for_while_one_runs_one_follows(world: World) -> None:
    for name in ("Member", "Old"):
        world.guild.create_role(name)
    crowd(world, 300, groups=["Member", "Old"])
    let_sweeps_take(world)
    for _ in range(5):
        assert world.sweep()["state"] in ("surveying", "repairing")
        world.run(seconds=40)
    meter = Meter(world)
    world.run(seconds=3600)
    assert meter.routes.count("GET members") == 1
    assert world.sweep(dry_run=True)["differing"] == 0
