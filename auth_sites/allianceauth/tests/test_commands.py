"""Moving in, moving out, and what an admin types."""

import csv
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from aa_rolecall import own_service
from aa_rolecall.models import Account, Change
from allianceauth.authentication.models import State, UserProfile
from allianceauth.groupmanagement.models import ReservedGroupName
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.db import connection

from .conftest import account, make_character, marked
from .fakes import World

with_it = pytest.mark.skipif(not own_service.installed(), reason="a run without Alliance Auth's Discord app")
Make = Callable[..., User]


def run(name: str, *arguments: str) -> str:
    """What a command prints."""
    out = StringIO()
    # Alliance Auth's own check asks Redis for INFO, which fakeredis lacks; these two commands run no checks anyway.
    checks = {} if name in ("rolecall_check", "rolecall_settings") else {"skip_checks": True}
    call_command(name, *arguments, stdout=out, no_color=True, **checks)
    return out.getvalue()


def had_discord(user: User, uid: int, name: str = "kira") -> None:
    """The user was linked by Alliance Auth's own service."""
    from allianceauth.services.modules.discord.models import DiscordUser

    DiscordUser.objects.create(user_id=user.pk, uid=uid, username=name, discriminator="0")


@pytest.fixture
def old_permission(db: None) -> Permission:
    """The permission of Alliance Auth's own service."""
    return Permission.objects.get(codename="access_discord", content_type__app_label="discord")


@pytest.fixture
def newcomer(member_state: State) -> Callable[[str], User]:
    """Somebody with a main character whom this app knows nothing of."""

    def make(name: str) -> User:
        user = User.objects.create_user(name)
        character = make_character(f"{name.title()} Vantari")
        member_state.member_characters.add(character)
        UserProfile.objects.filter(user=user).update(main_character=character, state=member_state)
        return user

    return make


# --- moving in ------------------------------------------------------------------------------------------------


@with_it
def test_links_are_exported_as_rolecall_reads_them(kira: User, tmp_path: Path) -> None:
    had_discord(kira, 80351110224678912)
    file = tmp_path / "links.csv"
    assert "1 links written" in run("rolecall_export_links", str(file))
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert row["user_id"] == str(kira.pk)
    assert (row["uid"], row["username"], row["discriminator"]) == ("80351110224678912", "kira", "0")


@pytest.mark.skipif(own_service.installed(), reason="a run with Alliance Auth's Discord app")
def test_links_are_exported_from_the_table_where_the_app_is_gone(kira: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="no table"):
        run("rolecall_export_links", str(tmp_path / "links.csv"))
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE discord_discorduser "
            "(user_id int, uid bigint, username text, discriminator text, activated text)"
        )
        cursor.execute("INSERT INTO discord_discorduser VALUES (1, 80351110224678912, 'kira', '0', NULL)")
    run("rolecall_export_links", str(tmp_path / "links.csv"))
    assert "1,80351110224678912,kira,0," in (tmp_path / "links.csv").read_text()


@with_it
def test_moving_in_takes_over_what_rolecall_confirms_and_states_it(
    newcomer: Callable[[str], User], world: World, deliver: Callable[[], list[dict[str, Any]]]
) -> None:
    anna, boris = newcomer("anna"), newcomer("boris")
    for number, user in enumerate((anna, boris)):
        had_discord(user, 500 + number, user.username)
        world.link(user.pk, 500 + number, f"@{user.username}")
    assert "2 links are taken over" in run("rolecall_move_in")
    assert (account(anna).uid, account(boris).uid) == (500, 501)
    assert {(one["user_id"], one["kind"]) for one in deliver()} == {
        (str(anna.pk), "update_all"),
        (str(boris.pk), "update_all"),
    }
    assert "2 links are taken over" in run("rolecall_move_in")
    assert deliver() == []


@with_it
def test_a_dry_run_of_moving_in_changes_nothing(
    newcomer: Callable[[str], User], world: World, old_permission: Permission
) -> None:
    anna = newcomer("anna")
    had_discord(anna, 500)
    world.link(anna.pk, 500)
    group = Group.objects.create(name="Friends")
    group.permissions.add(old_permission)
    said = run("rolecall_move_in", "--dry-run")
    assert "1 links would be taken over" in said
    assert "1 states, groups and users would be given the permission" in said
    assert not Account.objects.exists()
    assert not Change.objects.exists()
    assert group.permissions.count() == 1


@with_it
def test_what_cannot_be_read_is_tried_again_and_then_named(newcomer: Callable[[str], User], world: World) -> None:
    anna = newcomer("anna")
    had_discord(anna, 500)
    world.link(anna.pk, 500)
    world.web_status = 503
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("rolecall_move_in", stdout=out, skip_checks=True)
    assert "1 not read, since Rolecall could not be asked: run this again: anna" in out.getvalue()
    assert len(world.tokens) == 3
    world.web_status = 0
    assert "1 links are taken over" in run("rolecall_move_in")


