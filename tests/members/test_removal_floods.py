"""Floods of removals, of every shape: no more than the limit lose something before a person has answered."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from chalicelib.errors import LinkRefused
from chalicelib.store import audit, users
from chalicelib.store.removals import Cause, Loss, RemovalStore, Withheld
from local.discord.messages import Request
from local.simulated import GUILD, WorkerDied, World
from tests.faults.support import before
from tests.members.support import crowd, fault, linked, removals, stored, swept

LINKED, LIMIT = 60, 25  # members; 20 percent of the linked would be fewer
HOUR = 3600.0
Flood = Callable[[World, list[str]], None]


@pytest.fixture
def members(world: World) -> list[str]:
    """Linked members who have the one role that they should have, after a sweep that found nothing."""
    world.guild.create_role("Member")
    ids = crowd(world, LINKED, roles=["Member"], groups=["Member"], imported=False)
    swept(world)
    return ids


def withheld(world: World) -> list[Withheld]:
    return list(removals(world).all())


def unharmed(world: World, ids: list[str]) -> list[str]:
    """Those who still have their link and their role."""
    return [one for one in ids if linked(world, one) and world.roles(one.removeprefix("u-")) == {"Member"}]


def lost(world: World, ids: list[str]) -> int:
    """How many lost something."""
    return len(ids) - len(unharmed(world, ids))


def hours(world: World, number: int, *, sweep: bool = True) -> Iterator[None]:
    """That many hours, with a scheduled sweep at the beginning of each."""
    for _ in range(number):
        began = world.clock.now()
        if sweep:
            world.sweep()
        yield
        world.run(seconds=HOUR)
        world.clock.move_to(max(world.clock.now(), began + HOUR))


# --- the shapes ---------------------------------------------------------------------------------------------------


def empty_groups(world: World, ids: list[str]) -> None:
    for one in ids:
        world.site.groups(one, [])


def deletions(world: World, ids: list[str]) -> None:
    for one in ids:
        world.site.delete(one, notify=True)


def stated_in_the_store(world: World, ids: list[str]) -> None:
    """Messages that were lost: only sweeps find what they said."""
    for one in ids:
        users.record_groups(one, (), world.site.stamp(), now=world.clock.now())


def everybody_leaves(world: World, ids: list[str]) -> None:
    for one in ids:
        world.guild.leave(one.removeprefix("u-"))


def mixture(world: World, ids: list[str]) -> None:
    third = len(ids) // 3
    empty_groups(world, ids[:third])
    deletions(world, ids[third : 2 * third])
    stated_in_the_store(world, ids[2 * third :])


FLOODS = [empty_groups, deletions, stated_in_the_store, everybody_leaves, mixture]


@pytest.mark.parametrize("with_list", [True, False], ids=["with the member list", "without it"])
@pytest.mark.parametrize("flood", FLOODS)
def test_no_more_than_the_limit_lose_something_however_many_hours_nobody_answers(
    world: World, members: list[str], flood: Flood, *, with_list: bool
) -> None:
    world.guild.turn(member_intent=with_list)
    flood(world, members)
    for _ in hours(world, 5):
        assert lost(world, members) <= LIMIT or flood is everybody_leaves
    gone = sum(not linked(world, one) for one in members)
    assert (gone if flood is everybody_leaves else lost(world, members)) <= LIMIT
    assert removals(world).standing().held_since is not None
    assert len(withheld(world)) >= LINKED - LIMIT


@pytest.mark.parametrize("flood", [empty_groups, deletions])
def test_messages_stop_exactly_at_the_limit(world: World, members: list[str], flood: Flood) -> None:
    flood(world, members)
    world.run()
    assert lost(world, members) == LIMIT
    assert len(withheld(world)) == LINKED - LIMIT
    assert list(world.dead_letters()) == []


def test_workers_that_count_at_the_same_time_admit_no_one_too_many() -> None:
    world = World(workers=8, latency=0.12, store_latency=0.002)
    world.guild.create_role("Member")
    ids = crowd(world, LINKED, roles=["Member"], groups=["Member"], imported=False)
    swept(world)
    empty_groups(world, ids)
    deletions(world, ids[::3])  # whoever is counted twice at the same moment counts twice
    world.run()
    assert LIMIT - 5 < lost(world, ids) <= LIMIT


def test_a_full_hour_of_the_clock_gives_no_new_allowance(world: World, members: list[str]) -> None:
    """The last minutes of one hour and the first of the next are one hour, too."""
    world.clock.move_to((world.clock.now() // HOUR + 2) * HOUR - 120)
    empty_groups(world, members[:20])
    world.run()
    assert lost(world, members) == 20
    world.clock.advance(240)
    empty_groups(world, members[20:40])
    world.run()
    assert lost(world, members) == LIMIT


def test_losses_spread_over_days_never_meet_the_limit(world: World, members: list[str]) -> None:
    for number in range(0, LINKED, 20):
        empty_groups(world, members[number : number + 20])
        for _ in hours(world, 2):
            pass
    assert lost(world, members) == LINKED
    assert removals(world).standing().held_since is None


def test_a_member_who_loses_several_times_counts_once(world: World, members: list[str]) -> None:
    for _ in range(30):
        for groups in ([], ["Member"]):
            world.site.groups(members[0], groups)
            world.run(seconds=60)
    assert removals(world).standing().lost == 1
    empty_groups(world, members[1:LIMIT])
    world.run()
    assert removals(world).standing().held_since is None


def test_who_lost_something_counts_though_the_same_job_gave_something_afterwards(
    world: World, members: list[str]
) -> None:
    """The groups change while the job takes a role, so that it compares once more, and then takes nothing."""
    world.guild.create_role("Blue")
    one, changes = members[0], iter([("Member", "Blue")])

    def change_meanwhile(request: Request) -> None:
        if request.method == "DELETE" and (groups := next(changes, None)):
            users.record_groups(one, groups, world.site.stamp(), now=world.clock.now())

    before(world, change_meanwhile)
    world.site.groups(one, [])
    world.run()
    assert world.roles(one.removeprefix("u-")) == {"Member", "Blue"}
    assert removals(world).standing().lost == 1


def test_a_removal_that_is_tried_again_and_again_counts_once(world: World, members: list[str]) -> None:
    """Discord hangs: nobody knows whether the member was removed, and each try may have done it."""
    world.guild.inject(fault(kind="hang", method="DELETE", times=None))
    world.site.delete(members[0])
    world.run(seconds=4 * 600)
    assert len([one for one in world.asked("DELETE member") if one.status == 0]) > 3
    assert removals(world).standing().lost == 1


def test_a_limit_of_a_hundred_percent_is_none_and_costs_nothing() -> None:
    world = World({"REMOVAL_LIMIT_PERCENT": "100"})
    world.guild.create_role("Member")
    ids = crowd(world, LINKED, roles=["Member"], groups=["Member"], imported=False)
    empty_groups(world, ids)
    world.run()
    assert lost(world, ids) == LINKED
    assert not any("removals#" in row["sweep_id"]["S"] for row in world.dynamodb.items("sweeps"))


# --- while a hold is open -----------------------------------------------------------------------------------------


@pytest.fixture
def held(world: World, members: list[str]) -> list[str]:
    """Everybody was to lose their groups; those of whom nothing could be taken any more."""
    empty_groups(world, members)
    world.run()
    return unharmed(world, members)


def test_giving_goes_on(world: World, held: list[str]) -> None:
    world.guild.create_role("Blue")
    world.site.groups(held[0], ["Blue"])
    world.run()
    assert world.roles(held[0].removeprefix("u-")) == {"Member", "Blue"}
    swept(world)
    assert world.roles(held[0].removeprefix("u-")) == {"Member", "Blue"}


def test_what_was_withheld_for_groups_that_are_given_back_meanwhile_is_on_record_no_longer(
    world: World, held: list[str]
) -> None:
    (late,) = crowd(world, 1, roles=["Member"], groups=["Member"], imported=False, prefix="late")
    began = {one.user_id for one in withheld(world)}

    def meanwhile(operation: str, arguments: Any) -> None:
        if operation == "PutItem" and arguments["Item"]["sweep_id"]["S"] == f"removals#held#{late}":
            world.dynamodb.after = None
            users.record_groups(late, ("Member",), world.site.stamp(), now=world.clock.now())

    world.dynamodb.after = meanwhile
    world.site.groups(late, [])
    world.run(seconds=600)
    assert world.dynamodb.after is None, "it was withheld"
    assert world.roles(late.removeprefix("u-")) == {"Member"}
    assert {one.user_id for one in withheld(world)} == began
    assert set(held) <= began


def test_one_notice_tells_of_the_hold_and_one_a_day_reminds(world: World, held: list[str]) -> None:
    told = world.site.notices()
    assert [(one["kind"], one["user_id"]) for one in told] == [("removals_held", "")]
    assert "removals list" in told[0]["reason"]
    for _ in hours(world, 26):
        pass
    again = [one["kind"] for one in world.site.notices()]
    assert again.count("removals_held") == 1
    assert held


def test_every_sweep_rings_the_alarm_while_a_hold_is_open(world: World, held: list[str]) -> None:
    assert sum(line.get("SweepsHeld", 0) for line in world.metrics) == 1
    world.metrics.clear()
    swept(world)
    assert sum(line.get("SweepsHeld", 0) for line in world.metrics) >= 1
    assert held


def test_the_user_shows_what_waits(world: World, held: list[str]) -> None:
    user = stored(world, held[0])
    assert user
    assert user.last_error == "removal_held"
    [one] = [one for one in withheld(world) if one.user_id == held[0]]
    assert (one.loss, one.roles, one.by) == (Loss.ROLES, ("Member",), "message from the auth site")


def test_what_a_person_does_to_themselves_is_never_held(world: World, held: list[str]) -> None:
    world.http.linking.unlink(world.site.token(held[0], "unlink"))
    world.run()
    assert not linked(world, held[0])
    assert world.roles(held[0].removeprefix("u-")) is None
    assert held[0] not in {one.user_id for one in withheld(world)}


@pytest.mark.usefixtures("held")
def test_the_check_after_a_callback_takes_nothing_that_waits_for_a_person(world: World) -> None:
    world.link("new", "lately", groups=["Member"])
    world.clock.advance(2)
    stated_in_the_store(world, ["new"])
    world.run(seconds=HOUR)
    assert world.roles("lately") == {"Member"}
    assert [one.by for one in withheld(world) if one.user_id == "new"] == ["message from the auth site"]


@pytest.mark.usefixtures("held")
def test_the_check_after_a_callback_takes_what_the_link_itself_takes(world: World) -> None:
    world.guild.create_role("Guest")
    world.guild.add_member("lately", roles=["Guest"])

    def die(request: Request) -> None:
        if request.method == "PATCH" and world.clock.now() < began + 1:
            raise WorkerDied

    before(world, die)
    began = world.clock.now()
    with suppress(WorkerDied):
        world.link("new", "lately", groups=["Member"])
    assert world.roles("lately") == {"Guest"}
    world.run(seconds=HOUR)
    assert world.roles("lately") == {"Member"}
    assert "new" not in {one.user_id for one in withheld(world)}


def test_a_state_that_comes_back_empties_the_hold_by_itself(world: World, members: list[str]) -> None:
    """An auth site that lost everybody's groups for ten minutes."""
    empty_groups(world, members)
    world.run()
    world.clock.advance(600)
    for one in members:
        world.site.groups(one, ["Member"])
    world.run()
    assert unharmed(world, members) == members
    assert withheld(world) == []
    assert removals(world).standing().held_since is None
    assert all(user.last_error is None for user in (stored(world, one) for one in members) if user)


