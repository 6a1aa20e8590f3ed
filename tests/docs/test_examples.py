"""Every example of the documentation works: it is run, or looked at by what would read it."""

import json
import re
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import jwt
import pytest
from jsonschema import Draft202012Validator, ValidationError

from chalicelib.errors import BadMessage
from chalicelib.linking.tokens import Purpose, read_token
from chalicelib.messages import read_job
from local.simulated import AUTH_SITE_SECRET, World
from tests.docs import shell
from tests.docs.pages import DOCS, PAGES, Fence, code_spans, fences, name_of
from tests.docs.test_contract import CLAIMS, MESSAGE, NOTICE, OPENAPI
from tools.reference import logs
from tools.reference.contract import NOW

LANGUAGES = {"sh", "python", "php", "json", "ini", "text", ""}  # without one: pictures, and queries of AWS's console
GUIDE = DOCS / "how-to" / "integrate-your-auth-site.md"
RECIPES = DOCS / "how-to" / "write-your-auth-sites-half.md"  # run by tests/local/conformance
TUTORIAL = DOCS / "tutorial.md"
COMMAND = re.compile(r"(?:make [a-z]|python -m |python manage|\.venv/bin/)")
KINDS = json.loads((DOCS / "reference" / "messages.schema.json").read_text())["discriminator"]["mapping"]
ACCOUNT = Draft202012Validator({"$ref": "#/components/schemas/LinkedAccount", "components": OPENAPI["components"]})


def test_every_example_is_of_a_language_that_is_checked() -> None:
    assert {str(fence): fence.language for fence in fences() if fence.language not in LANGUAGES} == {}


# --- shell --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fence", fences("sh"), ids=str)
def test_commands_exist_and_are_typed_rightly(fence: Fence) -> None:
    assert shell.check(fence.text)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_commands_within_a_line_exist_and_are_typed_rightly(page: Path) -> None:
    for span in code_spans(page):
        if COMMAND.match(span) and "…" not in span:
            shell.check(span)


def test_commands_in_a_commands_own_help_are_typed_rightly() -> None:
    lines = [
        line for fence in fences("text") for line in fence.text.splitlines() if line.startswith("  python -m ops ")
    ]
    assert len(lines) > 5
    for line in lines:
        shell.check(line.strip().partition("   ")[0])  # behind it stands what it does


@pytest.mark.parametrize(
    "text",
    [
        "make tea",
        "make deploy STAGE=prod MAIL=a@b",
        "python -m ops doctor --everything",
        "python -m ops sweep\npython -m ops swep",
        "python -m opps doctor",
        "python manage.py rolecall_move_away",
        "aws s3 ls | frobnicate",
        ".venv/bin/chalice invoke --stages prod",
        "python -m ops --stage 'prod",
    ],
)
def test_a_command_that_cannot_be_typed_like_this_is_noticed(text: str) -> None:
    with pytest.raises(shell.Wrong):
        shell.check(text)


def test_a_text_is_split_as_a_shell_does() -> None:
    text = "echo 'a\nb' \\\n  c | tee d > e   # f\nmysql <<'SQL'\nmake tea;\nSQL\nmake test && make check\n"
    assert list(shell.simple_commands(text)) == [
        ["echo", "a\nb", "c"],
        ["tee", "d"],
        ["mysql"],
        ["make", "test"],
        ["make", "check"],
    ]


def test_the_tutorials_token_is_one_that_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = [
        shlex.split(line)[2]
        for fence in fences("sh")
        if fence.page == TUTORIAL
        for line in shell.logical_lines(fence.text)
        if " -c " in line
    ]
    monkeypatch.setattr("getpass.getpass", lambda _prompt: AUTH_SITE_SECRET)
    exec(program, {})  # noqa: S102 - the tutorial's own text
    text = capsys.readouterr().out.strip()
    issued = jwt.decode(text, options={"verify_signature": False})["iat"]
    token = read_token(text, Purpose.LINK, secret=AUTH_SITE_SECRET, now=issued)
    assert (token.user_id, token.groups) == ("1", ("Member",))


# --- what AWS's programs read ---------------------------------------------------------------------------------------


def test_botocore_takes_its_credentials_from_the_tutorials_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (profile,) = fences("ini")
    (tmp_path / "config").write_text(profile.text)
    given = {"Version": 1, "AccessKeyId": "temporary", "SecretAccessKey": "hidden", "SessionToken": "token"}
    program = tmp_path / "aws"  # the command line, which is not installed everywhere
    program.write_text(f"#!/bin/sh\necho $* > {tmp_path}/asked\necho '{json.dumps(given)}'\n")
    program.chmod(0o700)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setenv("AWS_PROFILE", exported("AWS_PROFILE"))
    session = botocore.session.get_session()
    found = session.get_credentials()
    assert found is not None
    assert (found.access_key, session.get_config_variable("region")) == ("temporary", "eu-central-1")
    assert f"--profile {signed_in_as()} " in (tmp_path / "asked").read_text()


def tutorials_commands() -> list[list[str]]:
    return [words for fence in fences("sh") if fence.page == TUTORIAL for words in shell.simple_commands(fence.text)]


