"""A copy of the project with its settings filled in, ready to be deployed to an AWS on this machine."""

import json
import shutil
from pathlib import Path

import pytest

from deploy.project import ROOT, sources
from local.aws import environment as env
from local.aws import package
from local.aws.stack import fit_to_emulator
from tests.deploy.support import change_settings

FILLED_IN = {
    "DISCORD_APP_ID": env.MADE_UP["DISCORD_APP_ID"],
    "DISCORD_GUILD_ID": env.MADE_UP["DISCORD_GUILD_ID"],
    "DISCORD_CALLBACK_URL": "https://example.org/discord/callback",
    "UPDATE_ALL_SCHEDULE": "rate(365 days)",
    "UPDATE_ALL_USERNAMES_SCHEDULE": "rate(365 days)",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project as a person has it who filled in config.json, for this machine's architecture and emulator."""
    for path in [*sources(ROOT), *ROOT.glob(".chalice/*.yaml")]:
        target = tmp_path / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    change_settings(tmp_path, FILLED_IN, lambda_architecture=package.ARCHITECTURE)
    for path in tmp_path.glob(".chalice/policy-*.json"):
        policy = json.loads(path.read_text())
        fit_to_emulator(policy)
        path.write_text(json.dumps(policy))
    return tmp_path
