"""What tests of the deployment do to a project."""

import json
import shutil
from pathlib import Path
from zipfile import ZipFile

from chalicelib import settings
from deploy import bundle, lint
from deploy.project import ROOT, clean_copy, sources
from local.aws import environment as env
from local.aws import package
from local.aws.stack import fit_to_emulator

STAGE = "dev"
FILLED_IN = {
    "DISCORD_APP_ID": env.MADE_UP["DISCORD_APP_ID"],
    "DISCORD_GUILD_ID": env.MADE_UP["DISCORD_GUILD_ID"],
    "DISCORD_CALLBACK_URL": "https://example.org/discord/callback",
    "UPDATE_ALL_SCHEDULE": "rate(365 days)",
    "UPDATE_ALL_USERNAMES_SCHEDULE": "rate(365 days)",
}


def make_project(folder: Path, stage: str = STAGE, *, fitted: bool = True) -> None:
    """What a person has who filled in config.json, for this machine's architecture; `fitted` to the local AWS."""
    for path in [*sources(ROOT), *ROOT.glob(".chalice/*.yaml")]:
        target = folder / path.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    change_settings(folder, FILLED_IN, stage, lambda_architecture=package.ARCHITECTURE)
    for path in folder.glob(".chalice/templates/policy-*.json") if fitted else ():
        policy = json.loads(path.read_text())
        fit_to_emulator(policy)
        path.write_text(json.dumps(policy))


def change_settings(project: Path, environment: dict[str, str], stage: str = STAGE, **others: str) -> None:
    """What a person does to config.json with an editor."""
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"][stage]["environment_variables"] |= environment
    config["stages"][stage] |= others
    path.write_text(json.dumps(config))


def hand_over_package(project: Path) -> None:
    """Let the zip that was built for the local AWS be found, so that no requirement is installed twice."""
    package.build("local", import_environment={settings.STAGE: "local"})
    target = clean_copy(STAGE, project) / ".chalice" / "deployments"
    shutil.copytree(ROOT / ".build" / "project" / ".chalice" / "deployments", target, dirs_exist_ok=True)


def hand_over_requirements(project: Path, stage: str = STAGE) -> None:
    """Let a package be found whose requirements are none, so that making the project's takes no time."""
    folder = clean_copy(stage, project) / ".chalice" / "deployments"
    folder.mkdir(exist_ok=True)
    found = folder / f"{'0' * 32}-{bundle._version()}.zip"
    ZipFile(found, "w").close()
    bundle._note(found).write_text(bundle._recipe((project / "requirements.txt").read_text()))


def call_clean(project: Path, stage: str = STAGE) -> None:
    """Let nobody look through the project's templates again, as it is now."""
    known = project / ".build" / "check-out" / f"{stage}.clean"
    known.parent.mkdir(parents=True, exist_ok=True)
    with known.open("a") as clean:
        clean.write(lint._facts(project) + "\n")
