"""`secrets put NAME`: store a secret where the functions read it. It is never passed on a command line."""

import argparse
import getpass
import sys
from contextlib import suppress

from chalicelib.settings import MIN_SECRET, SECRETS
from ops.console import Screen
from ops.errors import FINE, USAGE, CommandError
from ops.stage import Stage

ABOUT = f"""\
Store a secret, encrypted, in Parameter Store under /rolecall/<stage>/<NAME>, where the functions read it.
It is asked for without being shown, or read from standard input:

  python -m ops secrets put DISCORD_BOT_TOKEN
  openssl rand -hex 32 | python -m ops secrets put AUTH_SITE_SECRET

NAME is one of {", ".join(SECRETS)}.
Functions that run already keep the old value until `make deploy` renews them."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `secrets`."""
    parser.add_argument("action", choices=["put"], help="store it")
    parser.add_argument("name", choices=SECRETS, metavar="NAME", help=", ".join(SECRETS))


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Ask for the secret and store it."""
    value = _read(options.name)
    _check(options.name, value)
    name = stage.parameter(options.name)
    answer = stage.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
    if screen.as_json:
        screen.data({"name": name, "version": answer["Version"]})
    screen.say(f"Stored as {name}, version {answer['Version']}.")
    if stage.deployed:
        screen.aside(f"→ {stage.deploy}, so that running functions read it", "cyan")
    return FINE


def _read(name: str) -> str:
    """Read the secret from the terminal without echo, or from standard input; the line break is removed."""
    if sys.stdin.isatty():
        with suppress(EOFError):  # Ctrl-D
            return getpass.getpass(f"{name} (is not shown): ")
        return ""
    return sys.stdin.read().rstrip("\r\n")


def _check(name: str, value: str) -> None:
    """Refuse a value that the functions would refuse, without showing it."""
    if not value:
        raise CommandError(f"{name} is empty; nothing was stored.", code=USAGE)
    if value != value.strip() or not value.isascii() or not value.isprintable():
        raise CommandError(f"{name} has white space or unusual characters around or in it; copy it again.", code=USAGE)
    if name != "AUTH_SITE_SECRET" and " " in value:
        begins = " Without the word Bot before it." if value.startswith("Bot ") else ""
        raise CommandError(f"{name} has a space in it; copy it again.{begins}", code=USAGE)
    if name == "DISCORD_WEBHOOK_URL" and not value.startswith("https://"):
        raise CommandError(f"{name} must begin with https://; copy it again.", code=USAGE)
    if name == "AUTH_SITE_SECRET" and len(value) < MIN_SECRET:
        raise CommandError(
            f"{name} must have at least {MIN_SECRET} characters; nothing was stored.",
            fix="openssl rand -hex 32 makes a good one",
            code=USAGE,
        )
