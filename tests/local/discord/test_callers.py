"""Who calls: tokens, User-Agent, version; and what is known of users and of the application."""

from typing import TYPE_CHECKING

import pytest

from local.discord.core import Discord
from local.discord.messages import Request
from tests.local.discord.support import CONFIG, GUILD, REDIRECT, USER_AGENT, Bot, Clock, access_token

if TYPE_CHECKING:
    from local.discord.admin import Admin


@pytest.mark.parametrize("authorization", ["Bot wrong", "Bearer local-bot-token", "local-bot-token", ""])
def test_a_wrong_token_is_unauthorized(bot: Bot, authorization: str) -> None:
    said = bot.get(GUILD, authorization=authorization)
    assert (said.status, said.json) == (401, {"message": "401: Unauthorized", "code": 0})


def test_a_token_that_was_reset_no_longer_counts(admin: "Admin", discord: Discord, bot: Bot) -> None:
    admin.turn(bot_token="a new one")
    assert bot.get(GUILD).status == 401
    assert Bot(discord, token="a new one").get(GUILD).status == 200


@pytest.mark.parametrize("user_agent", ["", "python-requests/2.34.2", "DiscordBot", "DiscordBot (no version)"])
def test_cloudflare_refuses_a_client_that_does_not_say_who_it_is(discord: Discord, user_agent: str) -> None:
    said = Bot(discord, user_agent=user_agent).get(GUILD)
    assert (said.status, said.code) == (403, 40333)
    discord.admin.turn(user_agent_check=False)
    assert Bot(discord, user_agent=user_agent).get(GUILD).status == 200


@pytest.mark.parametrize("base", ["/api", "/api/v6", "/api/v9"])
def test_no_other_version_works(discord: Discord, bot: Bot, base: str) -> None:
    answer = discord.handle(Request.of("GET", base + GUILD, bot.headers))
    assert answer.status == 400
    assert b"50041" in answer.body


def test_what_is_not_there_is_not_found_and_a_wrong_method_not_allowed(bot: Bot) -> None:
    assert bot.get("/nothing").status == 404
    assert bot.call("POST", GUILD).status == 405
    assert bot.get("/guilds/not-an-id").code == 50035


def test_a_body_that_is_not_json_is_refused(discord: Discord, bot: Bot) -> None:
    request = Request.of("POST", f"/api/v10{GUILD}/roles", bot.headers, b"{")
    assert discord.handle(request).status == 400
    assert bot.call("POST", f"{GUILD}/roles", ["a list"]).code == 50035


def test_the_bot_knows_itself_and_others(admin: "Admin", bot: Bot) -> None:
    person = admin.add_person("alice", global_name="Alice")
    old_style = admin.add_person("Bob", discriminator="0042")
    me = bot.get("/users/@me").json
    assert (me["id"], me["bot"]) == (CONFIG.app_id, True)
    alice = bot.get(f"/users/{person.id}").json
    assert (alice["username"], alice["global_name"], alice["discriminator"]) == ("alice", "Alice", "0")
    bob = bot.get(f"/users/{old_style.id}").json
    assert (bob["global_name"], bob["discriminator"]) == (None, "0042")
    assert bot.get("/users/77").code == 10013


def test_a_person_knows_themselves_with_the_scope_for_it(discord: Discord, admin: "Admin", bot: Bot) -> None:
    person = admin.add_person("alice")
    token = access_token(discord, person.id)
    assert bot.get("/users/@me", authorization=f"Bearer {token}").json["username"] == "alice"
    narrow = access_token(discord, person.id, "guilds.join")
    assert bot.get("/users/@me", authorization=f"Bearer {narrow}").status == 403


def test_a_persons_token_opens_nothing_of_the_bots_and_ends(
    discord: Discord, admin: "Admin", bot: Bot, clock: Clock
) -> None:
    token = access_token(discord, admin.add_person("alice").id)
    assert bot.get(GUILD, authorization=f"Bearer {token}").status == 401
    clock.push(CONFIG.token_lifetime)
    assert bot.get("/users/@me", authorization=f"Bearer {token}").status == 401


def test_an_authorisation_tells_its_scopes_and_its_person(discord: Discord, admin: "Admin", bot: Bot) -> None:
    token = access_token(discord, admin.add_person("alice").id)
    said = bot.get("/oauth2/@me", authorization=f"Bearer {token}").json
    assert said["scopes"] == ["identify", "guilds.join"]
    assert said["user"]["username"] == "alice"
    assert said["application"]["id"] == CONFIG.app_id
    assert bot.get("/oauth2/@me").status == 401


def test_the_application_tells_its_intent_and_redirect_uris(admin: "Admin", bot: Bot) -> None:
    application = bot.get("/applications/@me").json
    assert application["flags"] & (1 << 14 | 1 << 15)
    assert application["redirect_uris"] == [REDIRECT]
    admin.turn(member_intent=False, redirect_uris=["https://elsewhere.example/back"])
    application = bot.get("/applications/@me").json
    assert not application["flags"] & (1 << 14 | 1 << 15)
    assert application["redirect_uris"] == ["https://elsewhere.example/back"]


def test_the_journal_keeps_requests_without_their_credentials(admin: "Admin", bot: Bot) -> None:
    bot.call("POST", f"{GUILD}/roles?x=1", {"name": "Member"})
    (entry,) = admin.received(route="POST /guilds/{guild_id}/roles")
    assert (entry.method, entry.path, entry.query, entry.status) == ("POST", f"/api/v10{GUILD}/roles", {"x": "1"}, 200)
    assert entry.headers["authorization"].startswith("Bot sha256:")
    assert CONFIG.bot_token not in str(entry)
    assert entry.headers["user-agent"] == USER_AGENT
    assert entry.body == '{"name": "Member"}'
    admin.clear_received()
    assert admin.received() == []
