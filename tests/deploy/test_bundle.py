"""The functions' zip: what ships, and how often it is made."""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from importlib.util import cache_from_source
from io import StringIO
from pathlib import Path

import pytest

from deploy import bundle
from deploy.project import ROOT
from local.aws import package

DESCRIPTIONS = re.compile("(?:botocore|boto3)/data/([^/]+)/")
WIRED = "import app; from chalicelib.wiring import wired; wired().linking, wired().delivery; print('ready')"
READY = {
    "DISCORD_APP_ID": "1",
    "DISCORD_APP_SECRET": "s",
    "DISCORD_BOT_TOKEN": "t",
    "DISCORD_GUILD_ID": "2",
    "DISCORD_CALLBACK_URL": "https://a.example/discord/callback",
    "AUTH_SITE_SECRET": "x" * 32,
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}


@pytest.fixture(scope="module")
def zip_file() -> Path:
    return package.build("local", import_environment={"ROLECALL_STAGE": "local"}).zip_file


def test_only_services_that_are_used_are_described(zip_file: Path) -> None:
    names = zipfile.ZipFile(zip_file).namelist()
    assert {found[1] for name in names if (found := DESCRIPTIONS.match(name))} == bundle.SERVICES
    assert "botocore/data/endpoints.json" in names
    assert zip_file.stat().st_size < 6_000_000  # bytes; 18.4 MB with all of them, and without bytecode


def test_endpoints_of_other_services_and_texts_for_people_do_not_ship(zip_file: Path) -> None:
    with zipfile.ZipFile(zip_file) as opened:
        endpoints = json.loads(opened.read(bundle.ENDPOINTS))
        described = [name for name in opened.namelist() if name.endswith("/service-2.json.gz")]
        texts = [gzip.decompress(opened.read(name)).decode() for name in described]
    assert set().union(*(one["services"] for one in endpoints["partitions"])) == bundle.PREFIXES
    assert len(texts) == len(bundle.SERVICES)
    assert not [text for text in texts if re.search('"documentation":"', text)]


def test_a_member_of_a_shape_that_is_called_documentation_stays() -> None:
    described = {"members": {"documentation": {"shape": "Text", "documentation": "<p>For people.</p>"}}}
    assert bundle._without_texts(described) == {"members": {"documentation": {"shape": "Text"}}}


def test_every_service_that_the_functions_have_a_client_of_is_described() -> None:
    code = "".join(path.read_text() for path in (ROOT / "chalicelib").rglob("*.py"))
    named = set(re.findall(r"""(?:client|resource)\(\s*["']([a-z0-9-]+)["']""", code))
    assert named <= bundle.SERVICES
    assert named | {"dynamodb"} == bundle.SERVICES, "PynamoDB makes the client of DynamoDB by itself"


def test_the_functions_start_with_what_ships_and_nothing_else(zip_file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(zip_file).extractall(folder)
        base = str(Path(sys.executable).resolve())
        environment = {"PYTHONPATH": folder, "PATH": os.defpath, **READY}
        command = [base, "-S", "-c", WIRED]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    assert done.stdout.strip() == "ready", done.stderr


def test_bytecode_ships_and_is_taken_whatever_lambda_does_with_the_time_of_files(zip_file: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(zip_file).extractall(folder)
        sources = [path for path in Path(folder).rglob("*.py") if path.parent.name != "bin"]
        assert {source for source in sources if not Path(cache_from_source(source)).exists()} == set()
        for name in ("app.py", "chalicelib/settings.py", "chalice/app.py", "botocore/session.py"):
            (Path(folder) / name).write_text("raise RuntimeError('compiled anew')\n")  # which also changes its time
        base = str(Path(sys.executable).resolve())
        environment = {"PYTHONPATH": folder, "PATH": os.defpath, **READY}
        command = [base, "-S", "-c", WIRED]
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    assert done.stdout.strip() == "ready", done.stderr


def test_bytecode_names_no_folder_of_the_machine_that_made_it(zip_file: Path) -> None:
    with zipfile.ZipFile(zip_file) as opened:
        compiled = opened.read(Path(cache_from_source("app.py")).as_posix())
    assert tempfile.gettempdir().encode() not in compiled
    assert str(Path.home()).encode() not in compiled


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project without requirements: its zip is made in a second."""
    (tmp_path / "app.py").write_text("import chalice\napp = chalice.Chalice(app_name='rolecall')\n")
    (tmp_path / "requirements.txt").write_text("# none\n")
    return tmp_path


def test_the_same_code_makes_the_same_zip(folder: Path) -> None:
    first = bundle.ensure(folder, "x86_64").read_bytes()
    for path in (folder / ".chalice" / "deployments").iterdir():
        path.unlink()
    os.utime(folder / "app.py", (1, 1_000_000_000))
    assert bundle.ensure(folder, "x86_64").read_bytes() == first


def test_changed_code_on_the_same_requirements_ships_its_own_bytecode(folder: Path) -> None:
    (folder / "chalicelib").mkdir()
    (folder / "chalicelib" / "dropped.py").write_text("OLD = 1\n")
    bundle.ensure(folder, "x86_64")
    (folder / "chalicelib" / "dropped.py").unlink()
    (folder / "app.py").write_text("NEW = 'this is new'\n")
    with zipfile.ZipFile(bundle.ensure(folder, "x86_64")) as opened:
        assert b"this is new" in opened.read(Path(cache_from_source("app.py")).as_posix())
        assert len(set(opened.namelist())) == len(opened.namelist())
        assert not [name for name in opened.namelist() if "dropped" in name]


def test_a_zip_that_was_trimmed_in_an_older_way_is_made_anew(folder: Path) -> None:
    made = bundle.ensure(folder, "x86_64")
    whole = made.read_bytes()
    made.write_bytes(b"as an older version made it")
    made.with_suffix(".requirements").write_text((folder / "requirements.txt").read_text())  # its note
    assert bundle.ensure(folder, "x86_64").read_bytes() == whole


def test_chalice_takes_it_for_the_zip_that_it_would_make_itself(folder: Path) -> None:
    """`chalice deploy` and `chalice package` both ask this for the zip, and neither touches one that is there."""
    made = bundle.ensure(folder, "x86_64")
    before = made.read_bytes()
    chalice = bundle._packager("x86_64", StringIO())
    assert chalice.create_deployment_package(str(folder), bundle._version()) == str(made)
    assert made.read_bytes() == before
    with zipfile.ZipFile(made) as opened:
        assert {"app.py", cache_from_source("app.py")} <= set(opened.namelist())


def test_a_zip_that_was_not_finished_is_not_taken_for_one(folder: Path) -> None:
    made = bundle.ensure(folder, "x86_64")
    whole = made.read_bytes()
    made.with_suffix(".requirements").unlink()  # which is written last
    made.write_bytes(whole[:100])
    assert bundle.ensure(folder, "x86_64").read_bytes() == whole


def test_requirements_that_cannot_be_had_stop_the_deployment(folder: Path) -> None:
    (folder / "requirements.txt").write_text("./no-such-folder\n")
    with pytest.raises(Exception, match="no-such-folder"):
        bundle.ensure(folder, "x86_64")
    assert not list((folder / ".chalice" / "deployments").glob("*.requirements"))
