"""`dead-letters`: list, redrive or discard messages that could not be processed."""

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from contextlib import ExitStack
from math import ceil
from typing import Any

from chalicelib import log
from ops.console import Screen, facts, table
from ops.dead_letter_queue import DeadLetter, DeadLetterQueue, summary_of
from ops.errors import FINE, USAGE, WRONG, CommandError
from ops.formatting import DAY, ago, count, moment
from ops.options import common
from ops.stage import Stage

ABOUT = """\
Messages that could not be done lie in the dead letters for 14 days, with the reason.

  python -m ops dead-letters list                        what there is
  python -m ops dead-letters show 3                      one of them, whole
  python -m ops dead-letters redrive 3 5f2c              try these again
  python -m ops dead-letters redrive --reason "503"      try all again whose reason contains that
  python -m ops dead-letters discard --all               throw all away, after asking

A letter is named by its number in the list or by the beginning of its id. The number may be another one once letters
came or went; the id stays. A letter that is sent again keeps its body and
when it was first sent, and loses everything else.

Exit code of list: 1 if there are any."""
SHORT_ID = 8  # characters
MAX_NUMBER = 3  # digits; longer ones are the beginning of an id
MOST = 10_000
QUEUES = ("jobs", "bulk")
WORKERS = {"jobs": "sync_jobs", "bulk": "sync_bulk"}  # who reads which queue


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `dead-letters`."""
    actions = parser.add_subparsers(dest="action", metavar="list|show|redrive|discard", required=True)

    def action(name: str, about: str) -> argparse.ArgumentParser:
        return actions.add_parser(name, help=about, description=about, parents=[common()])

    action("list", "all of them").add_argument("--reason", metavar="TEXT", help="only those whose reason contains this")
    action("show", "one of them, whole").add_argument(
        "ids", nargs=1, metavar="N", help="number, or beginning of its id"
    )
    redrive = action("redrive", "send dead letters back to their queues")
    redrive.add_argument("--to", choices=QUEUES, help="for letters of which nobody knows where they came from")
    discard = action("discard", "discard dead letters")
    discard.add_argument("--yes", action="store_true", help="do not ask")
    for one in (redrive, discard):
        one.add_argument("ids", nargs="*", metavar="N", help="numbers of the list, or beginnings of ids")
        one.add_argument("--reason", metavar="TEXT", help="all whose reason contains this")
        one.add_argument("--all", action="store_true", dest="everything", help="all")


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Read the dead letters and do what was asked with them."""
    act: Callable[[argparse.Namespace, list[DeadLetter], DeadLetterQueue, Stage, Screen], int] = {
        "list": _list,
        "show": _show,
        "redrive": _redrive,
        "discard": _discard,
    }[options.action]
    if options.action in ("redrive", "discard"):
        _one_way_of_choosing(options)
    letters = DeadLetterQueue(stage.client("sqs"), stage.name, wait=stage.pause)
    with ExitStack() as until_done:
        with screen.progress("Reading dead letters", letters.number()) as advance:
            held = until_done.enter_context(letters.held(most=MOST, seen=advance))
        return act(options, held, letters, stage, screen)


def _one_way_of_choosing(options: argparse.Namespace) -> None:
    if sum(map(bool, (options.ids, options.reason, options.everything))) != 1:
        raise CommandError("Say which: some numbers or ids, or --reason TEXT, or --all.", code=USAGE)


def _list(
    options: argparse.Namespace, held: list[DeadLetter], _letters: DeadLetterQueue, stage: Stage, screen: Screen
) -> int:
    shown = [(n, one) for n, one in enumerate(held, 1) if not options.reason or options.reason in one.reason]
    if screen.as_json:
        screen.data([_plain(letter) for _, letter in shown])
    elif not held:
        screen.say("There are no dead letters.", "green")
    elif not shown:
        screen.say(f"None: of {count(len(held), 'dead letter')} no reason contains {options.reason!r}.")
    else:
        rows = [_row(number, letter, stage.now()) for number, letter in shown]
        screen.show(table(("N", "id", "since", "from", "kind", "user", "tries", "reason"), rows))
    return WRONG if shown else FINE


def _row(number: int, letter: DeadLetter, now: float) -> tuple[str | int, ...]:
    return (
        number,
        letter.id[:SHORT_ID],
        ago(letter.since, now),
        letter.queue or "?",
        letter.kind,
        letter.user_id,
        letter.tries,
        log.redacted(letter.reason),
    )


