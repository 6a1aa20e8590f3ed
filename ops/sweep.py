"""`sweep`: compare the whole server with the auth site, and repair it."""

import argparse
import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ReadTimeoutError

from chalicelib.messages import Parts
from chalicelib.store.sweeps import NO_LIST
from ops.console import Screen, table
from ops.discord_refusals import PORTAL, fix_for_failure
from ops.errors import FINE, WRONG, CommandError
from ops.formatting import count, plain_note, span
from ops.stage import Function, Stage
from ops.watch import follow, force_command, wait_for_turn

ABOUT = """\
Start a sweep: compare every linked member with what the auth site wants, and repair what differs.

  python -m ops sweep --dry-run            show what would change, change nothing
  python -m ops sweep --watch              repair everything, and follow it
  python -m ops sweep groups --force       roles only, however many members would lose some

A sweep takes nothing if too many members would lose something (REMOVAL_LIMIT_PERCENT), and nothing from imported
members: look at a dry run or at `removals list`, and if it is right, go on with --force.

A sweep that must wait for another is followed, with --watch, when its turn has come.

Exit code 1 if the sweep is held or failed, or, with --watch, if anybody could not be repaired."""
MAX_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Kind:
    """What can be swept: the function that sweeps it, and what it repairs."""

    function: str
    parts: Parts


KINDS = {
    "all": Kind("update_all", Parts.ALL),
    "groups": Kind("update_all_groups", Parts.GROUPS),
    "nicknames": Kind("update_all_nicknames", Parts.NICKNAME),
    "usernames": Kind("update_all_usernames", Parts.USERNAME),
}

