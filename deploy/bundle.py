"""Makes the functions' zip where Chalice looks for it, without what no function uses: run as a program of its own.

    python bundle.py FOLDER ARCHITECTURE
    python bundle.py FOLDER --empty       where only the template is wanted

Chalice installs the requirements anew for every changed line, and ships botocore's descriptions of four hundred
services, three quarters of all that Lambda unpacks. And it ships no bytecode, so every container compiles whatever it
imports, before its first event: /var/task cannot be written to. What is made here is named as Chalice would name it, so
`chalice deploy` and `chalice package` take it as their own. Needs nothing but Chalice, so that it runs beside any
project.
"""

import gzip
import hashlib
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from chalice.deploy.packager import DependencyBuilder, LambdaDeploymentPackager, PipRunner, SubprocessPip
from chalice.utils import UI, OSUtils

SERVICES = frozenset({"cloudwatch", "dynamodb", "sqs", "ssm"})  # those that chalicelib has clients of
PREFIXES = SERVICES - {"cloudwatch"} | {"monitoring"}  # of their endpoints, by which botocore lists them
DESCRIPTIONS = ("botocore/data/", "boto3/data/", "boto3/examples/")  # a folder, or a file, for each service
UNUSED = ("/", ".pyc", "/examples-1.json", ".dist-info/RECORD")  # .pyc: an earlier zip's, of other code
TESTS = ("ecdsa/test_",)  # a library's own, half of what it ships
ENDPOINTS = "botocore/data/endpoints.json"  # of all services in all regions; read when a client is made
COMPILE = (sys.executable, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash")
"""Bytecode that Python takes without a look at the source, whose time Lambda need not keep (PEP 552). In a process of
its own, since what is compiled before changes the bytes of what is compiled after."""
SAME_FOR_ALL = (1980, 1, 1, 0, 0, 0)  # the time of every file, so that the same code makes the same zip
READABLE = 0o100644 << 16  # the mode of a file, as a zip has it
NOT_INSTALLED = "Could not install dependencies"  # Chalice says so, and goes on without them


class NotBundled(Exception):
    """The requirements cannot be had; carries Chalice's own words."""


def ensure(folder: Path, architecture: str) -> Path:
    """Have the zip of the project in `folder` in its `.chalice/deployments`; older ones are removed.

    Raises NotBundled. A zip counts as whole once its recipe is noted beside it: a run that is killed in between leaves
    none that would be taken for one.
    """
    said = StringIO()
    packager = _packager(architecture, said)
    version = _version()
    wanted = Path(packager.deployment_package_filename(str(folder), version))
    recipe = _recipe((folder / "requirements.txt").read_text())
    if _is_whole(wanted, recipe):
        return wanted
    wanted.unlink(missing_ok=True)
    earlier = _reusable(wanted, recipe)
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
    _note(wanted).write_text(recipe)
    for other in wanted.parent.iterdir():
        if other not in (wanted, _note(wanted)):
            other.unlink()
    return wanted


def trim(zip_file: Path) -> None:
    """Write the zip anew: no description of an unused service, bytecode, files in order, all of the same time."""
    new = zip_file.with_suffix(".new")
    with TemporaryDirectory() as unpacked:
        folder = Path(unpacked)
        with ZipFile(zip_file) as old:
            modes = {one.filename: one.external_attr for one in old.infolist()}
            used = [name for name in modes if _is_used(name)]
            for name in used:
                old.extract(name, folder)
                (folder / name).write_bytes(_shortened(name, (folder / name).read_bytes()))
        subprocess.run([*COMPILE, "-s", unpacked, unpacked], check=False, stdout=subprocess.DEVNULL)
        with ZipFile(new, "w", ZIP_DEFLATED) as made:
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                name = path.relative_to(folder).as_posix()
                kept = ZipInfo(name, SAME_FOR_ALL)
                kept.compress_type, kept.external_attr = ZIP_DEFLATED, modes.get(name, READABLE)
                made.writestr(kept, path.read_bytes())
    new.replace(zip_file)


def _shortened(name: str, content: bytes) -> bytes:
    """botocore's data without what it reads and no function uses: texts for people, endpoints of other services."""
    if name == ENDPOINTS:
        found = json.loads(content)
        for partition in found["partitions"]:
            partition["services"] = {one: told for one, told in partition["services"].items() if one in PREFIXES}
        return _json(found)
    if name.startswith(DESCRIPTIONS) and name.endswith("/service-2.json.gz"):
        return gzip.compress(_json(_without_texts(json.loads(gzip.decompress(content)))), mtime=0)
    return content


def _without_texts(description: Any) -> Any:  # noqa: ANN401 - whatever JSON can say
    """A service's description without the documentation, four fifths of it. A shape may have a member of that name."""
    if isinstance(description, list):
        return [_without_texts(one) for one in description]
    if not isinstance(description, dict):
        return description
    return {
        name: _without_texts(value)
        for name, value in description.items()
        if not (name == "documentation" and isinstance(value, str))
    }


def _json(value: Any) -> bytes:  # noqa: ANN401 - whatever JSON can say
    return json.dumps(value, separators=(",", ":")).encode()


def _is_used(name: str) -> bool:
    if name.endswith(UNUSED) or name.startswith(TESTS):
        return False
    for folder in DESCRIPTIONS:
        service, inside, _ = name.removeprefix(folder).partition("/")
        if name.startswith(folder) and (inside or service.endswith(".rst")):
            return service in SERVICES
    return True


def _recipe(requirements: str) -> str:
    """What a zip is made of besides the project's own code: the requirements, and how this program trims."""
    return f"{requirements}\n# {hashlib.sha256(Path(__file__).read_bytes()).hexdigest()}\n"


def _is_whole(zip_file: Path, recipe: str) -> bool:
    note = _note(zip_file)
    return zip_file.exists() and note.exists() and note.read_text() == recipe


def _reusable(wanted: Path, recipe: str) -> Path | None:
    """A whole zip of other code by the same recipe, for the same Python and architecture."""
    for note in wanted.parent.glob("*.requirements"):
        found = note.with_suffix(".zip")
        if found.name.partition("-")[2] == wanted.name.partition("-")[2] and _is_whole(found, recipe):
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
