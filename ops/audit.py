"""`audit`: every change of every user, newest first."""

import argparse

from chalicelib.store import audit
from chalicelib.store.audit import Kind, Wanted
from ops.console import Screen, table
from ops.errors import FINE
from ops.stage import Stage
from ops.user import plain_entry, told

ABOUT = """\
Show the audit trail of all users, newest first: what was changed, of whom, and who or what asked for it.

  python -m ops audit                              the newest changes
  python -m ops audit --role Director              who got or lost a role whose name contains that
  python -m ops audit --by Vera                    what Vera did on the officers' page
  python -m ops audit --user 101 --kind nickname   one user's nicknames

--role and --by find parts of a name. Changes made before the upgrade that brought this command are found with --user
only. One call looks through 500 entries; it says how to go on."""
MAX_ENTRIES = 30


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `audit`."""
    parser.add_argument("--user", default="", metavar="ID", help="only this user of the auth site")
    parser.add_argument("--role", default="", metavar="NAME", help="only where such a role was given or taken")
    parser.add_argument("--by", default="", metavar="NAME", help="only what such a person, message or sweep asked for")
    parser.add_argument("--kind", choices=[kind.value for kind in Kind], help="only changes of this kind")
    parser.add_argument("--before", default="", metavar="PLACE", help="go on where an earlier call stopped")
    parser.add_argument("--most", type=_number, default=MAX_ENTRIES, metavar="N", help=f"default: {MAX_ENTRIES}")


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= audit.MAX_READ:
        raise argparse.ArgumentTypeError(f"a number from 1 to {audit.MAX_READ}")
    return int(text)


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Show what is found."""
    stage.connect()
    wanted = Wanted(options.user, options.role, options.by, Kind(options.kind) if options.kind else None)
    found = audit.search(
        wanted,
        now=stage.now(),
        before=options.before,
        most=options.most,
        keep_days=stage.settings.audit_days,
    )
    if screen.as_json:
        screen.data({"entries": [plain_entry(entry) for entry in found.entries], "older": found.older or None})
        return FINE
    rows = [
        (entry["at"][:19].replace("T", " "), entry.get("user_id"), told(entry), entry.get("cause"))
        for entry in found.entries
    ]
    if rows:
        screen.show(table(("When (UTC)", "User", "what was changed", "asked for by"), rows))
    else:
        screen.say("No such change is on record." if not found.older else "None among the newest.", "dim")
    if found.older:
        screen.aside(f"→ older ones: add --before '{found.older}'", "cyan")
    return FINE
