"""What stops all calls of the bot, shared by all workers. Implements `chalicelib.discord.halts.HaltStore`."""

from collections.abc import Callable
from contextlib import suppress

from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.discord.availability import Away
from chalicelib.discord.halts import INVALID_WINDOW, REPORT_WINDOW, BlockReport, SharedState
from chalicelib.store.rate_limits import BUCKET_NAMES, bot_prefix
from chalicelib.store.rows import RateLimitRow, read_as, written

MINUTE = 60  # seconds; invalid requests are counted by the minute
MAX_REPORT_ATTEMPTS = 5  # each failed one means that another container reported itself meanwhile
TOKEN_LIFTED: list[Action] = [
    RateLimitRow.halted_token.remove(),
    RateLimitRow.halted_at.remove(),
    RateLimitRow.refused_since.remove(),
]
BLOCK_LIFTED: list[Action] = [
    RateLimitRow.blocked_until.remove(),
    RateLimitRow.blocked_why.remove(),
    RateLimitRow.blocked_since.remove(),
]
PROBE_OVER: list[Action] = [RateLimitRow.probing_until.remove()]
BACK: list[Action] = [
    RateLimitRow.away_since.remove(),
    RateLimitRow.away_at.remove(),
    RateLimitRow.away_why.remove(),
]


class DynamoHaltStore:
    """The halts in DynamoDB, by bot (`app_id`).

    Up to version 1 they stood by guild, in the row of the bucket names: what is stored there still counts, so that an
    upgrade forgets no halt. Only the count of invalid requests begins anew. That row is read with every look at the
    halts, so that its bucket names, handed to `on_names`, need no call of their own.

    One method for each thing that is recorded, and for each look at it: hence so many.
    """

    def __init__(self, app_id: int, guild_id: int, on_names: Callable[[dict[str, str]], None] = lambda _: None) -> None:
        self._on_names = on_names
        self._prefix = bot_prefix(app_id)
        self._halts = f"{self._prefix}halts"
        self._older = f"{guild_id}:{BUCKET_NAMES}"

    def shared_state(self) -> SharedState:
        rows = {row.key: row for row in RateLimitRow.batch_get([self._halts, self._older], consistent_read=True)}
        now, older = (rows.get(key, RateLimitRow(key)) for key in (self._halts, self._older))
        self._on_names(dict(older.buckets or {}))
        longest = max(now, older, key=lambda row: float(row.blocked_until or 0))
        return SharedState(
            halted_token=now.halted_token or older.halted_token or "",
            blocked_until=float(longest.blocked_until or 0),
            blocked_why=longest.blocked_why or "",
            halted_at=float(now.halted_at or 0),
            reports=_reports(now),
            refused_since=float(now.refused_since or 0),
            blocked_since=float(now.blocked_since or 0),
            away=_away(now),
        )

    def refuse_token(self, token: str, *, now: float) -> None:
        again = RateLimitRow.refused_since.set(RateLimitRow.refused_since | now)
        if _update(
            self._halts,
            [RateLimitRow.halted_at.set(now), again, *PROBE_OVER],
            RateLimitRow.halted_token == token,
        ):
            return
        first = [RateLimitRow.halted_token.set(token), RateLimitRow.refused_since.set(now)]
        RateLimitRow(self._halts).update([*first, RateLimitRow.halted_at.set(now), *PROBE_OVER])

    def halt_until(self, until: float, why: str, *, since: float = 0.0) -> None:
        later = RateLimitRow.blocked_until.does_not_exist() | (RateLimitRow.blocked_until < until)
        kept = RateLimitRow.blocked_since.set(RateLimitRow.blocked_since | since)
        block = [RateLimitRow.blocked_until.set(until), RateLimitRow.blocked_why.set(why)]
        begun = kept if since else RateLimitRow.blocked_since.remove()
        _update(self._halts, [*block, begun, *PROBE_OVER], later)

    def report(self, report: BlockReport) -> int:
        for _ in range(MAX_REPORT_ATTEMPTS):
            row = next(iter(RateLimitRow.batch_get([self._halts], consistent_read=True)), RateLimitRow(self._halts))
            others = [one for one in _reports(row) if one.container != report.container]
            reports = [*(one for one in others if one.at > report.at - REPORT_WINDOW), report]
            as_read = RateLimitRow.reports == row.reports if row.reports else RateLimitRow.reports.does_not_exist()
            kept = {one.container: [one.at, one.why] for one in reports}
            if _update(self._halts, [RateLimitRow.reports.set(kept)], as_read):
                return len(reports)
        return 1  # so many report themselves that the next one counts them

    def claim_probe(self, *, now: float, until: float) -> bool:
        free = RateLimitRow.probing_until.does_not_exist() | (RateLimitRow.probing_until <= now)
        return _update(self._halts, [RateLimitRow.probing_until.set(until)], free)

    def lift(self, state: SharedState) -> None:
        for key in (self._halts, self._older):
            same_time = RateLimitRow.halted_at.does_not_exist() | (RateLimitRow.halted_at == state.halted_at)
            _update(key, TOKEN_LIFTED, (RateLimitRow.halted_token == state.halted_token) & same_time)
            _update(key, BLOCK_LIFTED, RateLimitRow.blocked_until <= state.blocked_until)
        RateLimitRow(self._halts).update(PROBE_OVER)

    def lift_all(self) -> None:
        """Forget every halt: an operator resumes calls to Discord."""
        for key in (self._halts, self._older):
            RateLimitRow(key).update([*TOKEN_LIFTED, *BLOCK_LIFTED, *PROBE_OVER, RateLimitRow.reports.remove()])

    # --- whether Discord answers ---

    def away(self, away: Away) -> None:
        with suppress(PynamoDBException):
            RateLimitRow(self._halts).update(
                [
                    RateLimitRow.away_since.set(RateLimitRow.away_since | away.since),
                    RateLimitRow.away_at.set(away.at),
                    RateLimitRow.away_why.set(away.why),
                ]
            )

    def back(self, *, now: float) -> None:
        with suppress(PynamoDBException):
            _update(self._halts, BACK, RateLimitRow.away_at <= now)

    # --- invalid requests ---

    def count_invalid(self, now: float) -> None:
        RateLimitRow(self._minutes(now)[0]).update(
            [RateLimitRow.counted.add(1), RateLimitRow.expires_at.set(int(now) + 2 * INVALID_WINDOW)]
        )

    def invalid(self, now: float) -> int:
        """How many there were in the last ten minutes, of all containers."""
        return sum(int(row.counted or 0) for row in RateLimitRow.batch_get(self._minutes(now)))

    def _minutes(self, now: float) -> list[str]:
        """The keys of the last ten minutes, the newest first."""
        minute = int(now // MINUTE)
        return [f"{self._prefix}invalid:{minute - back}" for back in range(INVALID_WINDOW // MINUTE)]


def _reports(row: RateLimitRow) -> tuple[BlockReport, ...]:
    found = (
        read_as(BlockReport, {"container": container, "at": at, "why": why})
        for container, (at, why) in (row.reports or {}).items()
    )
    return tuple(report for report in found if report)


def _away(row: RateLimitRow) -> Away | None:
    if row.away_since is None or row.away_at is None:
        return None
    return Away(float(row.away_since), float(row.away_at), row.away_why or "")


def _update(key: str, actions: list[Action], condition: Condition) -> bool:
    return written(lambda: RateLimitRow(key).update(actions, condition=condition))
