"""The routes: a table, and OpenAPI 3.1. What a route is for stands here; that none is forgotten, app.py says."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

import app
from chalicelib import VERSION
from chalicelib.errors import Reason
from chalicelib.linking.account import LinkedAccount
from chalicelib.linking.tokens import MAX_TOKEN, Purpose
from tools.reference.markdown import code, json_block, table

Json = dict[str, Any]
HTML = {"text/html": {"schema": {"type": "string"}}}
NOT_LINKED = "not_linked"
BACK = (
    "To `AUTH_SITE_URL` with `discord=` and, on failure, `reason=` in its query. Where the setting is empty, a page is "
    "answered instead."
)


@dataclass(frozen=True)
class Route:
    """One route. `answers`: OpenAPI's responses by status. `token`: the purpose of the token in its query."""

    summary: str
    about: str
    answers: Json
    token: Purpose | None = None
    parameters: list[Json] = field(default_factory=list)
    body: Json | None = None
    bearer: bool = False


def _redirect(about: str, *, headers: Json | None = None) -> Json:
    location = {"description": "Where to go on.", "schema": {"type": "string", "format": "uri"}}
    return {"description": about, "headers": {"Location": location} | (headers or {})}


def _refusals() -> Json:
    """How a route for people answers where it cannot serve."""
    return {
        "400": {"description": "Refused, where AUTH_SITE_URL is empty: a page with the reason.", "content": HTML},
        "500": {"description": "A setting is missing or wrong: a page.", "content": HTML},
    }


