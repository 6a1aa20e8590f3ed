"""The app and all of Rolecall: what an admin does here, and what becomes of it on Discord."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aa_rolecall import outbox, own_service, tasks
from aa_rolecall.models import Account, Change
from allianceauth.authentication.models import CharacterOwnership, State, UserProfile
from allianceauth.authentication.models import User as AuthUser
from allianceauth.eveonline.models import EveCharacter
from django.contrib.auth.models import Group, User
from django.test import Client

from . import rolecall_stack
from .conftest import account, make_character
from .rolecall_stack import Stack

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(
        not rolecall_stack.PYTHON.exists(), reason="the project's own environment is missing: make setup"
    ),
    pytest.mark.timeout(300),
]

DISABLED = "Discord Account Disabled"
ids = itertools.count(1001)  # the stack remembers users, and each test's database counts them from one again


@pytest.fixture(scope="module")
def all_of_it() -> Iterator[Stack]:
    """One stack for all of these tests."""
    with rolecall_stack.running() as stack:
        stack.control("turn", rate_limits=False)
        yield stack


@pytest.fixture
def stack(all_of_it: Stack, settings: Any) -> Stack:
    """The stack, and settings that lead there."""
    for name, value in all_of_it.settings.items():
        setattr(settings, name, value)
    return all_of_it


@pytest.fixture
def somebody(member_state: State, stack: Stack) -> Callable[..., tuple[User, str]]:
    """A user with a main character, and the name of their new account at Discord."""

    def make(*groups: str, **said: Any) -> tuple[User, str]:
        number = next(ids)
        # By bulk_create: when one user with a number is saved, Alliance Auth takes them for one who exists.
        (user,) = User.objects.bulk_create([User(id=number, username=f"user{number}", **said)])
        character = make_character(f"Pilot {number}")
        member_state.member_characters.add(character)
        UserProfile.objects.create(user_id=number, main_character=character, state=member_state)
        CharacterOwnership.objects.create(character=character, user_id=number, owner_hash=f"hash {number}")
        for group in groups:
            user.groups.add(Group.objects.get_or_create(name=group)[0])
        stack.add_person(f"person{number}")
        return User.objects.get(pk=number), f"person{number}"

    return make


@pytest.fixture
def linked(somebody: Callable[..., tuple[User, str]], stack: Stack) -> Callable[..., tuple[User, str]]:
    """A user who has linked their account by the card."""

    def make(*groups: str, **said: Any) -> tuple[User, str]:
        user, name = somebody(*groups, **said)
        link(stack, user, name)
        return user, name

    return make


def link(stack: Stack, user: User, name: str) -> Client:
    """Click the button, agree at Discord, come back."""
    client = Client()
    client.force_login(user)
    back = stack.through_discord(client.get("/rolecall/activate/")["Location"], name)
    assert back.startswith(rolecall_stack.RETURN)
    client.get(back.removeprefix("http://127.0.0.1:8000"))
    return client


def deliver() -> None:
    """What beat and a worker do once everybody is at rest."""
    Change.objects.update(at=1)
    tasks.deliver_changes()


def gone(stack: Stack, name: str) -> None:
    """Wait until they are out of the guild; Rolecall looks at an account that was replaced after half a minute."""
    stack.until(f"{name} is out", lambda: stack.member(name) is None, patience=120)


def read_until_unlinked(stack: Stack, user: User) -> None:
    """Read notices until the link is gone here."""

    def unlinked() -> bool:
        tasks.read_notices()
        return account(user).uid is None

    stack.until(f"{user} is unlinked here", unlinked)


def test_a_member_links_and_is_let_in_with_roles_and_name(
    linked: Callable[..., tuple[User, str]], stack: Stack
) -> None:
    user, name = linked("Logistics")
    found = stack.member(name)
    assert found is not None
    assert set(found["roles"]) == {"Logistics", "Member"}
    assert found["nick"] == user.profile.main_character.character_name
    assert account(user).uid == int(found["id"])
    assert account(user).username == f"@{name}"
    assert account(user).activated is not None


def test_roles_follow_groups(linked: Callable[..., tuple[User, str]], stack: Stack) -> None:
    user, name = linked()
    capital = Group.objects.create(name="Capital")
    user.groups.add(capital)
    deliver()
    stack.until("the role is given", lambda: stack.roles(name) == {"Member", "Capital"})
    capital.user_set.remove(user)
    deliver()
    stack.until("the role is taken", lambda: stack.roles(name) == {"Member"})


def test_who_loses_the_state_is_removed_and_told_once(
    linked: Callable[..., tuple[User, str]], stack: Stack, member_state: State, told: Callable[[User], list[str]]
) -> None:
    user, name = linked()
    member_state.member_characters.remove(user.profile.main_character)
    assert UserProfile.objects.get(user=user.pk).state.name == "Guest"
    deliver()
    gone(stack, name)
    read_until_unlinked(stack, user)
    tasks.read_notices()
    assert told(user).count(DISABLED) == 1


def test_another_account_takes_the_place_of_the_first(
    linked: Callable[..., tuple[User, str]], stack: Stack, told: Callable[[User], list[str]]
) -> None:
    user, name = linked()
    first = account(user).uid
    other = f"{name}b"
    stack.add_person(other)
    link(stack, user, other)
    assert stack.roles(other) == {"Member"}
    assert account(user).uid not in (None, first)
    gone(stack, name)
    tasks.read_notices()
    assert account(user).username == f"@{other}"
    assert DISABLED not in told(user)


def test_who_deactivates_is_out_and_not_told_that_they_were_disabled(
    linked: Callable[..., tuple[User, str]], stack: Stack, told: Callable[[User], list[str]]
) -> None:
    user, name = linked()
    client = Client()
    client.force_login(user)
    client.post("/rolecall/deactivate/")
    gone(stack, name)
    read_until_unlinked(stack, user)
    tasks.read_notices()
    assert DISABLED not in told(user)
    link(stack, user, name)
    assert stack.roles(name) == {"Member"}


def test_who_is_deactivated_as_a_user_is_removed(linked: Callable[..., tuple[User, str]], stack: Stack) -> None:
    user, name = linked()
    user.is_active = False
    user.save()
    deliver()
    gone(stack, name)


@pytest.mark.parametrize("how", ["orm", "proxy", "queryset", "admin site"])
def test_a_deleted_user_is_removed_however_it_is_done(
    linked: Callable[..., tuple[User, str]], stack: Stack, how: str
) -> None:
    user, name = linked()
    if how == "orm":
        user.delete()
    elif how == "proxy":
        AuthUser.objects.get(pk=user.pk).delete()
    elif how == "queryset":
        User.objects.filter(pk=user.pk).delete()
    else:
        client = Client()
        client.force_login(User.objects.create_superuser("boss"))
        client.post(f"/admin/authentication/user/{user.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=user.pk).exists()
    deliver()
    gone(stack, name)


def test_another_main_character_renames_and_a_lost_one_removes(
    linked: Callable[..., tuple[User, str]], stack: Stack, member_state: State, told: Callable[[User], list[str]]
) -> None:
    user, name = linked()
    other = make_character("Second Main")
    member_state.member_characters.add(other)
    profile = UserProfile.objects.get(user=user.pk)
    profile.main_character = other
    profile.save()
    deliver()
    stack.until("the new name", lambda: (stack.member(name) or {}).get("nick") == "Second Main")
    renamed = EveCharacter.objects.get(pk=other.pk)
    renamed.character_name = "Renamed Main"
    renamed.save()
    deliver()
    stack.until("the newer name", lambda: (stack.member(name) or {}).get("nick") == "Renamed Main")
    profile.main_character = None
    profile.save()
    deliver()
    gone(stack, name)
    read_until_unlinked(stack, user)
    assert DISABLED not in told(user)


def test_who_left_the_server_is_unlinked_and_told(
    linked: Callable[..., tuple[User, str]], stack: Stack, told: Callable[[User], list[str]]
) -> None:
    user, name = linked()
    stack.control("leave", who=name)
    outbox.mark([user.pk], outbox.FORCE)
    deliver()
    read_until_unlinked(stack, user)
    tasks.read_notices()
    assert told(user).count(DISABLED) == 1


@pytest.mark.skipif(not own_service.installed(), reason="a run without Alliance Auth's Discord app")
def test_moving_in_from_alliance_auths_own_service_and_out_again(
    somebody: Callable[..., tuple[User, str]], stack: Stack, tmp_path: Path
) -> None:
    from allianceauth.services.modules.discord.models import DiscordUser

    from .test_commands import run

    people = [somebody("Logistics") for _ in range(5)]
    for user, name in people:
        uid = stack.control("add_member", who=name)["id"]
        DiscordUser.objects.create(user_id=user.pk, uid=int(uid), username=name, discriminator="0")
    joined = joins(stack)
    file = tmp_path / "links.csv"
    run("rolecall_export_links", str(file))
    assert "5 links imported" in stack.ops("import-links", str(file))
    assert "5 links are taken over" in run("rolecall_move_in")
    deliver()
    for user, name in people:
        stack.until(f"{name} has their roles", lambda name=name: stack.roles(name) == {"Logistics", "Member"})
        assert (stack.member(name) or {})["nick"] == user.profile.main_character.character_name
    assert joins(stack) == joined
    DiscordUser.objects.all().delete()
    assert "5 links are in Alliance Auth's own table" in run("rolecall_move_out")
    assert set(DiscordUser.objects.values_list("uid", flat=True)) == set(
        Account.objects.filter(uid__isnull=False).values_list("uid", flat=True)
    )


def joins(stack: Stack) -> int:
    """How many times somebody was let in by the bot."""
    return sum(one["method"] == "PUT" and one["path"].count("/") == 6 for one in stack.control("received"))
