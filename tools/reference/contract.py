"""Tokens, messages and notices: their tables, examples and JSON Schemas, from the types that read and write them."""

import json
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from chalicelib.errors import Reason
from chalicelib.linking.tokens import Claims, Purpose
from chalicelib.members.removal_limit import hold_reason
from chalicelib.messages import UserJob
from chalicelib.notices import Kind, Notice, Notices, Unlinked
from chalicelib.problems import SENTENCES, ProblemKind
from chalicelib.queues import Queues
from chalicelib.web.outcomes import ENGLISH
from tools.reference.markdown import code, json_block, sentence, table

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
NOW = 1767225600.0  # of the examples: the first second of 2026
ACCOUNT = 80351110224678912  # a Discord id, of the examples
STATEMENT = ("groups", "nickname", "changed_at")  # what a link token states of its user
PURPOSES = {
    Purpose.LINK: ("link a Discord account", "`GET /discord/link`"),
    Purpose.UNLINK: ("unlink it", "`GET /discord/unlink`, `POST /discord/unlink`"),
    Purpose.ME: ("see how they stand on Discord: open a session of 15 minutes", "`GET /discord/me`"),
    Purpose.ADMIN: ("look after the server: open an officer's session of an hour", "`GET /discord/admin`"),
    Purpose.READ: ("read what is linked", "`GET /discord/users/{user_id}`"),
    Purpose.ADD_BOT: ("add the bot to the server", "`GET /discord/add_bot`"),
}
REASONS = {  # of the kinds of notices that have any
    Kind.UNLINKED: ", ".join(code(one) for one in Unlinked),
    Kind.SYNC_FAILED: "[what is in the way](#problems)",
    Kind.REMOVALS_HELD: "how many, and where to look",
}


# --- tokens -------------------------------------------------------------------------------------------------------


def claims_schema() -> Schema:
    """The claims of a token, of any purpose."""
    schema = _schema(Claims, "TokenClaims", "What an auth site signs as a JWT, by HS256 with AUTH_SITE_SECRET.")
    claims = schema["$defs"]["Claims"]
    claims["properties"]["purpose"]["enum"] = [str(one) for one in Purpose]
    claims["if"] = {"properties": {"purpose": {"const": str(Purpose.LINK)}}, "required": ["purpose"]}
    claims["then"] = {"dependentRequired": {name: [one for one in STATEMENT if one != name] for name in STATEMENT}}
    schema["examples"] = [claims_of(purpose) for purpose in Purpose]
    return schema


def claims() -> str:
    """A table of the claims."""
    schema = claims_schema()["$defs"]["Claims"]
    needed = dict.fromkeys(schema["required"], "always") | dict.fromkeys(STATEMENT, "all three or none")
    return _fields(schema, {name: needed.get(name, "no") for name in schema["properties"]})


def purposes() -> str:
    """A table of the purposes. Raises LookupError for one that nobody has described."""
    rows = [(code(one), *PURPOSES[one]) for one in Purpose]
    return table(("purpose", "allows to", "used at"), rows)


def claims_of(purpose: Purpose) -> Schema:
    """Claims as an auth site signs them."""
    properties = msgspec.json.schema(Claims)["$defs"]["Claims"]["properties"]
    names = ["sub", "purpose", "iat", "exp", "jti", *(STATEMENT if purpose is Purpose.LINK else ())]
    return {name: properties[name]["examples"][0] for name in names} | {"purpose": str(purpose)}


def claims_example() -> str:
    """The claims of a link token."""
    return json_block(claims_of(Purpose.LINK))


def reasons() -> str:
    """A table of the reasons, with the words that a person reads."""
    return table(("reason", "what a person reads", "and is told to do"), [(code(one), *ENGLISH[one]) for one in Reason])


# --- messages -----------------------------------------------------------------------------------------------------


def messages_schema() -> Schema:
    """The messages that an auth site sends."""
    schema = _schema(UserJob, "Message", "One JSON object in the queue rolecall-<stage>-jobs, at most 64 KiB.")
    for kind in schema["$defs"].values():
        stated = [name for name in ("groups", "nickname") if name in kind["properties"]]
        if stated:  # as `_check_stamp` of chalicelib/messages.py has it
            kind["dependentRequired"] = {name: ["changed_at"] for name in stated}
            kind["dependentSchemas"] = {"changed_at": {"anyOf": [{"required": [name]} for name in stated]}}
        kind["examples"] = message_examples(kind)
    return schema


def message_examples(schema: Schema) -> list[Schema]:
    """Of one kind: a message with every field; one without those that may be absent, where that says something else."""
    properties = schema["properties"]
    whole = {name: _example(one) for name, one in properties.items()}
    bare = {name: whole[name] for name in schema["required"]}
    return [whole] if bare == whole or "notify" in whole else [whole, bare]


