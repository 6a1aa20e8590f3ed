"""Alliance Auth's own Discord app beside this one."""

from collections.abc import Callable
from typing import Any

import pytest
from aa_rolecall import accounts, own_service
from aa_rolecall.app_settings import Server
from allianceauth import hooks
from allianceauth.services.hooks import ServicesHook
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import NoReverseMatch, reverse

from .fakes import World

with_it = pytest.mark.skipif(not own_service.installed(), reason="a run without Alliance Auth's Discord app")


def test_one_service_is_called_discord_and_it_is_ours(db: None) -> None:
    found = [one for one in ServicesHook.get_services() if one.name == "discord"]
    assert [type(one).__module__ for one in found] == ["aa_rolecall.auth_hooks"]
    assert found[0].title == "Discord"
    assert own_service.is_silent()


@with_it
def test_its_service_is_taken_away_even_when_it_is_registered_later(db: None) -> None:
    from allianceauth.services.modules.discord.auth_hooks import register_service

    hooks.register("services_hook", register_service)
    assert not own_service.is_silent()
    own_service.silence()
    assert own_service.is_silent()


@with_it
def test_its_addresses_and_its_admin_page_are_gone() -> None:
    from allianceauth.services.modules.discord.models import DiscordUser

    with pytest.raises(NoReverseMatch):
        reverse("discord:activate")
    assert not admin.site.is_registered(DiscordUser)


@with_it
@pytest.mark.parametrize(
    ("shown", "columns"),
    [
        ("@kira", ("kira", "0")),
        ("kira#1234", ("kira", "1234")),
        ("odd#name#12", ("odd#name", "12")),
        ("@" + "k" * 40, ("k" * 32, "0")),
        ("", ("", "")),
        ("plain", ("plain", "0")),
    ],
)
def test_its_table_says_what_is_so(
    make_user: Callable[..., User], world: World, server: Server, shown: str, columns: tuple[str, str]
) -> None:
    from allianceauth.services.modules.discord.models import DiscordUser

    dov = make_user("dov", uid=None)
    world.link(dov.pk, 4242, shown)
    accounts.learn(server, dov.pk)
    row = DiscordUser.objects.get(user_id=dov.pk)
    assert (row.uid, row.username, row.discriminator) == (4242, *columns)
    assert row.activated is not None
    world.unlink(dov.pk)
    accounts.learn(server, dov.pk)
    assert not DiscordUser.objects.exists()


@with_it
def test_a_deleted_user_leaves_its_table(settled: User) -> None:
    from allianceauth.services.modules.discord.models import DiscordUser

    assert DiscordUser.objects.filter(user_id=settled.pk).exists()
    settled.rolecall.delete()
    assert not DiscordUser.objects.exists()


@with_it
def test_what_other_apps_ask_it_is_answered(settled: User) -> None:
    from allianceauth.services.modules.discord.api import DiscordUser, discord_guild_id
    from allianceauth.services.modules.discord.auth_hooks import DiscordService

    assert discord_guild_id() == 80351110224678912
    assert DiscordUser.objects.user_has_account(settled)
    assert settled.discord.uid == settled.rolecall.uid
    assert DiscordService.get_discord_username(settled.discord.username, settled.discord.discriminator) == "@kira"


# --- our hook -------------------------------------------------------------------------------------------------


def hook() -> Any:
    """Our service, as Alliance Auth makes it."""
    return next(one for one in ServicesHook.get_services() if one.name == "discord")


@pytest.mark.parametrize("method", ["validate_user", "update_groups", "sync_nickname", "delete_user"])
@pytest.mark.behaviour(56)
def test_what_alliance_auth_asks_of_a_service_marks_the_user(settled: User, method: str) -> None:
    from .conftest import marked

    getattr(hook(), method)(settled)
    assert marked() == {settled.pk}


@pytest.mark.parametrize("method", ["update_groups_bulk", "sync_nicknames_bulk", "update_all_groups"])
@pytest.mark.behaviour(58)
def test_what_an_admin_asks_of_a_service_is_said_even_if_nothing_differs(
    settled: User, make_user: Callable[..., User], method: str, deliver: Callable[[], list[dict[str, Any]]]
) -> None:
    dov = make_user("dov")
    getattr(hook(), method)(*([] if method == "update_all_groups" else [User.objects.filter(pk=settled.pk)]))
    expected = {settled.pk, dov.pk} if method == "update_all_groups" else {settled.pk}
    assert {int(one["user_id"]) for one in deliver()} == expected


def test_admin_actions_are_named_as_before(db: None, rf: Any) -> None:
    request = rf.get("/")
    request.user = User.objects.create_superuser("boss")
    actions = admin.site._registry[_user_model()].get_actions(request)
    assert "Sync groups for selected Discord accounts" in {str(action[2]) for action in actions.values()}


def _user_model() -> Any:
    return next(model for model in admin.site._registry if model.__name__ == "User")