def exported(variable: str) -> str:
    """The value that the tutorial lets a person export."""
    return next(w[1].partition("=")[2] for w in tutorials_commands() if w[0] == "export" and w[1].startswith(variable))


def signed_in_as() -> str:
    """The profile with which the tutorial lets a person sign in."""
    return next(words[-1] for words in tutorials_commands() if words[:2] == ["aws", "login"])


def test_a_query_of_the_logs_asks_for_fields_that_are_written() -> None:
    (query,) = [fence.text for fence in fences("") if fence.text.startswith("fields ")]
    asked = {name.strip() for name in query.splitlines()[0].removeprefix("fields ").split(",")}
    written = set(re.findall(r"`(\w+)`", logs.events())) | {"trace", "event", "level"}
    assert {name for name in asked if not name.startswith("@")} <= written


# --- JSON ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fence", fences("json"), ids=str)
def test_json_is_what_the_contract_allows(fence: Fence) -> None:
    check_json(json.loads(fence.text))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_json_within_a_line_is_what_the_contract_allows(page: Path) -> None:
    for span in code_spans(page):
        if span.startswith('{"'):
            check_json(json.loads(span))


def check_json(value: dict[str, Any]) -> None:
    """A message, a notice, a token's claims, a linked account or a task's options. Raises where it is none."""
    if value.get("kind") in KINDS:
        read_job(json.dumps(value), now=NOW, own=False)
        MESSAGE.validate(value)
    elif "kind" in value:
        NOTICE.validate(value)
    elif "purpose" in value:
        CLAIMS.validate(value)
    elif "server_name" in value:
        ACCOUNT.validate(value)
    else:
        assert value in ({"dry_run": True}, {"force": True})


@pytest.mark.parametrize(
    "value", [{}, {"kind": "update_groups"}, {"kind": "left"}, {"purpose": "x"}, {"server_name": 1}]
)
def test_json_that_the_contract_does_not_allow_is_noticed(value: dict[str, Any]) -> None:
    with pytest.raises((AssertionError, BadMessage, ValidationError)):
        check_json(value)


# --- Python -------------------------------------------------------------------------------------------------------


def test_python_stands_only_where_it_is_run() -> None:
    assert {fence.page for fence in fences("python", "php")} == {GUIDE, RECIPES}


class Heard(Exception):
    """Ends the example's loop, which runs for ever."""


@pytest.fixture
def auth_site(world: World) -> dict[str, Any]:
    """What the guide's examples define, with this world's queues in the place of AWS's."""
    names: dict[str, Any] = {"sqs_of_this_world": world.sqs}
    for fence in [one for one in fences("python") if one.page == GUIDE]:
        example = fence.text.replace('boto3.client("sqs")', "sqs_of_this_world")
        for name in ("jobs", "notices"):
            example = example.replace(f"https://sqs…/rolecall-prod-{name}", world.queue_url(name))
        exec(example, names)  # noqa: S102 - the guide's own text
    names["time"] = SimpleNamespace(time=world.clock.now)
    return names


def test_the_examples_link_leads_to_discord(world: World, auth_site: dict[str, Any]) -> None:
    changed_at = SimpleNamespace(timestamp=world.clock.now)
    user = SimpleNamespace(id=101, groups=["Member"], main_character="Kira Vantari", changed_at=changed_at)
    url = auth_site["link_url"]("https://api.test", user, AUTH_SITE_SECRET)
    started = world.http.linking.start(url.removeprefix("https://api.test/discord/link?token="))
    assert started.url.startswith(world.settings.oauth_base_url)


def test_the_examples_tokens_can_be_used_once(world: World, auth_site: dict[str, Any]) -> None:
    world.link("101", "kira", groups=["Member"])
    tokens = [auth_site["token_for"](101, "read", AUTH_SITE_SECRET) for _ in range(2)]
    found = [world.http.linking.account(token, "101") or {} for token in tokens]
    assert [account["username"] for account in found] == ["@kira", "@kira"]


def test_the_examples_changes_reach_the_guild(world: World, auth_site: dict[str, Any]) -> None:
    world.link("101", "kira", groups=["Member"])
    world.clock.move_to(world.clock.now() + 60)
    auth_site["changed"](SimpleNamespace(id=101, groups=["Member", "Pilot"], main_character="Kira Vantari"))
    world.run()
    assert world.roles("kira") == {"Member", "Pilot"}
    assert world.nick("kira") == "Kira Vantari"


def test_the_example_hears_notices_and_they_look_as_shown(world: World, auth_site: dict[str, Any]) -> None:
    world.link("101", "kira", groups=["Member"])
    heard: list[dict[str, Any]] = []

    def once(notice: dict[str, Any]) -> None:
        heard.append(notice)
        raise Heard

    auth_site["print"] = once
    with pytest.raises(Heard):
        auth_site["read_notices"]()
    (shown,) = [json.loads(fence.text) for fence in fences("json") if fence.page == GUIDE]
    assert [heard[0][name] for name in ("kind", "user_id", "username", "reason")] == ["linked", "101", "@kira", None]
    assert list(shown) == list(heard[0])
