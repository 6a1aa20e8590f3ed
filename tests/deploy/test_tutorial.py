"""The tutorial from its part 2.4 to its end, as somebody follows it who has never seen Rolecall, on a local AWS and a
local Discord: temporary credentials, secrets, both deployments, the test token, the first role, and away again.

By CloudFormation: the local AWS answers no more after the second deployment of an API by Chalice. That one is tested
against a second AWS (test_left_behind.py).
"""

import io
import json
import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
import requests

from chalicelib import settings
from deploy.__main__ import main
from local.aws import environment as env
from local.aws.server import CREDENTIALS, Server
from local.discord.config import Config
from local.discord.control import Control
from local.discord.core import Discord
from local.discord.server import Running, serve
from ops.cli import main as ops
from tests.deploy.support import STAGE, change_settings, hand_over_package
from tests.deploy.test_deploy import address_of_the_api, quickly, what_is_there
from tests.docs import shell
from tests.docs.pages import fences
from tests.docs.test_examples import TUTORIAL, exported, signed_in_as

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]
SECRET = "s" * settings.MIN_SECRET


@pytest.fixture
def discord() -> Iterator[Running]:
    config = Config(
        guild_id=env.MADE_UP["DISCORD_GUILD_ID"],
        app_id=env.MADE_UP["DISCORD_APP_ID"],
        app_secret=env.MADE_UP["DISCORD_APP_SECRET"],
        bot_token=env.MADE_UP["DISCORD_BOT_TOKEN"],
    )
    with serve(Discord(config)) as running:
        yield running


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An empty account, known to this shell by the tutorial's profile alone."""
    server = Server(enforce_iam=True)
    home = tmp_path / "home"
    home.mkdir()
    (home / "config").write_text(next(iter(fences("ini"))).text)
    given = {
        "Version": 1,
        "AccessKeyId": CREDENTIALS["AWS_ACCESS_KEY_ID"],
        "SecretAccessKey": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        "SessionToken": "temporary",
    }
    program = home / "aws"  # the command line, which is not installed everywhere
    program.write_text(f"#!/bin/sh\necho $* >> {home}/asked\necho '{json.dumps(given)}'\n")
    program.chmod(0o700)
    for name in [*CREDENTIALS, "AWS_REGION", "AWS_DEFAULT_REGION"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "none"))
    monkeypatch.setenv("PATH", str(home), prepend=os.pathsep)
    monkeypatch.setenv("AWS_PROFILE", exported("AWS_PROFILE"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint_url)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    try:
        yield server
        assert f"--profile {signed_in_as()} " in (home / "asked").read_text()
    finally:
        server.stop()


def test_a_stranger_gets_the_first_role_and_leaves_nothing(
    account: Server,
    discord: Running,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    change_settings(project, {"DISCORD_CALLBACK_URL": "", **env.discord_at(discord.url)})
    hand_over_package(project)
    up = ["up", STAGE, "--packaged", "--bucket", "made-here", "--plain-connections", "allowed"]
    assert main(up, root=project, sleep=quickly) == 1
    assert "make secrets STAGE=dev" in capsys.readouterr().err
    store_secrets(monkeypatch)
    capsys.readouterr()
    assert main(up, root=project, sleep=quickly) == 0
    said = capsys.readouterr().out
    assert "One step is left." in said
    callback = f"{address_of_the_api()}/discord/callback"
    assert re.search(r"The callback URL is +(\S+)", said)[1].endswith("/api/discord/callback")  # type: ignore[index]
    discord.discord.admin.turn(redirect_uris=(callback,))
    change_settings(project, {"DISCORD_CALLBACK_URL": callback})
    assert main(up, root=project, sleep=quickly) == 0
    let_oauth_be_plain()
    first_role(discord, monkeypatch, capsys)
    assert main(["down", STAGE, "--yes", "--bucket", "made-here"], root=project, sleep=quickly) == 0
    assert "Nothing of dev is left." in capsys.readouterr().out
    assert not any(what_is_there().values()), what_is_there()
    assert account.running


def store_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {**env.MADE_UP, "AUTH_SITE_SECRET": SECRET}
    for name in ("DISCORD_APP_SECRET", "DISCORD_BOT_TOKEN", "AUTH_SITE_SECRET"):
        monkeypatch.setattr("sys.stdin", io.StringIO(values[name] + "\n"))
        assert ops(["--stage", STAGE, "secrets", "put", name]) == 0


def let_oauth_be_plain() -> None:
    """Libraries refuse the local Discord's plain HTTP; no deployment can say otherwise."""
    client = boto3.client("lambda")
    said = client.get_function_configuration(FunctionName=f"rolecall-{STAGE}")["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName=f"rolecall-{STAGE}", Environment={"Variables": {**said, **env.LOCAL_ONLY}}
    )


def first_role(discord: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    control, browser = Control(discord.url), requests.Session()
    control.add_person("anna")
    where = browser.get(page("link", monkeypatch, capsys), allow_redirects=False, timeout=30)
    assert where.status_code == 302, where.text
    answer = browser.get(control.consent(where.headers["Location"], "anna"), timeout=30)
    assert "You are linked" in answer.text
    member = control.member("anna")
    assert member is not None
    assert "Member" in member.roles
    assert ops(["--stage", STAGE, "user", "1"]) == 0
    said = capsys.readouterr().out
    assert "@anna" in said
    assert "Member" in said
    address = page("unlink", monkeypatch, capsys)
    shown = browser.get(address, timeout=30)
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', shown.text))
    done = browser.post(address.partition("?")[0], data=fields, timeout=30)
    assert done.status_code == 200, done.text
    assert control.member("anna") is None
    assert ops(["--stage", STAGE, "user", "1"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"linked to +nobody", said)
    assert "by the auth site or at their own wish" in said


def page(purpose: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """The address that the tutorial lets one open, with a token that its command makes."""
    (program,) = [
        shlex.split(line)[2]
        for fence in fences("sh")
        if fence.page == TUTORIAL
        for line in shell.logical_lines(fence.text)
        if " -c " in line
    ]
    monkeypatch.setattr("getpass.getpass", lambda _prompt: SECRET)
    capsys.readouterr()
    exec(program.replace('"purpose": "link"', f'"purpose": "{purpose}"'), {})  # noqa: S102 - the tutorial's own text
    return f"{address_of_the_api()}/discord/{purpose}?token={capsys.readouterr().out.strip()}"
