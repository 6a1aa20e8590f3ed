"""OAuth2: the page on which a person agrees, codes, tokens, and their end."""

import base64
import hashlib
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from local.discord.config import Config
from local.discord.core import Discord
from local.discord.messages import Answer, Request
from tests.local.discord.support import (
    CONFIG,
    REDIRECT,
    Bot,
    Clock,
    access_token,
    authorise_url,
    decide,
    exchange,
    post_form,
    sent_back,
)

if TYPE_CHECKING:
    from local.discord.admin import Admin
    from local.discord.views import Person

VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@pytest.fixture
def alice(admin: "Admin") -> "Person":
    return admin.add_person("alice", global_name="<Alice>")


def show(discord: Discord, url: str, cookie: str = "") -> Answer:
    return discord.handle(Request.of("GET", url, {"cookie": cookie}))


def page(answer: Answer) -> str:
    return answer.body.decode()


# The page.


def test_the_page_offers_everybody_and_says_what_is_asked(discord: Discord, alice: "Person") -> None:
    answer = show(discord, authorise_url())
    assert answer.status == 200
    text = page(answer)
    assert "Rolecall" in text
    assert "Join servers for you" in text
    assert f'value="{alice.id}"' in text
    assert "&lt;Alice&gt; (@alice)" in text
    assert "@fleet.admiral" in text
    assert "<script" not in text


def test_agreeing_sends_a_code_and_the_state_back(discord: Discord, alice: "Person") -> None:
    said = sent_back(decide(discord, authorise_url(), alice.id))
    assert said["state"] == "a state"
    assert said["code"]


def test_cancelling_sends_an_error_and_the_state_back(discord: Discord, alice: "Person") -> None:
    said = sent_back(decide(discord, authorise_url(), alice.id, "cancel"))
    assert (said["error"], said["state"]) == ("access_denied", "a state")
    assert "code" not in said


def test_agreeing_as_nobody_is_not_possible(discord: Discord) -> None:
    assert decide(discord, authorise_url(), "77").status == 400
    assert decide(discord, authorise_url(), "").status == 400


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "77"},
        {"redirect_uri": f"{REDIRECT}/"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": ""},
    ],
    ids=["client", "redirect uri longer", "redirect uri elsewhere", "no redirect uri"],
)
def test_what_cannot_be_trusted_with_a_redirect_gets_none(discord: Discord, wrong: dict[str, str]) -> None:
    answer = show(discord, authorise_url(**wrong))
    assert answer.status == 400
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"scope": "identify everything"}, "invalid_scope"),
        ({"scope": ""}, "invalid_scope"),
        ({"response_type": "password"}, "unsupported_response_type"),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, "invalid_request"),
        ({"code_challenge": CHALLENGE}, "invalid_request"),
    ],
)
def test_other_mistakes_are_told_to_the_application(discord: Discord, wrong: dict[str, str], error: str) -> None:
    said = sent_back(show(discord, authorise_url(**wrong)))
    assert (said["error"], said["state"]) == (error, "a state")


def test_the_page_under_api_leads_to_the_real_one(discord: Discord) -> None:
    answer = show(discord, f"/api{authorise_url()}")
    assert answer.status == 302
    assert answer.headers["Location"] == authorise_url()


# prompt=none


def test_the_page_is_skipped_for_who_has_authorised_before(discord: Discord, alice: "Person") -> None:
    url = authorise_url(prompt="none")
    assert show(discord, url).status == 200
    cookie = decide(discord, url, alice.id).headers["Set-Cookie"].partition(";")[0]
    assert "code" in sent_back(show(discord, url, cookie))
    assert show(discord, authorise_url(), cookie).status == 200
    assert show(discord, url).status == 200
    assert show(discord, authorise_url("identify email", prompt="none"), cookie).status == 200


def test_the_page_comes_back_after_the_authorisation_was_revoked(discord: Discord, alice: "Person") -> None:
    cookie = decide(discord, authorise_url(), alice.id).headers["Set-Cookie"].partition(";")[0]
    discord.admin.deauthorise("alice")
    again = show(discord, authorise_url(prompt="none"), cookie)
    assert again.status == 200
    assert f'value="{alice.id}" selected' in page(again)


# Codes.


def test_a_code_is_exchanged_for_a_token_of_the_agreed_scopes(discord: Discord, alice: "Person") -> None:
    code = sent_back(decide(discord, authorise_url(), alice.id))["code"]
    said = exchange(discord, code)
    assert said.status == 200
    assert said.json["token_type"] == "Bearer"
    assert said.json["scope"] == "identify guilds.join"
    assert said.json["expires_in"] == 604_800


