"""What happens in Alliance Auth, and whom it marks."""

from collections.abc import Callable
from typing import Any

import pytest
from aa_rolecall import signals
from aa_rolecall.models import Account, Change
from allianceauth.authentication.models import CharacterOwnership, State, UserProfile
from allianceauth.authentication.models import User as AuthUser
from allianceauth.eveonline.models import EveCharacter
from allianceauth.groupmanagement.models import Group as AuthGroup
from django.contrib.auth.models import Group, Permission, User
from django.db.models.signals import m2m_changed

from .conftest import account, make_character, marked

Make = Callable[..., User]


@pytest.fixture
def dov(make_user: Make) -> User:
    """Another member, to be left alone."""
    return make_user("dov")


@pytest.fixture
def group(db: None) -> Group:
    """A group of nobody yet."""
    return Group.objects.create(name="Capital")


@pytest.fixture
def nothing_marked(kira: User, dov: User) -> User:
    """Kira and Dov, and an empty outbox."""
    Change.objects.all().delete()
    return kira


def forget() -> None:
    """Empty the outbox."""
    Change.objects.all().delete()


@pytest.mark.behaviour(51)
@pytest.mark.parametrize("side", ["user", "group"])
def test_a_group_added_and_removed_marks_its_user_from_either_side(
    nothing_marked: User, group: Group, side: str
) -> None:
    add, remove = {
        "user": (lambda: nothing_marked.groups.add(group), lambda: nothing_marked.groups.remove(group)),
        "group": (lambda: group.user_set.add(nothing_marked), lambda: group.user_set.remove(nothing_marked)),
    }[side]
    add()
    assert marked() == {nothing_marked.pk}
    forget()
    remove()
    assert marked() == {nothing_marked.pk}


def test_groups_set_and_cleared_mark_their_user(nothing_marked: User, group: Group) -> None:
    nothing_marked.groups.set([group])
    assert marked() == {nothing_marked.pk}
    forget()
    nothing_marked.groups.clear()
    assert marked() == {nothing_marked.pk}


def test_a_group_cleared_from_its_own_side_marks_those_who_were_in_it(nothing_marked: User, group: Group) -> None:
    """The signal alone: Alliance Auth's own receiver raises afterwards, so that it cannot happen in 5.5."""
    group.user_set.add(nothing_marked)
    forget()
    m2m_changed.send(User.groups.through, instance=group, action="pre_clear", reverse=True, model=User, pk_set=None)
    assert marked() == {nothing_marked.pk}


@pytest.mark.parametrize("model", [Group, AuthGroup])
def test_a_group_renamed_or_deleted_marks_its_members(nothing_marked: User, group: Group, model: Any) -> None:
    group.user_set.add(nothing_marked)
    forget()
    found = model.objects.get(pk=group.pk)
    found.name = "Supercapital"
    found.save()
    assert marked() == {nothing_marked.pk}
    forget()
    found.delete()
    assert marked() == {nothing_marked.pk}


def test_groups_deleted_as_a_queryset_mark_their_members(nothing_marked: User, group: Group) -> None:
    group.user_set.add(nothing_marked)
    forget()
    Group.objects.filter(pk=group.pk).delete()
    assert marked() == {nothing_marked.pk}


@pytest.mark.behaviour(52)
def test_a_changed_state_marks_its_user(nothing_marked: User) -> None:
    elite = State.objects.create(name="Elite", priority=2000)
    forget()
    elite.member_characters.add(nothing_marked.profile.main_character)
    assert UserProfile.objects.get(user=nothing_marked.pk).state == elite
    assert marked() == {nothing_marked.pk}


def test_a_renamed_state_marks_all_in_it(nothing_marked: User, dov: User, member_state: State) -> None:
    member_state.name = "Pilot"
    member_state.save()
    assert marked() == {nothing_marked.pk, dov.pk}


@pytest.mark.behaviour("60b")
def test_a_permission_taken_from_a_state_marks_all_in_it(
    nothing_marked: User, dov: User, member_state: State, access: Permission
) -> None:
    member_state.permissions.remove(access.pk)
    assert marked() == {nothing_marked.pk, dov.pk}


@pytest.mark.parametrize(("action", "pk_set"), [("post_remove", "state"), ("pre_clear", None)])
def test_a_permission_taken_from_its_own_side_marks_all_who_hold_it(
    nothing_marked: User, dov: User, member_state: State, access: Permission, action: str, pk_set: str | None
) -> None:
    """The signal alone: Alliance Auth's own receiver takes the permission for a state."""
    signals.permissions_changed(
        State.permissions.through,
        instance=access,
        action=action,
        reverse=True,
        pk_set={member_state.pk} if pk_set else None,
    )
    assert marked() == {nothing_marked.pk, dov.pk}


