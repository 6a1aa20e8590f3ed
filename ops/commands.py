"""`commands`: register the slash commands at Discord, and the address that answers them; show what is registered."""

import argparse
from typing import Any

from chalicelib.commands.catalogue import COMMANDS, is_registered
from chalicelib.settings import Settings
from ops.console import Screen, table
from ops.discord import Answer, Probe
from ops.errors import FINE, WRONG, CommandError
from ops.options import common
from ops.stage import Stage

ABOUT = """\
Members ask Rolecall on Discord itself: /whoami, /refresh, and /whois for those who may manage roles.

  python -m ops commands register    register the commands in your server, and the address that answers them
  python -m ops commands list        what is registered; changes nothing

register may be run again at any time; it makes what differs equal. It needs DISCORD_PUBLIC_KEY to be set and deployed:
Discord tries the address at once.

Exit code of list: 1 if anything is missing."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `commands`."""
    actions = parser.add_subparsers(dest="action", metavar="register|list", required=True)
    for name, about in (("register", "register what is missing"), ("list", "show what is registered")):
        actions.add_parser(name, help=about, description=about, parents=[common()])


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Register the commands, or list them."""
    if options.action == "list":
        return _list(stage, screen)
    said = register(stage.settings, deploy=stage.deploy)
    if screen.as_json:
        names = [one["name"] for one in COMMANDS]
        screen.data({"endpoint": endpoint_of(stage.settings), "commands": names, "did": said})
    for sentence in said:
        screen.say(sentence)
    return FINE


def register(settings: Settings, *, deploy: str) -> list[str]:
    """Make address and commands known to Discord where they are not; a sentence for each. Raises CommandError.

    `deploy`: the command that deploys the stage.
    """
    if not settings.public_key:
        raise CommandError(
            "DISCORD_PUBLIC_KEY is not set: Rolecall could not tell Discord's requests from anybody's.",
            fix=f"set it in .chalice/config.json (Developer Portal → General Information → Public Key), {deploy}",
        )
    probe = Probe(settings)
    return [_register_endpoint(probe, settings, deploy), _register_commands(probe, settings)]


def endpoint_of(settings: Settings) -> str:
    """The address to which Discord sends commands: beside the callback's."""
    return settings.callback_url.removesuffix("/callback") + "/interactions"


def commands_path(settings: Settings) -> str:
    """Where Discord keeps the guild's commands, below its API's address."""
    return f"/applications/{settings.app_id}/guilds/{settings.guild_id}/commands"


def missing_in(found: list[dict[str, Any]]) -> list[str]:
    """The names of the commands that are not registered as they should be."""
    by_name = {one.get("name"): one for one in found}
    return [one["name"] for one in COMMANDS if not is_registered(one, by_name.get(one["name"], {}))]


def _register_commands(probe: Probe, settings: Settings) -> str:
    missing = missing_in(_read(probe.get(commands_path(settings))))
    if not missing:
        return "The commands are registered already."
    _read(probe.send("PUT", commands_path(settings), list(COMMANDS)))
    return f"Registered: {', '.join(f'/{name}' for name in missing)}. Discord shows them within a minute."


def _register_endpoint(probe: Probe, settings: Settings, deploy: str) -> str:
    url, application = endpoint_of(settings), _read(probe.get("/applications/@me"))
    if application.get("verify_key") != settings.public_key:
        raise CommandError(
            "DISCORD_PUBLIC_KEY is not this application's public key.",
            fix=f"set it to {application.get('verify_key')}, then {deploy}",
        )
    if application.get("interactions_endpoint_url") == url:
        return f"Discord sends commands to {url} already."
    answer = probe.send("PATCH", "/applications/@me", {"interactions_endpoint_url": url})
    if not answer.ok:
        raise CommandError(
            f"Discord did not accept {url}: it answers {answer.status}/{answer.code}.",
            fix=f"{deploy}, so that the functions know DISCORD_PUBLIC_KEY; then run this again",
        )
    return f"Discord sends commands to {url} from now on."


def _list(stage: Stage, screen: Screen) -> int:
    found: list[dict[str, Any]] = _read(Probe(stage.settings).get(commands_path(stage.settings)))
    missing = missing_in(found)
    if screen.as_json:
        screen.data({"registered": [one["name"] for one in found], "missing": missing})
    rows = [(f"/{one['name']}", "missing" if one["name"] in missing else "registered") for one in COMMANDS]
    screen.show(table(("command", "state"), rows))
    if missing:
        screen.aside(f"→ {stage.command('commands register')}", "cyan")
    return WRONG if missing else FINE


def _read(answer: Answer) -> Any:  # noqa: ANN401 - whatever JSON says
    if not answer.ok:
        raise CommandError(f"Discord answers {answer.status}/{answer.code}.", fix="python -m ops doctor says why")
    return answer.body
