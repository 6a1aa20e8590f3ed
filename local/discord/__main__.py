"""`python -m local.discord`: serve a local Discord until interrupted."""

import argparse
import json
import signal
import threading
from dataclasses import fields, replace

from local.discord.config import Config
from local.discord.core import Discord
from local.discord.server import serve

_TEXTS = ("guild_id", "guild_name", "owner", "app_id", "app_name", "app_secret", "bot_token")
_NUMBERS = ("scale", "latency")


def main() -> None:
    """Print one line of JSON when ready, and serve until SIGINT or SIGTERM."""
    arguments = _parser().parse_args()
    wanted = {name: value for name, value in vars(arguments).items() if value is not None}
    config = replace(Config(), **{field.name: wanted[field.name] for field in fields(Config) if field.name in wanted})
    discord = Discord(config)
    for username in arguments.person:
        discord.admin.add_person(username)
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    with serve(discord, host=arguments.host, port=arguments.port) as running:
        print(json.dumps({"discord_url": running.url, "guild_id": config.guild_id}), flush=True)
        done.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local.discord", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    for name in _TEXTS:
        parser.add_argument(f"--{name.replace('_', '-')}")
    for name in _NUMBERS:
        parser.add_argument(f"--{name}", type=float)
    parser.add_argument("--redirect-uri", dest="redirect_uris", action="append", help="may be repeated")
    parser.add_argument("--person", action="append", default=[], help="a username; may be repeated")
    return parser


if __name__ == "__main__":
    main()
