"""`status`: show what is going on right now."""

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from chalicelib.discord.halts import MAX_INVALID
from chalicelib.messages import Parts
from chalicelib.problems import from_last_error, in_order, text
from chalicelib.store.sweeps import Sweep, SweepState
from ops.console import Screen, facts, table
from ops.errors import FINE, WRONG
from ops.formatting import ago, count, moment, plain, plain_note, span
from ops.options import seconds
from ops.outages import waits
from ops.snapshot import BudgetState, Snapshot, Watcher
from ops.stage import Stage

ABOUT = """\
Show what goes on right now: linked users, queues, sweeps, Discord's rate limits, who could not be synced and why,
dead letters by reason. Users and dead letters are read once a minute, everything else at every look.

Exit code 1 if anything needs looking at. With --watch and --json, a line of JSON for every look."""
MAX_FAILURES = 20
STATE_STYLES = {SweepState.FAILED: "bold red", SweepState.HELD: "yellow", SweepState.DONE: "green"}


def in_words(why: str) -> str:
    """Say in words why a user could not be synced, every reason."""
    return "; ".join(text(problem) for problem in in_order(from_last_error(why)))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `status`."""
    parser.add_argument("--watch", action="store_true", help="look again and again, until Ctrl-C")
    parser.add_argument("--every", type=seconds, default=5.0, metavar="SECONDS", help="with --watch; default: 5")
    parser.add_argument("--all", action="store_true", dest="everything", help=f"more than {MAX_FAILURES} users")


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Show the state once, or until interrupted; return 1 if anything needs attention at the end."""
    with screen.waiting("Looking"):
        watcher = Watcher(stage)
        snapshot = watcher.take()
    most = None if options.everything else MAX_FAILURES
    if options.watch:
        snapshot = _watch(watcher, snapshot, screen, options.every, most)
    elif screen.as_json:
        screen.data(_plain(snapshot))
    else:
        screen.show(picture(snapshot, most))
    return WRONG if snapshot.troubled else FINE


def _watch(watcher: Watcher, snapshot: Snapshot, screen: Screen, every: float, most: int | None) -> Snapshot:
    """Show the state repeatedly; return the last snapshot once Ctrl-C is pressed."""
    with suppress(KeyboardInterrupt), _drawing(screen, most) as draw:  # the way out
        while True:
            draw(snapshot)
            time.sleep(every)
            snapshot = watcher.take()
    return snapshot


@contextmanager
def _drawing(screen: Screen, most: int | None) -> Iterator[Callable[[Snapshot], None]]:
    """Return a function that draws a snapshot over the last one, or below it if this is not a terminal."""
    if screen.as_json:
        yield lambda snapshot: screen.data(_plain(snapshot), one_of_many=True)
    elif not screen.console.is_terminal:
        yield lambda snapshot: screen.show(picture(snapshot, most))
    else:
        with Live(console=screen.console, auto_refresh=False, screen=True) as live:
            yield lambda snapshot: live.update(picture(snapshot, most), refresh=True)


def picture(snapshot: Snapshot, most: int | None) -> RenderableType:
    """Draw the snapshot, with at most `most` users that could not be synced (None: all of them)."""
    return Group(*_parts(snapshot, most))


def _parts(snapshot: Snapshot, most: int | None) -> Iterator[RenderableType]:
    yield Text(f"Rolecall {snapshot.stage}, {moment(snapshot.at)}", "bold")
    yield facts([*_outages(snapshot), *_headline(snapshot)])
    yield Text()
    rows = [
        (one.queue, one.waiting, one.delayed, one.in_flight, None if one.oldest is None else span(one.oldest))
        for one in snapshot.queues
    ]
    yield table(("Queue", "waiting", "later", "being done", "oldest"), rows, right=4)
    yield _sweeps(snapshot)
    if snapshot.budgets:
        yield table(
            ("Discord's limits", "allowed", "kind", "used now", "wait: urgent", "single", "sweep"),
            [_budget_row(one) for one in snapshot.budgets],
            right=4,
        )
    if snapshot.failures:
        yield _failures(snapshot, most)
    if snapshot.letters:
        by_number = sorted(snapshot.letters.items(), key=lambda item: -item[1])
        yield table(("Dead letters: reason", "number"), by_number, right=1)


def _outages(snapshot: Snapshot) -> Iterator[tuple[str, str | Text]]:
    """Each service that is away, since when, how much waits, and what to do."""
    for outage in snapshot.outages:
        yield "outage", Text(plain(outage.text(snapshot.at)), "bold red")
    if snapshot.outages:
        yield "", Text(f"{waits(snapshot.waiting)}; {snapshot.outages[0].fix(snapshot.at)}", "yellow")


