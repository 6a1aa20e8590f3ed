"""What Discord answers is believed: a change that it accepts and does not make, or makes differently."""

from collections.abc import Callable

import pytest

from chalicelib.discord.models import Account, Answers, Member, NicknameAnswer
from chalicelib.members.answers import Written, visible, written
from chalicelib.members.plan import MAX_UNDONE, Change
from local.simulated import World
from tests.members.support import Meter, fault, last_error, let_sweeps_take, stored

MEMBER = r"/members/\d+$"
NAMES = {"DISCORD_SYNC_NAMES": "True"}


def member(*roles: int, nick: str | None = None) -> Member:
    return Member(Account(100, "kira"), nick, frozenset(roles))


def asked(give: set[int], take: set[int], nickname: str | None = None) -> Change:
    return Change(give=frozenset(give), take=frozenset(take), nickname=nickname)


# --- the comparison -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "answer", "done", "undone"),
    [
        pytest.param(asked({2}, {1}), member(2), asked({2}, {1}), set(), id="as asked"),
        pytest.param(asked({2}, {1}), member(1, 2), asked({2}, set()), {1}, id="a role stayed"),
        pytest.param(asked({2, 3}, set()), member(1, 2), asked({2}, set()), {3}, id="a role was left out"),
        pytest.param(asked({2}, {1}), member(1), asked(set(), set()), {1, 2}, id="nothing was done"),
        pytest.param(asked({2}, {1}), None, asked({2}, {1}), set(), id="the answer shows nobody"),
    ],
)
def test_what_became_of_the_roles(change: Change, answer: Member | None, done: Change, undone: set[int]) -> None:
    made = written(member(1), change, answer)
    assert (made.done.give, made.done.take, set(made.undone)) == (done.give, done.take, undone)
    assert {problem.kind.value for problem in made.problems} == ({"role_unchanged"} if undone else set())


@pytest.mark.parametrize(
    ("before", "wanted", "after", "answer"),
    [
        pytest.param("Old", "Vex", "Vex", None, id="as asked"),
        pytest.param("Old", "V\u200bex", "Vex", NicknameAnswer("V\u200bex", "Vex"), id="sanitised"),
        pytest.param("Old", "kira", None, NicknameAnswer("kira", None), id="null for the username"),
        pytest.param(None, "kira", None, NicknameAnswer("kira", None), id="null for the username, as before"),
        pytest.param("Old", "Vex", "Old", NicknameAnswer("Vex", "Old", refused=True), id="unchanged"),
        pytest.param("Vex", "Old", "Vex", NicknameAnswer("Old", "Vex", refused=True), id="unchanged, the other way"),
        pytest.param(None, "Vex", None, NicknameAnswer("Vex", None, refused=True), id="unchanged, none before"),
    ],
)
def test_what_became_of_the_nickname(
    before: str | None, wanted: str, after: str | None, answer: NicknameAnswer | None
) -> None:
    assert written(member(nick=before), asked(set(), set(), wanted), member(nick=after)).nickname == answer


def test_a_nickname_that_is_stored_as_asked_ends_what_was_remembered_of_another() -> None:
    before = Answers(NicknameAnswer("Old", refused=True))
    assert written(member(), asked({1}, set()), member(1)).answers_after(before) == before
    assert written(member(), asked(set(), set(), "Vex"), member(nick="Vex")).answers_after(before) == Answers()


def test_of_two_changes_of_a_member_what_both_made_is_told() -> None:
    first = Written(
        Change(frozenset({1}), frozenset({2}), "Kira", stuck=frozenset({8})),
        undone=frozenset({3}),
        unseen=frozenset({6}),
    )
    later = Written(Change(frozenset({4}), frozenset({5}), stuck=frozenset({9})), unseen=frozenset({7}))
    both = first.then(later)
    assert both.done == Change(frozenset({1, 4}), frozenset({2, 5}), nickname="Kira", stuck=frozenset({8, 9}))
    assert both.undone == {3}
    assert both.unseen == {6, 7}
    assert later.then(first).done.nickname == "Kira"
    assert first.then(Written(Change(nickname="Vex"))).done.nickname == "Vex", "the later one counts"


