"""The running service: whether it answers, whether clocks agree, whether anything was halted."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

from chalicelib import VERSION
from chalicelib.discord.halts import MAX_ADDRESS_PAUSE, BlockReport
from chalicelib.store.removals import RemovalStore
from chalicelib.store.sweeps import Sweeps, SweepState
from ops import outages
from ops.discord_refusals import Refused, refused_token
from ops.doctor.base import Finding, Level, Registry, fault, note, warning
from ops.doctor.context import DoctorContext
from ops.doctor.setup import CALLBACK_PATH
from ops.errors import CommandError
from ops.formatting import count, listed, moment, plain_note, span
from ops.stalled_sweeps import stalled_for, where_to_look

checks = Registry("Running")
MAX_SKEW = 30.0  # seconds; half of what a token's `iat` is allowed
NO_SWEEP_FOR = 3 * 3600  # seconds; the default schedule is hourly


@checks.check("api", "The API at the callback URL", needs=("callback-shape",))
def api(context: DoctorContext) -> Iterator[Finding]:
    url = context.settings.callback_url.removesuffix(CALLBACK_PATH) + "/health"
    fix = f"compare DISCORD_CALLBACK_URL with the address that {context.deploy} prints"
    try:
        answer = context.probe.page(url)
    except CommandError as complaint:
        yield fault(f"{url}: {complaint}", fix)
        return
    if not isinstance(answer.body, dict) or answer.body.get("status") != "ok":
        yield fault(f"{url} answers {answer.status}, and not as Rolecall does", fix)
    elif answer.body.get("version") != VERSION:
        yield warning(f"deployed is version {answer.body.get('version')}, this is {VERSION}", context.deploy)


@checks.check("clock", "This machine's clock, Discord's and AWS's", needs=("aws", "bot-token"))
def clock(context: DoctorContext) -> Iterator[Finding]:
    sts = context.stage.client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]
    fresh = context.probe.get("/users/@me").headers
    for whose, date in (("AWS", sts.get("date")), ("Discord", fresh.get("Date"))):
        if not date:
            continue
        skew = context.stage.now() - parsedate_to_datetime(date).timestamp()
        if abs(skew) > MAX_SKEW:
            yield warning(
                f"this machine is {span(abs(skew))} {'ahead of' if skew > 0 else 'behind'} {whose}",
                "switch on network time (timedatectl set-ntp true); on the auth site too, if it is that machine: "
                "its tokens are refused if they are signed in the future",
            )


@checks.check("answers", "Discord's answers to the functions", needs=("settings", "tables"))
def answers(context: DoctorContext) -> Iterator[Finding]:
    if outage := outages.of_discord(context.halts):
        yield warning(
            f"{outage.text(context.stage.now())}; {outages.waits(context.waiting)}", outage.fix(context.stage.now())
        )


@checks.check("stopped", "Calls to Discord", needs=("settings", "tables"))
def stopped(context: DoctorContext) -> Iterator[Finding]:
    board, waits = context.halts, outages.waits(context.waiting)
    since = _since(board.refused_since)
    match refused_token(context.stage, board):
        case Refused.STORED:
            yield fault(
                f"all calls have stopped{since}, because Discord refused the bot's token; {waits}",
                f"if the token is wrong (see above), renew it; if it is right again: {context.command('resume')}",
            )
        case Refused.OLDER:
            yield warning(f"{Refused.OLDER.value}: they make no calls; {waits}", context.deploy)
    if board.blocked_until > context.stage.now():
        yield warning(
            f"all calls wait until {moment(board.blocked_until)}{_since(board.blocked_since)}: {board.blocked_why}; "
            f"{waits}",
            "wait; if it is address_banned again and again, give the functions an address of their own (NAT gateway)",
        )
    recent = context.stage.now() - MAX_ADDRESS_PAUSE  # a container that was blocked before that calls again
    yield from (_blocked_container(report) for report in board.reports if report.at > recent)


def _since(then: float) -> str:
    return f" since {moment(then)}" if then else ""


def _blocked_container(report: BlockReport) -> Finding:
    return note(
        f"one container stopped calling Discord at {moment(report.at)}: {report.why}; "
        f"others take its messages (log stream {report.container})"
    )


@checks.check("sweeps", "Sweeps", needs=("settings", "tables"))
def sweeps(context: DoctorContext) -> Iterator[Finding]:
    context.stage.connect()
    known = Sweeps(context.settings.guild_id)
    if idle := stalled_for(known.running(), context.stage.now()):
        yield warning(f"the running sweep has made no step for {span(idle)}", where_to_look(context.stage))
    real = [sweep for sweep in known.latest() if not sweep.dry_run]
    if not real:
        yield note("no sweep has run yet")
        return
    last = real[0]
    again = context.command("sweep all --dry-run")
    if last.state is SweepState.FAILED:
        yield warning(f"the last sweep failed: {last.note}", f"fix that, then {context.command('sweep all --watch')}")
    elif last.state is SweepState.HELD:
        yield warning(
            f"the last sweep was held: {plain_note(last.note)}",
            f"look: {again}; go on: {context.command('sweep --force')}",
        )
    elif not last.may_take:
        text = f"the last sweep took nothing away: {plain_note(last.note)}"
        yield Finding(Level.NOTE, text, f"look: {again}; let sweeps take roles: {context.command('sweep --force')}")
    if context.stage.now() - last.started_at > NO_SWEEP_FOR:
        yield warning(
            f"the last sweep began {span(context.stage.now() - last.started_at)} ago",
            "look at the schedules above, and at the log of update_all_on_schedule",
        )


@checks.check("removals", "Removals that are withheld", needs=("settings", "tables"))
def removals(context: DoctorContext) -> Iterator[Finding]:
    context.stage.connect()
    held_since = RemovalStore(context.settings.guild_id).window().held_since
    fix = f"look: {context.command('removals list')}; then release them, or drop them"
    if held_since:
        yield warning(f"the removal limit was reached: nobody loses anything since {moment(held_since)}", fix)
    waiting = context.links.withheld
    if waiting:
        yield warning(f"something is not taken from {count(waiting, 'user')} until an operator answers", fix)


@checks.check("failing", "Users who could not be synced", needs=("settings", "tables"))
def failing(context: DoctorContext) -> Iterator[Finding]:
    failed = context.links.failed
    if not failed:
        return
    reasons = sorted({user.last_error or "" for user in failed})
    yield warning(
        f"{count(len(failed), 'user')} could not be synced: {listed(reasons, 3)}",
        f"{context.command('status')} names them; {context.command('user ID')} tells why",
    )
