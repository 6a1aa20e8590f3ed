"""One stack for all tests in this folder, in which each function may do what its policy says and nothing more."""

import os
from collections.abc import Iterator

import pytest

from local.auth_site import AuthSite
from local.discord.control import Control
from local.up import everything
from tests.stack.support import SECRET, SETTINGS, Stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with everything({"PATH": os.environ["PATH"]} | SETTINGS, enforce_iam=True) as up:
        site = AuthSite(
            up.aws.client("sqs"),
            secret=SECRET,
            jobs_queue_url=up.aws.jobs_queue_url,
            notices_queue_url=up.aws.notices_queue_url,
        )
        stack = Stack(up.aws, site, Control(up.discord_url))
        stack.discord.turn(rate_limits=False)
        for role in ("Member", "Pilot"):
            stack.discord.create_role(role)
        stack.feed(enabled=False)
        yield stack
