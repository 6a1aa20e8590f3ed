"""`sweep`: compare the whole server with the auth site and repair it; see how far it is."""

import argparse
import json
import time
from typing import Any

from botocore.exceptions import ReadTimeoutError

from chalicelib.store.sweeps import Sweep, Sweeps
from ops.errors import FINE, WRONG, Complaint
from ops.queues import look_at
from ops.screen import Screen, facts, table
from ops.stage import Stage
from ops.store import count_links
from ops.words import count

ABOUT = """\
Start a sweep: compare every linked member with what the auth site wants, and repair what differs.

  python -m ops sweep --dry-run            show what would change, change nothing
  python -m ops sweep --watch              repair everything, and follow it
  python -m ops sweep groups --force       roles only, however many members would lose some

The first sweep of a server takes no roles away, and later ones stop where too many members would lose some
(SWEEP_BRAKE_PERCENT): look at a dry run, and if it is right, go on with --force.

Exit code 1 if the sweep is held or failed."""
FUNCTIONS = {
    "all": "update_all",
    "groups": "update_all_groups",
    "nicknames": "update_all_nicknames",
    "usernames": "update_all_usernames",
}
MOST_SHOWN = 50
ENDED = ("done", "held", "failed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `sweep`."""
    parser.add_argument("what", nargs="?", default="all", choices=list(FUNCTIONS), help="default: all")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="change nothing; show what would change")
    how.add_argument("--force", action="store_true", help="even if many members lose roles")
    parser.add_argument("--watch", action="store_true", help="follow it until it is done")


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Start it; 1 if it is held or failed."""
    with screen.waiting("Comparing" if options.dry_run else "Starting"):
        said = _invoke(FUNCTIONS[options.what], _payload(options), stage)
    if options.dry_run:
        return _show_rehearsal(said, options.what, stage, screen)
    if not options.watch:
        screen.say(_started(said, stage))
        if screen.as_json:
            screen.data(said)
        return FINE
    screen.aside(_started(said, stage))
    return _follow(said["sweep_id"], options.what, stage, screen)


def _payload(options: argparse.Namespace) -> dict[str, bool]:
    return {name: True for name in ("dry_run", "force") if getattr(options, name)}


def _invoke(short: str, payload: dict[str, bool], stage: Stage) -> dict[str, Any]:
    function = stage.function(short)
    if function is None:
        raise Complaint(
            f"The function {short} of the stage {stage.name} is not deployed.", cure=f"make deploy STAGE={stage.name}"
        )
    try:
        answer = stage.client("lambda").invoke(FunctionName=function.name, Payload=json.dumps(payload))
    except ReadTimeoutError:
        raise Complaint(
            f"{function.name} takes longer than it may; it is not known how it ends.", cure="see: status"
        ) from None
    said = json.loads(answer["Payload"].read() or "null")
    if "FunctionError" in answer:
        why = said.get("errorMessage", "") if isinstance(said, dict) else ""
        raise Complaint(
            f"{function.name} failed: {why}", cure=f"its log: chalice logs --stage {stage.name} --name {short}"
        )
    found: dict[str, Any] = said
    return found


def _started(said: dict[str, Any], stage: Stage) -> str:
    if said.get("already_running"):
        what = "yours comes after it" if said.get("queued") else "it does what you asked for"
        return f"Another sweep is running, {said['sweep_id']}; {what}."
    return f"Sweep {said['sweep_id']} has started. Follow it: python -m ops --stage {stage.name} status --watch"


# --- a dry run ----------------------------------------------------------------------------------------------------


def _show_rehearsal(said: dict[str, Any], what: str, stage: Stage, screen: Screen) -> int:
    held = bool(said.get("note")) and not said.get("may_take", True)
    if screen.as_json:
        screen.data(said)
        return WRONG if held else FINE
    changes = said.get("would_change", [])
    if changes:
        rows = [_change_row(change) for change in changes[:MOST_SHOWN]]
        screen.show(table(("User", "Discord", "take", "give", "nickname"), rows))
        if said["differing"] > len(rows):
            screen.say(f"and {said['differing'] - len(rows):,} more (--json gives the first {len(changes):,})\n", "dim")
    screen.say(
        f"{count(said['linked'], 'linked user')} of {count(said['members'], 'member')} looked at; "
        f"{said['differing']:,} would change, {said['would_lose_roles']:,} lose roles, {said['left']:,} have left."
    )
    if said.get("note"):
        screen.say(plain_note(said["note"]), "yellow")
    if held:
        screen.say(f"→ {_go_on(what, stage)}", "cyan")
    return WRONG if held else FINE


def _change_row(change: dict[str, Any]) -> tuple[str, ...]:
    if change.get("left"):
        return (change["user_id"], change["discord_id"], "has left the server: the link would go", "", "")
    nickname = change.get("nickname")
    return (
        change["user_id"],
        change["username"],
        ", ".join(change["take"]),
        ", ".join(change["give"]),
        f"{nickname['from'] or 'none'} → {nickname['to']}" if nickname else "",
    )


def plain_note(note: str) -> str:
    """What a sweep noted, without the words for those who invoke functions by hand."""
    for start in (" To let sweeps take roles", " To let it,"):
        note = note.split(start)[0]
    return note


def _go_on(what: str, stage: Stage) -> str:
    return f"if that is right: python -m ops --stage {stage.name} sweep {what} --force --watch"


# --- following ----------------------------------------------------------------------------------------------------


def _follow(sweep_id: str, what: str, stage: Stage, screen: Screen) -> int:
    stage.connect()
    sweeps = Sweeps(stage.guild_id)
    sweep = _watch_survey(sweep_id, sweeps, stage, screen)
    if sweep.state == "repairing" or sweep.sent:
        sweep = _watch_repair(sweep, sweeps, stage, screen)
    return _show_end(sweep, what, stage, screen)


def _watch_survey(sweep_id: str, sweeps: Sweeps, stage: Stage, screen: Screen) -> Sweep:
    with screen.progress("Comparing members", count_links(stage.guild_id)) as advance:
        while True:
            sweep = _get(sweep_id, sweeps)
            advance(sweep.linked)
            if sweep.state != "surveying":
                return sweep
            time.sleep(stage.pause)


def _watch_repair(sweep: Sweep, sweeps: Sweeps, stage: Stage, screen: Screen) -> Sweep:
    """Until every job was sent, and none waits any more."""
    quiet = 0
    total = sweep.differing if sweep.may_take else sweep.differing - sweep.losing  # at least
    with screen.progress("Repairing members", total) as advance:
        while True:
            sweep = _get(sweep.sweep_id, sweeps)
            queue = look_at(stage.client("sqs"), stage.queue("bulk"))
            waiting = queue.total if queue else 0
            ended = sweep.state in ENDED
            advance(max(0, sweep.sent - waiting))
            quiet = quiet + 1 if ended and not waiting else 0
            if quiet >= 2 or sweep.state in ("held", "failed"):  # SQS counts about right: look twice
                return sweep
            time.sleep(stage.pause)


def _get(sweep_id: str, sweeps: Sweeps) -> Sweep:
    sweep = sweeps.get(sweep_id)
    if sweep is None:
        raise Complaint(f"Nothing is known of a sweep {sweep_id}.")
    return sweep


def _show_end(sweep: Sweep, what: str, stage: Stage, screen: Screen) -> int:
    if screen.as_json:
        screen.data({name: getattr(sweep, name) for name in Sweep.__slots__ if name != "examples"})
    screen.show(
        facts(
            [
                ("state", sweep.state),
                ("linked users", sweep.linked),
                ("differed", sweep.differing),
                ("lost roles", sweep.losing if sweep.may_take else 0),
                ("had left", sweep.gone),
                ("jobs sent", sweep.sent),
            ],
            f"Sweep {sweep.sweep_id}",
        )
    )
    if sweep.note:
        screen.say(plain_note(sweep.note), "yellow")
    if not sweep.may_take:
        screen.say(f"→ {_go_on(what, stage)}", "cyan")
    return WRONG if sweep.state in ("held", "failed") else FINE
