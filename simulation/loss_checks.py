"""Whether what the bot takes from a member may be taken already: the first-run lock, and grace days.

Checked at the moment of the effect, of everything that members did not ask for themselves.
"""

import json
from typing import Protocol

from chalicelib.settings import Settings
from local.memory.clock import VirtualClock
from local.memory.dynamodb import MemoryDynamoDB
from local.memory.values import Item

DAY = 86_400.0
CLOCKS_DIFFER = 120.0  # seconds that the clocks of the auth site and of the functions differ at most, and a bit
RELEASED = "flag:may_take"  # the end of the key under which the store remembers that imported members were released


class DatesDeletions(Protocol):
    """The auth site, as far as it knows which deletions it posted."""

    def goes_at(self, user_id: str, grace_days: int) -> float | None:
        """When the user may be removed at the earliest; None if no deletion was posted."""
        ...


class Observed(Protocol):
    """What these checks read of a running world."""

    clock: VirtualClock
    dynamodb: MemoryDynamoDB
    settings: Settings

    @property
    def site(self) -> DatesDeletions:
        """The auth site."""
        ...


def too_early(world: Observed, discord_id: int, owners: set[str], *, removed: bool) -> tuple[str, str] | None:
    """The rule that a loss breaks, and how; None if it breaks none.

    `owners`: every user to whom the account was ever linked. `removed`: the member was removed from the guild.
    """
    if _is_locked(world, discord_id):
        return "l", f"{discord_id} lost something under the first-run lock"
    days = world.settings.expire_grace_days
    due = [at for at in (world.site.goes_at(user_id, days) for user_id in owners) if at is not None]
    if removed and due and min(due) > world.clock.now() + CLOCKS_DIFFER:
        return "w", f"{discord_id} was removed {min(due) - world.clock.now():.0f} s before the grace days were over"
    return None


def _is_locked(world: Observed, discord_id: int) -> bool:
    """Whether the account is linked by an import, and Rolecall neither saw the member right nor was released."""
    of_account = [row for row in world.dynamodb.items("users") if _number(row, "discord_id") == discord_id]
    flags = [row for row in world.dynamodb.items("guild") if row["key"]["S"].endswith(RELEASED)]
    released = max((json.loads(row["data"]["S"])["since"] for row in flags), default=0.0)
    return any(_number(row, "imported_at") > released for row in of_account)


def _number(row: Item, column: str) -> int:
    return int(row.get(column, {}).get("N", 0))
