"""Several servers: one card, one permission, one queue each."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aa_rolecall import app_settings, auth_hooks, checks, outbox, permissions, tasks, upkeep
from aa_rolecall.models import Account, Change, FurtherAccount
from allianceauth.authentication.models import State
from allianceauth.services.hooks import ServicesHook
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from . import fakes
from .fakes import World, claims_of


@pytest.fixture
def coalition() -> Iterator[World]:
    """The other server's Rolecall."""
    with fakes.running() as running:
        yield running


@pytest.fixture
def both(settings: Any, world: World, coalition: World, member_state: State) -> Iterator[app_settings.Server]:
    """Two servers; the members may use both. The other one."""
    settings.ROLECALL_SERVERS = [
        {"SERVER_NAME": "Alliance"},
        {
            "KEY": "coalition",
            "URL": coalition.url,
            "AUTH_SITE_SECRET": fakes.SECRET,
            "JOBS_QUEUE_URL": f"{coalition.url}/queue/rolecall-coalition-jobs",
            "NOTICES_QUEUE_URL": f"{coalition.url}/queue/rolecall-coalition-notices",
            "AWS_ENDPOINT_URL": coalition.url,
            "SERVER_NAME": "Coalition",
        },
    ]
    permissions.create_permissions()
    member_state.permissions.add(Permission.objects.get(codename="access_coalition").pk)
    auth_hooks.register_services()
    yield app_settings.server("coalition")
    settings.ROLECALL_SERVERS = None
    auth_hooks.register_services()


@pytest.fixture
def kira_on_both(kira: User, both: app_settings.Server, coalition: World) -> User:
    """A member who is linked on both."""
    FurtherAccount.objects.create(user_id=kira.pk, server="coalition", uid=7000, username="@kira_c")
    coalition.link(kira.pk, 7000, "@kira_c", server_name="The Coalition")
    return kira


def test_without_a_list_there_is_one_server(settings: Any) -> None:
    settings.ROLECALL_SERVERS = None
    (one,) = app_settings.servers()
    assert (one.key, one.permission, one.service_name) == ("", "aa_rolecall.access_discord", "discord")


def test_what_another_server_does_not_say_is_never_the_main_ones(settings: Any) -> None:
    """Its messages would go to the wrong Discord server."""
    settings.ROLECALL_SERVERS = [{}, {"KEY": "coalition"}]
    main, other = app_settings.servers()
    assert main.url == settings.ROLECALL_URL
    assert (other.url, other.secret, other.jobs_queue_url, other.notices_queue_url, other.name) == ("", "", "", "", "")
    assert other.access_key_id == settings.ROLECALL_AWS_ACCESS_KEY_ID
    assert len([one for one in checks.check_settings() if one.id == "aa_rolecall.E001"]) == 4


@pytest.mark.parametrize(
    ("entries", "faults"),
    [
        ([{}, {"KEY": "a"}], 0),
        ([{"KEY": "a"}], 1),
        ([{}, {}], 1),
        ([{}, {"KEY": "a"}, {"KEY": "a"}], 1),
        ([{}, {"KEY": "Not a key"}], 1),
    ],
)
def test_keys_are_checked(settings: Any, entries: list[dict[str, str]], faults: int) -> None:
    settings.ROLECALL_SERVERS = entries
    assert len([one for one in checks.check_settings() if one.id == "aa_rolecall.E006"]) == faults


def test_each_server_has_its_service_and_the_main_one_keeps_its_name(both: app_settings.Server) -> None:
    found = [one for one in ServicesHook.get_services() if one.name.startswith("discord")]
    assert [(one.name, one.title, one.access_perm) for one in found] == [
        ("discord", "Discord", "aa_rolecall.access_discord"),
        ("discord-coalition", "Discord (coalition)", "aa_rolecall.access_coalition"),
    ]


