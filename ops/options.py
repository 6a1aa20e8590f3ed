"""The options that every command takes, behind its name as well as before it."""

import argparse
import os
from contextlib import suppress

from chalicelib.settings import STAGE

MAX_PAUSE = 86_400.0  # seconds


def add_common(parser: argparse.ArgumentParser) -> None:
    """Give them to the program itself, with their defaults."""
    _add(parser, stage=os.environ.get(STAGE) or "dev", as_json=False)


def common() -> argparse.ArgumentParser:
    """Give them to a command, as one of its `parents`; what was said before its name stands unless it is said anew."""
    parser = argparse.ArgumentParser(add_help=False)
    _add(parser, stage=argparse.SUPPRESS, as_json=argparse.SUPPRESS)
    return parser


def seconds(text: str) -> float:
    """How long to wait, for argparse: more than nothing, and no more than a day."""
    with suppress(ValueError):
        if 0 < (value := float(text)) <= MAX_PAUSE:
            return value
    raise argparse.ArgumentTypeError(f"{text} is no number of seconds that can be waited for")


def _add(parser: argparse.ArgumentParser, *, stage: str, as_json: bool | str) -> None:
    parser.add_argument("--stage", default=stage, help=f"which installation (default: ${STAGE}, or dev)")
    parser.add_argument("--json", dest="as_json", action="store_true", default=as_json, help="for programs")
