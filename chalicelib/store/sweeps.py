"""Sweeps: the progress of each, and the differences that each page of it found. One sweep runs at a time."""

import uuid
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from functools import partial
from typing import Annotated, Any

from msgspec import Meta

from chalicelib import log
from chalicelib.store.rows import SweepRow, read_as, stored, written

RETENTION = 30 * 86_400  # seconds
RUNNING = "running"
RUNNING_NARROW = "running#waiting"
NARROW = "waiting-"  # what the id of a sweep begins with that compares only users who wait for that
MAX_ATTEMPTS = 3  # each failed one means that another sweep ended meanwhile
STEP_ID = "step_id"  # beside the sweep's own fields: which call stored it
STALE_AFTER = 1800  # seconds without a step after which another sweep may start
OVERTAKEN = "given up for dead: it made no step for long, and another sweep began"
# The note of a sweep whose survey could not list the members. Sweeps under way during an upgrade have it stored.
NO_LIST = "the bot's Server Members Intent is off: every linked user is looked at by itself"


class SweepState(StrEnum):
    """How far a sweep is. The values are stored and shown."""

    SURVEYING = "surveying"
    REPAIRING = "repairing"
    DONE = "done"
    HELD = "held"  # it would take from too many, and waits for a person
    FAILED = "failed"
    DRY_RUN = "dry_run"


UNDER_WAY = (SweepState.SURVEYING, SweepState.REPAIRING)


