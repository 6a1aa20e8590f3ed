"""`import-links FILE`: import links from Alliance Auth's table."""

import argparse
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ops.console import Screen, table
from ops.errors import FINE, WRONG, CommandError
from ops.formatting import count, listed, span
from ops.links.bulk import AT_ONCE, Importer, Outcome, Verdict
from ops.links.table import Bad, File, Record, Unreadable, read
from ops.stage import Stage

ABOUT = """\
Link the users of Alliance Auth without asking any of them. FILE is its table of Discord accounts as CSV, with a first
line that names the columns, in any order; - reads standard input. On the auth site:

  mysql --batch -e "SELECT user_id, uid, username, discriminator, activated
                    FROM discord_discorduser ORDER BY uid" alliance_auth > links.csv

(Tabs are understood as well as commas. With PostgreSQL: \\copy (SELECT …) TO 'links.csv' CSV HEADER.)
user_id must be what the auth site signs into its tokens as `sub`; where that is not the table's user_id, join auth_user
and select the right column AS user_id.

Nothing changes on Discord: a link whose groups the auth site has never stated is left as it is. Post an update_all for
every user afterwards (or let the auth site do so), and watch the first sweep with --dry-run.

Run it as often as you like: what is there already is left alone, and a run that was interrupted goes on where it was.

Exit code 1 if any line was not imported."""
THREADS = 8
MAX_THREADS = 64
MAX_SHOWN = 30


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `import-links`."""
    parser.add_argument("file", metavar="FILE", help="the table as CSV; - for standard input")
    parser.add_argument("--dry-run", action="store_true", help="check the file against the store, change nothing")
    parser.add_argument("--strict", action="store_true", help="import nothing unless every column and line is right")
    parser.add_argument(
        "--threads", type=_threads, default=THREADS, metavar="N", help=f"writers at once; default: {THREADS}"
    )


def _threads(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MAX_THREADS):
        raise argparse.ArgumentTypeError(f"{text} is no number from 1 to {MAX_THREADS}")
    return int(text)


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Read the file and store its links; return 1 if any line was not imported."""
    file = _read(options.file, stage)
    if file.unknown:
        screen.aside(f"Unused columns: {listed(list(file.unknown), 10)}", "yellow")
    if options.strict and (file.unknown or file.bad):
        _show_bad(list(file.bad), screen)
        raise CommandError("Nothing was imported, because of --strict.")
    began = time.monotonic()
    verdicts = _put_all(file.records, options, stage, screen)
    refused = [Bad(one.record.line, one.why) for one in verdicts if one.outcome is Outcome.REFUSED]
    bad = sorted([*file.bad, *refused], key=lambda one: one.line)
    if screen.as_json:
        screen.data(_plain(file, verdicts, bad, dry_run=options.dry_run))
    else:
        _show_bad(bad, screen)
        _summarise(file, verdicts, bad, screen, seconds=time.monotonic() - began, dry_run=options.dry_run)
    return WRONG if bad else FINE


def _read(name: str, stage: Stage) -> File:
    try:
        if name == "-":
            return read(sys.stdin)
        with Path(name).open(encoding="utf-8-sig", newline="") as lines:
            return read(lines)
    except OSError as error:
        raise CommandError(f"{name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandError(f"{name} is not UTF-8.", fix="export it with --default-character-set=utf8mb4") from None
    except Unreadable as error:
        raise CommandError(f"{name}: {error}", fix=f"see: {stage.command('import-links --help')}") from None


def _put_all(records: tuple[Record, ...], options: argparse.Namespace, stage: Stage, screen: Screen) -> list[Verdict]:
    importer = Importer(stage.connect(), stage.guild_id, now=stage.now())
    verdicts: list[Verdict] = []
    with (
        ThreadPoolExecutor(options.threads) as pool,
        screen.progress("Checking links" if options.dry_run else "Importing links", len(records)) as advance,
    ):
        futures = [pool.submit(importer.put, some, dry_run=options.dry_run) for some in _chunks(records)]
        try:
            for future in as_completed(futures):
                verdicts += future.result()
                advance(len(verdicts))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return verdicts


def _chunks(records: tuple[Record, ...]) -> Iterator[tuple[Record, ...]]:
    for start in range(0, len(records), AT_ONCE):
        yield records[start : start + AT_ONCE]


# --- showing ------------------------------------------------------------------------------------------------------


def _show_bad(bad: list[Bad], screen: Screen) -> None:
    if not bad:
        return
    rows = [(str(one.line), one.why) for one in bad[:MAX_SHOWN]]
    screen.show(table(("Line", "not imported, because"), rows))
    if len(bad) > len(rows):
        screen.say(f"and {len(bad) - len(rows):,} more lines; --json names them all\n", "dim")


def _summarise(
    file: File, verdicts: list[Verdict], bad: list[Bad], screen: Screen, *, seconds: float, dry_run: bool
) -> None:
    new, same = (sum(one.outcome is outcome for one in verdicts) for outcome in (Outcome.NEW, Outcome.SAME))
    verb = "would be imported" if dry_run else "imported"
    said = [f"{count(new, 'link')} {verb}", f"{same:,} there already", f"{count(len(bad), 'line')} not imported"]
    if file.repeated:
        said.append(f"{count(file.repeated, 'line')} repeated another")
    screen.say(f"{', '.join(said)}; {span(seconds)}.", "yellow" if bad else "green")
    if not new and not bad:
        screen.say("Nothing changed: the store holds all of this file.")


def _plain(file: File, verdicts: list[Verdict], bad: list[Bad], *, dry_run: bool) -> dict[str, object]:
    return {
        "dry_run": dry_run,
        "imported": sum(one.outcome is Outcome.NEW for one in verdicts),
        "already_there": sum(one.outcome is Outcome.SAME for one in verdicts),
        "repeated": file.repeated,
        "unknown_columns": file.unknown,
        "not_imported": [{"line": one.line, "why": one.why} for one in bad],
    }
