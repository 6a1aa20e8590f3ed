"""The machine-readable contract is valid, and agrees with what the code reads, writes and answers."""

import json
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.errors import BadMessage, LinkRefused, Reason
from chalicelib.linking.tokens import Purpose, read_token
from chalicelib.messages import Parts, read_job
from chalicelib.notices import Kind
from local.simulated import AUTH_SITE_SECRET, World
from tests.docs.pages import DOCS
from tests.linking.doors import Answer, Browser, Doors
from tests.members.support import crowd
from tools.reference.contract import NOW

REFERENCE = DOCS / "reference"
SCHEMAS = sorted(REFERENCE.glob("*.schema.json"))
OPENAPI = json.loads((REFERENCE / "openapi.json").read_text())
API_GATEWAYS_OWN = "application/json"  # the type of an answer that names none
Json = dict[str, Any]


def load(name: str) -> Json:
    found: Json = json.loads((REFERENCE / f"{name}.schema.json").read_text())
    return found


MESSAGE = Draft202012Validator(load("messages"))
NOTICE = Draft202012Validator(load("notices"))
CLAIMS = Draft202012Validator(load("token-claims"))


def test_the_routes_are_valid_openapi() -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(OPENAPI).iter_errors()] == []


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_a_schema_is_valid_and_so_are_its_examples(path: Path) -> None:
    schema = json.loads(path.read_text())
    Draft202012Validator.check_schema(schema)
    examples = [
        *schema.get("examples", []),
        *(one for each in schema["$defs"].values() for one in each.get("examples", [])),
    ]
    assert examples
    for example in examples:
        Draft202012Validator(schema).validate(example)


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_every_field_has_a_description(path: Path) -> None:
    kinds = json.loads(path.read_text())["$defs"]
    bare = [
        (kind, name) for kind, one in kinds.items() for name, field in one["properties"].items() if not described(field)
    ]
    assert bare == []


def described(field: Json) -> bool:
    return bool(field.get("description") or "const" in field)


def test_every_field_of_an_answer_has_a_description() -> None:
    fields = OPENAPI["components"]["schemas"]["LinkedAccount"]["properties"]
    assert [name for name, one in fields.items() if not described(one)] == []


def test_every_operation_has_a_summary_a_description_and_described_answers() -> None:
    for path, methods in OPENAPI["paths"].items():
        for operation in methods.values():
            assert operation["summary"], path
            assert operation["description"], path
            assert all(answer["description"] for answer in operation["responses"].values()), path


# --- messages -----------------------------------------------------------------------------------------------------

KINDS = sorted(load("messages")["discriminator"]["mapping"])
OPTIONAL: Json = {"groups": ["Member"], "nickname": None, "changed_at": int(NOW * 1000), "notify": True}
ABSENT = object()
ODD: tuple[Any, ...] = (
    ABSENT,
    None,
    True,
    0,
    -1,
    1.5,
    "",
    "x",
    "y" * 257,
    "z" * 1001,
    ["Member"],
    [1],
    ["z" * 1001],
    {},
    10**14 + 1,
)


def messages(kind: str) -> Iterator[Json]:
    """Messages of a kind with every choice of the other fields; then each with one field that is odd or absent."""
    for number in range(len(OPTIONAL) + 1):
        for names in combinations(OPTIONAL, number):
            message: Json = {"kind": kind, "user_id": "101", **{name: OPTIONAL[name] for name in names}}
            for name, value in product((*message, "unknown"), ODD):
                changed = message | {name: value}
                yield {one: each for one, each in changed.items() if each is not ABSENT}


def is_read(body: str) -> bool:
    try:
        read_job(body, now=NOW, own=False)
    except BadMessage:
        return False
    return True


@pytest.mark.parametrize("kind", [*KINDS, "repair", "update_nothing"])
def test_a_message_is_read_exactly_if_the_schema_allows_it(kind: str) -> None:
    read = {True: 0, False: 0}
    for message in messages(kind):
        allowed = MESSAGE.is_valid(message)
        assert is_read(json.dumps(message)) == allowed, message
        read[allowed] += 1
    assert read[False] > 100
    assert (read[True] > 100) == (kind in KINDS)


@pytest.mark.parametrize("kind", load("messages")["discriminator"]["mapping"])
def test_every_kind_of_message_has_an_example_that_is_read(kind: str) -> None:
    schema = load("messages")
    examples = schema["$defs"][schema["discriminator"]["mapping"][kind].rpartition("/")[2]]["examples"]
    assert examples
    for example in examples:
        job = read_job(json.dumps(example), now=NOW, own=False)
        assert msgspec.to_builtins(job)["kind"] == kind


# --- tokens -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("claims", load("token-claims")["examples"], ids=lambda claims: claims["purpose"])
def test_a_token_with_the_claims_of_an_example_holds(claims: Json) -> None:
    token = jwt.encode(claims, AUTH_SITE_SECRET, algorithm="HS256")
    assert read_token(token, Purpose(claims["purpose"]), secret=AUTH_SITE_SECRET, now=NOW).user_id == "101"


