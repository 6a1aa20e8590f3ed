"""Watches a sweep: its turn, its comparison, its repairs, and its result."""

import time
from collections import Counter

from chalicelib.messages import Parts
from chalicelib.store.sweeps import Sweep, Sweeps, SweepState
from ops.console import Screen, facts, table
from ops.discord_refusals import fix_for_failure
from ops.errors import FINE, WRONG, CommandError
from ops.formatting import plain_note, span
from ops.queues import look_at
from ops.stage import Stage
from ops.stalled_sweeps import StallWarning
from ops.status import in_words
from ops.store import count_links, failed_since

NO_SWEEP_TIMEOUT = (
    900  # seconds without any sweep until one that waits for its turn is given up; it tries every four minutes
)
ENDED = (SweepState.DONE, SweepState.HELD, SweepState.FAILED)


def wait_for_turn(other_id: str, parts: Parts, stage: Stage, screen: Screen, *, force: bool) -> str:
    """Wait until a sweep that does what was asked for has begun after `other_id`; return its id."""
    stage.connect()
    sweeps = Sweeps(stage.guild_id)
    other = _get(other_id, sweeps)
    screen.aside("Once that has ended, yours is followed. Ctrl-C stops nothing but this.")
    heard = stage.now()
    with screen.waiting(f"Waiting for sweep {other.sweep_id} to end, and for yours to begin"):
        while True:
            running = sweeps.running()
            if mine := _successor(other, parts, sweeps, force=force):
                screen.aside(f"Sweep {mine.sweep_id} has started.")
                return mine.sweep_id
            heard = stage.now() if running else heard
            if stage.now() - heard > NO_SWEEP_TIMEOUT:
                raise CommandError(
                    f"No sweep has run for {span(NO_SWEEP_TIMEOUT)}, and yours has not begun.",
                    fix=f"start it again; {stage.command('doctor')} looks for the cause",
                )
            time.sleep(stage.pause)


def _successor(other: Sweep, parts: Parts, sweeps: Sweeps, *, force: bool) -> Sweep | None:
    """Return the first sweep after `other` that does all that was asked for."""
    for sweep in reversed(sweeps.latest()):
        later = sweep.started_at > other.started_at and not sweep.dry_run
        if later and parts in Parts(sweep.parts) and (sweep.force or not force):
            return sweep
    return None


def follow(sweep_id: str, what: str, stage: Stage, screen: Screen) -> int:
    """Watch the sweep until it is done; return 1 if it was held or failed, or did not repair everybody."""
    stage.connect()
    sweeps = Sweeps(stage.guild_id)
    sweep = _watch_survey(sweep_id, sweeps, stage, screen)
    if sweep.state is SweepState.REPAIRING or sweep.sent:
        sweep = _watch_repair(sweep, sweeps, stage, screen)
    return _show_end(sweep, what, stage, screen)


def _watch_survey(sweep_id: str, sweeps: Sweeps, stage: Stage, screen: Screen) -> Sweep:
    stall_warning = StallWarning(stage, screen)
    with screen.progress("Comparing members", count_links(stage.guild_id)) as advance:
        while True:
            sweep = _get(sweep_id, sweeps)
            advance(sweep.linked)
            if sweep.state is not SweepState.SURVEYING:
                return sweep
            stall_warning.look(sweep.updated_at)
            time.sleep(stage.pause)


def _watch_repair(sweep: Sweep, sweeps: Sweeps, stage: Stage, screen: Screen) -> Sweep:
    """Watch until every job was sent and none is waiting any more."""
    quiet, left, moved_at = 0, -1, 0.0
    stall_warning = StallWarning(stage, screen)
    total = sweep.differing if sweep.may_take else sweep.differing - sweep.losing  # at least
    with screen.progress("Repairing members", total) as advance:
        while True:
            sweep = _get(sweep.sweep_id, sweeps)
            queue = look_at(stage.client("sqs"), stage.queue("bulk"))
            waiting = queue.total if queue else 0
            ended = sweep.state in ENDED
            advance(max(0, sweep.sent - waiting))
            quiet = quiet + 1 if ended and not waiting else 0
            if quiet >= 2 or sweep.state in (SweepState.HELD, SweepState.FAILED):  # SQS counts about right: look twice
                return sweep
            if waiting != left:
                left, moved_at = waiting, stage.now()
            stall_warning.look(max(moved_at, sweep.updated_at))
            time.sleep(stage.pause)


def _get(sweep_id: str, sweeps: Sweeps) -> Sweep:
    sweep = sweeps.get(sweep_id)
    if sweep is None:
        raise CommandError(f"Sweep {sweep_id} not found.")
    return sweep


def _show_end(sweep: Sweep, what: str, stage: Stage, screen: Screen) -> int:
    reasons = Counter(user.last_error for user in failed_since(stage.guild_id, sweep.started_at))
    if screen.as_json:
        plain = {name: getattr(sweep, name) for name in Sweep.__slots__ if name != "examples"}
        screen.data(plain | {"not_repaired": reasons.total(), "reasons": dict(reasons.most_common())})
    screen.show(
        facts(
            [
                ("state", sweep.state),
                ("linked users compared", sweep.linked),
                ("found to differ", sweep.differing),
                (
                    "found with roles too many",
                    f"{sweep.losing:,}{', which they keep' if sweep.losing and not sweep.may_take else ''}",
                ),
                ("found to have left", sweep.gone),
                ("repairs sent", sweep.sent),
                ("users not repaired", reasons.total()),
            ],
            f"Sweep {sweep.sweep_id}",
        )
    )
    if sweep.note:
        screen.say(plain_note(sweep.note), "yellow")
    if sweep.state is SweepState.FAILED:
        screen.say(f"→ {fix_for_failure(sweep.note, stage)}", "cyan")
    if not sweep.may_take and sweep.state is not SweepState.FAILED:
        screen.say(f"→ {force_command(what, stage)}", "cyan")
    if reasons:
        rows = [(in_words(why or ""), number) for why, number in reasons.most_common()]
        screen.show(table(("Not repaired, because", "users"), rows, right=1))
        text = f"→ {stage.command('status')} names them, {stage.command('doctor')} looks for the cause"
        screen.say(text, "cyan")
    return WRONG if reasons or sweep.state in (SweepState.HELD, SweepState.FAILED) else FINE


# --- words ----------------------------------------------------------------------------------------------------------


def force_command(what: str, stage: Stage) -> str:
    """Return the command that does it anyway."""
    return f"if that is right: {stage.command(f'sweep {what} --force --watch')}"
