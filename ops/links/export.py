"""`export-links FILE`: write all links to a file that `import-links` reads."""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ops.console import Advance, Screen
from ops.errors import FINE, CommandError
from ops.formatting import count
from ops.links.table import COLUMNS, Record, write
from ops.stage import Stage
from ops.store import all_links, count_links

ABOUT = f"""\
Write all links as CSV, ascending by Discord id: {", ".join(COLUMNS)}. FILE is written anew; - is standard output.
It is what import-links reads, and what fits Alliance Auth's own table discord_discorduser."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `export-links`."""
    parser.add_argument("file", metavar="FILE", help="where to; - for standard output")


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Write all links."""
    stage.connect()
    total = count_links(stage.guild_id)
    with screen.progress("Exporting links", total) as advance:
        written = _write(options.file, stage.guild_id, advance)
    if options.file == "-":
        screen.aside(f"{count(written, 'link')} written.")
    elif screen.as_json:
        screen.data({"file": options.file, "links": written})
    else:
        screen.say(f"{count(written, 'link')} written to {options.file}.")
    return FINE


def _write(name: str, guild_id: int, advance: Advance) -> int:
    if name == "-":
        return _write_to(sys.stdout, guild_id, advance)
    unfinished = Path(f"{name}.part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as out:
            written = _write_to(out, guild_id, advance)
        unfinished.replace(name)
    except OSError as error:
        raise CommandError(f"{name} cannot be written: {error.strerror}") from None
    return written


def _write_to(out: TextIO, guild_id: int, advance: Advance) -> int:
    written = 0

    def records() -> Iterator[Record]:
        nonlocal written
        for user in all_links(guild_id):
            if user.link:
                account = user.link.account
                written += 1
                yield Record(
                    0, user.user_id, account.id, account.username, account.discriminator, user.link.activated_at
                )
                if written % 100 == 0:
                    advance(written)
        advance(written)

    write(records(), out)
    return written
