"""Counts the members who lose something, by whatever way, and opens a hold at the removal limit.

While a hold is open nobody loses anything, whatever the hour, until a person answers (`members/removals.py`) or those
who are held have got back what they would have lost.
"""

from dataclasses import dataclass

from chalicelib import log
from chalicelib.members.removal_limit import NO_LIMIT, hold_reason, max_removals
from chalicelib.members.reporter import Reporter
from chalicelib.services import Services
from chalicelib.store.removals import RemovalStore, Window

NOTICE_INTERVAL = 86_400  # seconds; while a hold is open, it is notified once a day


@dataclass(frozen=True, slots=True)
class Counted:
    """When members were counted, and when they had been counted before, if this count took the place of that one.

    Both in epoch seconds.
    """

    at: float
    moved_from: float | None = None


class RemovalLimiter:
    """The removal limit of the guild, for all workers together."""

    def __init__(self, services: Services, reporter: Reporter) -> None:
        self._services = services
        self._reporter = reporter
        self._store = RemovalStore(services.settings.guild_id)
        self._percent = services.settings.removal_limit_percent

    @property
    def is_off(self) -> bool:
        """Whether there is no limit."""
        return self._percent >= NO_LIMIT

    def admit(self, members: int, *, linked: int | None = None, counted_at: float | None = None) -> Counted | None:
        """Count `members` who are about to lose something. Returns None if they must not: a hold is open then.

        Call it before anything is taken. `linked`: how many users are linked, if the caller counted them. `counted_at`:
        when the same members were counted last.
        """
        now = self._services.now()
        if self.is_off:
            return Counted(now)
        window = self._store.count(members, now=now, linked=linked, counted_at=counted_at)
        if window is None:
            return None
        counted = Counted(now, window.moved_from)
        if window.lost(now) <= max_removals(window.linked, self._percent):
            return counted
        self._open_hold(window, now)  # first: until then others may be admitted
        self.give_back(members, counted)
        return None

    def foresee(self, members: int, *, linked: int) -> bool:
        """Whether at least so many members may lose something, each of whom is counted when their turn comes.

        Counts nobody. Returns False if they must not: a hold is open then. `linked`: how many users are linked.
        """
        if self.is_off:
            return True
        self._store.note_linked(linked)
        window, now = self._store.window(), self._services.now()
        if window.held_since is not None:
            return False
        if window.lost(now) + members <= max_removals(linked, self._percent):
            return True
        self._open_hold(window, now)
        return False

    def has_room(self) -> bool:
        """Whether one more member may lose something now. Opens no hold."""
        if self.is_off:
            return True
        window = self._store.window()
        limit = max_removals(window.linked, self._percent)
        return window.held_since is None and window.lost(self._services.now()) < limit

    def give_back(self, members: int, counted: Counted) -> None:
        """Nothing was taken from members who were admitted so. Who had lost something before goes on to count."""
        if not self.is_off:
            self._store.uncount(members, counted_at=counted.at, moved_from=counted.moved_from)

    def would_admit(self, members: int, *, linked: int) -> bool:
        """Whether `members` more could lose something now. Changes nothing."""
        if self.is_off:
            return True
        window = self._store.window()
        return window.held_since is None and window.lost(self._services.now()) + members <= max_removals(
            linked, self._percent
        )

    def note_linked(self, linked: int) -> None:
        """Remember how many users are linked: the limit is a part of them."""
        if not self.is_off:
            self._store.note_linked(linked)

    def max_members(self, linked: int) -> int:
        """From how many of the linked members something may be taken within an hour."""
        return linked if self.is_off else max_removals(linked, self._percent)

    def is_held(self) -> bool:
        """Whether a hold is open."""
        return not self.is_off and self._store.window().held_since is not None

    def remind(self) -> None:
        """Count an open hold for the alarm, and notify it again if that was not done today."""
        window = self._store.window()
        if self.is_off or window.held_since is None:
            return
        self._services.metrics.count("SweepsHeld")
        if _claim_notice(self._services, window.held_since):
            _notify(self._reporter, window, self._percent)

    def _open_hold(self, window: Window, now: float) -> None:
        if not self._store.open_hold(now=now):
            return
        log.warning("removals_held", lost=window.lost(now), linked=window.linked)
        self._services.metrics.count("SweepsHeld")
        _notify(self._reporter, window, self._percent)  # first: if this process dies here, the next sweep does both
        _claim_notice(self._services, now)


def _notify(reporter: Reporter, window: Window, percent: int) -> None:
    reporter.removals_held(hold_reason(max_removals(window.linked, percent), window.linked))


def _claim_notice(services: Services, held_since: float) -> bool:
    """Claim the notice of this hold for a day. Returns False if it was sent within the last one."""
    return services.memory.sweeps.claim_notice(
        f"removals:{held_since:.3f}", "-", now=services.now(), seconds=NOTICE_INTERVAL
    )
