"""The buttons, and the way back."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from aa_rolecall.models import Account
from allianceauth.authentication.models import UserProfile
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from .conftest import account
from .fakes import World, claims_of

SERVICES = "/services/"


@pytest.fixture
def browser() -> Client:
    """A browser that does not follow redirects; CSRF is checked as everywhere."""
    return Client(enforce_csrf_checks=True)


def said(response: Any) -> list[tuple[str, str]]:
    """Tag and text of each of Alliance Auth's messages."""
    return [(one.level_tag, str(one)) for one in response.wsgi_request._messages]


def post(browser: Client, name: str) -> Any:
    """A POST as the card's form does it."""
    browser.get(SERVICES)
    return browser.post(reverse(f"aa_rolecall:{name}"), {"csrfmiddlewaretoken": browser.cookies["csrftoken"].value})


@pytest.mark.parametrize("name", ["activate", "reset"])
def test_the_way_to_a_link_carries_all_that_a_member_should_have(
    make_user: Callable[..., User], world: World, browser: Client, name: str
) -> None:
    dov = make_user("dov", "Logistics", uid=None)
    Account.objects.all().delete()
    browser.force_login(dov)
    address = browser.get(f"/rolecall/{name}/")["Location"]
    assert address.startswith(f"{world.url}/discord/link?token=")
    claims = claims_of(address)
    assert (claims["sub"], claims["purpose"], claims["exp"] - claims["iat"]) == (str(dov.pk), "link", 300)
    assert (claims["groups"], claims["nickname"]) == (["Logistics", "Member"], "Dov Vantari")
    assert claims["changed_at"] == account(dov).clock
    assert account(dov).link_asked_at > 0
    assert account(dov).uid is None


def test_two_clicks_are_two_tokens(kira: User, world: World, browser: Client) -> None:
    browser.force_login(kira)
    first, second = (claims_of(browser.get("/rolecall/activate/")["Location"]) for _ in range(2))
    assert first["jti"] != second["jti"]
    assert first["changed_at"] < second["changed_at"]


def test_groups_too_long_for_an_address_are_told_by_sqs(kira: User, world: World, browser: Client) -> None:
    kira.groups.set(
        [Group.objects.create(name=f"A group with a rather long name {number:03}") for number in range(200)]
    )
    browser.force_login(kira)
    claims = claims_of(browser.get("/rolecall/activate/")["Location"])
    (stated,) = world.jobs.take()
    assert claims["groups"] == []
    assert len(stated["groups"]) == 201
    assert claims["changed_at"] == stated["changed_at"] - 1


def test_where_long_groups_cannot_be_told_nobody_is_sent_to_link_without_them(
    kira: User, world: World, browser: Client
) -> None:
    kira.groups.set(
        [Group.objects.create(name=f"A group with a rather long name {number:03}") for number in range(200)]
    )
    world.sqs_down = True
    browser.force_login(kira)
    response = browser.get("/rolecall/activate/")
    assert response["Location"] == SERVICES
    assert said(response)[0][0] == "danger error"


@pytest.mark.behaviour(45)
def test_who_comes_back_linked_is_told_so_if_it_is_true(
    make_user: Callable[..., User], world: World, browser: Client
) -> None:
    dov = make_user("dov", uid=None)
    browser.force_login(dov)
    world.link(dov.pk, 4242, "@dov")
    response = browser.get("/rolecall/returned/?discord=linked")
    assert response["Location"] == SERVICES
    assert said(response) == [("success", "Your Discord account has been successfully activated.")]
    assert account(dov).uid == 4242


def test_an_address_that_lies_convinces_nobody(make_user: Callable[..., User], world: World, browser: Client) -> None:
    dov = make_user("dov", uid=None)
    browser.force_login(dov)
    assert said(browser.get("/rolecall/returned/?discord=linked"))[0][0] == "danger error"
    assert account(dov).uid is None


