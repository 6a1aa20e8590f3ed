"""Sweeps: how far each is, what each page of it found. One runs at a time."""

from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

from pynamodb.exceptions import DoesNotExist

from chalicelib.store.rows import SweepRow, read_as, written

RETENTION = 30 * 86_400  # seconds
RUNNING = "running"
MAX_ATTEMPTS = 3  # each failed one means that another sweep ended meanwhile
STALE_AFTER = 1800  # seconds without a step after which another sweep may start
UNDER_WAY = ("surveying", "repairing")
OVERTAKEN = "given up for dead: it made no step for long, and another sweep began"


@dataclass(frozen=True, slots=True)
class Difference:
    """A member who differs. `give`, `take`: how many roles; `role` is the one role where one is all that differs."""

    user_id: str
    discord_id: str
    version: int
    give: int = 0
    take: int = 0
    nickname: bool = False
    role: str | None = None
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Sweep:
    """One sweep. Times are epoch seconds; `state` is surveying, held, repairing, done, failed or dry_run.

    `step` counts the steps done: a step that comes again, or late, is seen to be so.
    """

    sweep_id: str
    parts: int
    state: str
    started_at: float
    updated_at: float
    step: int = 0
    dry_run: bool = False
    force: bool = False
    may_take: bool = True
    brake: int = 0  # members from whom it may take roles, where the survey could not see from how many it would
    members: int = 0
    linked: int = 0
    differing: int = 0
    losing: int = 0  # members from whom roles would be taken
    gone: int = 0  # linked accounts that are not in the guild
    pages: int = 0
    pages_found: list[int] = field(default_factory=list)  # numbers, ascending, under which differences are kept
    cursor: int = 0  # the Discord id that the last page ended with
    sent: int = 0  # jobs
    singles: int = 0  # members who differ in one role, yet to be sent
    note: str = ""
    examples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def first_page(self) -> int:
        """The number of the first page on which somebody differs; 0 where nobody does."""
        return min(self.pages_found, default=0)


@dataclass(frozen=True, slots=True)
class _Running:
    """What the row says that names the running sweep."""

    sweep_id: str


class Sweeps:
    """The sweeps of one guild."""

    def __init__(self, guild_id: int) -> None:
        self._guild = str(guild_id)

    def begin(self, sweep: Sweep) -> Sweep | None:
        """Store it as the running one; the sweep that runs already, where one does.

        One that has been idle for long is given up for dead: it is marked as failed, and ends at its next step.
        """
        self._row(sweep).save()  # first: what is said to run must be there
        for _ in range(MAX_ATTEMPTS):
            row = SweepRow(self._guild, RUNNING, data=asdict(_Running(sweep.sweep_id)))
            if written(partial(row.save, condition=SweepRow.sweep_id.does_not_exist())):
                return None
            running = self.running()
            if running and running.sweep_id == sweep.sweep_id:
                return None
            if running and running.updated_at >= sweep.started_at - STALE_AFTER:
                self._row(sweep).delete()
                return running
            if running is None:
                self._forget_running()
            elif running.state in UNDER_WAY and not self._give_up(running):
                continue
            else:
                self.finish(running)
        raise RuntimeError(f"sweeps came and went {MAX_ATTEMPTS} times")

    def _give_up(self, sweep: Sweep) -> bool:
        """Mark it as dead; False where it made a step just now."""
        return self.advance(replace(sweep, state="failed", note=OVERTAKEN, step=sweep.step + 1))

    def _forget_running(self) -> None:
        """Forget what is said to run where nothing is kept of it any more, or nothing that can be read."""
        marker = self._get(RUNNING)
        if marker and self._running_sweep(marker) is None:
            self._clear_running(marker)

    def _clear_running(self, marker: SweepRow) -> None:
        """No sweep runs, unless something else is said by now."""
        written(lambda: marker.delete(condition=SweepRow.data == marker.data))

    def _running_sweep(self, marker: SweepRow | None) -> Sweep | None:
        """The sweep that is said to run."""
        sweep_id = _marked_id(marker)
        return self.get(sweep_id) if sweep_id else None

    def running(self) -> Sweep | None:
        """The sweep that runs, if one does."""
        return self._running_sweep(self._get(RUNNING))

    def get(self, sweep_id: str) -> Sweep | None:
        """The sweep of that id."""
        found = self._get(sweep_id)
        return read_as(Sweep, found.data) if found and found.data else None

    def advance(self, sweep: Sweep) -> bool:
        """Store a sweep that is one step further; False where that step was done already."""
        row = self._row(sweep)
        return written(lambda: row.save(condition=SweepRow.step < sweep.step))

    def note(self, sweep: Sweep) -> None:
        """Store a sweep that does not run on the queue (a dry run)."""
        self._row(sweep).save()

    def finish(self, sweep: Sweep) -> None:
        """Another sweep may start."""
        marker = self._get(RUNNING)
        if marker and _marked_id(marker) == sweep.sweep_id:
            self._clear_running(marker)

    def keep_page(self, sweep_id: str, page: int, found: list[Difference], *, now: float) -> None:
        """Keep what a page found, until it is repaired."""
        data = {"found": [_compact(difference) for difference in found]}
        SweepRow(self._guild, f"{sweep_id}#{page:012}", data=data, expires_at=int(now) + RETENTION).save()

    def page(self, sweep_id: str, page: int) -> list[Difference]:
        """What a page found."""
        found = self._get(f"{sweep_id}#{page:012}")
        kept = (found.data or {}).get("found", []) if found else []
        differences = (read_as(Difference, one) for one in kept)
        return [difference for difference in differences if difference]

    def count_losing(self, sweep_id: str, more: int, *, now: float) -> int:
        """Count members from whom the sweep takes roles, where it was not seen beforehand: how many that makes."""
        row = self._losing(sweep_id)
        row.update([SweepRow.losing.add(more), SweepRow.expires_at.set(int(now) + RETENTION)])
        return int(row.losing or 0)

    def note_braked(self, sweep_id: str) -> bool:
        """Remember that the sweep stopped taking; False where that is known."""
        row = self._losing(sweep_id)
        return written(lambda: row.update([SweepRow.braked.set(True)], condition=SweepRow.braked.does_not_exist()))

    def has_braked(self, sweep_id: str) -> bool:
        """Did the sweep stop taking?"""
        found = self._get(self._losing(sweep_id).sweep_id)
        return found is not None and bool(found.braked)

    def _losing(self, sweep_id: str) -> SweepRow:
        return SweepRow(self._guild, f"{sweep_id}#losing")

    def latest(self, most: int = 10) -> list[Sweep]:
        """The newest sweeps, newest first; but those that only tried whether they may begin."""
        running = _marked_id(self._get(RUNNING))
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

    def _row(self, sweep: Sweep) -> SweepRow:
        return SweepRow(
            self._guild,
            sweep.sweep_id,
            data=asdict(sweep),
            step=sweep.step,
            updated_at=sweep.updated_at,
            expires_at=int(sweep.started_at) + RETENTION,
        )

    def _get(self, sweep_id: str) -> SweepRow | None:
        try:
            return SweepRow.get(self._guild, sweep_id, consistent_read=True)
        except DoesNotExist:
            return None


def _marked_id(marker: SweepRow | None) -> str | None:
    """The id of the sweep that is said to run."""
    named = read_as(_Running, marker.data) if marker and marker.data else None
    return named.sweep_id if named else None


def _compact(difference: Difference) -> dict[str, Any]:
    """Without what is as it is by default: a thousand of them lie in one item."""
    return {name: value for name, value in asdict(difference).items() if value or name == "version"}