def test_a_code_can_be_used_once(discord: Discord, alice: "Person") -> None:
    code = sent_back(decide(discord, authorise_url(), alice.id))["code"]
    assert exchange(discord, code).status == 200
    again = exchange(discord, code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


def test_a_code_is_soon_too_old(discord: Discord, alice: "Person", clock: Clock) -> None:
    code = sent_back(decide(discord, authorise_url(), alice.id))["code"]
    clock.push(CONFIG.code_lifetime)
    assert exchange(discord, code).json["error"] == "invalid_grant"


def test_the_redirect_uri_must_be_the_same_as_before(clock: Clock) -> None:
    discord = Discord(Config(redirect_uris=(REDIRECT, "https://other.example/")), clock)
    person = discord.admin.add_person("alice")
    code = sent_back(decide(discord, authorise_url(), person.id))["code"]
    assert exchange(discord, code, redirect_uri="https://other.example/").json["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("verifier", "status"), [(VERIFIER, 200), ("w" * 43, 400), ("", 400)], ids=["right", "wrong", "none"]
)
def test_the_verifier_must_answer_the_challenge(discord: Discord, alice: "Person", verifier: str, status: int) -> None:
    url = authorise_url(code_challenge=CHALLENGE, code_challenge_method="S256")
    code = sent_back(decide(discord, url, alice.id))["code"]
    assert exchange(discord, code, code_verifier=verifier).status == status


def test_the_application_says_who_it_is_in_the_form_or_by_basic(discord: Discord, alice: "Person") -> None:
    def basic(secret: str) -> str:
        return "Basic " + base64.b64encode(f"{CONFIG.app_id}:{secret}".encode()).decode()

    def form() -> dict[str, str]:
        code = sent_back(decide(discord, authorise_url(), alice.id))["code"]
        return {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}

    right = post_form(discord, "/api/oauth2/token", form(), authorization=basic(CONFIG.app_secret))
    assert right.status == 200
    wrong = post_form(discord, "/api/v10/oauth2/token", form(), authorization=basic("wrong"))
    assert (wrong.status, wrong.json["error"]) == (401, "invalid_client")
    assert post_form(discord, "/api/oauth2/token", form()).status == 401
    assert post_form(discord, "/api/oauth2/token", form(), authorization="Basic ???").status == 401


def test_the_token_endpoint_takes_forms_only_and_knows_its_grant_types(discord: Discord) -> None:
    who = {"client_id": CONFIG.app_id, "client_secret": CONFIG.app_secret}
    json_sent = post_form(discord, "/api/oauth2/token", who, **{"content-type": "application/json"})
    assert json_sent.json["error"] == "invalid_request"
    unknown = post_form(discord, "/api/oauth2/token", {**who, "grant_type": "password"})
    assert unknown.json["error"] == "unsupported_grant_type"


def test_a_refresh_token_brings_new_tokens_once(discord: Discord, alice: "Person") -> None:
    code = sent_back(decide(discord, authorise_url(), alice.id))["code"]
    refresh = exchange(discord, code).json["refresh_token"]
    again = exchange(discord, "", grant_type="refresh_token", refresh_token=refresh)
    assert again.json["scope"] == "identify guilds.join"
    assert exchange(discord, "", grant_type="refresh_token", refresh_token=refresh).status == 400


# Revocation.


def test_revoking_one_token_ends_the_persons_whole_authorisation_and_nobody_elses(
    discord: Discord, admin: "Admin", bot: Bot, alice: "Person"
) -> None:
    bob = admin.add_person("bob")
    first, second = (access_token(discord, alice.id) for _ in range(2))
    bobs = access_token(discord, bob.id)
    who = {"client_id": CONFIG.app_id, "client_secret": CONFIG.app_secret}
    assert post_form(discord, "/api/oauth2/token/revoke", {**who, "token": first}).status == 200
    assert bot.get("/users/@me", authorization=f"Bearer {second}").status == 401
    assert bot.get("/users/@me", authorization=f"Bearer {bobs}").status == 200
    assert admin.counts().living_tokens == 1
    assert post_form(discord, "/api/oauth2/token/revoke", {**who, "token": "unknown"}).status == 200


def test_revoking_needs_the_applications_secret(discord: Discord, alice: "Person") -> None:
    token = access_token(discord, alice.id)
    assert post_form(discord, "/api/oauth2/token/revoke", {"token": token}).status == 401


# Adding the bot.


def bot_url(**more: str) -> str:
    return f"/oauth2/authorize?{urlencode({'client_id': CONFIG.app_id, 'scope': 'bot', **more})}"


def test_somebody_who_manages_the_guild_adds_the_bot_with_the_permissions_asked_for(clock: Clock) -> None:
    discord = Discord(Config(bot_in_guild=False), clock)
    owner = discord.admin.state().owner_id
    url = bot_url(permissions="268435456", guild_id=CONFIG.guild_id, disable_guild_select="true")
    assert "Manage roles in Local Alliance" in page(show(discord, url))
    assert decide(discord, url, owner).status == 200
    assert discord.admin.switches()["bot_in_guild"] is True
    assert discord.admin.switches()["bot_permissions"] == 1 << 28


def test_nobody_else_can_add_the_bot(clock: Clock) -> None:
    discord = Discord(Config(bot_in_guild=False), clock)
    bob = discord.admin.add_member("bob")
    assert decide(discord, bot_url(), bob.id).status == 403
    assert discord.admin.switches()["bot_in_guild"] is False


def test_adding_the_bot_can_lead_back_to_the_application(discord: Discord) -> None:
    url = authorise_url("bot identify", permissions="8")
    said = sent_back(decide(discord, url, discord.admin.state().owner_id))
    assert (said["guild_id"], said["permissions"], said["state"]) == (CONFIG.guild_id, "8", "a state")
    assert said["code"]


def test_cancelling_without_a_way_back_says_so(discord: Discord, alice: "Person") -> None:
    answer = decide(discord, bot_url(), alice.id, "cancel")
    assert answer.status == 200
    assert "denied" in page(answer)
