"""A copy of the project with its settings filled in, ready to be deployed to an AWS on this machine."""

from pathlib import Path

import pytest

from tests.deploy.support import make_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project as a person has it who filled in config.json, for this machine's architecture and emulator."""
    make_project(tmp_path)
    return tmp_path