def test_a_change_is_told_to_both_each_by_its_own_queue(kira_on_both: User, world: World, coalition: World) -> None:
    kira_on_both.groups.add(Group.objects.create(name="New"))
    tasks.deliver_changes()
    for here in (world, coalition):
        assert [one["groups"] for one in here.jobs.take()] == [["Logistics", "Member", "New"]]
    assert not Change.objects.exists()


def test_the_permission_of_one_server_says_nothing_of_the_other(
    kira_on_both: User, member_state: State, world: World, coalition: World
) -> None:
    member_state.permissions.remove(Permission.objects.get(codename="access_coalition").pk)
    Change.objects.update(at=1)
    tasks.deliver_changes()
    assert [one["kind"] for one in world.jobs.take()] == ["update_all"]
    assert [one["kind"] for one in coalition.jobs.take()] == ["delete_user"]


def test_one_server_that_is_down_holds_up_none_of_the_others(
    kira_on_both: User, world: World, coalition: World
) -> None:
    world.sqs_down = True
    outbox.mark([kira_on_both.pk])
    tasks.deliver_changes()
    assert len(coalition.jobs.take()) == 1
    assert set(Change.objects.values_list("server", flat=True)) == {""}


def test_notices_and_accounts_are_each_servers_own(kira_on_both: User, world: World, coalition: World) -> None:
    world.link(kira_on_both.pk, 1000 + kira_on_both.pk)
    coalition.unlink(kira_on_both.pk)
    coalition.tell("unlinked", kira_on_both.pk, "left_server")
    tasks.read_notices()
    assert FurtherAccount.objects.get(user_id=kira_on_both.pk).uid is None
    assert Account.objects.get(user_id=kira_on_both.pk).uid is not None


def test_each_server_has_its_card_and_its_addresses(kira_on_both: User, world: World, coalition: World) -> None:
    client = Client()
    client.force_login(kira_on_both)
    coalition.tell("username_changed", kira_on_both.pk)
    tasks.read_notices()
    page = client.get("/services/").content.decode()
    assert page.count("card text-center") == 2
    assert "The Coalition" in page
    assert "Alliance" in page
    address = client.get("/rolecall/coalition/reset/")["Location"]
    assert address.startswith(coalition.url)
    assert claims_of(address)["sub"] == str(kira_on_both.pk)
    assert client.get("/rolecall/elsewhere/activate/").status_code == 404


def test_the_other_servers_account_is_linked_and_deactivated(
    kira: User, both: app_settings.Server, world: World, coalition: World
) -> None:
    client = Client()
    client.force_login(kira)
    client.get("/rolecall/coalition/activate/")
    coalition.link(kira.pk, 7000, "@kira_c")
    client.get("/rolecall/coalition/returned/?discord=linked")
    assert FurtherAccount.objects.get(user_id=kira.pk).uid == 7000
    client.post("/rolecall/coalition/deactivate/")
    assert FurtherAccount.objects.get(user_id=kira.pk).uid is None
    assert Account.objects.get(user_id=kira.pk).uid is not None


def test_a_deleted_user_is_removed_from_both(kira_on_both: User, world: World, coalition: World) -> None:
    kira_on_both.delete()
    Change.objects.update(at=1)
    tasks.deliver_changes()
    assert [one["kind"] for one in world.jobs.take() + coalition.jobs.take()] == ["delete_user"] * 2


def test_the_hourly_check_looks_at_both(kira_on_both: User, both: app_settings.Server) -> None:
    assert [upkeep.check_everybody(one) for one in app_settings.servers()] == [1, 1]


def test_alliance_auths_own_table_is_the_main_servers(
    kira_on_both: User, both: app_settings.Server, make_user: Callable[..., User]
) -> None:
    from aa_rolecall import accounts, own_service

    if not own_service.installed():
        pytest.skip("a run without Alliance Auth's Discord app")
    from allianceauth.services.modules.discord.models import DiscordUser

    accounts.learn(both, kira_on_both.pk)
    assert not DiscordUser.objects.exists()
