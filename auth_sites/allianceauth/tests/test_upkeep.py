"""What is done on a schedule."""

from collections.abc import Callable
from typing import Any

import pytest
from aa_rolecall import outbox, tasks, upkeep
from aa_rolecall.app_settings import Server
from aa_rolecall.models import Account, Change
from allianceauth.authentication.models import State, UserProfile
from allianceauth.eveonline.models import EveCharacter
from allianceauth.notifications.models import Notification
from django.contrib.auth.models import User

from .conftest import account, marked
from .fakes import World

Make = Callable[..., User]


def test_where_nothing_differs_nobody_is_marked(settled: User) -> None:
    tasks.check_everybody()
    assert marked() == set()


def test_what_no_signal_told_is_found(settled: User, make_user: Make, server: Server) -> None:
    EveCharacter.objects.filter(pk=settled.profile.main_character.pk).update(character_name="Renamed")
    gone = make_user("dov")
    Account.objects.filter(user_id=gone.pk).update(stated="x")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    assert upkeep.check_everybody(server) == 2
    assert marked() == {settled.pk, gone.pk}


def test_who_was_removed_already_is_not_marked_again(settled: User, server: Server) -> None:
    User.objects.filter(pk=settled.pk).update(is_active=False)
    Account.objects.filter(user_id=settled.pk).update(stated="-", parting="quiet", parting_at=outbox.now_ms())
    assert upkeep.check_everybody(server) == 0


def test_a_removal_that_has_not_come_about_for_an_hour_is_asked_for_again(
    settled: User, server: Server, deliver: Callable[[], list[dict[str, Any]]]
) -> None:
    User.objects.filter(pk=settled.pk).update(is_active=False)
    long_ago = outbox.now_ms() - upkeep.PARTING - 1000
    Account.objects.filter(user_id=settled.pk).update(stated="-", parting="quiet", parting_at=long_ago)
    assert upkeep.check_everybody(server) == 1
    assert [one["kind"] for one in deliver()] == ["delete_user"]


def test_the_brake_lets_25_pass_and_stops_more_than_its_percentage(
    make_user: Make, member_state: State, server: Server, world: World
) -> None:
    boss = User.objects.create_superuser("boss")
    people = [make_user(f"p{number}") for number in range(26)]
    User.objects.filter(pk__in=[one.pk for one in people[:25]]).update(is_active=False)
    assert upkeep.check_everybody(server) == 26
    Change.objects.all().delete()
    User.objects.filter(pk=people[25].pk).update(is_active=False)
    assert upkeep.check_everybody(server) == 0
    assert "26 users would be removed" in Notification.objects.get(user_id=boss.pk).message
    assert marked() == set()


@pytest.mark.parametrize(("removed", "linked", "stops"), [(26, 130, False), (27, 130, True), (25, 25, False)])
def test_the_brake_counts_per_cent_of_the_linked(server: Server, removed: int, linked: int, stops: bool) -> None:
    assert upkeep.brakes(server, removed=removed, linked=linked) is stops


def test_those_longest_unread_are_read_first_and_who_cannot_be_linked_not_at_all(
    make_user: Make, world: World, server: Server, settings: Any
) -> None:
    first, second, could, cannot = (
        make_user(name, uid=uid) for name, uid in zip("abcd", (1, 1, None, None), strict=True)
    )
    Account.objects.filter(user_id=first.pk).update(read_at=10)
    UserProfile.objects.filter(user=cannot.pk).update(main_character=None)
    world.link(could.pk, 4242)
    tasks.read_accounts()
    assert [one["sub"] for one in world.tokens] == [str(second.pk), str(could.pk), str(first.pk)]
    assert account(could).uid == 4242
    assert account(first).uid is None


def test_reading_ends_where_rolecall_cannot_be_asked(make_user: Make, world: World, server: Server) -> None:
    for name in ("a", "b", "c"):
        make_user(name)
    world.web_status = 503
    assert upkeep.read_accounts(server) == 0
    assert len(world.tokens) == 1
