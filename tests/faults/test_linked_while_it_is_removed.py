"""A replaced account that is linked again while it is removed: the removal ends first, then the account is let in."""

import pytest

from chalicelib.errors import LinkRefused
from chalicelib.store import accounts, users
from local.simulated import World
from simulation.explorer.checks import check
from simulation.explorer.interleaving import play
from simulation.explorer.search import overlaps
from tests.faults.support import outcome

OVERLAPS = [("removal of a replaced account", "callback"), ("removal of a replaced account", "new link")]


@pytest.mark.parametrize(("outer", "inner"), OVERLAPS)
def test_nobody_is_kicked_who_was_let_in_at_that_very_moment(outer: str, inner: str) -> None:
    for schedule in overlaps("new", outer, inner):
        case, _ = play(schedule)
        assert check(case) == [], str(schedule)


def account(world: World) -> int:
    world.guild.add_person("anna")
    return next(int(person.id) for person in world.guild.people() if person.username == "anna")


def test_an_account_cannot_be_linked_while_it_is_removed_and_can_be_afterwards(world: World) -> None:
    anna = account(world)
    assert accounts.begin_parting(anna, now=world.clock.now(), seconds=60)
    assert not accounts.begin_parting(anna, now=world.clock.now(), seconds=60)
    assert users.owner_of(anna) is None
    assert outcome(world, "1", "anna", groups=["Member"]) == "discord_unavailable"
    accounts.end_parting(anna)
    assert outcome(world, "1", "anna", groups=["Member"]) == "linked"
    assert not accounts.begin_parting(anna, now=world.clock.now(), seconds=60)
    accounts.end_parting(anna)
    assert users.owner_of(anna) == "1"


def test_a_callback_waits_a_few_seconds_for_the_end_of_the_removal(world: World) -> None:
    anna, sleep = account(world), world.clock.sleep
    accounts.begin_parting(anna, now=world.clock.now(), seconds=60)

    def ends_meanwhile(seconds: float) -> None:
        sleep(seconds)
        accounts.end_parting(anna)

    world.clock.sleep = ends_meanwhile  # type: ignore[method-assign]
    assert outcome(world, "1", "anna", groups=["Member"]) == "linked"


def test_a_removal_whose_process_died_keeps_the_account_for_a_minute_only(world: World) -> None:
    anna = account(world)
    accounts.begin_parting(anna, now=world.clock.now(), seconds=60)
    with pytest.raises(LinkRefused):
        world.link("1", "anna", groups=["Member"])
    world.clock.advance(61)
    assert outcome(world, "1", "anna", groups=["Member"]) == "linked"
