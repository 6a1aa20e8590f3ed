"""The local AWS with Rolecall in it, started once for all tests that are marked `stack`."""

from collections.abc import Iterator

import pytest

from local.aws import LocalAws, local_aws

NEVER = "rate(365 days)"  # a schedule that disturbs no test


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    with local_aws({"UPDATE_ALL_SCHEDULE": NEVER, "UPDATE_ALL_USERNAMES_SCHEDULE": NEVER}) as running:
        yield running