def test_a_change_that_was_refused_is_none_and_one_that_was_altered_is_what_discord_made_of_it() -> None:
    refused = written(member(nick="Old"), asked(set(), set(), "Vex"), member(nick="Old"))
    assert (refused.done.nickname, bool(refused.done)) == (None, False)
    altered = written(member(nick="Old"), asked(set(), set(), "V\u200bex"), member(nick="Vex"))
    assert (altered.done.nickname, altered.as_asked) == ("Vex", True)


@pytest.mark.parametrize("wanted", ["anna", "zoe"])
def test_a_nickname_is_refused_if_nothing_changed_whatever_the_username(wanted: str) -> None:
    assert written(member(), asked(set(), set(), wanted), member()).nickname == NicknameAnswer(wanted, None, True)


@pytest.mark.parametrize(
    ("name", "seen"),
    [("V\u200bex", "Vex"), ("A b", "A b"), ("A\tb", "A\tb"), ("Ωμ-1_$", "Ωμ-1_$"), ("\u200b", "")],
)
def test_only_what_nobody_sees_is_left_out_of_a_name(name: str, seen: str) -> None:
    assert visible(name) == seen


# --- in the world ---------------------------------------------------------------------------------------------


def kira() -> World:
    world = World(NAMES)
    world.link("101", "kira", groups=["Member", "Blue"], nickname="Kira Vex")
    world.link("102", "liam", groups=["Logistics", "Director"])
    world.run()
    let_sweeps_take(world)
    world.site.notices()
    return world


def swept_writes(world: World, sweeps: int) -> list[int]:
    """How many changes of members each of some sweeps asks for, an hour apart."""
    counts = []
    for _ in range(sweeps):
        meter = Meter(world)
        world.clock.advance(3600)
        world.sweep()
        world.run(seconds=1800)
        counts.append(len(meter.writes))
    return counts


@pytest.mark.parametrize("kind", ["ignore", "leave_out"])
def test_a_change_that_discord_accepts_and_does_not_make_is_asked_for_again_at_once(kind: str) -> None:
    world = kira()
    world.guild.inject(fault(method="PATCH", path=MEMBER, kind=kind))
    world.site.groups("101", ["Logistics", "Director"])
    meter = Meter(world)
    world.run(until=lambda: "PATCH member" in meter.routes)
    assert world.roles("kira") != {"Logistics", "Director"}
    world.run(seconds=5)
    assert world.roles("kira") == {"Logistics", "Director"}
    assert meter.writes == ["PATCH member", "PATCH member"]
    assert last_error(world, "101") is None
    assert world.site.notices() == []


def test_what_discord_never_makes_is_reported_once_and_given_up_until_the_groups_are_stated_again() -> None:
    world = kira()
    never = world.guild.inject(fault(method="PATCH", path=MEMBER, kind="ignore", times=None))
    world.site.groups("101", ["Logistics", "Director"])
    world.run(seconds=60)
    assert last_error(world, "101") == "role_unchanged"
    assert swept_writes(world, 4) == [2, 2, 0, 0], f"{MAX_UNDONE} jobs in all, with two requests each"
    assert [notice["reason"] for notice in world.site.notices()] == ["role_unchanged"]
    assert world.roles("kira") == {"Member", "Blue"}
    world.guild.clear_faults(never)
    world.site.groups("101", ["Logistics", "Director"])
    world.run(seconds=60)
    assert world.roles("kira") == {"Logistics", "Director"}
    assert last_error(world, "101") is None


