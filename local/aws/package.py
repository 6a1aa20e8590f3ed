"""The functions as they are deployed: `chalice package`, run on a clean copy of what ships.

Chalice zips whatever lies in the folder, so the copy holds only sources. Results are kept in `.build/` by a hash of all
that goes into them; while nothing changes nothing is built, and while requirements.txt stays the same the installed
requirements are taken over from the previous package (deploy/bundle.py).
"""

import fcntl
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy import stages
from deploy.project import BUNDLE, CHALICE, sources
from local.aws.process import CannotStart
from local.aws.server import REGION, ROOT

KEPT = 4  # packages; older ones are removed
ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"

Json = dict[str, Any]


@dataclass(frozen=True)
class Package:
    """What `chalice package` made: the code, and the CloudFormation template of the functions."""

    zip_file: Path
    template: Json


def build(stage: str, *, import_environment: Mapping[str, str], source: Path = ROOT) -> Package:
    """Package the functions of `source` for `stage`, on this machine's architecture.

    `import_environment` is what app.py reads when it is imported (the stage, the schedules).
    Raises CannotStart with Chalice's own words if it refuses.
    """
    files = {path.relative_to(source).as_posix(): path.read_bytes() for path in sources(source)}
    files = _for_stage(files, stage, source)
    folder = source / ".build"
    package = folder / "package" / _digest(files, import_environment)
    with _alone(folder):
        if not package.exists():
            _build_into(package, folder / "project", files, stage, import_environment)
        os.utime(package)
        _forget_old_packages(package.parent)
    return Package(package / "deployment.zip", json.loads((package / "sam.json").read_text()))


def _for_stage(files: Mapping[str, bytes], stage: str, source: Path) -> dict[str, bytes]:
    """The same files with a config.json that knows `stage`, built for this machine, and with policies for it."""
    config = json.loads(files[".chalice/config.json"])
    described = config["stages"].get(stage) or stages.configuration(stage, source)
    config["stages"] = {stage: described | {"lambda_architecture": ARCHITECTURE, "environment_variables": {}}}
    made = {".chalice/config.json": json.dumps(config, indent=2)}
    made |= {f".chalice/{name}": content for name, content in stages.policies(stage, source).items()}
    return {**files, **{name: content.encode() for name, content in made.items()}}


def _digest(files: Mapping[str, bytes], environment: Mapping[str, str]) -> str:
    facts = {
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
        "made by": hashlib.sha256(BUNDLE.read_bytes()).hexdigest(),
        "environment": dict(environment),
        "for": [platform.python_version(), platform.system(), ARCHITECTURE],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One packaging at a time in this folder."""
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build_into(
    package: Path, project: Path, files: Mapping[str, bytes], stage: str, environment: Mapping[str, str]
) -> None:
    for path in project.glob("*"):
        if path.name != ".chalice":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in project.glob(".chalice/*.json"):
        path.unlink()
    for name, content in files.items():
        target = project / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    _run([sys.executable, "-P", str(BUNDLE), str(project), ARCHITECTURE], project, {})
    out = package.with_name(f"{package.name}.new")
    shutil.rmtree(out, ignore_errors=True)
    options = ["--stage", stage, "--template-format", "json", "--merge-template", ".chalice/package-merge.json"]
    _run([*CHALICE, "package", *options, str(out)], project, environment)
    out.rename(package)


def _run(command: list[str], project: Path, environment: Mapping[str, str]) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DISCORD_"))}
    running = subprocess.Popen(
        command,
        cwd=project,
        env={
            **inherited,
            **environment,
            "AWS_DEFAULT_REGION": REGION,
            "PYTHONDONTWRITEBYTECODE": "1",  # __pycache__ would be zipped
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = running.communicate()
    except BaseException:
        os.killpg(running.pid, signal.SIGKILL)  # pip too
        raise
    if running.returncode:
        raise CannotStart(f"The functions could not be packaged:\n{said}".rstrip())


def _forget_old_packages(folder: Path) -> None:
    packages = sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in packages[KEPT:]:
        shutil.rmtree(path)
