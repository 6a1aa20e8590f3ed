"""The command line as a whole; secrets; the page that adds the bot."""

import io
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError

from ops import formatting
from ops.aws_access import fix_for
from ops.cli import main
from ops.doctor.context import DoctorContext
from ops.stage import Stage
from tests.ops.world import DISCORD, SECRETS, STAGE, Command, World

COMMANDS = (
    "doctor", "status", "user", "sweep", "roles", "dead-letters", "resume", "stages", "secrets",
    "add-bot-url", "import-links", "export-links",
)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 8


def test_the_help_names_every_command_and_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    said = capsys.readouterr().out
    assert all(command in said for command in COMMANDS)
    assert "Exit codes" in said


@pytest.mark.parametrize("arguments", [[], ["fly"], ["sweep", "fish"], ["secrets", "put", "HOME"]])
def test_what_is_typed_wrongly_ends_with_2(arguments: list[str], ops: Command) -> None:
    with pytest.raises(SystemExit) as ended:
        ops(*arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("place", ["before", "after"])
def test_stage_is_understood_before_and_behind_the_command(place: str) -> None:
    asked: list[str] = []

    def stage_of(name: str) -> None:
        asked.append(name)
        raise KeyboardInterrupt

    option = ["--stage", "prod"]
    main([*option, "doctor"] if place == "before" else ["doctor", *option], stage_of)  # type: ignore[arg-type]  # never returns
    assert asked == ["prod"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sweep"], "What was started in the cloud goes on."),
        (["user", "1", "--sync"], "What was started in the cloud goes on."),
        (["import-links", "links.csv"], "run it again for the rest"),
        (["secrets", "put", "AUTH_SITE_SECRET"], "Stopped.\n"),
    ],
)
def test_after_an_interruption_only_what_goes_on_is_said_to(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def stage_of(_name: str) -> Stage:
        raise KeyboardInterrupt

    assert main(["--stage", "prod", *arguments], stage_of) == 1
    assert said in capsys.readouterr().err


def test_a_stage_that_nobody_described_is_refused_before_anything_is_stored(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stage_of(_name: str) -> Stage:
        raise AssertionError

    typed(SECRETS["DISCORD_APP_SECRET"], monkeypatch)
    assert main(["--stage", "typo", "secrets", "put", "DISCORD_APP_SECRET"], stage_of) == 2
    said = capsys.readouterr().err
    assert "no stage 'typo'" in said
    assert "dev, prod" in said


def test_at_an_endpoint_of_ones_own_any_stage_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def stage_of(name: str) -> None:
        asked.append(name)
        raise KeyboardInterrupt

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
    main(["--stage", "local", "doctor"], stage_of)  # type: ignore[arg-type]  # never returns
    assert asked == ["local"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["user", ""],
        ["user", "1" * 257],
        ["user", "1", "--sync", "--timeout", "0"],
        ["user", "1", "--sync", "--timeout", "-5"],
        ["import-links", "links.csv", "--threads", "-2"],
        ["import-links", "links.csv", "--threads", "0"],
    ],
)
def test_ids_and_numbers_that_can_mean_nothing_are_refused(arguments: list[str], ops: Command) -> None:
    with pytest.raises(SystemExit) as ended:
        ops(*arguments)
    assert ended.value.code == 2


def test_a_cure_names_the_stage_even_where_it_is_the_default() -> None:
    assert DoctorContext(Stage("dev", {})).command("doctor") == "python -m ops --stage dev doctor"


def test_the_region_that_aws_programs_are_given_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    regions: list[str | None] = []

    def stage_of(_name: str) -> None:
        regions.append(boto3.Session().region_name)
        raise KeyboardInterrupt

    monkeypatch.setenv("AWS_DEFAULT_REGION", "")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    main(["doctor"], stage_of)  # type: ignore[arg-type]  # never returns
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    main(["doctor"], stage_of)  # type: ignore[arg-type]  # never returns
    assert regions == ["eu-central-1", "eu-west-1"]


@pytest.mark.parametrize(
    ("name", "value", "said", "fix"),
    [
        ("AWS_DEFAULT_REGION", None, "You must specify a region", "set AWS_REGION"),
        ("AWS_PROFILE", "nobodys", "profile (nobodys) could not be found", "aws configure list-profiles"),
        ("AWS_ENDPOINT_URL", "nonsense", "Invalid endpoint: nonsense", "AWS_ENDPOINT_URL must be a full address"),
    ],
    ids=["no region", "unknown profile", "endpoint that is none"],
)
def test_where_aws_cannot_be_asked_the_cure_is_told_and_once(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    value: str | None,
    said: str,
    fix: str,
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.delenv(name, raising=False)
    if value:
        monkeypatch.setenv(name, value)
    stage = Stage("dev", {})
    assert main(["doctor"], lambda _: stage) == 1
    doctors = capsys.readouterr().out
    assert doctors.count(said) == doctors.count(fix) == 1
    assert "1 fault," in doctors
    assert main(["status"], lambda _: stage) == 1
    error = capsys.readouterr().err
    assert said in error
    assert fix in error


def test_an_endpoint_where_nobody_answers_is_told_with_a_cure() -> None:
    assert "unset AWS_ENDPOINT_URL" in fix_for(EndpointConnectionError(endpoint_url="http://127.0.0.1:9"))


def test_missing_settings_are_all_named_at_once(empty_world: World, ops: Command) -> None:
    empty_world.shell.clear()
    said = ops("add-bot-url")
    assert said.code == 1
    for name in ("DISCORD_APP_ID", "DISCORD_GUILD_ID", "DISCORD_BOT_TOKEN", "AUTH_SITE_SECRET"):
        assert f"{name} is missing" in said.err
    assert "doctor" in said.err


def test_a_missing_table_is_said_in_words(empty_world: World, ops: Command) -> None:
    empty_world.shell["DISCORD_GUILD_ID"] = DISCORD.guild_id
    said = ops("status")
    assert said.code == 1
    assert "AWS has no such thing in this region" in said.err
    assert "AWS_REGION" in said.err
    assert "Traceback" not in said.err


def test_the_page_that_adds_the_bot_asks_for_the_least_permissions(empty_world: World, ops: Command) -> None:
    empty_world.build_for_discord()
    query = parse_qs(urlsplit(ops("add-bot-url").out.strip()).query)
    assert query["client_id"] == [DISCORD.app_id]
    assert query["permissions"] == [str((1 << 28) | (1 << 27) | (1 << 1) | 1)]


def typed(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_secret_from_standard_input_is_stored_encrypted_and_never_shown(
    empty_world: World, ops: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = SECRETS["AUTH_SITE_SECRET"]
    typed(secret + "\n", monkeypatch)
    said = ops("secrets", "put", "AUTH_SITE_SECRET")
    name = f"/rolecall/{STAGE}/AUTH_SITE_SECRET"
    stored = empty_world.session.client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]
    assert (said.code, stored["Type"], stored["Value"]) == (0, "SecureString", secret)
    assert secret not in said.out + said.err


@pytest.mark.parametrize(
    "text", ["", "\n", "too short\n", " surrounded by white space, which is not meant \n", "übergroß" * 5]
)
def test_a_secret_that_the_functions_would_refuse_is_refused_here(
    empty_world: World, ops: Command, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    typed(text, monkeypatch)
    said = ops("secrets", "put", "AUTH_SITE_SECRET")
    assert said.code == 2
    assert text.strip() == "" or text.strip() not in said.out + said.err
    names = [f"/rolecall/{STAGE}/AUTH_SITE_SECRET"]
    assert empty_world.session.client("ssm").get_parameters(Names=names)["Parameters"] == []


@pytest.mark.parametrize("text", ["Bot abc.def.ghi", "abc def"])
def test_a_token_with_a_space_in_it_is_refused(
    empty_world: World, ops: Command, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    typed(text, monkeypatch)
    said = ops("secrets", "put", "DISCORD_BOT_TOKEN")
    assert said.code == 2
    assert "has a space in it" in said.err
    assert ("Without the word Bot" in said.err) is text.startswith("Bot")
    names = [f"/rolecall/{STAGE}/DISCORD_BOT_TOKEN"]
    assert empty_world.session.client("ssm").get_parameters(Names=names)["Parameters"] == []


def test_a_secret_is_no_argument(ops: Command) -> None:
    with pytest.raises(SystemExit) as ended:
        ops("secrets", "put", "AUTH_SITE_SECRET", SECRETS["AUTH_SITE_SECRET"])
    assert ended.value.code == 2


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (7200, "2 h"), (172_800, "2 days"), (-5, "0 s")],
)
def test_durations_are_said_in_the_unit_that_fits(seconds: float, said: str) -> None:
    assert formatting.span(seconds) == said
