"""`removals`: what the removal limit and the first-run lock withhold, and the answer to it."""

import argparse
import getpass
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType

from chalicelib.members.removals import Answered, Standing, WithheldRemovals
from chalicelib.members.reporter import Reporter
from chalicelib.store.removals import Cause, Loss, Withheld
from ops.console import Screen, table
from ops.errors import FINE, USAGE, WRONG, CommandError
from ops.formatting import ago, count, listed, moment
from ops.options import common
from ops.stage import Stage

ABOUT = """\
Where too many members would lose roles or their link within an hour (REMOVAL_LIMIT_PERCENT), a hold opens: nobody
loses anything until you answer. Imported members lose nothing before you release them once.

  python -m ops removals list                    who would lose what, since when, and why; changes nothing
  python -m ops removals release 101 102         let it be taken from these users
  python -m ops removals release --all           let everything be taken that a hold withholds
  python -m ops removals release --first-run     release all members who were imported so far
  python -m ops removals drop --all              let them keep it until the auth site states something newer

release and drop show what they will do, and ask. A released user is compared again first: whoever should lose nothing
any more loses nothing. If the auth site states somebody's groups again, what is withheld from them is forgotten by
itself; once nothing is withheld, the hold ends.

Exit code of list: 1 if anything is withheld."""
MAX_SHOWN = 50
WHY = {Cause.LIMIT: "removal limit", Cause.FIRST_RUN: "imported, first run"}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `removals`."""
    actions = parser.add_subparsers(dest="action", metavar="list|release|drop", required=True)

    def action(name: str, about: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=about, description=about, parents=[common()])

    action("list", "show what is withheld").add_argument("--everything", action="store_true", help=f"over {MAX_SHOWN}")
    for name, about in (("release", "let it be taken"), ("drop", "let the members keep it")):
        one = action(name, about)
        one.add_argument("users", nargs="*", metavar="USER", help="the auth site's user ids")
        one.add_argument("--all", action="store_true", dest="all_held", help="all that a hold withholds")
        one.add_argument("--first-run", action="store_true", help="all imported members")
        one.add_argument("--yes", action="store_true", help="do not ask")
        one.set_defaults(everything=False)


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """List what is withheld, release it, or drop it."""
    services, view = stage.wired.services, stage.wired.delivery.view
    removals = WithheldRemovals(services, Reporter(services, view))
    if options.action == "list":
        return _list(options, removals, stage, screen)
    chosen = _chosen(options, removals)
    if not _is_agreed(options, chosen, stage, screen):
        screen.say("Nothing was changed.")
        return FINE
    answered = _answers(options)(removals, chosen, f"{getpass.getuser()} (ops)")
    return _show_answer(options, answered, screen)


# --- choosing and answering ---------------------------------------------------------------------------------------


def _chosen(options: argparse.Namespace, removals: WithheldRemovals) -> list[Withheld]:
    """What the answer is about."""
    if sum(map(bool, (options.users, options.all_held, options.first_run))) != 1:
        raise CommandError("Name some users, or give --all or --first-run.", code=USAGE)
    if options.all_held or options.first_run:
        return list(removals.all(Cause.LIMIT if options.all_held else Cause.FIRST_RUN))
    found = {user_id: removals.of_user(user_id) for user_id in dict.fromkeys(options.users)}
    absent = [user_id for user_id, one in found.items() if one is None]
    if absent:
        raise CommandError(f"Nothing is withheld from {listed(absent)}.")
    return [one for one in found.values() if one]


def _answers(options: argparse.Namespace) -> Callable[[WithheldRemovals, list[Withheld], str], Answered]:
    """What is done with what was chosen; the last argument is who decided it."""
    if options.action == "drop":
        return lambda removals, chosen, by: removals.drop(chosen, by=by)
    if options.first_run:
        return lambda removals, _, by: removals.release_imported(by=by)
    return lambda removals, chosen, by: removals.release(chosen, by=by)


def _is_agreed(options: argparse.Namespace, chosen: list[Withheld], stage: Stage, screen: Screen) -> bool:
    """Show what will be done, and ask."""
    if options.yes:
        return True
    if not sys.stdin.isatty():
        raise CommandError("This asks first, and no terminal is attached: add --yes.", code=USAGE)
    screen.side.print(_table(chosen[:MAX_SHOWN], stage.now()))
    if len(chosen) > MAX_SHOWN:
        screen.aside(f"and {len(chosen) - MAX_SHOWN:,} more; removals list --everything shows them", "dim")
    return screen.ask(_question(options, chosen))


def _question(options: argparse.Namespace, chosen: list[Withheld]) -> str:
    if options.action == "drop":
        kept = count(len(chosen), "user")
        return f"Let {kept} keep this until the auth site states something newer?"
    kicked = sum(one.loss is Loss.KICK for one in chosen)
    also = f", {count(kicked, 'of them', 'of them')} removed from the server" if kicked else ""
    lock = ", and end the first-run lock of all members imported so far" if options.first_run else ""
    return f"Let this be taken from {count(len(chosen), 'user')}{also}{lock}?"


def _show_answer(options: argparse.Namespace, answered: Answered, screen: Screen) -> int:
    if screen.as_json:
        screen.data({"action": options.action, "done": answered.done, "changed": answered.changed})
    verb = "released: each is compared once more, then it is taken" if options.action == "release" else "dropped"
    screen.say(f"{count(len(answered.done), 'user')} {verb}.", "green")
    if answered.changed:
        screen.aside(f"Changed since, and left: {listed(list(answered.changed))}. Look again.", "yellow")
    return WRONG if answered.changed else FINE


# --- showing ------------------------------------------------------------------------------------------------------


def _list(options: argparse.Namespace, removals: WithheldRemovals, stage: Stage, screen: Screen) -> int:
    standing, found = removals.standing(), list(removals.all())
    if screen.as_json:
        screen.data(asdict(standing) | {"withheld": [_plain(one) for one in found]})
        return WRONG if found else FINE
    if found:
        shown = found if options.everything else found[:MAX_SHOWN]
        screen.show(_table(shown, stage.now()))
        if len(found) > len(shown):
            screen.say(f"and {len(found) - len(shown):,} more; --everything shows them\n", "dim")
    screen.say(in_words(standing), "yellow" if standing.held_since else "")
    if not found:
        screen.say("Nothing is withheld.", "green")
    for cause in sorted({one.cause for one in found}):
        option = "--all" if cause is Cause.LIMIT else "--first-run"
        screen.say(f"→ if it is right: {stage.command(f'removals release {option}')}", "cyan")
        screen.say(f"→ if not, fix the auth site, or keep it so: {stage.command(f'removals drop {option}')}", "cyan")
    return WRONG if found else FINE


def in_words(standing: Standing) -> str:
    """How the removal limit stands, in one sentence."""
    if standing.limit is None:
        return "There is no removal limit (REMOVAL_LIMIT_PERCENT is 100)."
    linked = f", of {count(standing.linked, 'linked user')}" if standing.linked else ""
    used = f"{standing.lost:,} of at most {standing.limit:,} members lost something within an hour{linked}"
    if standing.held_since is None:
        return f"No hold is open: {used}."
    return f"A hold is open since {moment(standing.held_since)}, and nobody loses anything: {used}."


def _table(several: list[Withheld], now: float) -> RenderableType:
    rows = [
        (one.user_id, one.username or one.discord_id, what(one), ago(one.since, now), WHY[one.cause], one.by)
        for one in several
    ]
    return table(("User", "Discord", "would lose", "since", "held by", "asked for by"), rows)


def what(one: Withheld) -> str:
    """What the member would lose."""
    if one.loss is Loss.KICK:
        return "everything: removed from the server, the link ends"
    if one.loss is Loss.UNLINK:
        return "the link: they seem to have left the server"
    return ", ".join(one.roles) or count(one.number, "role")


def _plain(one: Withheld) -> dict[str, Any]:
    plain = asdict(one) | {"since": int(one.since * 1000)}
    plain.pop("deletion")
    return plain
