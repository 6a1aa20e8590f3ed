"""Comparing the guild with the store: the merge join, what counts as a difference, what is found on the way."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.discord.models import Account, Member
from chalicelib.messages import Parts, VerifyLink, encode
from chalicelib.problems import from_last_error
from chalicelib.store import users
from chalicelib.store.users import Link, User
from chalicelib.sweeps.pairs import merge
from local.discord.config import LEAST_PERMISSIONS, Config
from local.simulated import GUILD, World
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
)
from tests.sweeps.support import LIST, latest, names, roles_of_all


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


def test_a_short_page_is_not_the_last_where_somebody_is_linked_beyond_it(world: World) -> None:
    world.guild.create_role("Member")
    crowd(world, 20, groups=["Member"])
    let_sweeps_take(world)
    world.guild.inject(fault(kind="short_page", method="GET", path=LIST))
    meter = Meter(world)
    swept(world)
    assert meter.routes.count("GET members") == 2
    assert (latest(world).members, latest(world).linked, latest(world).gone) == (20, 20, 0)
    assert roles_of_all(world) == {frozenset({"Member"})}


@pytest.mark.parametrize(("leaver", "reads"), [(3, 1), (-1, 2)], ids=["within the page", "beyond it"])
def test_a_page_more_is_read_only_where_somebody_linked_would_be_beyond_the_last_member(
    world: World, leaver: int, reads: int
) -> None:
    world.guild.create_role("Member")
    crowd(world, 20, roles=["Member"], groups=["Member"])
    world.guild.leave(names(world)[leaver])
    meter = Meter(world)
    swept(world)
    assert meter.routes.count("GET members") == reads
    assert latest(world).gone == 1


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
    users.link("102", int(GUILD), Account(int(person.id), "liam"), users.Claim(issued_at=now), now=now)
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
    let_sweeps_take(world)
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


@pytest.mark.parametrize("role", ["Member", None], ids=["one role to give", "an old fault to clear"])
def test_a_sweep_of_groups_does_not_pass_a_nickname_for_brought_that_was_not(role: str | None) -> None:
    """A callback that died, say, left both to its CheckLink, which looks only at what was not brought."""
    world = World({"DISCORD_SYNC_NAMES": "True"})
    world.guild.create_role("Member")
    (account,) = crowd(world, 1, roles=[] if role else ["Member"], groups=["Member"])
    users.record_nickname(account, "Kira", 1, now=world.clock.now())
    told = stored(world, account)
    assert told
    users.mark_failed(told, from_last_error("an old fault"), now=world.clock.now())
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