def test_deletions_that_are_taken_back_leave_everybody_linked(world: World, members: list[str]) -> None:
    deletions(world, members)
    world.run()
    kept = [one for one in members if linked(world, one)]
    assert len(kept) == LINKED - LIMIT
    swept(world)
    assert {one.loss for one in withheld(world)} == {Loss.KICK}, "a sweep that finds no difference forgets no deletion"
    for one in kept:
        world.site.groups(one, ["Member"])
    world.run()
    assert withheld(world) == []
    assert unharmed(world, kept) == kept


# --- answers ------------------------------------------------------------------------------------------------------


def test_released_users_lose_what_they_were_to_lose(world: World, held: list[str]) -> None:
    desk = removals(world)
    assert desk.release(desk.all(Cause.LIMIT), by="kira").done
    world.run()
    assert unharmed(world, held) == []
    assert withheld(world) == []
    assert desk.standing().held_since is None
    assert desk.standing().lost == 0, "a person has seen those who lost something: they do not count any more"


def test_some_can_be_released_while_the_others_wait(world: World, held: list[str]) -> None:
    desk = removals(world)
    first = desk.of_user(held[0])
    assert first
    desk.release([first], by="kira")
    world.run()
    assert unharmed(world, held) == held[1:]
    assert desk.standing().held_since is not None


