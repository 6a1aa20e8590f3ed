"""What stops all calls of the bot, shared by all workers. Implements `chalicelib.discord.halts.HaltStore`."""

from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.discord.halts import INVALID_WINDOW, SharedState
from chalicelib.store.rate_limits import BUCKET_NAMES, bot_prefix
from chalicelib.store.rows import RateLimitRow, written

MINUTE = 60  # seconds; invalid requests are counted by the minute


class DynamoHaltStore:
    """The halts in DynamoDB, by bot (`app_id`).

    Up to version 1 they stood by guild, in the row of the bucket names: what is stored there still counts, so that an
    upgrade forgets no halt. Invalid requests that were counted there are forgotten: at worst as many again are made
    before work pauses, which is what Discord allows.
    """

    def __init__(self, app_id: int, guild_id: int) -> None:
        self._prefix = bot_prefix(app_id)
        self._older = f"{guild_id}:{BUCKET_NAMES}"

    def shared_state(self) -> SharedState:
        rows = {row.key: row for row in RateLimitRow.batch_get([self._halts, self._older], consistent_read=True)}
        now, older = (rows.get(key, RateLimitRow(key)) for key in (self._halts, self._older))
        longest = max(now, older, key=lambda row: float(row.blocked_until or 0))
        return SharedState(
            now.halted_token or older.halted_token or "", float(longest.blocked_until or 0), longest.blocked_why or ""
        )

    def refuse_token(self, token: str) -> None:
        RateLimitRow(self._halts).update([RateLimitRow.halted_token.set(token)])

    def halt_until(self, until: float, why: str) -> None:
        later = RateLimitRow.blocked_until.does_not_exist() | (RateLimitRow.blocked_until < until)
        _update(self._halts, [RateLimitRow.blocked_until.set(until), RateLimitRow.blocked_why.set(why)], later)

    def lift(self) -> None:
        """Forget every halt: an operator lets calls be made again."""
        for key in (self._halts, self._older):
            RateLimitRow(key).update(
                [
                    RateLimitRow.halted_token.remove(),
                    RateLimitRow.blocked_until.remove(),
                    RateLimitRow.blocked_why.remove(),
                ]
            )

    # --- invalid requests ---

    def count_invalid(self, now: float) -> int:
        row = RateLimitRow(self._minutes(now)[0])
        row.update([RateLimitRow.counted.add(1), RateLimitRow.expires_at.set(int(now) + 2 * INVALID_WINDOW)])
        return int(row.counted or 0) + _sum(self._minutes(now)[1:])

    def invalid(self, now: float) -> int:
        """How many there were in the last ten minutes."""
        return _sum(self._minutes(now))

    def _minutes(self, now: float) -> list[str]:
        """The keys of the last ten minutes, the newest first."""
        minute = int(now // MINUTE)
        return [f"{self._prefix}invalid:{minute - back}" for back in range(INVALID_WINDOW // MINUTE)]

    @property
    def _halts(self) -> str:
        return f"{self._prefix}halts"


def _sum(keys: list[str]) -> int:
    return sum(int(row.counted or 0) for row in RateLimitRow.batch_get(keys))


def _update(key: str, actions: list[Action], condition: Condition) -> bool:
    return written(lambda: RateLimitRow(key).update(actions, condition=condition))
