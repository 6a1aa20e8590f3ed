"""Where a repair stands. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import IntEnum

from chalicelib.messages import RepairPage
from chalicelib.store.sweeps import Difference, Sweep


class Phase(IntEnum):
    """Which members are repaired: access that was withdrawn ends before anything is given."""

    LOSING = 0
    OTHERS = 1

    def select(self, found: Iterable[Difference]) -> list[Difference]:
        """Those of `found` whose turn is in this phase."""
        return [one for one in found if one.loses is (self is Phase.LOSING)]


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the differences of a sweep.

    `step` is the sweep's, `page` the number of a page of differences, `offset` counts the members of that page and
    phase whose jobs were sent.
    """

    step: int
    phase: Phase
    page: int
    offset: int = 0

    @classmethod
    def first(cls, sweep: Sweep) -> "Position":
        """Where the repair of a sweep begins."""
        phase = Phase.LOSING if sweep.losing or sweep.gone else Phase.OTHERS
        return cls(sweep.step, phase, sweep.first_page)

    @classmethod
    def of(cls, job: RepairPage) -> "Position":
        """The position that a message names."""
        return cls(job.step, Phase.LOSING if job.phase == Phase.LOSING else Phase.OTHERS, job.page, job.offset)

    @classmethod
    def stored(cls, sweep: Sweep) -> "Position | None":
        """Where the repair stands by what the sweep says; None if an older version made its last step."""
        if sweep.position is None:
            return None
        phase, page, offset = sweep.position
        return cls(sweep.step, Phase.LOSING if phase == Phase.LOSING else Phase.OTHERS, page, offset)

    @property
    def to_store(self) -> tuple[int, int, int]:
        """What a sweep says of it."""
        return self.phase.value, self.page, self.offset

    def job(self, sweep: Sweep) -> RepairPage:
        """The message that names this position."""
        return RepairPage(
            sweep_id=sweep.sweep_id, step=self.step, phase=self.phase.value, page=self.page, offset=self.offset
        )

    def after(self, sweep: Sweep, count: int) -> "Position":
        """The position on the same page after `count` members, as the sweep's next step."""
        return replace(self, step=sweep.step, offset=self.offset + count)

    def next_page(self, sweep: Sweep) -> "Position | None":
        """The next page, or the first page of the second phase; None after the last."""
        later = [page for page in sweep.pages_found if page > self.page]
        if later:
            return Position(sweep.step, self.phase, later[0])
        if self.phase is Phase.LOSING:
            return Position(sweep.step, Phase.OTHERS, sweep.first_page)
        return None

    def waiting(self, found: list[Difference], sweep: Sweep) -> list[Difference]:
        """The members of this page whose jobs are still to be sent: not those who would only lose what they keep."""
        return self.phase.select(one for one in found if not is_spared(one, sweep))[self.offset :]

    def to_record(self, found: list[Difference], sweep: Sweep) -> list[Difference]:
        """The members of this page who keep what they would lose, if that is still to be recorded."""
        if self.phase is not Phase.LOSING or self.offset:
            return []
        return [one for one in found if is_spared(one, sweep) and not one.on_record]


def is_spared(one: Difference, sweep: Sweep) -> bool:
    """Whether all that would happen to the member is a loss that is not allowed."""
    return one.only_loses and (one.locked or sweep.held or (one.take > 0 and not sweep.may_take))
