"""What a starting function imports, on the zip that ships, under AWS's own runtime client."""

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bench.cold import LINK, PARAMETERS, SETTINGS, events
from local.aws import package
from local.aws.runtime import running

pytest.importorskip("awslambdaric", reason="AWS's runtime is built for Linux only")

AWS = {"boto3", "botocore", "pynamodb", "urllib3"}
DISCORD = {"requests", "requests_oauthlib", "oauthlib", "chalicelib.discord.client"}
QUEUE_ROOMS = {"chalicelib.delivery", "chalicelib.sweeps"}
WEB_ROOMS = {"chalicelib.commands.door", "chalicelib.web", "chalicelib.linking.flow", "jinja2", "jwt", "oauthlib"}
UNUSED = {
    "web: /health": AWS | DISCORD | QUEUE_ROOMS | WEB_ROOMS | {"chalicelib.members", "chalicelib.store", "msgspec"},
    LINK: QUEUE_ROOMS | DISCORD | {"boto3", "jinja2", "chalicelib.commands", "chalicelib.web", "chalicelib.members"},
    "web: a page": QUEUE_ROOMS | DISCORD | {"boto3", "chalicelib.commands", "chalicelib.members"},
    "web: a slash command": QUEUE_ROOMS | (WEB_ROOMS - {"chalicelib.commands.door"}) | {"boto3"},
    "sync_jobs: a change": WEB_ROOMS | {"boto3"},
    "sync_bulk: a message": WEB_ROOMS | {"boto3"},
    "update_all": WEB_ROOMS | {"boto3"},
    "update_all_on_schedule": WEB_ROOMS | {"boto3"},
}
IMPORTED = re.compile(r"import time: +\d+ \| +\d+ \| +([\w.]+)")


@pytest.fixture(scope="module")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The zip that ships, unpacked as Lambda unpacks it."""
    folder = tmp_path_factory.mktemp("task")
    zipfile.ZipFile(package.build("bench", import_environment={"ROLECALL_STAGE": "bench"}).zip_file).extractall(folder)
    return folder


def imported(code: Path, folder: Path, handler: str, event: Any) -> set[str]:
    """Every module that is imported until the first event is answered."""
    with running(handler, code, folder, SETTINGS | {"PYTHONPROFILEIMPORTTIME": "1"}, PARAMETERS) as runtime:
        runtime.invoke(event)
    return {found[1] for line in runtime.lines if (found := IMPORTED.match(line))}


@pytest.mark.parametrize("function", UNUSED)
def test_a_function_imports_nothing_that_it_does_not_use(code: Path, tmp_path: Path, function: str) -> None:
    found = imported(code, tmp_path, *events()[function])
    assert "chalicelib.wiring" in found, "it has started"
    assert found & UNUSED[function] == set()


def test_every_function_that_is_measured_is_looked_at() -> None:
    assert set(UNUSED) == set(events())
