"""The project as it is deployed: what ships, what `.chalice/config.json` says of a stage, and `chalice` run on a copy.

Chalice zips whatever lies in the folder, `__pycache__` too, so it only ever sees a copy that holds nothing but sources.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chalicelib.settings import QUEUE_LIMIT
from deploy.stages import TEMPLATES, policies

ROOT = Path(__file__).resolve().parents[1]
OWN_SETTINGS = ("DISCORD_", "AUTH_SITE_", "ROLECALL_")  # of the person's shell; config.json decides, not they
CONFIGURATION = ("config.json", "package-merge.json")  # in .chalice; policies are filled in from their templates
CHALICE = [sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())"]
BUNDLE = Path(__file__).with_name("bundle.py")

Json = dict[str, Any]


class NotDeployed(Exception):
    """It cannot be deployed as it is; the text is for the person, and says what to do."""


def sources(root: Path) -> Iterator[Path]:
    """The files from which the functions are made."""
    yield root / "app.py"
    yield root / "requirements.txt"
    yield from (path for path in root.glob("chalicelib/**/*") if path.is_file() and "__pycache__" not in path.parts)
    yield from (root / ".chalice" / name for name in CONFIGURATION)
    yield from (root / TEMPLATES).glob("*.json")


def config_of(stage: str, root: Path) -> Mapping[str, Any]:
    """What config.json says of `stage`. Raises NotDeployed where it has no such stage."""
    stages = json.loads((root / ".chalice" / "config.json").read_text())["stages"]
    if stage not in stages:
        raise NotDeployed(f".chalice/config.json knows no stage {stage!r}, only {', '.join(stages)}")
    found: Mapping[str, Any] = stages[stage]
    return found


def environment_of(stage: str, root: Path) -> Mapping[str, Any]:
    """The settings of `stage` in config.json."""
    found: Mapping[str, Any] = config_of(stage, root).get("environment_variables", {})
    return found


def notes_file(stage: str, root: Path) -> Path:
    """Where `chalice deploy` notes what it made, and `chalice invoke` and `chalice logs` look for it."""
    return root / ".chalice" / "deployed" / f"{stage}.json"


def clean_copy(stage: str, root: Path, purpose: str = "deploy") -> Path:
    """A folder with the sources, the policies of `stage`, and the packages that Chalice made there before."""
    copy = root / ".build" / purpose / stage
    for path in [*copy.glob("*"), *copy.glob(".chalice/*.json")]:
        if path.name != ".chalice":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in sources(root):
        target = copy / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    _leave_to_deployment(copy / ".chalice" / "config.json", stage)
    for name, content in policies(stage, root).items():
        (copy / ".chalice" / name).write_text(content)
    notes = notes_file(stage, copy).parent
    if notes.is_symlink():  # as older versions left it; it may point to where the project lay once
        notes.unlink()
    notes.mkdir(exist_ok=True)
    return copy


def _leave_to_deployment(config: Path, stage: str) -> None:
    """Take the limit of queues out where it is empty: Chalice would prefer that to what the deployment chooses."""
    said = json.loads(config.read_text())
    chosen = said["stages"].get(stage, {}).get("environment_variables", {})
    if chosen.get(QUEUE_LIMIT) == "":
        del chosen[QUEUE_LIMIT]
        config.write_text(json.dumps(said))


def bundle(stage: str, root: Path, copy: Path) -> None:
    """Make the functions' zip in the clean copy. Raises NotDeployed where the requirements cannot be had."""
    architecture = config_of(stage, root)["lambda_architecture"]
    run([sys.executable, "-P", str(BUNDLE), str(copy), architecture], copy, "The functions cannot be packaged")


def chalice(arguments: list[str], folder: Path, *, quiet: bool = False, **environment: str) -> None:
    """Run `chalice` in `folder` and show what it says. Raises NotDeployed if it fails."""
    run([*CHALICE, *arguments], folder, f"chalice {arguments[0]} failed", quiet=quiet, **environment)


def run(command: list[str], folder: Path, failure: str, *, quiet: bool = False, **environment: str) -> None:
    """Run a program in `folder` and show what it says, `quiet` only if it fails. Not the settings of the person's shell
    count, but those of the project.

    Raises NotDeployed, beginning with `failure`, if it fails.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
    running = subprocess.Popen(
        command,
        cwd=folder,
        env=kept | environment | {"PYTHONDONTWRITEBYTECODE": "1"},  # __pycache__ would be zipped
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    said = []
    assert running.stdout is not None  # noqa: S101 - it was opened as a pipe
    with running:
        try:
            for line in running.stdout:
                said.append("  " + line)
                if not quiet:
                    print(said[-1], end="", flush=True)
        except KeyboardInterrupt:
            running.terminate()
            raise
    if running.returncode:
        raise NotDeployed(f"{''.join(said) if quiet else ''}{failure}; see above")