def test_a_permission_given_to_or_taken_from_a_group_marks_its_members(
    nothing_marked: User, group: Group, access: Permission
) -> None:
    group.user_set.add(nothing_marked)
    for change in (group.permissions.add, group.permissions.remove):
        forget()
        change(access)
        assert marked() == {nothing_marked.pk}


def test_a_permission_given_to_or_taken_from_a_user_marks_them(nothing_marked: User, access: Permission) -> None:
    for change in (nothing_marked.user_permissions.add, nothing_marked.user_permissions.remove):
        forget()
        change(access)
        assert marked() == {nothing_marked.pk}


@pytest.mark.behaviour(54)
def test_another_main_character_marks_its_user(nothing_marked: User, member_state: State) -> None:
    other = make_character("Kira Second")
    member_state.member_characters.add(other)
    forget()
    profile = nothing_marked.profile
    profile.main_character = other
    profile.save()
    assert marked() == {nothing_marked.pk}


@pytest.mark.behaviour(55)
def test_a_lost_main_character_marks_its_user(nothing_marked: User) -> None:
    main = nothing_marked.profile.main_character
    ownership = CharacterOwnership.objects.create(character=main, user_id=nothing_marked.pk, owner_hash="x")
    forget()
    ownership.delete()
    assert UserProfile.objects.get(user=nothing_marked.pk).main_character is None
    assert marked() == {nothing_marked.pk}


@pytest.mark.parametrize("field", ["character_name", "corporation_ticker", "alliance_ticker", "corporation_name"])
def test_whatever_changes_of_a_main_character_marks_its_user(nothing_marked: User, field: str) -> None:
    main = EveCharacter.objects.get(pk=nothing_marked.profile.main_character.pk)
    setattr(main, field, "NEW")
    main.save()
    assert marked() == {nothing_marked.pk}


def test_a_character_who_is_nobodys_main_marks_nobody(nothing_marked: User) -> None:
    make_character("Alt").save()
    assert marked() == set()


@pytest.mark.behaviour("55b")
@pytest.mark.parametrize("model", [User, AuthUser])
def test_a_user_deactivated_and_reactivated_is_marked(nothing_marked: User, model: Any) -> None:
    found = model.objects.get(pk=nothing_marked.pk)
    for active in (False, True):
        forget()
        found.is_active = active
        found.save()
        assert marked() == {nothing_marked.pk}


def test_logging_in_marks_nobody(nothing_marked: User) -> None:
    nothing_marked.save(update_fields=["last_login"])
    assert marked() == set()


@pytest.mark.behaviour(44)
@pytest.mark.parametrize("how", ["orm", "proxy", "queryset", "proxy queryset"])
def test_a_deleted_user_is_marked_however_it_is_done(nothing_marked: User, how: str) -> None:
    pk = nothing_marked.pk
    model = AuthUser if "proxy" in how else User
    chosen = model.objects.filter(pk=pk)
    chosen.delete() if "queryset" in how else chosen.get().delete()
    assert marked() == {pk}
    assert not Account.objects.filter(user_id=pk).exists()


@pytest.mark.behaviour(57)
def test_an_error_of_ours_is_logged_and_breaks_no_transaction_of_theirs(
    nothing_marked: User, group: Group, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ROLECALL_SERVERS = [{"KEY": 5, "URL": None}, "nonsense"]
    nothing_marked.groups.add(group)
    assert nothing_marked.groups.filter(pk=group.pk).exists()
    assert "groups_changed failed" in caplog.text


def test_a_database_error_of_ours_breaks_no_transaction_of_theirs(nothing_marked: User, group: Group) -> None:
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE aa_rolecall_change RENAME TO elsewhere")
        nothing_marked.groups.add(group)
        assert User.objects.get(pk=nothing_marked.pk).groups.filter(pk=group.pk).exists()
        cursor.execute("ALTER TABLE elsewhere RENAME TO aa_rolecall_change")


def test_a_name_format_of_ours_has_everybody_looked_at(
    settled: User, member_state: State, django_capture_on_commit_callbacks: Any
) -> None:
    from allianceauth.services.models import NameFormatConfig

    before = account(settled).stated
    with django_capture_on_commit_callbacks(execute=True):
        config = NameFormatConfig.objects.create(service_name="discord", format="{character_name} !")
        config.states.add(member_state)
    assert account(settled).stated != before