def test_a_released_user_whose_state_came_back_keeps_everything(world: World, held: list[str]) -> None:
    desk = removals(world)
    chosen = list(desk.all())
    users.record_groups(held[0], ("Member",), world.site.stamp(), now=world.clock.now())
    desk.release(chosen, by="kira")
    world.run()
    assert unharmed(world, held) == held[:1]


def test_released_deletions_remove_the_users_and_tell_the_auth_site(world: World, members: list[str]) -> None:
    deletions(world, members)
    world.run()
    world.site.notices()
    desk = removals(world)
    desk.release(desk.all(), by="kira")
    world.run()
    assert not any(linked(world, one) for one in members)
    assert [one["kind"] for one in world.site.notices()] == ["unlinked"] * (LINKED - LIMIT)


def test_who_clicked_before_the_deletion_cannot_cancel_it_by_coming_back_from_discord(
    world: World, members: list[str]
) -> None:
    linking, started = world.http.linking, {}
    for one in members:
        started[one] = linking.start(world.site.token(one, "link", groups=["Member"], changed_at=1))
    world.clock.advance(5)
    deletions(world, members)
    world.run()
    one = withheld(world)[0].user_id
    with pytest.raises(LinkRefused, match="expired"):
        linking.finish(cookie=started[one].cookie, **world.consent(started[one].url, one.removeprefix("u-")))
    assert linked(world, one)
    desk = removals(world)
    desk.release(desk.all(), by="kira")
    world.run()
    assert not any(linked(world, one) for one in members)


