"""One stack for the tests of this folder, with a Discord that can be switched off and on without forgetting."""

import os
from collections.abc import Iterator

import pytest

from local.auth_site import AuthSite
from local.aws import environment as env
from local.aws.process import port_to_use
from local.aws.stack import api_url_at
from local.discord.config import Config
from local.discord.core import Discord
from local.up import everything
from tests.stack_resilience.support import SCALE, SECRET, SETTINGS, VISIBILITY, Switched, Whole


@pytest.fixture(scope="session")
def whole() -> Iterator[Whole]:
    aws_port = port_to_use(None)
    settings = env.complete(SETTINGS, api_url=api_url_at(aws_port))
    discord = Switched(
        Discord(
            Config(
                guild_id=settings["DISCORD_GUILD_ID"],
                app_id=settings["DISCORD_APP_ID"],
                app_secret=settings["DISCORD_APP_SECRET"],
                bot_token=settings["DISCORD_BOT_TOKEN"],
                redirect_uris=(settings["DISCORD_CALLBACK_URL"],),
                scale=SCALE,
            )
        )
    )
    try:
        with everything(
            {"PATH": os.environ["PATH"]} | SETTINGS,
            discord_url=discord.url,
            aws_port=aws_port,
            visibility_timeout=VISIBILITY,
        ) as up:
            site = AuthSite(
                up.aws.client("sqs"),
                secret=SECRET,
                jobs_queue_url=up.aws.jobs_queue_url,
                notices_queue_url=up.aws.notices_queue_url,
            )
            yield Whole(up.aws, site, discord)
    finally:
        discord.off()
