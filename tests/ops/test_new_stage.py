"""`stages new NAME`."""

import argparse
import json
import shutil
from pathlib import Path

import pytest

from deploy.project import ROOT
from ops import new_stage
from ops.console import Screen
from ops.errors import FINE, USAGE, CommandError
from ops.stage import Stage


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / ".chalice", tmp_path / ".chalice", ignore=shutil.ignore_patterns("deployed", "deployments"))
    return tmp_path


def run(project: Path, action: str, name: str = "") -> int:
    options = argparse.Namespace(action=action, name=name)
    return new_stage.run(options, Stage("dev"), Screen(as_json=False), project)


def test_a_new_stage_is_written_and_what_is_next_is_said(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "new", "alliance") == FINE
    assert "alliance" in json.loads((project / ".chalice" / "config.json").read_text())["stages"]
    said = " ".join(capsys.readouterr().out.split())
    for word in ("policy-alliance-api.json", "make secrets STAGE=alliance", "make deploy STAGE=alliance"):
        assert word in said


@pytest.mark.parametrize(("name", "why"), [("dev", "already"), ("Alliance", "up to 16"), ("prod-data", "stack")])
def test_a_name_that_cannot_be_is_a_usage_error(project: Path, name: str, why: str) -> None:
    before = (project / ".chalice" / "config.json").read_text()
    with pytest.raises(CommandError, match=why) as refused:
        run(project, "new", name)
    assert refused.value.code == USAGE
    assert (project / ".chalice" / "config.json").read_text() == before


def test_policies_are_renewed_from_their_templates(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(project, "renew") == FINE
    assert "Everything is as it should be" in capsys.readouterr().out
    template = project / ".chalice" / "templates" / "policy-api.json"
    template.write_text(template.read_text().replace("WriteLogs", "WriteLog"))
    assert run(project, "renew") == FINE
    assert "policy-dev-api.json" in capsys.readouterr().out