@pytest.mark.parametrize(
    "reason",
    ["bad_token", "expired", "bad_state", "denied", "already_linked", "banned", "guild_limit", "discord_unavailable",
     "misconfigured", "account_not_ready"],
)  # fmt: skip
@pytest.mark.behaviour(47)
@pytest.mark.behaviour(48)
def test_each_reason_has_a_sentence(kira: User, world: World, browser: Client, reason: str) -> None:
    browser.force_login(kira)
    outcome = "denied" if reason == "denied" else "failed"
    ((tag, text),) = said(browser.get(f"/rolecall/returned/?discord={outcome}&reason={reason}"))
    assert tag == "danger error"
    assert not text.startswith("An error occurred")


def test_a_reason_of_a_later_rolecall_is_alliance_auths_own_sentence(kira: User, world: World, browser: Client) -> None:
    browser.force_login(kira)
    ((_, text),) = said(browser.get("/rolecall/returned/?discord=failed&reason=brand_new"))
    assert text == "An error occurred while trying to activate your Discord account. Please try again."


# --- deactivating ---------------------------------------------------------------------------------------------


@pytest.mark.behaviour(49)
def test_deactivating_ends_the_link_and_tells_nobody_that_they_were_disabled(
    settled: User, world: World, browser: Client, told: Callable[[User], list[str]]
) -> None:
    browser.force_login(settled)
    response = post(browser, "deactivate")
    assert response["Location"] == SERVICES
    assert said(response) == [("success", "Deactivated Discord account.")]
    assert (account(settled).uid, account(settled).parting) == (None, "")
    assert world.links == {}
    assert told(settled) == []


@pytest.mark.behaviour(49)
@pytest.mark.parametrize("how", ["refused", "unavailable"])
def test_where_deactivating_fails_all_is_as_it_was(settled: User, world: World, browser: Client, how: str) -> None:
    world.unlink_reason = "discord_unavailable" if how == "refused" else ""
    world.web_status = 502 if how == "unavailable" else 0
    browser.force_login(settled)
    response = post(browser, "deactivate")
    assert said(response) == [("danger error", "An error occurred while processing your Discord account.")]
    assert (account(settled).parting, account(settled).parting_at) == ("", 0)
    assert account(settled).uid is not None


@pytest.mark.django_db(transaction=True)
def test_what_is_wanted_is_stored_before_rolecall_is_asked(settled: User, world: World, browser: Client) -> None:
    seen = []
    world.on_unlink = lambda: seen.append(account(settled).parting)
    browser.force_login(settled)
    post(browser, "deactivate")
    assert seen == ["quiet"]


def test_nobody_is_deactivated_by_a_picture_on_somebody_elses_page(
    settled: User, world: World, browser: Client
) -> None:
    browser.force_login(settled)
    assert browser.get("/rolecall/deactivate/").status_code == 405
    assert browser.post("/rolecall/deactivate/").status_code == 403
    assert account(settled).uid is not None


# --- who may --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["activate", "reset", "deactivate", "returned", "add_bot", "my_discord"])
def test_nothing_is_for_strangers(world: World, db: None, browser: Client, name: str) -> None:
    response = browser.get(f"/rolecall/{name}/")
    assert response.status_code == 302
    assert urlsplit(response["Location"]).path == "/account/login/"


def test_without_permission_there_is_no_way_to_discord(
    make_user: Callable[..., User], member_state: Any, world: World, browser: Client
) -> None:
    dov = make_user("dov", uid=None)
    type(member_state).permissions.through.objects.all().delete()
    browser.force_login(dov)
    for name in ("activate", "reset"):
        assert urlsplit(browser.get(f"/rolecall/{name}/")["Location"]).path == "/account/login/"


def test_without_a_main_character_there_is_no_way_to_discord(kira: User, world: World, browser: Client) -> None:
    UserProfile.objects.filter(user=kira.pk).update(main_character=None)
    browser.force_login(kira)
    assert browser.get("/rolecall/activate/")["Location"] == "/dashboard/"


def test_superusers_alone_can_add_the_bot(
    kira: User, make_user: Callable[..., User], world: World, browser: Client
) -> None:
    browser.force_login(kira)
    assert urlsplit(browser.get("/rolecall/add_bot/")["Location"]).path == "/account/login/"
    boss = make_user("boss", is_superuser=True)
    browser.force_login(boss)
    address = browser.get("/rolecall/add_bot/")["Location"]
    assert urlsplit(address).path == "/discord/add_bot"
    assert claims_of(address)["purpose"] == "add_bot"