def _headline(snapshot: Snapshot) -> Iterator[tuple[str, str | Text]]:
    if any(outage.service == "DynamoDB" for outage in snapshot.outages) and not snapshot.linked:
        yield "linked", "not known while DynamoDB is away"
        return
    yield "linked", count(snapshot.linked, "user")
    if snapshot.unsettled:
        yield "under way", f"{count(snapshot.unsettled, 'user')} whose newest state is not on Discord yet"
    if snapshot.never_told:
        yield "not stated", f"{count(snapshot.never_told, 'user')} without stated groups, left as they are"
    if snapshot.stopped:
        yield "stopped", Text(f"no calls to Discord{_stop(snapshot)}", "bold red")
    if snapshot.blocked and not snapshot.stopped:
        text = f"{count(snapshot.blocked, 'container')} blocked by Discord; others do the work. doctor names them"
        yield "blocked", Text(text, "yellow")
    if snapshot.no_list_since:
        text = f"Discord has listed no members to the bot since {moment(snapshot.no_list_since)} or longer"
        yield "members", Text(f"{text}: sweeps ask for each one; doctor says what to do", "yellow")
    if snapshot.held_since:
        text = f"a hold is open since {moment(snapshot.held_since)}: nobody loses anything until you answer"
        yield "removals", Text(f"{text}; removals list shows who would", "bold yellow")
    if snapshot.withheld:
        yield "withheld", Text(f"{count(snapshot.withheld, 'user')} would lose something; removals list", "yellow")
    if snapshot.still:
        text = f"the running sweep has made no step for {span(snapshot.still)}; doctor says what to do"
        yield "still", Text(text, "bold yellow")
    last = next((sweep for sweep in snapshot.sweeps if not sweep.dry_run), None)
    if last and last.state in (SweepState.FAILED, SweepState.HELD):
        yield "last sweep", Text(f"{last.state}: {plain(plain_note(last.note))}; doctor says what to do", "yellow")
    if snapshot.invalid:
        yield (
            "refusals",
            f"{snapshot.invalid:,} in ten minutes (a container pauses at {MAX_INVALID:,}, Discord bans at 10,000)",
        )


def _stop(snapshot: Snapshot) -> str:
    """Since when, why, until when, and how much waits."""
    since = f" since {moment(snapshot.stopped_since)}" if snapshot.stopped_since else ""
    until = f" until {moment(snapshot.stopped_until)}" if snapshot.stopped_until else "; doctor says what to do"
    return f"{since}: {plain(snapshot.stopped)}{until}; {waits(snapshot.waiting)}"


def _sweeps(snapshot: Snapshot) -> RenderableType:
    if not snapshot.sweeps and any(outage.service == "DynamoDB" for outage in snapshot.outages):
        return Text()
    if not snapshot.sweeps:
        return Text("No sweep has run yet.\n", "dim")
    rows = [_sweep_row(sweep, snapshot.at) for sweep in snapshot.sweeps]
    return table(("Sweep", "of", "state", "linked", "differ", "lose roles", "left", "sent"), rows, right=5)


def _sweep_row(sweep: Sweep, now: float) -> tuple[str | int | Text, ...]:
    parts = "all" if Parts(sweep.parts) is Parts.ALL else ", ".join(part.name or "" for part in Parts(sweep.parts))
    style = STATE_STYLES.get(sweep.state, "none")
    state = Text("dry run" if sweep.dry_run else sweep.state, style)
    when = f"{ago(sweep.started_at, now)}"
    return (when, parts.lower(), state, sweep.linked, sweep.differing, sweep.losing, sweep.gone, sweep.sent)


def _budget_row(one: BudgetState) -> tuple[str | int, ...]:
    window = "?" if one.kind in ("unseen", "unknown") else span(one.window)
    allowed = f"{one.limit} in {window}"
    waits = (span(one.wait[lane]) for lane in ("urgent", "normal", "bulk"))
    return (", ".join(one.routes), allowed, one.kind, one.used, *waits)


def _failures(snapshot: Snapshot, most: int | None) -> RenderableType:
    rows = [
        (failure.user_id, failure.username, ago(failure.synced_at, snapshot.at), in_words(failure.why))
        for failure in snapshot.failures[:most]
    ]
    drawn: RenderableType = table(("User", "Discord", "last synced", "could not be synced"), rows)
    rest = len(snapshot.failures) - len(rows)
    return Group(drawn, Text(f"and {rest:,} more; --all shows them\n", "dim")) if rest > 0 else drawn


def _plain(snapshot: Snapshot) -> dict[str, object]:
    plainly = asdict(snapshot)
    for sweep in plainly["sweeps"]:
        sweep.pop("examples")
    return plainly
