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

ROOT = Path(__file__).resolve().parents[1]
OWN_SETTINGS = ("DISCORD_", "AUTH_SITE_", "ROLECALL_")  # of the person's shell; config.json decides, not they
NOT_INSTALLED = "Could not install dependencies"  # Chalice says so, and goes on without them

Json = dict[str, Any]


class NotDeployed(Exception):
    """It cannot be deployed as it is; the text is for the person, and says what to do."""


def sources(root: Path) -> Iterator[Path]:
    """The files that `chalice` must see."""
    yield root / "app.py"
    yield root / "requirements.txt"
    yield from (path for path in root.glob("chalicelib/**/*") if path.is_file() and "__pycache__" not in path.parts)
    yield from root.glob(".chalice/*.json")


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


def deployed_file(stage: str, root: Path) -> Path:
    """Where `chalice deploy` notes what it made; without it Chalice would make a second API at another address."""
    return root / ".chalice" / "deployed" / f"{stage}.json"


def clean_copy(stage: str, root: Path) -> Path:
    """A folder with the sources, and with Chalice's notes of earlier deployments and its packages."""
    copy = root / ".build" / "deploy" / stage
    for path in [*copy.glob("*"), *copy.glob(".chalice/*.json")]:
        if path.name != ".chalice":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in sources(root):
        target = copy / path.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    notes = copy / ".chalice" / "deployed"
    if not notes.is_symlink():
        deployed_file(stage, root).parent.mkdir(exist_ok=True)
        notes.symlink_to(deployed_file(stage, root).parent.resolve())
    return copy


def chalice(arguments: list[str], folder: Path) -> None:
    """Run `chalice` in `folder` and show what it says. Raises NotDeployed if it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
    running = subprocess.Popen(
        [sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())", *arguments],
        cwd=folder,
        env=kept | {"PYTHONDONTWRITEBYTECODE": "1"},  # __pycache__ would be zipped
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert running.stdout is not None  # noqa: S101 - it was opened as a pipe
    incomplete = False
    with running:
        try:
            for line in running.stdout:
                print("  " + line, end="", flush=True)
                incomplete = incomplete or NOT_INSTALLED in line
        except KeyboardInterrupt:
            running.terminate()
            raise
    if running.returncode:
        raise NotDeployed(f"chalice {arguments[0]} failed; see above")
    if incomplete:
        raise NotDeployed("chalice could not install the requirements for the functions, see above; try again")
