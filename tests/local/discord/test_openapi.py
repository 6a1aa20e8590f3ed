"""Requests and answers held against Discord's own OpenAPI description of v10, where a copy lies beside the project."""

from collections.abc import Mapping

import pytest

from chalicelib.commands.catalogue import COMMANDS
from local.discord.config import BAN_MEMBERS, LEAST_PERMISSIONS, VIEW_AUDIT_LOG
from local.discord.core import Discord
from tests.contract.openapi import Description
from tests.local.discord.support import CONFIG, GUILD, Bot, Said, access_token


@pytest.fixture(scope="module")
def description() -> Description:
    return Description()


class Checked:
    """A bot whose every request and answer is checked."""

    def __init__(self, bot: Bot, description: Description) -> None:
        self._bot = bot
        self._description = description

    def call(self, method: str, path: str, body: object = None, **headers: str) -> Said:
        said = self._bot.call(method, path, body, **headers)
        if said.status < 400:
            self._description.check_request(method, path, body)
        self._description.check_answer(method, path, said.status, said.raw.body)
        return said


def test_requests_and_answers_are_as_discord_describes_them(discord: Discord, description: Description) -> None:
    admin = discord.admin
    admin.turn(bot_permissions=LEAST_PERMISSIONS | VIEW_AUDIT_LOG | BAN_MEMBERS, rate_limits=False)
    checked = Checked(Bot(discord), description)
    admin.create_role("Booster", managed=True, tags={"premium_subscriber": None})
    role = checked.call("POST", f"{GUILD}/roles", {"name": "Member"}, x_audit_log_reason="why").json
    person = admin.add_person("alice", global_name="Alice")
    member = f"{GUILD}/members/{person.id}"
    joining = {"access_token": access_token(discord, person.id), "roles": [role["id"]], "nick": "Al"}
    statuses = [
        checked.call("PUT", member, joining).status,
        checked.call("PUT", member, joining).status,
        checked.call("GET", member).status,
        checked.call("PATCH", member, {"nick": "Ally", "roles": []}).status,
        checked.call("PUT", f"{member}/roles/{role['id']}").status,
        checked.call("DELETE", f"{member}/roles/{role['id']}").status,
        checked.call("GET", f"{GUILD}/members?limit=1000").status,
        checked.call("GET", GUILD).status,
        checked.call("GET", f"{GUILD}/roles").status,
        checked.call("PATCH", f"{GUILD}/roles/{role['id']}", {"name": "Pilot"}).status,
        checked.call("GET", f"{GUILD}/roles/member-counts").status,
        checked.call("GET", f"{GUILD}/audit-logs").status,
        checked.call("DELETE", f"{GUILD}/roles/{role['id']}").status,
        checked.call("DELETE", member).status,
        checked.call("GET", f"/users/{person.id}").status,
        checked.call("GET", "/users/@me").status,
        checked.call("GET", "/applications/@me").status,
    ]
    assert statuses == [201, 204, 200, 200, 204, 204, 200, 200, 200, 200, 200, 200, 204, 204, 200, 200, 200]
    admin.ban("alice", reason="spam")
    assert checked.call("GET", f"{GUILD}/bans").status == 200


def test_a_persons_own_view_is_as_discord_describes_it(discord: Discord, description: Description) -> None:
    person = discord.admin.add_person("alice")
    checked = Checked(Bot(discord), description)
    bearer = f"Bearer {access_token(discord, person.id)}"
    assert checked.call("GET", "/users/@me", authorization=bearer).status == 200
    assert checked.call("GET", "/oauth2/@me", authorization=bearer).status == 200


def test_refusals_are_as_discord_describes_them(discord: Discord, description: Description) -> None:
    checked = Checked(Bot(discord), description)
    owner = f"{GUILD}/members/{discord.admin.state().owner_id}"
    assert checked.call("PATCH", owner, {"nick": "Boss"}).status == 403
    assert checked.call("PATCH", owner, {"nick": "x" * 33}).status == 400
    assert checked.call("GET", f"{GUILD}/members/77").status == 404
    assert checked.call("GET", "/guilds/77").status == 404
    while (said := checked.call("GET", owner)).status != 429:
        assert said.status == 200
    assert said.json["retry_after"] > 0
    assert CONFIG.guild_id not in said.headers["X-RateLimit-Bucket"]


def test_commands_are_registered_as_discord_describes_it(discord: Discord, description: Description) -> None:
    checked = Checked(Bot(discord), description)
    path = f"/applications/{CONFIG.app_id}/guilds/{CONFIG.guild_id}/commands"
    assert checked.call("PUT", path, list(COMMANDS)).status == 200
    assert checked.call("GET", path).status == 200
    discord.admin.world.interactions.send = endpoint
    url = "https://rolecall.test/discord/interactions"
    assert checked.call("PATCH", "/applications/@me", {"interactions_endpoint_url": url}).status == 200


def endpoint(_url: str, headers: Mapping[str, str], _body: bytes) -> tuple[int, bytes]:
    """Answers a PING, and refuses a wrong signature."""
    return (401, b"{}") if headers["X-Signature-Ed25519"] == "0" * 128 else (200, b'{"type": 1}')