def _json(about: str, schema: str) -> Json:
    return {"description": about, "content": {"application/json": {"schema": _ref(schema)}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _query(name: str, about: str) -> Json:
    return {"name": name, "in": "query", "description": about, "schema": {"type": "string"}}


TOKEN = {"type": "string", "format": "jwt", "maxLength": MAX_TOKEN}
COOKIE = {"description": "Binds the attempt to this browser.", "schema": {"type": "string"}}
ROUTES: dict[tuple[str, str], Route] = {
    ("GET", "/discord/link"): Route(
        "Start to link",
        "Checks the token, uses it up, and sends the person to Discord. Afterwards they are back at the auth site.",
        {"302": _redirect("To Discord's page; or back, on failure.", headers={"Set-Cookie": COOKIE}), **_refusals()},
        token=Purpose.LINK,
    ),
    ("GET", "/discord/callback"): Route(
        "Finish to link",
        "Where Discord sends the person back to. Not for auth sites.",
        {
            "302": _redirect(BACK),
            "200": {"description": "Linked, where AUTH_SITE_URL is empty: a page.", "content": HTML},
            **_refusals(),
        },
        parameters=[
            _query("code", "Discord's code."),
            _query("state", "The attempt's state."),
            _query("error", "Discord's error, where it has no code."),
            {
                "name": "rolecall_attempt_…",
                "in": "cookie",
                "description": "The cookie that `/discord/link` has set.",
                "schema": {"type": "string"},
            },
        ],
    ),
    ("GET", "/discord/unlink"): Route(
        "Ask whether to unlink",
        "A page that asks before anything is done. It does not use the token up.",
        {"200": {"description": "The page.", "content": HTML}, "302": _redirect(BACK), **_refusals()},
        token=Purpose.UNLINK,
    ),
    ("POST", "/discord/unlink"): Route(
        "Unlink",
        "Removes the member from the server and deletes the link; the token comes in a form or in JSON. What Discord "
        "cannot do now follows by itself.",
        {
            "302": _redirect(BACK),
            "200": {"description": "Unlinked, where AUTH_SITE_URL is empty: a page.", "content": HTML},
            **_refusals(),
        },
        body={
            kind: {"schema": {"type": "object", "properties": {"token": TOKEN}, "required": ["token"]}}
            for kind in ("application/x-www-form-urlencoded", "application/json")
        },
    ),
    ("GET", "/discord/add_bot"): Route(
        "Add the bot",
        "Sends the server's owner to Discord's page that adds the bot, with the least permissions that it needs.",
        {"302": _redirect("To Discord's page; or back, on failure."), **_refusals()},
        token=Purpose.ADD_BOT,
    ),
    ("GET", "/discord/users/{user_id}"): Route(
        "Read the linked account",
        "The linked account of the user whom the token (purpose `read`, in the header Authorization) names. 404 "
        "without a link.",
        {
            "200": _json("The account.", "LinkedAccount"),
            "401": _json("The token does not hold, or is another user's.", "Error"),
            "404": _json("The user has no link.", "Error"),
            "500": _json("A setting is missing or wrong.", "Error"),
        },
        parameters=[
            {
                "name": "user_id",
                "in": "path",
                "required": True,
                "description": "The user's id on the auth site; the same as the token's `sub`.",
                "schema": {"type": "string"},
                "example": "101",
            }
        ],
        bearer=True,
    ),
    ("GET", "/discord/me"): Route(
        "Show the member's own page",
        "My Discord: which roles the user has and which group gives each, what is waiting, what could not be done. A "
        "token opens a session of 15 minutes in a cookie and is used up; the page itself has no token in its address.",
        {
            "302": _redirect(
                "To the same address without the token; or back, on failure or without a session.",
                headers={"Set-Cookie": {"description": "The session.", "schema": {"type": "string"}}},
            ),
            "200": {"description": "The page, in English or German.", "content": HTML},
            **_refusals(),
        },
        token=Purpose.ME,
    ),
    ("POST", "/discord/me"): Route(
        "Press a button of the member's own page",
        "Refreshes the member (once a minute), starts to link another account, or unlinks. Not for auth sites: it "
        "needs the session's cookie, and the value that its page carries.",
        {"302": _redirect("To the page, to Discord, or back to the auth site."), **_refusals()},
        body={
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "csrf": {"type": "string"},
                        "action": {"type": "string", "enum": ["refresh", "other", "unlink"]},
                    },
                    "required": ["csrf", "action"],
                }
            }
        },
    ),
    ("GET", "/discord/admin"): Route(
        "Show the officers' page",
        "Whether all is well, what needs a hand, why a member has what they have, which role stands for which group, "
        "and what was done. The token's `name` stands in the audit trail; it opens a session of an hour and is used "
        "up. Sign such tokens for people who may take roles from everybody, and for nobody else.",
        {
            "302": _redirect(
                "To the same address without the token; or back, on failure or without a session.",
                headers={"Set-Cookie": {"description": "The session.", "schema": {"type": "string"}}},
            ),
            "200": {"description": "The page.", "content": HTML},
            **_refusals(),
        },
        token=Purpose.ADMIN,
        parameters=[_query("member", "Whom to explain: the user's id, a Discord id, or a username.")],
    ),
    ("POST", "/discord/admin"): Route(
        "Press a button of the officers' page",
        "Releases or drops what is withheld, or starts a sweep. Not for auth sites: it needs the session's cookie, and "
        "the values that its page carries.",
        {"302": _redirect("To the page; or back, without a session."), **_refusals()},
        body={
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "csrf": {"type": "string"},
                        "action": {"type": "string", "enum": ["release", "drop", "sweep"]},
                        "which": {"type": "string"},
                        "shown": {"type": "string"},
                    },
                    "required": ["csrf", "action"],
                }
            }
        },
    ),
    ("POST", "/discord/interactions"): Route(
        "Answer a slash command",
        "Discord's interactions endpoint, for Discord alone: the body must bear its Ed25519 signature "
        "(`X-Signature-Ed25519` over `X-Signature-Timestamp` and body), be less than a minute old, and not have been "
        "received before. Not for auth sites.",
        {
            "200": {
                "description": "Discord's interaction response.",
                "content": {"application/json": {"schema": {"type": "object"}}},
            },
            "400": _json("The body is no interaction.", "Error"),
            "401": _json("The signature does not hold, is too old, or was used before.", "Error"),
            "404": _json("`DISCORD_PUBLIC_KEY` is not set: there are no commands.", "Error"),
            "413": _json("The body is larger than 64 KB.", "Error"),
            "500": _json("A setting is missing or wrong.", "Error"),
        },
        body={"application/json": {"schema": {"type": "object"}}},
    ),
    ("GET", "/health"): Route(
        "Is it alive",
        "Answers without touching anything.",
        {"200": _json("It is.", "Health")},
    ),
}