@with_it
def test_links_that_do_not_agree_are_named_and_left_alone(newcomer: Callable[[str], User], world: World) -> None:
    missing, other, sound = newcomer("missing"), newcomer("other"), newcomer("sound")
    for number, user in enumerate((missing, other, sound)):
        had_discord(user, 500 + number)
    world.link(other.pk, 999)
    world.link(sound.pk, 502)
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("rolecall_move_in", stdout=out, skip_checks=True)
    assert "1 not linked at Rolecall: run `ops import-links` there, then this again: missing" in out.getvalue()
    assert "1 linked to another Discord account at Rolecall; left alone: other" in out.getvalue()
    assert account(sound).uid == 502
    assert account(other).uid is None
    assert marked() == {sound.pk}


@with_it
def test_the_permission_is_copied_to_states_groups_and_users(
    newcomer: Callable[[str], User], world: World, old_permission: Permission, access: Permission
) -> None:
    anna = newcomer("anna")
    State.permissions.through.objects.all().delete()
    state = State.objects.get(name="Member")
    group = Group.objects.create(name="Friends")
    state.permissions.add(old_permission.pk)
    group.permissions.add(old_permission)
    anna.user_permissions.add(old_permission)
    assert "3 states, groups and users are given the permission" in run("rolecall_move_in")
    assert state.permissions.filter(pk=access.pk).exists()
    assert group.permissions.filter(pk=access.pk).exists()
    assert anna.user_permissions.filter(pk=access.pk).exists()


@with_it
def test_moving_in_stops_where_it_would_remove_too_many(
    newcomer: Callable[[str], User], world: World, member_state: State, old_permission: Permission, access: Permission
) -> None:
    people = [newcomer(f"p{number}") for number in range(26)]
    for user in people:
        had_discord(user, 5000 + user.pk)
        world.link(user.pk, 5000 + user.pk)
    State.permissions.through.objects.all().delete()
    with pytest.raises(CommandError, match="26 of 26"):
        run("rolecall_move_in")
    assert not Account.objects.filter(uid__isnull=False).exists()
    assert not Change.objects.exists()
    said = run("rolecall_move_in", "--force")
    assert "26 not entitled to Discord, and will be removed from it" in said
    assert marked() == {user.pk for user in people}


# --- moving out -----------------------------------------------------------------------------------------------


@with_it
def test_moving_out_fills_the_old_table_and_gives_the_old_permission(
    settled: User, member_state: State, old_permission: Permission
) -> None:
    from allianceauth.services.modules.discord.models import DiscordUser

    DiscordUser.objects.all().delete()
    assert "1 links are in Alliance Auth's own table" in run("rolecall_move_out")
    assert DiscordUser.objects.get(user_id=settled.pk).uid == account(settled).uid
    assert member_state.permissions.filter(pk=old_permission.pk).exists()
    assert account(settled).uid is not None
    assert marked() <= {settled.pk}


@pytest.mark.skipif(own_service.installed(), reason="a run with Alliance Auth's Discord app")
def test_moving_out_needs_the_old_app(settled: User) -> None:
    with pytest.raises(CommandError, match="INSTALLED_APPS"):
        run("rolecall_move_out")


# --- the rest -------------------------------------------------------------------------------------------------


def test_everybody_who_is_linked_is_stated_again(
    settled: User, make_user: Make, deliver: Callable[[], list[dict[str, Any]]]
) -> None:
    make_user("dov", uid=None)
    assert "1 users are stated again" in run("rolecall_state_everybody")
    assert [one["user_id"] for one in deliver()] == [str(settled.pk)]


def test_rolecalls_settings_are_printed_from_those_of_this_site(db: None, settings: Any) -> None:
    settings.DISCORD_APP_ID, settings.DISCORD_GUILD_ID, settings.DISCORD_SYNC_NAMES = "12", "34", True
    settings.DISCORD_APP_SECRET, settings.DISCORD_BOT_TOKEN = "the app's secret", ""
    for name in ("Streamer", "Moderator", "a, b"):
        ReservedGroupName.objects.create(name=name, reason="x", created_by="x")
    said = run("rolecall_settings")
    found = json.loads(said[said.index("{") : said.index("}") + 1])
    assert found == {
        "DISCORD_APP_ID": "12",
        "DISCORD_GUILD_ID": "34",
        "DISCORD_SYNC_NAMES": "True",
        "DISCORD_DISABLE_ROLE_CREATION": "False",
        "DISCORD_RESERVED_ROLES": "Moderator,Streamer",
        "AUTH_SITE_URL": "http://127.0.0.1:8000/rolecall/returned/",
    }
    assert "rename: a, b" in said
    assert "the app's secret" not in said
    assert "DISCORD_APP_SECRET: it is in local.py" in said
    assert "DISCORD_BOT_TOKEN: local.py has none" in said