SPARED = {  # why a member loses nothing of what is shown
    "first_run": "imported, and not released yet",
    "removal_limit": "removal limit",
    "protected": "protected member",
    "dropped": "dropped by an operator",
    "grace": "in the grace days",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of `sweep`."""
    parser.add_argument("what", nargs="?", default="all", choices=list(KINDS), help="default: all")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--dry-run", action="store_true", help="change nothing; show what would change")
    how.add_argument("--force", action="store_true", help="even if many members lose roles")
    parser.add_argument("--watch", action="store_true", help="follow it until it is done")


def run(options: argparse.Namespace, stage: Stage, screen: Screen) -> int:
    """Start a sweep; return 1 if it was held or failed, or if it was watched and did not repair everybody."""
    with screen.waiting("Comparing" if options.dry_run else "Starting"):
        said = _invoke(KINDS[options.what].function, _payload(options), stage)
    if options.dry_run:
        return _show_rehearsal(said, options.what, stage, screen)
    if not options.watch:
        screen.say(f"{_started(said)} Follow it: {stage.command('status --watch')}")
        if screen.as_json:
            screen.data(said)
        return FINE
    screen.aside(_started(said))
    sweep_id = said["sweep_id"]
    if said.get("queued"):
        sweep_id = wait_for_turn(sweep_id, KINDS[options.what].parts, stage, screen, force=options.force)
    return follow(sweep_id, options.what, stage, screen)


def _payload(options: argparse.Namespace) -> dict[str, bool]:
    return {name: True for name in ("dry_run", "force") if getattr(options, name)}


def _invoke(short: str, payload: dict[str, bool], stage: Stage) -> dict[str, Any]:
    function = stage.function(short)
    if function is None:
        raise CommandError(f"The function {short} of the stage {stage.name} is not deployed.", fix=stage.deploy)
    try:
        answer = stage.caller(function).invoke(FunctionName=function.name, Payload=json.dumps(payload))
    except ReadTimeoutError:
        raise CommandError(
            f"{function.name} may run for {span(function.timeout)} and has not answered for longer; it is not known "
            "how it ends.",
            fix=f"{stage.command('status')} lists every sweep and dry run that has begun or ended",
        ) from None
    said = json.loads(answer["Payload"].read() or "null")
    if "FunctionError" in answer:
        why = str(said.get("errorMessage", "")) if isinstance(said, dict) else ""
        raise (
            _too_long(function)
            if "Task timed out" in why
            else CommandError(  # Lambda's words
                f"{function.name} failed: {why}", fix=f"{fix_for_failure(why, stage)}; its log: {stage.log_of(short)}"
            )
        )
    found: dict[str, Any] = said
    return found


def _too_long(function: Function) -> CommandError:
    return CommandError(
        f"AWS stopped {function.name}: it took longer than the {span(function.timeout)} that it may run.",
        fix="raise lambda_timeout in .chalice/config.json (900 at most), and deploy; or do without a dry run: a sweep "
        "goes in steps, however long it takes, and without --force it stops before it takes roles from many",
    )


def _started(said: dict[str, Any]) -> str:
    if said.get("already_running"):
        what = "yours comes after it" if said.get("queued") else "it does what you asked for"
        return f"Another sweep is running, {said['sweep_id']}; {what}."
    return f"Sweep {said['sweep_id']} has started."


# --- a dry run ----------------------------------------------------------------------------------------------------


def _show_rehearsal(said: dict[str, Any], what: str, stage: Stage, screen: Screen) -> int:
    if NO_LIST in said.get("note", ""):
        return _show_unseen(said, screen)
    held = bool(said.get("note")) and not said.get("may_take", True)
    if screen.as_json:
        screen.data(said)
        return WRONG if held else FINE
    changes = said.get("would_change", [])
    if changes:
        rows = [_change_row(change) for change in changes[:MAX_SHOWN]]
        screen.show(table(("User", "Discord", "take", "give", "nickname", "spared, because"), rows))
        if said["differing"] > len(rows):
            screen.say(f"and {said['differing'] - len(rows):,} more (--json gives the first {len(changes):,})\n", "dim")
    screen.say(
        f"{count(said['linked'], 'linked user')} of {count(said['members'], 'member')} looked at; "
        f"{said['differing']:,} would change, {said['would_lose_roles']:,} lose roles, {said['left']:,} have left."
    )
    if said.get("unlinked"):
        holders = count(said["unlinked"], "member")
        screen.say(f"{holders} without a link: see DISCORD_UNLINKED_MEMBERS for what happens to their roles of groups.")
    if said.get("note"):
        screen.say(plain_note(said["note"]), "yellow")
    if held:
        screen.say(f"→ {force_command(what, stage)}", "cyan")
    return WRONG if held else FINE


def _show_unseen(said: dict[str, Any], screen: Screen) -> int:
    """Whether nobody was compared, so that every linked user counts as differing."""
    if screen.as_json:
        screen.data(said | {"compared": False})
    linked = count(said["linked"], "linked user")
    screen.say(
        f"What would change cannot be known: the bot's Server Members Intent is off, so Discord does not list the "
        f"members, and none was compared. A sweep would look at {linked} one by one.",
        "yellow",
    )
    at_least = said.get("would_lose_at_least")
    if at_least is not None:
        how_many = f"{at_least:,} or more" if at_least else "perhaps none"
        screen.say(f"By Discord's counts of the holders of each role, {how_many} of them would lose a role.")
        if not said.get("may_take", True):
            screen.say(plain_note(said["note"]), "yellow")
    screen.say(f"→ {PORTAL} → your application → Bot → Server Members Intent on → Save Changes; then again", "cyan")
    return WRONG


def _change_row(change: dict[str, Any]) -> tuple[str, ...]:
    spared = SPARED.get(change.get("spared", ""), "")
    if change.get("unlinked"):
        return ("no link", change["username"], ", ".join(change["take"]), "", "", spared)
    who = change.get("username", change["discord_id"])
    if change.get("left"):
        return (change["user_id"], who, "has left the server: the link would go", "", "", spared)
    if change.get("goes"):
        return (change["user_id"], who, "was deleted, and the grace days are over: would go", "", "", spared)
    if "give" not in change:
        return (change["user_id"], who, ", ".join(change.get("take", ())), "", "", spared)
    nickname = change.get("nickname")
    return (
        change["user_id"],
        f"{change['username']} (was {change['renamed_from']})" if "renamed_from" in change else change["username"],
        ", ".join(change["take"]),
        ", ".join(change["give"]),
        f"{nickname['from'] or 'none'} → {nickname['to']}" if nickname else "",
        spared,
    )