def openapi() -> Json:
    """The whole description. Raises LookupError for a route of app.py that has none here, or the other way round."""
    paths: Json = {}
    for method, path in _declared():
        paths.setdefault(path, {})[method.lower()] = _operation(method, path, ROUTES[method, path])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rolecall",
            "version": VERSION,
            "summary": "Links Discord accounts to the users of an auth site.",
            "description": "The routes of an auth site's contract with Rolecall. Messages and notices go by SQS: see "
            "messages.schema.json and notices.schema.json. Each path answers with a slash at its end, too.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [
            {
                "url": "https://{api}.execute-api.{region}.amazonaws.com/api",
                "description": "What `make deploy` prints; or a domain of your own.",
                "variables": {"api": {"default": "a1b2c3d4e5"}, "region": {"default": "eu-central-1"}},
            }
        ],
        "paths": paths,
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "A token of the purpose `read`: see token-claims.schema.json.",
                }
            },
        },
    }


def routes() -> str:
    """A table of the routes."""
    rows = [(code(f"{method} {path}{_shown(one)}"), one.about) for (method, path), one in _described()]
    return table(("route", "what it does"), rows)


def account() -> str:
    """The linked account: its fields, and an example."""
    fields = openapi()["components"]["schemas"]["LinkedAccount"]["properties"]
    rows = [(code(name), one["description"]) for name, one in fields.items()]
    return f"{table(('field', 'meaning'), rows)}\n\n{json_block(account_example())}"


def account_example() -> Json:
    """A linked account as it is answered."""
    fields = openapi()["components"]["schemas"]["LinkedAccount"]["properties"]
    return {name: one.get("examples", [None])[0] for name, one in fields.items()}


def _declared() -> list[tuple[str, str]]:
    """The routes of app.py in their order."""
    found = [(method, path) for path, methods in app.app.routes.items() for method in methods]
    if set(found) != set(ROUTES):
        raise LookupError(f"tools/reference/http.py and app.py differ in {sorted(set(found) ^ set(ROUTES))}")
    return found


def _described() -> list[tuple[tuple[str, str], Route]]:
    return [(one, ROUTES[one]) for one in _declared()]


def _shown(route: Route) -> str:
    return "?token=…" if route.token else ""


def _operation(method: str, path: str, route: Route) -> Json:
    operation: Json = {
        "operationId": app.app.routes[path][method].view_name,
        "summary": route.summary,
        "description": route.about,
        "responses": dict(sorted(route.answers.items())),
    }
    parameters = list(route.parameters)
    if route.token:
        about = f"A token of the purpose `{route.token}`: see token-claims.schema.json."
        parameters.append({"name": "token", "in": "query", "required": True, "description": about, "schema": TOKEN})
    if parameters:
        operation["parameters"] = parameters
    if route.body:
        operation["requestBody"] = {"required": True, "content": route.body}
    if route.bearer:
        operation["security"] = [{"token": []}]
    return operation


def _schemas() -> Json:
    _, found = msgspec.json.schema_components([LinkedAccount], ref_template="#/components/schemas/{name}")
    example = {name: one.get("examples", [None])[0] for name, one in found["LinkedAccount"]["properties"].items()}
    found["LinkedAccount"]["examples"] = [example]
    errors = [NOT_LINKED, *(str(one) for one in Reason)]
    return {
        **found,
        "Error": {
            "type": "object",
            "description": "Why the request was refused.",
            "properties": {"error": {"type": "string", "enum": errors}},
            "required": ["error"],
            "examples": [{"error": NOT_LINKED}],
        },
        "Health": {
            "type": "object",
            "properties": {"status": {"const": "ok"}, "version": {"type": "string", "examples": [VERSION]}},
            "required": ["status", "version"],
        },
    }
