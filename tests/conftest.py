"""What every test relies on: AWS credentials that open nothing, no network beyond loopback, a world of its own."""

import os

import pytest

os.environ |= {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "OAUTHLIB_INSECURE_TRANSPORT": "1",  # the local Discord speaks plain HTTP; oauthlib refuses that in production
}

from local.simulated import World


@pytest.fixture
def world() -> World:
    """Rolecall in this process, in virtual time, with nicknames synced."""
    return World({"DISCORD_SYNC_NAMES": "True"})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the local stack share one: where tests run side by side, these stay together (`--dist loadgroup`)."""
    for item in items:
        if item.get_closest_marker("stack") and not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group("stack"))