def messages() -> str:
    """A table of the kinds."""
    rows = []
    for kind in messages_schema()["$defs"].values():
        properties = kind["properties"]
        fields = ", ".join(code(name) for name in properties if name not in ("kind", "user_id"))
        rows.append((code(properties["kind"]["const"]), fields, sentence(kind["description"])))
    return table(("kind", "fields besides `user_id`", "what Rolecall does"), rows)


def message_fields() -> str:
    """A table of all fields of all kinds."""
    fields: dict[str, Schema] = {}
    for kind in messages_schema()["$defs"].values():
        fields |= kind["properties"]
    fields["kind"] = {"type": "string", "description": "Which kind of message this is: see the table above."}
    needed = {name: "always" if name in ("kind", "user_id") else "no" for name in fields}
    return _fields({"properties": fields}, needed)


def messages_in_full() -> str:
    """An example or two of each kind."""
    return _blocks(one for kind in messages_schema()["$defs"].values() for one in kind["examples"])


# --- notices ------------------------------------------------------------------------------------------------------


def notices_schema() -> Schema:
    """The notices that an auth site reads."""
    schema = _schema(Notice, "Notice", "One JSON object in the queue rolecall-<stage>-notices.")
    notice = schema["$defs"]["Notice"]
    notice["properties"]["kind"] = {
        "description": "What happened. Kinds may be added: ignore one that you do not know.",
        "type": "string",
        "enum": [str(one) for one in Kind],
    }
    del schema["$defs"]["Kind"]
    notice["if"] = {"properties": {"kind": {"const": str(Kind.UNLINKED)}}}
    notice["then"] = {"properties": {"reason": {"enum": [str(one) for one in Unlinked]}}}
    notice["examples"] = notice_examples()
    return schema


def notices() -> str:
    """A table of the kinds."""
    rows = [(code(one), sentence(getattr(Notices, one).__doc__ or ""), REASONS.get(one, "")) for one in Kind]
    return table(("kind", "what happened", "`reason`"), rows)


def problems() -> str:
    """A table of the problems that are told by a code of their own; all others are told in words."""
    rows = [(code(one), sentence(SENTENCES[one])) for one in ProblemKind if one in SENTENCES]
    return table(("code", "what is in the way"), rows)


def notice_fields() -> str:
    """A table of the fields."""
    schema = notices_schema()["$defs"]["Notice"]
    return _fields(schema, dict.fromkeys(schema["properties"], "always"))


def notice_examples() -> list[Schema]:
    """One of each kind, as Rolecall writes it."""
    written: list[bytes] = []
    said = Notices(cast(Queues, SimpleNamespace(notice=written.append)))
    said.linked("101", ACCOUNT, "@kira", now=NOW)
    said.unlinked("101", ACCOUNT, "@kira", Unlinked.LEFT_SERVER, now=NOW)
    said.absent("101", ACCOUNT, "@kira", now=NOW)
    said.username_changed("101", ACCOUNT, "@kira_v", now=NOW)
    said.sync_failed("101", ACCOUNT, "@kira", "nickname_not_permitted", now=NOW)
    said.removals_held(hold_reason(40, 200), now=NOW)
    examples = [json.loads(one) for one in written]
    if {one["kind"] for one in examples} != set(Kind):
        raise LookupError("tools/reference/contract.py: a kind of notice has no example")
    return examples


def notices_in_full() -> str:
    """An example of each kind."""
    return _blocks(notice_examples())


# --- both ---------------------------------------------------------------------------------------------------------


def _schema(kind: Any, title: str, description: str) -> Schema:  # noqa: ANN401 - any type that msgspec knows
    """The JSON Schema of a type, with the dialect, a title, and `const` where only one value is possible."""
    found = msgspec.json.schema(kind)
    if "anyOf" in found:
        found["oneOf"] = found.pop("anyOf")
    for one in found["$defs"].values():
        for field in one.get("properties", {}).values():
            if len(field.get("enum", ())) == 1:
                (field["const"],) = field.pop("enum")
            if field.get("anyOf") == [{"type": "integer"}, {"type": "number"}]:  # every integer is a number
                field["type"] = "number"
                del field["anyOf"]
    return {"$schema": DIALECT, "title": title, "description": description, **found}


def _fields(schema: Schema, needed: dict[str, str]) -> str:
    rows = [
        (code(name), _type(one), needed[name], one.get("description", "")) for name, one in schema["properties"].items()
    ]
    return table(("field", "type", "needed", "meaning"), rows)


def _type(schema: Schema) -> str:
    """The type in a word or two."""
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}s"
    return {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false"}.get(
        schema.get("type", "string"), str(schema.get("type"))
    )


def _example(schema: Schema) -> Any:  # noqa: ANN401 - any JSON
    return schema["const"] if "const" in schema else schema["examples"][0]


def _blocks(examples: Any) -> str:  # noqa: ANN401 - any iterable of JSON
    return "\n\n".join(json_block(one) for one in examples)