def test_a_released_deletion_spares_a_user_who_was_stated_again(world: World, members: list[str]) -> None:
    deletions(world, members)
    world.run()
    desk = removals(world)
    chosen = list(desk.all())
    back = chosen[0].user_id
    users.record_groups(back, ("Member",), world.site.stamp(), now=world.clock.now())
    desk.release(chosen, by="kira")
    world.run()
    assert [one for one in members if linked(world, one)] == [back]
    assert unharmed(world, [back]) == [back]


def test_dropped_users_keep_what_they_have_until_something_newer_is_stated(world: World, held: list[str]) -> None:
    desk = removals(world)
    assert len(desk.drop(desk.all(), by="kira").done) == len(held)
    assert desk.standing().held_since is None
    for _ in hours(world, 3):
        pass
    world.site.post({"kind": "update_all", "user_id": held[0]})
    world.run()
    assert unharmed(world, held) == held
    assert withheld(world) == []
    world.site.groups(held[0], [])
    world.run()
    assert unharmed(world, held) == held[1:]


def test_a_dropped_deletion_leaves_the_user_linked(world: World, members: list[str]) -> None:
    deletions(world, members)
    world.run()
    kept = [one for one in members if linked(world, one)]
    desk = removals(world)
    desk.drop(desk.all(), by="kira")
    for _ in hours(world, 3):
        pass
    assert unharmed(world, kept) == kept
    assert withheld(world) == []


def test_a_forced_sweep_answers_a_hold(world: World, members: list[str]) -> None:
    empty_groups(world, members[:40])
    deletions(world, members[40:])
    world.run()
    assert len(withheld(world)) == LINKED - LIMIT
    swept(world, force=True)
    assert unharmed(world, members) == []
    assert not any(linked(world, one) for one in members[40:])
    assert withheld(world) == []
    assert removals(world).standing().held_since is None


def test_every_answer_is_in_the_audit_trail_with_who_gave_it(world: World, held: list[str]) -> None:
    desk = removals(world)
    one, other = (desk.of_user(user_id) for user_id in held[:2])
    assert one
    assert other
    desk.release([one], by="kira")
    desk.drop([other], by="liam")
    world.run()
    now = world.clock.now()
    released = [(entry["what"], entry["cause"]) for entry in audit.of_user(held[0], now=now) if "what" in entry]
    assert ("removal released", "kira") in released
    assert "removal released by kira" in {entry["cause"] for entry in audit.of_user(held[0], now=now)}
    assert audit.of_user(held[1], now=now)[0]["cause"] == "liam"


def test_a_new_hold_opens_when_more_than_the_limit_lose_something_after_an_answer(world: World) -> None:
    world.guild.create_role("Member")
    ids = crowd(world, 3 * LINKED, roles=["Member"], groups=["Member"], imported=False)
    swept(world)
    limit = 3 * LINKED * 20 // 100
    empty_groups(world, ids[:LINKED])
    world.run()
    desk = removals(world)
    desk.release(desk.all(), by="kira")
    world.run()
    assert lost(world, ids) == LINKED
    empty_groups(world, ids[LINKED:])
    world.run()
    assert lost(world, ids) == LINKED + limit
    assert desk.standing().held_since is not None


def test_records_of_users_who_linked_another_account_are_outdated(world: World, held: list[str]) -> None:
    world.link(held[0], "somebody-else", groups=[])
    world.run()
    world.clock.advance(HOUR)
    swept(world)
    assert held[0] not in {one.user_id for one in withheld(world)}
    store = RemovalStore(int(GUILD))
    assert held[0] not in {one.user_id for one in store.withheld(Cause.LIMIT)}


def test_a_sweep_records_each_loser_once_however_many_sweeps_follow(world: World, members: list[str]) -> None:
    stated_in_the_store(world, members)
    swept(world)
    before = {one.user_id: one for one in withheld(world)}
    assert set(before) == set(members)
    world.clock.advance(HOUR)
    swept(world)
    assert {one.user_id: one for one in withheld(world)} == before
