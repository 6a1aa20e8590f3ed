"""Makes the functions' zip where Chalice looks for it, without what no function uses: run as a program of its own.

    python bundle.py FOLDER ARCHITECTURE
    python bundle.py FOLDER --empty       where only the template is wanted

Chalice installs the requirements anew for every changed line, and ships botocore's descriptions of four hundred
services, three quarters of all that Lambda unpacks. What is made here is named as Chalice would name it, so `chalice
deploy` and `chalice package` take it as their own. Needs nothing but Chalice, so that it runs beside any project.
"""

import sys
from io import StringIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager, PipRunner, SubprocessPip
from chalice.utils import UI, OSUtils

SERVICES = frozenset({"dynamodb", "sqs", "ssm"})  # those that chalicelib has clients of
DESCRIPTIONS = ("botocore/data/", "boto3/data/", "boto3/examples/")  # a folder, or a file, for each service
SAME_FOR_ALL = (1980, 1, 1, 0, 0, 0)  # the time of every file, so that the same code makes the same zip
NOT_INSTALLED = "Could not install dependencies"  # Chalice says so, and goes on without them


class NotBundled(Exception):
    """The requirements cannot be had; carries Chalice's own words."""


def ensure(folder: Path, architecture: str) -> Path:
    """Have the zip of the project in `folder` in its `.chalice/deployments`; older ones are removed.

    Raises NotBundled. A zip counts as whole once its requirements are noted beside it: a run that is killed in between
    leaves none that would be taken for one.
    """
    said = StringIO()
    packager = _packager(architecture, said)
    version = _version()
    wanted = Path(packager.deployment_package_filename(str(folder), version))
    if _note(wanted).exists() and wanted.exists():
        return wanted
    wanted.unlink(missing_ok=True)
    requirements = (folder / "requirements.txt").read_text()
    earlier = _reusable(wanted, requirements)
    if earlier:
        _note(earlier).unlink()
        earlier.rename(wanted)
        packager.inject_latest_app(str(wanted), str(folder))
    else:
        packager.create_deployment_package(str(folder), version)
        if NOT_INSTALLED in said.getvalue():
            wanted.unlink(missing_ok=True)
            raise NotBundled(said.getvalue())
    trim(wanted)
    _note(wanted).write_text(requirements)
    for other in wanted.parent.iterdir():
        if other not in (wanted, _note(wanted)):
            other.unlink()
    return wanted


def trim(zip_file: Path) -> None:
    """Write the zip anew: no description of an unused service, files in order, all of the same time."""
    new = zip_file.with_suffix(".new")
    with ZipFile(zip_file) as old, ZipFile(new, "w", ZIP_DEFLATED) as made:
        for one in sorted(old.infolist(), key=lambda one: one.filename):
            if _is_used(one.filename):
                kept = ZipInfo(one.filename, SAME_FOR_ALL)
                kept.compress_type, kept.external_attr = ZIP_DEFLATED, one.external_attr
                made.writestr(kept, old.read(one))
    new.replace(zip_file)


def _is_used(name: str) -> bool:
    for folder in DESCRIPTIONS:
        service, inside, _ = name.removeprefix(folder).partition("/")
        if name.startswith(folder) and (inside or service.endswith(".rst")):
            return service in SERVICES
    return True


def _reusable(wanted: Path, requirements: str) -> Path | None:
    """A whole zip of other code with the same requirements, for the same Python and architecture."""
    for note in wanted.parent.glob("*.requirements"):
        found = note.with_suffix(".zip")
        same_kind = found.name.partition("-")[2] == wanted.name.partition("-")[2]
        if same_kind and found.exists() and note.read_text() == requirements:
            return found
    return None


def _note(zip_file: Path) -> Path:
    return zip_file.with_suffix(".requirements")


def _version() -> str:
    """What Lambda calls this Python."""
    return f"python{sys.version_info.major}.{sys.version_info.minor}"


def _packager(architecture: str, said: StringIO) -> LambdaDeploymentPackager:
    tools = OSUtils()
    pip = PipRunner(pip=SubprocessPip(osutils=tools), osutils=tools)
    builder = DependencyBuilder(osutils=tools, pip_runner=pip, architecture=architecture)
    return LambdaDeploymentPackager(
        osutils=tools, dependency_builder=builder, ui=UI(out=said), architecture=architecture
    )


def stand_in(folder: Path) -> None:
    """Have an empty zip wherever Chalice may look for one."""
    for architecture in ("arm64", "x86_64"):
        wanted = Path(_packager(architecture, StringIO()).deployment_package_filename(str(folder), _version()))
        wanted.parent.mkdir(exist_ok=True)
        ZipFile(wanted, "w").close()


def main(folder: str, architecture: str) -> int:
    """Say how large the zip is; 1 where none could be made."""
    if architecture == "--empty":
        stand_in(Path(folder))
        return 0
    try:
        made = ensure(Path(folder), architecture)
    except NotBundled as refused:
        print(refused, file=sys.stderr)
        return 1
    print(f"Package: {made.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
