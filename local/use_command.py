"""`python -m local command`: use a slash command on the local Discord of a running stack, as one of its members."""

import argparse
import os
import sys
import time
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.commands.interaction import Name
from chalicelib.errors import BadSettings
from local.discord.control import Control
from local.discord.views import Shown
from local.link_url import HERE
from ops.commands import register
from ops.errors import CommandError
from ops.stage import Stage

PATIENCE = 30.0  # seconds for a deferred answer
LOOK = 0.2  # seconds between two looks


def main(options: argparse.Namespace) -> int:
    """Use a slash command as a member of the local Discord, and print what they see. Registers the commands first if
    Discord does not know them.
    """
    if urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).hostname not in HERE:
        print("Run the line `export AWS_ENDPOINT_URL=…` first that the running stack has printed", file=sys.stderr)
        return 2
    try:
        stage = Stage(options.stage)
        register(stage.settings, deploy=stage.deploy)
        discord = Control(stage.settings.api_base_url.removesuffix("/api/v10"))
        shown = discord.use_command(options.username, options.name, member=options.member, locale=options.locale)
    except (BotoCoreError, ClientError, BadSettings, CommandError, LookupError) as error:
        print(error, file=sys.stderr)
        return 1
    if shown.state == "thinking":
        print("Rolecall is thinking…", file=sys.stderr)
        shown = _waited(discord, shown)
    print(shown.content)
    return 0 if shown.state == "answered" else 1


def _waited(discord: Control, shown: Shown) -> Shown:
    deadline = time.monotonic() + PATIENCE
    while shown.state == "thinking" and time.monotonic() < deadline:
        time.sleep(LOOK)
        shown = discord.command_shown(shown.id)
    return shown


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add to `parser` the options of `command`."""
    parser.add_argument("username", metavar="USERNAME", help="of a member of the local Discord's server")
    parser.add_argument("name", choices=[one.value for one in Name], help="the command")
    parser.add_argument("member", metavar="MEMBER", nargs="?", help="whom whois is about")
    parser.add_argument("--locale", default="en-US", help="the language of the member's Discord: %(default)s, de")
    parser.add_argument("--stage", default="local", help="of the running stack: %(default)s")
