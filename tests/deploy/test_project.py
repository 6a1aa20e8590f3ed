"""Chalice, run on a copy of the project."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.lint import lint
from deploy.project import NotDeployed
from tests.deploy.support import STAGE, hand_over_package

DEPLOY = """
import signal, sys
from pathlib import Path
from deploy.__main__ import main

signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs in the background was told to ignore it
sys.exit(main({}, root=Path({})))
"""
SLOW_APP = "import time; open({}, 'w').close(); time.sleep(60)"


def test_ctrl_c_ends_chalice_too_and_says_how_to_go_on(project: Path) -> None:
    (project / "app.py").write_text(SLOW_APP.format(repr(str(project / "read"))))
    command = [sys.executable, "-c", DEPLOY.format(["package", "dev"], repr(str(project)))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as deploying:  # noqa: S603 - this file's own text
        end = time.monotonic() + 60
        while not (project / "read").exists():
            assert time.monotonic() < end, "chalice did not read app.py"
            time.sleep(0.02)
        deploying.send_signal(signal.SIGINT)
        _, said = deploying.communicate(timeout=10)  # which ends once chalice has let go of its end, too
    assert deploying.returncode == 1
    assert said.startswith("Stopped.")
    assert "Traceback" not in said


def test_packaging_needs_no_account_and_no_region(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    hand_over_package(project)
    assert main(["package", STAGE], root=project) == 0
    made = json.loads((project / ".build" / "package-out" / STAGE / "sam.json").read_text())["Resources"]
    assert made["RestAPI"]["Properties"]["OpenApiVersion"] == "2.0", "else SAM makes a second public stage"
    assert made["SyncJobs"]["Properties"]["RecursiveLoop"] == "Allow"


def test_a_template_that_aws_would_refuse_is_not_deployed(project: Path) -> None:
    merged = project / ".chalice" / "package-merge.json"
    merged.write_text(merged.read_text().replace('"RecursiveLoop": "Allow"', '"RecursiveLoop": "Always"', 1))
    with pytest.raises(NotDeployed, match="AWS would refuse this:\n- 'Always' is not one of"):
        lint(STAGE, project)
