"""`python -m local up`, as a person or another program starts it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import boto3
import pytest
import requests

from local.aws.server import CREDENTIALS, ROOT
from local.discord.control import Control

KEYS = {
    "api_url",
    "jobs_queue_url",
    "bulk_queue_url",
    "dead_letter_queue_url",
    "notices_queue_url",
    "discord_url",
    "aws_endpoint_url",
    "stage",
    "functions",
}


@contextmanager
def up(*arguments: str, said: IO[str] | None = None, **settings: str) -> Iterator[subprocess.Popen[str]]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **settings}
    command = [sys.executable, "-m", "local", "up", *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=said, text=True)  # noqa: S603 - fixed words
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    facts: dict[str, Any] = json.loads(process.stdout.readline())
    return facts


def descendants(pid: int) -> dict[int, str]:
    listed = subprocess.run(["ps", "-eww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True)  # noqa: S607
    rows = [line.split(maxsplit=2) for line in listed.stdout.splitlines()]
    found: dict[int, str] = {}
    for child, parent, args in rows:  # a parent is listed before its children
        if int(parent) == pid or int(parent) in found:
            found[int(child)] = args
    return found


def environment_of(facts: dict[str, Any], function: str) -> dict[str, str]:
    client = boto3.client(
        "lambda",
        endpoint_url=facts["aws_endpoint_url"],
        region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
    )
    config = client.get_function_configuration(FunctionName=facts["functions"][function])
    variables: dict[str, str] = config["Environment"]["Variables"]
    return variables


def refused(*arguments: str, command: str = "up", **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **settings}
    command_line = [sys.executable, "-m", "local", command, *arguments]
    return subprocess.run(command_line, env=environment, capture_output=True, text=True, check=False, timeout=30)  # noqa: S603 - fixed words


def test_settings_that_are_wrong_are_all_named_before_anything_is_started() -> None:
    secret = "short-and-secret"
    said = refused(DISCORD_GUILD_ID="abc", DISCORD_SYNC_NAMES="maybe", AUTH_SITE_SECRET=secret)
    assert (said.returncode, said.stdout) == (2, "")
    first, *faults = said.stderr.splitlines()
    assert first == "Settings need attention:"
    assert [fault.split()[1] for fault in faults] == ["DISCORD_GUILD_ID", "DISCORD_SYNC_NAMES", "AUTH_SITE_SECRET"]
    assert secret not in said.stderr


def test_an_address_of_another_discord_that_is_none_is_refused_alike() -> None:
    said = refused("--discord-url", "discord")
    assert (said.returncode, said.stdout) == (2, "")
    assert "DISCORD_API_BASE_URL must be a full address" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_stage_whose_name_no_table_may_bear_is_refused_before_anything_is_started() -> None:
    said = refused("--stage", "Bad_Stage")
    assert (said.returncode, said.stdout) == (2, "")
    assert said.stderr.splitlines()[-1].endswith("up to 16 lower-case letters, digits and hyphens, the first a letter")


def test_a_link_is_signed_for_a_stack_of_this_machine_only() -> None:
    said = refused("kira", command="link-url", AWS_ENDPOINT_URL="https://sts.eu-central-1.amazonaws.com")
    assert (said.returncode, said.stdout) == (2, "")
    assert "export AWS_ENDPOINT_URL" in said.stderr


@pytest.mark.stack
def test_what_it_advises_to_type_in_another_shell_works(tmp_path: Path) -> None:
    with (tmp_path / "said").open("w") as said, up(said=said) as process:
        facts = first_line(process)
        export, status, link_url = (line.strip() for line in (tmp_path / "said").read_text().splitlines()[-3:])
        assert "No sweep has run yet" in typed(export, status)
        at_discord = requests.get(typed(export, link_url).strip(), allow_redirects=False, timeout=30)
        back = Control(facts["discord_url"]).consent(at_discord.headers["Location"], "anna")
        assert back.startswith(facts["api_url"])


def typed(*lines: str) -> str:
    """What a shell in the project's folder answers."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}
    shell = ["sh", "-ec", "\n".join(lines)]
    return subprocess.run(shell, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603 - the program's own advice


@pytest.mark.stack
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["interrupted", "terminated"])
def test_it_prints_one_line_of_json_and_leaves_nothing_when_it_ends(how: signal.Signals) -> None:
    with up() as process:
        facts = first_line(process)
        assert set(facts) == KEYS
        assert facts["stage"] == "local"
        family = descendants(process.pid)
        assert any("ministack" in args for args in family.values())
        assert any("local.discord" in args for args in family.values())
        process.send_signal(how)
        rest, _ = process.communicate(timeout=20)
        assert process.returncode == 0
    assert rest == ""
    left = {pid for pid in family if Path(f"/proc/{pid}").exists()} if Path("/proc").exists() else set()
    assert not left


@pytest.mark.stack
def test_another_discord_and_chosen_settings_reach_the_functions() -> None:
    with up("--discord-url", "http://127.0.0.1:9/", DISCORD_GUILD_ID="42", DISCORD_SYNC_NAMES="True") as process:
        facts = first_line(process)
        assert facts["discord_url"] == "http://127.0.0.1:9"
        variables = environment_of(facts, "sync_jobs")
        assert not any("local.discord" in args for args in descendants(process.pid).values())
    assert variables["DISCORD_GUILD_ID"] == "42"
    assert variables["DISCORD_SYNC_NAMES"] == "True"
    assert variables["DISCORD_API_BASE_URL"] == "http://127.0.0.1:9/api/v10"
    assert variables["DISCORD_OAUTH_BASE_URL"] == "http://127.0.0.1:9/oauth2/authorize"
    assert variables["DISCORD_OAUTH_TOKEN_URL"] == "http://127.0.0.1:9/api/oauth2/token"
    assert variables["DISCORD_CALLBACK_URL"] == f"{facts['api_url']}/discord/callback"