@pytest.mark.parametrize(
    ("switch", "nickname", "stored_as"),
    [
        pytest.param("null_nick_for_username", "kira", None, id="null for the username"),
        pytest.param("strips_invisible", "Ki\u200bra Vex", "Kira Vex", id="sanitised"),
    ],
)
def test_a_nickname_that_discord_stores_differently_is_written_once(
    switch: str, nickname: str, stored_as: str | None
) -> None:
    world = kira()
    world.guild.turn(**{switch: True})
    world.guild.change_member("kira", nick="By hand")
    world.site.post(
        {"kind": "update_nickname", "user_id": "101", "nickname": nickname, "changed_at": world.site.stamp()}
    )
    meter = Meter(world)
    world.run(seconds=60)
    assert meter.writes == ["PATCH member"]
    assert world.nick("kira") == stored_as
    assert swept_writes(world, 3) == [0, 0, 0]
    assert last_error(world, "101") is None
    world.guild.change_member("kira", nick="By hand again")
    assert swept_writes(world, 2) == [1, 0], "that is a difference once more"
    assert world.nick("kira") == stored_as


def test_somebody_who_joins_with_a_nickname_that_is_stored_differently_keeps_it_without_a_problem() -> None:
    world = World(NAMES)
    world.guild.turn(strips_invisible=True)
    world.guild.add_person("kira")
    world.link("101", "kira", groups=["Member"], nickname="Ki\u200bra Vex")
    world.run(seconds=60)
    assert world.nick("kira") == "Kira Vex"
    assert swept_writes(world, 3) == [1, 0, 0]
    assert last_error(world, "101") is None
    world.guild.change_member("kira", clear_nick=True)
    assert swept_writes(world, 2) == [1, 0]
    assert world.nick("kira") == "Kira Vex"


def test_a_nickname_that_discord_accepted_and_did_not_set_is_tried_again_once_somebody_renamed_the_member() -> None:
    world = kira()
    never = world.guild.inject(fault(method="PATCH", path=MEMBER, kind="ignore", times=None))
    world.guild.change_member("kira", nick="By hand")
    swept_writes(world, 1)
    assert last_error(world, "101") == "nickname_refused"
    assert swept_writes(world, 2) == [0, 0]
    world.guild.clear_faults(never)
    assert swept_writes(world, 2) == [0, 0]
    world.guild.change_member("kira", nick="By hand again")
    swept_writes(world, 1)
    assert (world.nick("kira"), last_error(world, "101")) == ("Kira Vex", None)


def test_a_refused_nickname_is_tried_again_when_it_changes() -> None:
    world = kira()
    world.guild.inject(fault(method="PATCH", path=MEMBER, content="Bad", status=400, code=50035, times=None))
    for name in ("Bad Name", "Good Name"):
        world.site.post(
            {"kind": "update_nickname", "user_id": "101", "nickname": name, "changed_at": world.site.stamp()}
        )
        world.run(seconds=60)
        assert last_error(world, "101") == ("nickname_refused" if name == "Bad Name" else None)
        assert swept_writes(world, 2) == [0, 0]
    assert world.nick("kira") == "Good Name"


def test_a_nickname_that_was_ignored_once_and_could_not_be_asked_for_again_is_asked_for_by_the_next_sweep() -> None:
    world = kira()
    world.guild.change_member("kira", nick="By hand")
    world.guild.inject(fault(method="PATCH", path=MEMBER, kind="ignore", times=1))
    world.guild.inject(fault(method="PATCH", path=MEMBER, status=503, times=None))
    swept_writes(world, 1)
    assert last_error(world, "101") == "nickname_refused"
    world.guild.clear_faults()
    assert swept_writes(world, 1) == [1]
    assert (world.nick("kira"), last_error(world, "101")) == ("Kira Vex", None)


def test_a_nickname_that_the_bot_may_not_set_is_tried_again_when_the_bot_or_the_member_ranks_otherwise() -> None:
    world = kira()
    world.guild.create_role("Above", position=99)
    world.guild.inject(fault(method="PATCH", path=MEMBER, content="nick", status=403, code=50013, times=1))
    world.guild.change_member("kira", nick="By hand")
    swept_writes(world, 1)
    assert last_error(world, "101") == "nickname_not_permitted"
    assert swept_writes(world, 2) == [0, 0]
    world.guild.change_role("Rolecall", position=99)
    swept_writes(world, 1)
    assert (world.nick("kira"), last_error(world, "101")) == ("Kira Vex", None)