def _show(
    options: argparse.Namespace, held: list[DeadLetter], _letters: DeadLetterQueue, stage: Stage, screen: Screen
) -> int:
    (letter,) = _chosen(options, held)
    if screen.as_json:
        screen.data(_plain(letter) | {"body": letter.safe_body})
        return FINE
    known: list[tuple[str, str | None]] = [
        ("reason", log.redacted(letter.reason)),
        ("asks to", summary_of(letter.body)),
        ("came from", letter.queue or "not known"),
        ("first seen", moment(letter.since)),
        ("set aside", moment(letter.sent_at)),
        ("failures", str(letter.tries)),
        ("trace", letter.attributes.get("trace")),
    ]
    screen.show(facts(known, f"Dead letter {letter.id}"))
    if trace := letter.attributes.get("trace"):
        screen.say(f"→ what was logged of it: {_log_of(letter, trace, stage)}", "cyan")
    screen.say()
    screen.say(letter.safe_body)
    return FINE


def _log_of(letter: DeadLetter, trace: str, stage: Stage) -> str:
    """Return the command that shows what the function of its queue logged about it since it was first seen."""
    days = ceil((stage.now() - letter.since) / DAY) + 1
    pattern = shlex.quote(json.dumps(trace))
    return f"{stage.log_of(WORKERS.get(letter.queue or '', 'sync_jobs'), since=f'{days}d')} --filter-pattern {pattern}"


def _redrive(
    options: argparse.Namespace, held: list[DeadLetter], letters: DeadLetterQueue, _stage: Stage, screen: Screen
) -> int:
    chosen = _chosen(options, held)
    homeless = [letter for letter in chosen if (options.to or letter.queue) not in QUEUES]
    sent = [letter for letter in chosen if letter not in homeless]
    with screen.progress("Sending back", len(sent)) as advance:
        for number, letter in enumerate(sent, 1):
            letters.redrive(letter, options.to or letter.queue or "")
            advance(number)
    if screen.as_json:
        screen.data({"redriven": [letter.id for letter in sent], "left": [letter.id for letter in homeless]})
    screen.say(f"{count(len(sent), 'message')} redriven.")
    if homeless:
        screen.aside(
            f"{count(len(homeless), 'dead letter')} left: they cannot be read, so their queue is not known.",
            "yellow",
        )
        screen.aside("→ say where to with --to jobs or --to bulk, or discard them", "cyan")
    return WRONG if homeless else FINE


def _discard(
    options: argparse.Namespace, held: list[DeadLetter], letters: DeadLetterQueue, stage: Stage, screen: Screen
) -> int:
    chosen = _chosen(options, held)
    if not chosen:
        screen.say("There are none.")
        return FINE
    if not options.yes:
        if not sys.stdin.isatty():
            raise CommandError("Discarding asks first, and nobody is here to answer: add --yes.", code=USAGE)
        rows = [_row(held.index(letter) + 1, letter, stage.now()) for letter in chosen]
        screen.side.print(table(("N", "id", "since", "from", "kind", "user", "tries", "reason"), rows))
        if not screen.ask(f"Throw {count(len(chosen), 'message')} away for good?"):
            screen.say("Nothing was discarded.")
            return FINE
    with screen.progress("Discarding", len(chosen)) as advance:
        for number, letter in enumerate(chosen, 1):
            letters.discard(letter)
            advance(number)
    if screen.as_json:
        screen.data({"discarded": [letter.id for letter in chosen]})
    screen.say(f"{count(len(chosen), 'message')} discarded.")
    return FINE


def _chosen(options: argparse.Namespace, held: list[DeadLetter]) -> list[DeadLetter]:
    """Return the chosen dead letters. Raises CommandError for an id that matches none, or more than one."""
    if getattr(options, "everything", False):
        return held
    if getattr(options, "reason", None):
        found = [letter for letter in held if options.reason in letter.reason]
        if not found:
            raise CommandError(f"Of {count(len(held), 'dead letter')} no reason contains {options.reason!r}.")
        return found
    chosen = [_named(name, held) for name in options.ids]
    return list({letter.id: letter for letter in chosen}.values())


def _named(name: str, held: list[DeadLetter]) -> DeadLetter:
    if name.isascii() and name.isdigit() and len(name) <= MAX_NUMBER:
        if not 1 <= int(name) <= len(held):
            raise CommandError(f"There is no dead letter number {name}; there are {len(held)}.")
        return held[int(name) - 1]
    found = [letter for letter in held if letter.id.startswith(name)]
    if len(found) != 1:
        raise CommandError(f"{count(len(found), 'dead letter')} with an id that begins with {name}.")
    return found[0]


def _plain(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "reason": log.redacted(letter.reason),
        "queue": letter.queue,
        "kind": letter.kind,
        "user_id": letter.user_id,
        "tries": letter.tries,
        "since": letter.since,
        "set_aside_at": letter.sent_at,
        "trace": letter.attributes.get("trace"),
    }
