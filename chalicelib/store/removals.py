"""The removal limit as it is stored: how many members lost something lately, whether a hold is open, what is withheld.

Everything is in the table of sweeps, under keys that begin with `removals#`. Losses are counted in spans of five
minutes and the last thirteen are summed, so that no full hour of the clock gives a new allowance.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Any

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.store.pynamo import connection_of
from chalicelib.store.rows import SweepRow, read_as, stored, written
from chalicelib.store.user_rows import raise_unless_cancelled

SPAN = 300  # seconds; losses within one span are counted together
SPANS = 13  # that are summed: an hour, and the part of the span that has begun
WINDOW = "removals#window"
MAX_ATTEMPTS = 3  # each failed one means that another worker created the row meanwhile


class Cause(StrEnum):
    """Why something is not taken from a member. The values are stored."""

    LIMIT = "limit"
    FIRST_RUN = "first_run"

    @property
    def prefix(self) -> str:
        """What the keys of such records begin with."""
        return "removals#held#" if self is Cause.LIMIT else "removals#locked#"


class Loss(StrEnum):
    """What a member would lose. The values are stored."""

    ROLES = "roles"
    KICK = "kick"  # the user was deleted: their roles, their place in the guild and their link
    UNLINK = "unlink"  # the member seems to have left: their link


@dataclass(frozen=True, slots=True)
class Withheld:
    """What one member would have lost. `since`: epoch seconds.

    `roles`: names; empty if only `number` of them is known. `by`: the message or the sweep that would have taken it.
    `version`: that of the user's desired state. `deletion`: the `delete_user` message, for a kick.
    """

    user_id: str
    discord_id: str
    username: str
    loss: Loss
    cause: Cause
    since: float
    by: str
    version: int
    roles: tuple[str, ...] = ()
    number: int = 0
    deletion: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """Who lost something lately. `counts`: members by span; `linked`: users, as of the last sweep.

    `moved_from`: when the members who were just counted had been counted before, if that count was moved.
    """

    counts: dict[int, int] = field(default_factory=dict)
    linked: int = 0
    held_since: float | None = None
    moved_from: float | None = None

    def lost(self, now: float) -> int:
        """How many members lost something within the last hour (or five minutes more)."""
        return sum(count for span, count in self.counts.items() if span > _span(now) - SPANS)

    def outdated(self, now: float) -> list[int]:
        """Spans that are not summed any more."""
        return [span for span in self.counts if span <= _span(now) - SPANS]


class RemovalStore:
    """The removal limit of one guild."""

    def __init__(self, guild_id: int) -> None:
        self._guild = str(guild_id)

    # --- the window ---

    def window(self) -> Window:
        """The window as stored now."""
        row = stored(SweepRow, self._guild, WINDOW)
        return _window(row) if row else Window()

    def count(
        self, more: int, *, now: float, linked: int | None = None, counted_at: float | None = None
    ) -> Window | None:
        """Count members who lose something; return the window with them, or None if a hold is open: none is counted.

        `linked`: how many users are linked, for callers that counted them. `counted_at`: when the same members were
        counted before; if that is less than an hour ago, their count is moved, since each counts once.
        """
        span, then = _span(now), None if counted_at is None else _span(counted_at)
        for _ in range(MAX_ATTEMPTS):
            row, here = _row(self._guild), SweepRow.counts[_key(span)]
            free = SweepRow.held_since.does_not_exist() & SweepRow.counts.exists()
            actions: list[Action] = [SweepRow.updated_at.set(now)]
            if then is not None:
                free &= SweepRow.counts[_key(then)] >= more
            if then != span:
                actions.append(here.set((here | 0) + more))
                if then is not None:
                    before = SweepRow.counts[_key(then)]
                    actions.append(before.set(before - more))
            if linked is not None:
                actions.append(SweepRow.linked.set(linked))
            if written(partial(row.update, actions, condition=free)):
                found = _window(row)
                _forget_outdated(self._guild, found, now)
                return found if then is None else replace(found, moved_from=counted_at)
            if self.window().held_since is not None:
                return None
            _create(self._guild)
            then = None  # they do not count any more
        raise RuntimeError(f"the count of removals changed {MAX_ATTEMPTS} times while it was created")

    def uncount(self, more: int, *, counted_at: float, moved_from: float | None = None) -> None:
        """Nothing was taken from members who were counted then. `moved_from`: they count as before, as of that time.

        It is a transaction, since botocore gives each of those a token: DynamoDB performs it once, even if it is
        repeated after a lost answer. A count taken back twice would be an allowance for somebody else.
        """
        row, then = _row(self._guild), SweepRow.counts[_key(_span(counted_at))]
        actions: list[Action] = [then.set(then - more)]
        if moved_from is not None:
            if _span(moved_from) == _span(counted_at):
                return
            before = SweepRow.counts[_key(_span(moved_from))]
            actions.append(before.set((before | 0) + more))
        for _ in range(MAX_ATTEMPTS):
            try:
                with TransactWrite(connection=connection_of(SweepRow)) as write:
                    write.update(row, actions=actions, condition=then >= more)
            except TransactWriteError as error:
                raise_unless_cancelled(error)
                if "ConditionalCheckFailed" not in {reason.code for reason in error.cancellation_reasons if reason}:
                    continue  # another worker is just counting
            return

    def open_hold(self, *, now: float) -> bool:
        """Open a hold. Returns False if one is open."""
        row = _row(self._guild)
        closed = SweepRow.held_since.does_not_exist()
        return written(partial(row.update, [SweepRow.held_since.set(now)], condition=closed))

    def close_hold(self, *, forget_losses: bool = False) -> bool:
        """Close the hold; return False if none is open. `forget_losses`: a person saw them, and they count no more."""
        return _close(self._guild, SweepRow.held_since.exists(), forget_losses=forget_losses)

    def close_hold_if_empty(self, *, forget_losses: bool = False) -> bool:
        """Close the hold if it withholds nothing from anybody. Returns True if this call closed it."""
        held_since = self.window().held_since
        if held_since is None or next(self.withheld(Cause.LIMIT, most=1), None):
            return False
        return _close(self._guild, SweepRow.held_since == held_since, forget_losses=forget_losses)

    def note_linked(self, linked: int) -> None:
        """Store how many users are linked."""
        _row(self._guild).update([SweepRow.linked.set(linked)])

    # --- what is withheld ---

    def withhold(self, one: Withheld) -> None:
        """Record what is not taken; what is on record for the same desired state keeps its `since`."""
        row = _withheld_row(self._guild, one)
        news = SweepRow.step.does_not_exist() | (SweepRow.step != row.step)
        written(partial(row.save, condition=news))

    def withheld(self, cause: Cause, *, most: int | None = None) -> Iterator[Withheld]:
        """What is not taken, by user id; what cannot be read is left out."""
        rows = SweepRow.query(self._guild, SweepRow.sweep_id.startswith(cause.prefix), consistent_read=True, limit=most)
        return (one for one in (read_as(Withheld, row.data) for row in rows) if one)

    def withheld_from(self, user_id: str) -> Withheld | None:
        """What is not taken from this user; None if nothing is withheld."""
        for cause in Cause:
            row = stored(SweepRow, self._guild, cause.prefix + user_id)
            if row:
                return read_as(Withheld, row.data)
        return None

    def forget(self, user_id: str, cause: Cause) -> None:
        """Nothing is withheld from this user any more."""
        SweepRow(self._guild, cause.prefix + user_id).delete()


def _row(guild: str) -> SweepRow:
    return SweepRow(guild, WINDOW)


def _create(guild: str) -> None:
    row, new = _row(guild), SweepRow.counts.does_not_exist()
    written(partial(row.update, [SweepRow.counts.set({})], condition=new))


def _close(guild: str, condition: Condition, *, forget_losses: bool) -> bool:
    row = _row(guild)
    actions: list[Action] = [SweepRow.held_since.remove()]
    if forget_losses:
        actions.append(SweepRow.counts.set({}))
    return written(partial(row.update, actions, condition=condition))


def _forget_outdated(guild: str, window: Window, now: float) -> None:
    """Drop old spans, once in a while: the row stays small."""
    outdated = window.outdated(now)
    if len(outdated) > SPANS:
        row = _row(guild)
        row.update([SweepRow.counts[_key(span)].remove() for span in outdated])


def _withheld_row(guild: str, one: Withheld) -> SweepRow:
    data = {name: value for name, value in asdict(one).items() if value or name not in ("roles", "number", "deletion")}
    step = one.version * len(Loss) + list(Loss).index(one.loss)  # tells whether a record is news
    return SweepRow(guild, one.cause.prefix + one.user_id, data=data, step=step)


def _span(now: float) -> int:
    return int(now // SPAN)


def _key(span: int) -> str:
    return str(span)


def _window(row: SweepRow) -> Window:
    counts: dict[str, Any] = row.counts.as_dict() if row.counts else {}  # type: ignore[no-untyped-call]  # PynamoDB leaves it untyped
    return Window(
        {int(span): int(count) for span, count in counts.items()},
        int(row.linked or 0),
        None if row.held_since is None else float(row.held_since),
    )
