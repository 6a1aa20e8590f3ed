"""`add-bot-url` prints the page that adds the bot; `resume` resumes calls to Discord after they were halted."""

import argparse
from http import HTTPStatus

from chalicelib.linking.addresses import add_bot_url
from chalicelib.store.halts import DynamoHaltStore
from ops.console import Screen
from ops.discord import Probe
from ops.discord_refusals import Refused, refused_token
from ops.errors import FINE, CommandError
from ops.formatting import moment
from ops.stage import Stage

ABOUT_URL = """\
Print the address of Discord's page that adds the bot to your server, with the four permissions that it needs:
Manage Roles, Manage Nicknames, Kick Members, Create Invite. Open it as the server's owner. Afterwards drag the bot's
role above all roles that it must give: Discord → Server Settings → Roles."""
ABOUT_RESUME = """\
Go on after all calls to Discord were stopped: because Discord refused the bot's token once, or too many requests.
Asks Discord first whether it takes the token now. A new token needs no resume."""


def add_no_options(_parser: argparse.ArgumentParser) -> None:
    """Add nothing: these commands have no options."""


def show_url(_options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Print the address."""
    settings = stage.settings
    url = add_bot_url(settings.oauth_base_url, settings.app_id, settings.guild_id)
    if screen.as_json:
        screen.data({"url": url})
    else:
        print(url, file=screen.console.file)
    return FINE


def resume(_options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Resume calls if Discord accepts the bot's token."""
    stage.connect()
    settings, halt_store = stage.settings, DynamoHaltStore(stage.app_id, stage.guild_id)
    board = halt_store.shared_state()
    refused = refused_token(stage, board)
    if refused is Refused.OLDER:
        raise CommandError(f"Stopped: {refused.value}.", fix=f"{stage.deploy}, so that they read the new one")
    halted = refused is Refused.STORED
    if not halted and board.blocked_until <= stage.now():
        return _told(screen, "Nothing is stopped.", resumed=False)
    answer = Probe(settings).get("/users/@me")
    if answer.status == HTTPStatus.UNAUTHORIZED:
        raise CommandError(
            "Discord still refuses the token.",
            fix=f"renew it: {stage.command('secrets put DISCORD_BOT_TOKEN')}; then {stage.deploy}",
        )
    if not answer.ok:
        raise CommandError(f"Discord answers {answer.status}: try again later.", fix="wait, and try again")
    halt_store.lift_all()
    why = "the token had been refused" if halted else f"{board.blocked_why}, until {moment(board.blocked_until)}"
    return _told(
        screen, f"Discord takes the token; calls go on within half a minute. Stopped was: {why}.", resumed=True
    )


def _told(screen: Screen, text: str, *, resumed: bool) -> int:
    if screen.as_json:
        screen.data({"resumed": resumed, "text": text})
    screen.say(text)
    return FINE