@dataclass(frozen=True, slots=True)
class Difference:
    """A member who differs: `give` and `take` roles (how many), another `nickname`, or `gone` from the guild.

    `locked`: the first-run lock holds for them. `on_record`: that they keep what they would lose is on record.
    `role` is the id of the one role, if one role is all that differs. `version` is that of the user's desired state.
    """

    user_id: str
    discord_id: int
    version: int
    give: int = 0
    take: int = 0
    nickname: bool = False
    role: int | None = None
    gone: bool = False
    locked: bool = False
    on_record: bool = False

    @property
    def only_loses(self) -> bool:
        """Whether the member loses something and gets nothing."""
        return self.loses and not (self.give or self.nickname)

    @property
    def loses(self) -> bool:
        """Whether the member loses roles or their link."""
        return self.take > 0 or self.gone


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep. Times are epoch seconds. `step` counts the steps done, so that a duplicate or late step is noticed."""

    sweep_id: str
    parts: int
    state: SweepState
    started_at: float
    updated_at: float
    step: int = 0
    dry_run: bool = False
    force: bool = False
    may_take: bool = True
    brake: int = 0  # the removal limit in members, if the survey could not count who would lose roles
    held: bool = False  # by the removal limit: it gives what is missing, and takes nothing
    counted_at: float = 0.0  # when its verdict counted who loses something; 0 if nobody was counted
    members: int = 0
    linked: int = 0
    differing: int = 0
    losing: int = 0  # members from whom roles would be taken
    gone: int = 0  # linked accounts that are not in the guild
    in_use: tuple[int, ...] = ()  # roles that stand for a group and were seen held or stated, if that is looked at
    unlinked: int = 0  # members without a link who hold roles of groups, if they are looked for
    locked: int = 0  # of these two, members for whom the first-run lock holds; of all, if the survey had no list
    recounted: int = 0  # of these two, members who count in the removal limit already
    expected: dict[str, int] = field(default_factory=dict)  # without the list: who should hold each role, by its id
    keepers: int = 0  # without the list: linked users who keep what they hold, whatever it is
    surplus: dict[str, int] | None = None  # holders beyond those two, by role; with the list: who are not linked
    at_least: int = 0  # members who would lose something at the least, by those counts
    pages: int = 0
    pages_found: tuple[int, ...] = ()  # numbers, ascending, under which differences are stored
    cursor: int = 0  # the Discord id that the last page ended with
    first_page_only: bool = False  # of a narrow sweep: the users beyond it are the next one's
    unlisted: bool = False  # of a narrow sweep: every user is read, since members could not be listed
    position: tuple[int, int, int] | None = None  # of the repair: phase, page, offset; older versions store none
    sent: int = 0  # jobs
    singles: int = 0  # members who differ in one role, yet to be sent
    note: str = ""
    examples: tuple[dict[str, Any], ...] = ()  # members who would change, as operators see them

    @property
    def narrow(self) -> bool:
        """Whether only users who wait for that are compared (`store/waiting.py`). It takes from nobody together."""
        return is_narrow(self.sweep_id)

    @property
    def first_page(self) -> int:
        """The number of the first page on which somebody differs; 0 if nobody does."""
        return min(self.pages_found, default=0)

    @property
    def to_count(self) -> int:
        """How many members would lose something and do not count in the removal limit yet."""
        return 0 if self.without_list else self.losing + self.gone - self.locked - self.recounted

    @property
    def without_list(self) -> bool:
        """Whether the survey could not list the members, and so did not see who would lose roles."""
        return self.note == NO_LIST


@dataclass(frozen=True, slots=True)
class _Running:
    """The content of the row that names the running sweep."""

    sweep_id: str


_Id = Annotated[str, Meta(pattern="^[0-9]{1,19}$")]


@dataclass(frozen=True, slots=True)
class _StoredDifference:
    """A difference as it is stored: ids are text, defaults are left out."""

    user_id: str
    discord_id: _Id
    version: int
    give: int = 0
    take: int = 0
    nickname: bool = False
    role: _Id | None = None
    gone: bool = False
    locked: bool = False
    on_record: bool = False


class Sweeps:
    """The sweeps of one guild."""

    def __init__(self, guild_id: int) -> None:
        self._guild = str(guild_id)

    def begin(self, sweep: Sweep) -> Sweep | None:
        """Store the sweep as the running one and return None, or return the sweep that runs already.

        A sweep that has been idle for long is given up: it is marked as failed, and ends at its next step.
        """
        _row(self._guild, sweep).save()  # first: the running marker must not name a sweep that is not there
        for _ in range(MAX_ATTEMPTS):
            row = SweepRow(self._guild, _marker(sweep), data=asdict(_Running(sweep.sweep_id)))
            if written(partial(row.save, condition=SweepRow.sweep_id.does_not_exist())):
                return None
            running = self.running(narrow=sweep.narrow)
            if running and running.sweep_id == sweep.sweep_id:
                return None
            if running and running.updated_at >= sweep.started_at - STALE_AFTER:
                _row(self._guild, sweep).delete()
                return running
            if running is None:
                _forget_running(self._guild, _marker(sweep))
            elif running.state in UNDER_WAY and not self._give_up(running):
                continue
            else:
                self.finish(running)
        raise RuntimeError(f"sweeps came and went {MAX_ATTEMPTS} times")

    def _give_up(self, sweep: Sweep) -> bool:
        """Mark the sweep as failed; return False if it made a step just now."""
        return self.advance(replace(sweep, state=SweepState.FAILED, note=OVERTAKEN, step=sweep.step + 1))

    def running(self, *, narrow: bool = False) -> Sweep | None:
        """The running sweep, if there is one. Narrow ones run beside it, one of them at a time."""
        return _running_sweep(self._guild, stored(SweepRow, self._guild, RUNNING_NARROW if narrow else RUNNING))

    def get(self, sweep_id: str) -> Sweep | None:
        """The sweep of that id."""
        return _sweep(self._guild, sweep_id)

    def current(self, sweep_id: str) -> Sweep | None:
        """The sweep of that id, unless it was given up because another one began: then it makes no further step."""
        sweep = self.get(sweep_id)
        if sweep and sweep.note == OVERTAKEN:
            log.warning("sweep_overtaken", sweep_id=sweep_id)
            return None
        return sweep

    def advance(self, sweep: Sweep) -> bool:
        """Store a sweep that is one step further; return False if that step was done already.

        DynamoDB may perform one call twice, if its first answer was lost; the second one fails then.
        """
        row, step = _row(self._guild, sweep), uuid.uuid4().hex
        row.data = row.data | {STEP_ID: step}
        if written(lambda: row.save(condition=SweepRow.step < sweep.step)):
            return True
        found = stored(SweepRow, self._guild, sweep.sweep_id)
        return found is not None and (found.data or {}).get(STEP_ID) == step

    def note(self, sweep: Sweep) -> None:
        """Store a sweep that does not run on the queue (a dry run)."""
        _row(self._guild, sweep).save()

    def finish(self, sweep: Sweep) -> None:
        """Let another sweep start."""
        marker = stored(SweepRow, self._guild, _marker(sweep))
        if marker and _marked_id(marker) == sweep.sweep_id:
            _clear_running(marker)

    def keep_page(self, sweep_id: str, page: int, found: list[Difference], *, now: float) -> None:
        """Store the differences of a page until they are repaired."""
        data = {"found": [_stored(difference) for difference in found]}
        SweepRow(self._guild, f"{sweep_id}#{page:012}", data=data, expires_at=int(now) + RETENTION).save()

    def page(self, sweep_id: str, page: int) -> list[Difference]:
        """The differences of a page; those that cannot be read are left out."""
        row = stored(SweepRow, self._guild, f"{sweep_id}#{page:012}")
        found = (row.data or {}).get("found", []) if row else []
        return [_difference(one) for one in (read_as(_StoredDifference, data) for data in found) if one]

    def latest(self, most: int = 10) -> list[Sweep]:
        """The newest sweeps, newest first, without those that did not start because another one ran."""
        running = _marked_id(stored(SweepRow, self._guild, RUNNING))
        rows = SweepRow.query(self._guild, SweepRow.sweep_id.startswith("2"), scan_index_forward=False)
        found: list[Sweep] = []
        for row in rows:
            if "#" not in row.sweep_id and row.data:
                sweep = read_as(Sweep, row.data)
                if sweep is None:
                    continue
                if sweep.step or sweep.state not in UNDER_WAY or sweep.sweep_id == running:
                    found.append(sweep)
            if len(found) == most:
                break
        return found


def is_narrow(sweep_id: str) -> bool:
    """Whether the sweep of that id compares only users who wait for that."""
    return sweep_id.startswith(NARROW)


def _marker(sweep: Sweep) -> str:
    return RUNNING_NARROW if sweep.narrow else RUNNING


def _row(guild: str, sweep: Sweep) -> SweepRow:
    return SweepRow(
        guild,
        sweep.sweep_id,
        data=asdict(sweep),
        step=sweep.step,
        updated_at=sweep.updated_at,
        expires_at=int(sweep.started_at) + RETENTION,
    )


def _sweep(guild: str, sweep_id: str) -> Sweep | None:
    found = stored(SweepRow, guild, sweep_id)
    return read_as(Sweep, found.data) if found and found.data else None


def _running_sweep(guild: str, marker: SweepRow | None) -> Sweep | None:
    """The sweep that the marker names."""
    sweep_id = _marked_id(marker)
    return _sweep(guild, sweep_id) if sweep_id else None


def _forget_running(guild: str, key: str) -> None:
    """Clear the running marker if the sweep it names is no longer stored, or cannot be read."""
    marker = stored(SweepRow, guild, key)
    if marker and _running_sweep(guild, marker) is None:
        _clear_running(marker)


def _clear_running(marker: SweepRow) -> None:
    """Clear the running marker unless it has changed."""
    written(lambda: marker.delete(condition=SweepRow.data == marker.data))


def _marked_id(marker: SweepRow | None) -> str | None:
    """The id of the sweep that the marker names."""
    named = read_as(_Running, marker.data) if marker and marker.data else None
    return named.sweep_id if named else None


def _stored(difference: Difference) -> dict[str, Any]:
    """Return the stored form, without defaults: one item holds a thousand of them."""
    data = asdict(difference) | {"discord_id": str(difference.discord_id)}
    if difference.role is not None:
        data["role"] = str(difference.role)
    return {name: value for name, value in data.items() if value or name == "version"}


def _difference(stored: _StoredDifference) -> Difference:
    return Difference(
        user_id=stored.user_id,
        discord_id=int(stored.discord_id),
        version=stored.version,
        give=stored.give,
        take=stored.take,
        nickname=stored.nickname,
        role=None if stored.role is None else int(stored.role),
        gone=stored.gone,
        locked=stored.locked,
        on_record=stored.on_record,
    )