@pytest.mark.parametrize("claims", load("token-claims")["examples"], ids=lambda claims: claims["purpose"])
def test_a_token_without_a_claim_holds_exactly_if_the_schema_allows_it(claims: Json) -> None:
    for name in claims:
        fewer = {one: value for one, value in claims.items() if one != name}
        token = jwt.encode(fewer, AUTH_SITE_SECRET, algorithm="HS256")
        try:
            read_token(token, Purpose(claims["purpose"]), secret=AUTH_SITE_SECRET, now=NOW)
        except LinkRefused:
            assert not CLAIMS.is_valid(fewer), name
        else:
            assert CLAIMS.is_valid(fewer), name


# --- notices ------------------------------------------------------------------------------------------------------


def test_notices_are_as_the_schema_says() -> None:
    world = World({"DISCORD_EXPIRE_GRACE_DAYS": "1"})
    world.guild.create_role("Captain", position=99)  # above the bot's: nobody can be given it
    world.link("101", "kira", groups=["Captain"])
    world.guild.change_person("kira", username="kira.vex")
    world.sweep(Parts.USERNAME)
    world.run()
    world.guild.leave("kira.vex")
    world.site.post({"kind": "update_all", "user_id": "101"})
    world.run()
    world.site.delete("101", notify=True, grace_days=0)
    world.run()
    for user_id in crowd(world, 30, groups=["Pilot"], imported=False):
        world.site.delete(user_id)
    world.run()
    heard = world.site.notices()
    assert {one["kind"] for one in heard} == set(Kind)
    for notice in heard:
        NOTICE.validate(notice)
        assert set(notice) == set(load("notices")["$defs"]["Notice"]["properties"])


def test_the_schema_knows_every_kind_of_notice() -> None:
    assert load("notices")["$defs"]["Notice"]["properties"]["kind"]["enum"] == [str(one) for one in Kind]


# --- answers ------------------------------------------------------------------------------------------------------


def fits(answer: Answer, method: str, path: str) -> None:
    """The answer is one that the description foresees. Raises AssertionError, or jsonschema's ValidationError."""
    foreseen = OPENAPI["paths"][path][method.lower()]["responses"]
    assert str(answer.status) in foreseen, f"{method} {path} answered {answer.status}"
    described = foreseen[str(answer.status)]
    for header in described.get("headers", {}):
        assert header == "Set-Cookie" or header.lower() in answer.headers
    content = described.get("content", {})
    kind = answer.headers.get("content-type", API_GATEWAYS_OWN).partition(";")[0]
    if content:
        assert kind in content
    if kind == "application/json":
        schema = content[kind]["schema"] | {"components": OPENAPI["components"]}
        Draft202012Validator(schema).validate(json.loads(answer.body))


@pytest.mark.parametrize("way_back", ["", "https://auth.test/profile"])
def test_every_route_answers_as_its_description_says(way_back: str) -> None:
    world = World({"AUTH_SITE_URL": way_back})
    doors = Doors(world)
    browser = Browser(doors)
    fits(browser.link(world.site.token("101", "link")), "GET", "/discord/link")
    fits(browser.link("no token"), "GET", "/discord/link")
    fits(browser.link_as(world.site.token("101", "link", groups=["Member"]), "kira"), "GET", "/discord/callback")
    fits(browser.get("/discord/callback", state="unknown"), "GET", "/discord/callback")
    fits(browser.get("/discord/unlink", token=world.site.token("101", "unlink")), "GET", "/discord/unlink")
    fits(browser.get("/discord/unlink", token="no token"), "GET", "/discord/unlink")
    fits(browser.get("/discord/add_bot", token=world.site.token("101", "add_bot")), "GET", "/discord/add_bot")
    fits(browser.get("/health"), "GET", "/health")
    user = "/discord/users/{user_id}"
    answers = [read(doors, world, user_id) for user_id in ("101", "102", None)]
    assert [answer.status for answer in answers] == [200, 404, 401]
    for answer in answers:
        fits(answer, "GET", user)
    assert set(json.loads(answers[0].body)) == set(OPENAPI["components"]["schemas"]["LinkedAccount"]["properties"])
    fits(browser.post("/discord/unlink", token=world.site.token("101", "unlink")), "POST", "/discord/unlink")
    fits(browser.post("/discord/unlink", token="no token"), "POST", "/discord/unlink")


def read(doors: Doors, world: World, user_id: str | None) -> Answer:
    """The linked account of a user; None: with a token that does not hold."""
    token = world.site.token(user_id, "read") if user_id else "no token"
    headers = {"Authorization": f"Bearer {token}"}
    return doors.send(doors.event("GET", f"/discord/users/{user_id or '101'}", headers=headers))


def test_an_answer_that_is_not_described_is_noticed() -> None:
    with pytest.raises(AssertionError):
        fits(Answer(418, {}, ""), "GET", "/health")


def test_every_reason_is_foreseen_as_an_error() -> None:
    assert set(OPENAPI["components"]["schemas"]["Error"]["properties"]["error"]["enum"]) == {
        "not_linked",
        *map(str, Reason),
    }
