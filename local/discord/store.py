"""simcord's store, fast enough for a guild of 100,000 members, on a clock that is passed in.

Added to it: the order of members by id, since a page must not sort them all; ids from our own clock; and no gateway,
for nobody listens to events and they would only use memory.
"""

from bisect import bisect_right, insort
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from simcord._clock import Clock
from simcord.backend import Backend
from simcord.backend.models import Member

FIRST_MOMENT = 1_767_225_600.0  # 2026-01-01; ids from a clock that starts at zero would be no snowflakes


class _OurClock(Clock):
    """simcord's clock, with the time from `now`."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__()
        self._now = now

    def now(self) -> datetime:
        return datetime.fromtimestamp(max(self._now(), FIRST_MOMENT), UTC)


class Store(Backend):
    """simcord's backend without a gateway, and with the members' ids in ascending order."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.member_ids: dict[int, list[int]] = {}
        super().__init__(clock=_OurClock(now))

    def emit(self, event: str, payload: Mapping[str, Any]) -> None:
        """Drop the event: there is no gateway."""

    def add_member(
        self,
        guild_id: int,
        user_id: int,
        *,
        roles: Iterable[int] = (),
        nick: str | None = None,
        avatar: str | None = None,
        announce: bool = False,
    ) -> Member:
        ids = self.member_ids.setdefault(guild_id, [])
        if user_id not in self.get_guild(guild_id).members:
            insort(ids, user_id)
        return super().add_member(guild_id, user_id, roles=roles, nick=nick, avatar=avatar, announce=announce)

    def remove_member(self, guild_id: int, user_id: int) -> None:
        super().remove_member(guild_id, user_id)
        ids = self.member_ids[guild_id]
        del ids[bisect_right(ids, user_id) - 1]
