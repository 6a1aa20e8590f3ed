"""The admin page of Discord accounts."""

from collections.abc import Callable
from typing import Any

import pytest
from aa_rolecall.models import Account, Change
from django.contrib.auth.models import User
from django.test import Client

from .conftest import account, marked

PAGE = "/admin/aa_rolecall/account/"


@pytest.fixture
def boss(make_user: Callable[..., User]) -> Client:
    """A superuser's browser."""
    client = Client()
    client.force_login(make_user("boss", uid=None, is_superuser=True, is_staff=True))
    return client


def test_the_list_shows_linked_accounts_and_finds_them_by_name_and_number(settled: User, boss: Client) -> None:
    for search in ("", "kira", str(account(settled).uid), "@kira"):
        page = boss.get(PAGE, {"q": search}).content.decode()
        assert "@kira" in page
        assert str(account(settled).uid) in page
    assert "1 Discord account" in boss.get(PAGE).content.decode()
    assert "0 Discord accounts" in boss.get(PAGE, {"q": "nobody of that name"}).content.decode()


def test_nothing_can_be_added_or_edited(settled: User, boss: Client) -> None:
    assert boss.get(f"{PAGE}add/").status_code == 403
    page = boss.get(f"{PAGE}{settled.pk}/change/").content.decode()
    assert "@kira" in page
    assert '<input type="text"' not in page


@pytest.mark.behaviour(43)
@pytest.mark.parametrize("how", ["one", "selected"])
def test_deleting_removes_the_member_and_keeps_the_row_until_they_are_gone(
    settled: User, boss: Client, how: str, deliver: Callable[[], list[dict[str, Any]]]
) -> None:
    if how == "one":
        page = boss.post(f"{PAGE}{settled.pk}/delete/", {"post": "yes"}, follow=True)
    else:
        chosen = {"action": "delete_selected", "_selected_action": [settled.pk], "post": "yes"}
        page = boss.post(PAGE, chosen, follow=True)
    assert "1 Discord accounts are being removed" in page.content.decode()
    assert (account(settled).parting, account(settled).uid is None) == ("quiet", False)
    assert [one["kind"] for one in deliver()] == ["delete_user"]


def test_selected_accounts_are_synced_even_if_nothing_differs(settled: User, boss: Client) -> None:
    page = boss.post(PAGE, {"action": "sync_with_discord", "_selected_action": [settled.pk]}, follow=True)
    assert "1 Discord accounts are being synced." in page.content.decode()
    assert list(Change.objects.values_list("user_id", "kind")) == [(settled.pk, "force")]


@pytest.mark.behaviour(44)
def test_a_user_deleted_on_the_admin_site_is_removed_from_discord(settled: User, boss: Client) -> None:
    boss.post(f"/admin/authentication/user/{settled.pk}/delete/", {"post": "yes"})
    assert not User.objects.filter(pk=settled.pk).exists()
    assert marked() == {settled.pk}
    assert not Account.objects.filter(user_id=settled.pk).exists()
