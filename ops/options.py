"""The options of every command; they may stand before or after its name."""

import argparse
import os
from contextlib import suppress

from chalicelib.settings import STAGE

MAX_PAUSE = 86_400.0  # seconds


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add them to the program itself, with their defaults."""
    _add(parser, stage=os.environ.get(STAGE) or "dev", as_json=False)


def common() -> argparse.ArgumentParser:
    """Return a parent parser for commands: an option before the command's name applies unless it is given again."""
    parser = argparse.ArgumentParser(add_help=False)
    _add(parser, stage=argparse.SUPPRESS, as_json=argparse.SUPPRESS)
    return parser


def seconds(text: str) -> float:
    """Parse a waiting time for argparse: more than 0 seconds and at most a day."""
    with suppress(ValueError):
        if 0 < (value := float(text)) <= MAX_PAUSE:
            return value
    raise argparse.ArgumentTypeError(f"{text} is no number of seconds that can be waited for")


def _add(parser: argparse.ArgumentParser, *, stage: str, as_json: bool | str) -> None:
    parser.add_argument("--stage", default=stage, help=f"which installation (default: ${STAGE}, or dev)")
    parser.add_argument("--json", dest="as_json", action="store_true", default=as_json, help="for programs")
