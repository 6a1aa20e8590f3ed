"""A world for each test, and people of Alliance Auth in it."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aa_rolecall import accounts, app_settings, outbox, tasks
from aa_rolecall.models import Account, Change
from allianceauth.authentication.models import State, UserProfile
from allianceauth.eveonline.models import EveCharacter
from allianceauth.notifications.models import Notification
from django.contrib.auth.models import Group, Permission, User
from django.core.cache import cache

from . import fakes

numbers = itertools.count(1)


@pytest.fixture(autouse=True)
def _no_memory() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def world(settings: Any) -> Iterator[fakes.World]:
    """A Rolecall and an SQS that run, with the settings that lead there."""
    with fakes.running() as running:
        settings.ROLECALL_URL = settings.ROLECALL_AWS_ENDPOINT_URL = running.url
        settings.ROLECALL_JOBS_QUEUE_URL = f"{running.url}/queue/rolecall-test-jobs"
        settings.ROLECALL_NOTICES_QUEUE_URL = f"{running.url}/queue/rolecall-test-notices"
        yield running


@pytest.fixture
def server(world: fakes.World) -> app_settings.Server:
    """The main server."""
    return app_settings.server("")


@pytest.fixture
def access(db: None) -> Permission:
    """The permission that decides."""
    return Permission.objects.get(codename="access_discord", content_type__app_label="aa_rolecall")


@pytest.fixture
def member_state(access: Permission) -> State:
    """A state that holds the permission."""
    state, _ = State.objects.get_or_create(name="Member", defaults={"priority": 100})
    state.permissions.add(access.pk)
    return state


def make_character(name: str, **said: Any) -> EveCharacter:
    """A character of a corporation that every state knows."""
    usual = {"corporation_id": 2001, "corporation_name": "Corp", "corporation_ticker": "CORP"}
    number = 90000000 + next(numbers)
    return EveCharacter.objects.create(**{"character_id": number, "character_name": name, **usual, **said})


@pytest.fixture
def make_user(member_state: State) -> Callable[..., User]:
    """Somebody in the state Member, with a main character, in these groups, linked unless `uid` is None."""

    def make(name: str = "kira", *groups: str, uid: int | None = 1000, **said: Any) -> User:
        user = User.objects.create_user(name, **said)
        character = make_character(f"{name.title()} Vantari")
        member_state.member_characters.add(character)
        UserProfile.objects.filter(user=user).update(main_character=character, state=member_state)
        for group in groups:
            user.groups.add(Group.objects.get_or_create(name=group)[0])
        Account.objects.create(user_id=user.pk, uid=uid and uid + user.pk, username=f"@{name}" if uid else "")
        Change.objects.all().delete()
        return User.objects.get(pk=user.pk)

    return make


@pytest.fixture
def kira(make_user: Callable[..., User]) -> User:
    """A linked member, of whom nothing was stated yet."""
    return make_user("kira", "Logistics")


@pytest.fixture
def settled(kira: User, world: fakes.World, server: app_settings.Server) -> User:
    """A linked member of whom all was stated."""
    world.link(kira.pk, discord_id=1000 + kira.pk)
    outbox.mark([kira.pk])
    outbox.deliver(server)
    accounts.learn(server, kira.pk)
    world.jobs.take()
    world.tokens.clear()
    return User.objects.get(pk=kira.pk)


@pytest.fixture
def deliver(world: fakes.World) -> Callable[[], list[dict[str, Any]]]:
    """Let time pass until everybody is at rest, deliver, and see what was sent."""

    def run() -> list[dict[str, Any]]:
        Change.objects.update(at=1)
        tasks.deliver_changes()
        return world.jobs.take()

    return run


@pytest.fixture
def told() -> Callable[[User], list[str]]:
    """The titles of what a user was notified of."""
    return lambda user: [one.title for one in Notification.objects.filter(user_id=user.pk).order_by("pk")]


def account(user: User) -> Account:
    """The user's row as stored."""
    return Account.objects.get(user_id=user.pk)


def marked() -> set[int]:
    """Whom the outbox holds something of."""
    return set(Change.objects.values_list("user_id", flat=True))
