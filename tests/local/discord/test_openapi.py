"""Requests and answers held against Discord's own OpenAPI description of v10, where a copy lies beside the project."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.discord.config import BAN_MEMBERS, LEAST_PERMISSIONS, VIEW_AUDIT_LOG
from local.discord.core import Discord
from tests.local.discord.support import CONFIG, GUILD, Bot, Said, access_token

DESCRIPTION = Path(__file__).parents[4] / "shared" / "discord-openapi.json"


@pytest.fixture(scope="module")
def description() -> dict[str, Any]:
    if not DESCRIPTION.exists():
        pytest.skip("Discord's OpenAPI description is not at hand (../shared/discord-openapi.json)")
    described: dict[str, Any] = json.loads(DESCRIPTION.read_text())
    return described


class Checked:
    """A bot whose every request and answer is checked."""

    def __init__(self, bot: Bot, description: dict[str, Any]) -> None:
        self._bot = bot
        self._description = description
        self._jsonschema = pytest.importorskip("jsonschema")

    def call(self, method: str, path: str, body: object = None, template: str = "", **headers: str) -> Said:
        said = self._bot.call(method, path, body, **headers)
        operation = self._description["paths"][template or _template(path)][method.lower()]
        if body is not None and said.status < 400:
            self._check(body, operation["requestBody"]["content"]["application/json"]["schema"])
        response = self._response(operation, said.status)
        if said.status == 204:
            assert said.raw.body == b""
        else:
            self._check(said.json, response["content"]["application/json"]["schema"])
        return said

    def _response(self, operation: dict[str, Any], status: int) -> dict[str, Any]:
        responses = operation["responses"]
        found = responses.get(str(status)) or responses[f"{status // 100}XX"]
        if "$ref" in found:
            return dict(self._description["components"]["responses"][found["$ref"].rpartition("/")[2]])
        return dict(found)

    def _check(self, value: object, schema: dict[str, Any]) -> None:
        whole = {**schema, "components": _lenient(self._description["components"])}
        self._jsonschema.Draft202012Validator(whole).validate(value)


def _lenient(components: dict[str, Any]) -> dict[str, Any]:
    """The description, but for the codes of single fields.

    It says that they are integers; in Discord's reference and answers they are words ("BASE_TYPE_BAD_LENGTH").
    """
    field_errors = {"type": "array", "items": {"type": "object", "required": ["code", "message"]}}
    inner: dict[str, Any] = {"type": "object", "properties": {"_errors": field_errors}, "required": ["_errors"]}
    inner["additionalProperties"] = False
    return {**components, "schemas": {**components["schemas"], "InnerErrors": inner}}


def _template(path: str) -> str:
    steps = path.partition("?")[0].split("/")
    for place, name in enumerate(steps[:-1], start=1):
        kind = {"guilds": "{guild_id}", "members": "{user_id}", "roles": "{role_id}", "users": "{user_id}"}.get(name)
        if kind and steps[place].isdigit():
            steps[place] = kind
    return "/".join(steps)


def test_requests_and_answers_are_as_discord_describes_them(discord: Discord, description: dict[str, Any]) -> None:
    backstage = discord.backstage
    backstage.turn(bot_permissions=LEAST_PERMISSIONS | VIEW_AUDIT_LOG | BAN_MEMBERS, rate_limits=False)
    checked = Checked(Bot(discord), description)
    backstage.create_role("Booster", managed=True, tags={"premium_subscriber": None})
    role = checked.call("POST", f"{GUILD}/roles", {"name": "Member"}, x_audit_log_reason="why").json
    person = backstage.add_person("alice", global_name="Alice")
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
    backstage.ban("alice", reason="spam")
    assert checked.call("GET", f"{GUILD}/bans").status == 200


def test_a_persons_own_view_is_as_discord_describes_it(discord: Discord, description: dict[str, Any]) -> None:
    person = discord.backstage.add_person("alice")
    checked = Checked(Bot(discord), description)
    bearer = f"Bearer {access_token(discord, person.id)}"
    assert checked.call("GET", "/users/@me", authorization=bearer).status == 200
    assert checked.call("GET", "/oauth2/@me", authorization=bearer).status == 200


def test_refusals_are_as_discord_describes_them(discord: Discord, description: dict[str, Any]) -> None:
    checked = Checked(Bot(discord), description)
    owner = f"{GUILD}/members/{discord.backstage.state().owner_id}"
    assert checked.call("PATCH", owner, {"nick": "Boss"}).status == 403
    assert checked.call("PATCH", owner, {"nick": "x" * 33}).status == 400
    assert checked.call("GET", f"{GUILD}/members/77").status == 404
    assert checked.call("GET", "/guilds/77").status == 404
    while (said := checked.call("GET", owner)).status != 429:
        assert said.status == 200
    assert said.json["retry_after"] > 0
    assert CONFIG.guild_id not in said.headers["X-RateLimit-Bucket"]
