"""Projects as a person has them, and an account in a second AWS."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.account import Account, second_aws
from tests.deploy.interruptions import make_sources
from tests.deploy.support import STAGE, make_project


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


@pytest.fixture
def account(second_account: Account) -> Account:
    """The account as it is before the first deployment of the stage, whose secrets are there."""
    second_account.reset()
    second_account.put_secrets(STAGE)
    return second_account


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project's sources, to be copied."""
    sources = tmp_path_factory.mktemp("project") / "sources"
    make_sources(sources)
    return sources
