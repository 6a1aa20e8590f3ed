"""Projects as a person has them, and an account in a second AWS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.account import Account, second_aws
from tests.deploy.support import make_project


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project as a person has it who filled in config.json, for this machine's architecture and emulator."""
    make_project(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def second_account() -> Iterator[Account]:
    """An account in a second AWS, with what the test before left in it."""
    with second_aws() as running:
        yield running
