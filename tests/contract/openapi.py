"""Discord's own OpenAPI description of v10, where a copy lies beside the project: requests and answers held against it.

The copy is Discord's (MIT) and no part of the project: github.com/discord/discord-api-spec, `specs/openapi.json`.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from jsonschema import Draft202012Validator

AT = Path(__file__).parents[3] / "shared" / "discord-openapi.json"
MISSING = "Discord's OpenAPI description is not at hand (../shared/discord-openapi.json)"
PARENTS = {
    "applications": "{application_id}",
    "guilds": "{guild_id}",
    "members": "{user_id}",
    "roles": "{role_id}",
    "users": "{user_id}",
}


class Description:
    """The description; skips the test that asks for it where there is none."""

    def __init__(self) -> None:
        if not AT.exists():
            pytest.skip(MISSING)
        self._described: dict[str, Any] = json.loads(AT.read_text())

    def operation(self, method: str, path: str) -> dict[str, Any]:
        """What is said of requests of this kind; `path` stands below `/api/v10`. Raises KeyError: Discord has none."""
        found: dict[str, Any] = self._described["paths"][template(path)]
        return {"parameters": found.get("parameters", []), **found[method.lower()]}

    def check_request(self, method: str, path: str, body: object = None) -> None:
        """The route is Discord's, its query parameters are known, its body is as described."""
        operation = self.operation(method, path)
        known = {one["name"]: one["schema"] for one in operation["parameters"] if one["in"] == "query"}
        for name, value in parse_qsl(urlsplit(path).query):
            self.check(int(value) if known[name].get("type") == "integer" else value, known[name])
        if body is None:
            assert not operation.get("requestBody", {}).get("required"), f"{method} {path} needs a body"
        else:
            self.check(body, operation["requestBody"]["content"]["application/json"]["schema"])

    def check_answer(self, method: str, path: str, status: int, body: bytes) -> None:
        """The status is one that Discord gives, and the body as described for it."""
        responses = self.operation(method, path)["responses"]
        found = responses.get(str(status)) or responses[f"{status // 100}XX"]
        if "$ref" in found:
            found = self._described["components"]["responses"][found["$ref"].rpartition("/")[2]]
        if "content" not in found:
            assert body == b""
        else:
            self.check(json.loads(body), found["content"]["application/json"]["schema"])

    def check(self, value: object, schema: dict[str, Any]) -> None:
        """The value is as the schema says."""
        Draft202012Validator({**schema, "components": self._lenient}).validate(value)

    @cached_property
    def _lenient(self) -> dict[str, Any]:
        """The components, but for two points in which Discord's reference and answers say otherwise.

        The codes of single fields are words there ("BASE_TYPE_BAD_LENGTH"), here integers. A role's permissions are
        sent as a string there ("bitwise value"), here as an integer.
        """
        components: dict[str, Any] = self._described["components"]
        schemas = dict(components["schemas"])
        field_errors = {"type": "array", "items": {"type": "object", "required": ["code", "message"]}}
        inner: dict[str, Any] = {"type": "object", "properties": {"_errors": field_errors}, "required": ["_errors"]}
        schemas["InnerErrors"] = inner | {"additionalProperties": False}
        for name, schema in schemas.items():
            properties = schema.get("properties", {})
            if properties.get("permissions", {}).get("type") == ["integer", "null"]:
                permissions = {"permissions": {"type": ["integer", "string", "null"], "pattern": "^[0-9]+$"}}
                schemas[name] = schema | {"properties": properties | permissions}
        return {**components, "schemas": schemas}


def template(path: str) -> str:
    """The path as the description names it: `/guilds/{guild_id}/members/{user_id}`."""
    steps = path.partition("?")[0].split("/")
    for place, name in enumerate(steps[:-1], start=1):
        if name in PARENTS and steps[place].isdigit():
            steps[place] = PARENTS[name]
    return "/".join(steps)