def test_one_refused_role_holds_back_no_other() -> None:
    world = kira()
    director = next(role.id for role in world.guild.state().roles if role.name == "Director")
    world.guild.inject(fault(method="PATCH", path=MEMBER, content=director, status=400, code=50035, times=None))
    world.guild.inject(fault(method="PUT", path=f"/roles/{director}", status=400, code=50035, times=None))
    world.site.groups("101", ["Member", "Logistics", "Director"])
    world.run(seconds=60)
    assert world.roles("kira") == {"Member", "Logistics"}
    assert "50035" in (last_error(world, "101") or "")
    assert len(world.site.notices()) == 1
    swept_writes(world, 3)
    assert last_error(world, "101") == "role_unchanged"
    assert swept_writes(world, 2) == [0, 0]
    assert [notice["reason"] for notice in world.site.notices()] == ["role_unchanged"], "and that it was given up"


def test_a_list_that_is_refused_whole_is_made_role_by_role_and_the_refusal_ends_with_the_next_comparison() -> None:
    world = kira()
    world.guild.inject(fault(method="PATCH", path=MEMBER, status=400, code=50035, times=None))
    world.site.groups("101", ["Logistics", "Director"])
    world.run(seconds=60)
    assert world.roles("kira") == {"Logistics", "Director"}
    assert "50035" in (last_error(world, "101") or "")
    assert swept_writes(world, 1) == [0]
    assert last_error(world, "101") is None


def test_a_nickname_is_not_blamed_for_a_refused_role() -> None:
    world = kira()
    director = next(role.id for role in world.guild.state().roles if role.name == "Director")
    world.guild.inject(fault(method="PATCH", path=MEMBER, content=director, status=400, code=50035, times=None))
    world.guild.inject(fault(method="PUT", path=f"/roles/{director}", status=400, code=50035, times=None))
    change = {"groups": ["Member", "Director"], "nickname": "Kira V", "changed_at": world.site.stamp()}
    world.site.post({"kind": "update_all", "user_id": "101", **change})
    world.run(seconds=60)
    assert world.roles("kira") == {"Member"}
    assert "nickname" not in (last_error(world, "101") or "")
    swept_writes(world, 4)
    assert world.nick("kira") == "Kira V"


# --- removals whose answer says nothing -------------------------------------------------------------------------


def lose_one_removal(world: World) -> None:
    world.guild.inject(fault(method="DELETE", path="/roles/", kind="ignore"))


def lose_all_removals(world: World) -> None:
    world.guild.inject(fault(method="DELETE", path="/roles/", kind="ignore", times=None))


@pytest.mark.parametrize("lose", [lose_one_removal, lose_all_removals])
def test_a_removal_that_discord_lost_is_made_seconds_later(lose: Callable[[World], None]) -> None:
    world = kira()
    lose(world)
    world.site.groups("101", ["Member"])
    meter = Meter(world)
    world.run(seconds=5)
    assert world.roles("kira") == {"Member", "Blue"}, "Discord said that it was done"
    world.run(seconds=20)
    assert world.roles("kira") == {"Member"}
    assert meter.writes == ["DELETE member role", "PATCH member"]


def test_a_role_that_was_given_is_not_looked_at_again() -> None:
    world = kira()
    world.site.groups("101", ["Member", "Blue", "Logistics"])
    meter = Meter(world)
    world.run()
    assert meter.routes == ["GET member", "PUT member role"]


def test_who_was_unlinked_meanwhile_is_not_looked_at_again() -> None:
    world = kira()
    world.site.groups("101", ["Member"])
    world.site.delete("101")
    world.run(seconds=2)
    assert world.roles("kira") is None
    meter = Meter(world)
    world.run()
    assert meter.routes == []
    assert stored(world, "101")
    assert list(world.dead_letters()) == []
