"""The functions' zip: what ships, and how often it is made."""

import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import pytest

from deploy import bundle
from deploy.project import ROOT
from local.aws import package

DESCRIPTIONS = re.compile("(?:botocore|boto3)/data/([^/]+)/")
WIRED = "import app; from chalicelib.wiring import wired; wired(); print('ready')"
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
    assert zip_file.stat().st_size < 4_000_000  # bytes; 18.4 MB with all of them


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