# --- the card -------------------------------------------------------------------------------------------------


def card(browser: Client) -> str:
    """The services page's one card, in one line."""
    page = " ".join(browser.get(SERVICES).content.decode().split())
    assert page.count("card text-center") == 1
    return page[page.index("card text-center") : page.index("Legend")]


def test_the_card_of_somebody_not_linked(make_user: Callable[..., User], world: World, browser: Client) -> None:
    browser.force_login(make_user("dov", uid=None))
    shown = card(browser)
    assert "Disabled" in shown
    assert 'href="/rolecall/activate/" title="Activate"' in shown
    assert "deactivate" not in shown
    assert "add_bot" not in shown


@pytest.mark.behaviour(37)
@pytest.mark.behaviour(78)
def test_the_card_of_somebody_linked(settled: User, world: World, browser: Client) -> None:
    browser.force_login(settled)
    shown = card(browser)
    assert "Enabled" in shown
    assert "@kira" in shown
    assert "The Guild" in shown
    assert 'href="/rolecall/reset/" title="Reset Password"' in shown
    assert 'method="post" action="/rolecall/deactivate/"' in shown
    assert "csrfmiddlewaretoken" in shown
    assert "/rolecall/activate/" not in shown
    assert 'href="/rolecall/my_discord/" title="My Discord"' in shown


def test_the_card_of_somebody_on_the_way_out_has_no_buttons(settled: User, world: World, browser: Client) -> None:
    Account.objects.filter(user_id=settled.pk).update(parting="tell")
    browser.force_login(settled)
    shown = card(browser)
    assert "This account is being removed." in shown
    assert 'class="btn' not in shown


@pytest.mark.behaviour(80)
def test_a_superuser_can_link_the_server(make_user: Callable[..., User], world: World, browser: Client) -> None:
    browser.force_login(make_user("boss", uid=None, is_superuser=True))
    assert 'href="/rolecall/add_bot/" title="Link Discord Server"' in card(browser)


def test_the_card_is_shown_without_rolecall_and_without_settings(
    kira: User, settings: Any, world: World, browser: Client
) -> None:
    settings.ROLECALL_URL = settings.ROLECALL_JOBS_QUEUE_URL = settings.ROLECALL_AUTH_SITE_SECRET = ""
    settings.ROLECALL_SERVER_NAME = "By the settings"
    browser.force_login(kira)
    assert "By the settings" in card(browser)
    assert browser.get("/rolecall/activate/")["Location"] == SERVICES


def test_who_may_not_sees_no_card(
    make_user: Callable[..., User], member_state: Any, world: World, browser: Client
) -> None:
    dov = make_user("dov", uid=None)
    type(member_state).permissions.through.objects.all().delete()
    browser.force_login(dov)
    assert "card text-center" not in browser.get(SERVICES).content.decode()


def test_my_discord_is_there_unless_rolecall_lacks_the_page(
    settled: User, settings: Any, world: World, browser: Client
) -> None:
    browser.force_login(settled)
    settings.ROLECALL_MY_DISCORD = False
    assert "My Discord" not in card(browser)
    assert browser.get("/rolecall/my_discord/").status_code == 403
    settings.ROLECALL_MY_DISCORD = True
    assert 'href="/rolecall/my_discord/" title="My Discord"' in card(browser)
    address = browser.get("/rolecall/my_discord/")["Location"]
    assert urlsplit(address).path == "/discord/me"
    assert claims_of(address)["purpose"] == "me"


def test_the_card_speaks_german(settled: User, world: World, browser: Client) -> None:
    browser.force_login(settled)
    page = browser.get(SERVICES, headers={"accept-language": "de"}).content.decode()
    assert 'title="Deaktivieren"' in page
    Account.objects.filter(user_id=settled.pk).update(parting="tell")
    assert "Dieses Konto wird entfernt." in browser.get(SERVICES, headers={"accept-language": "de"}).content.decode()
