"""What is known of a sweep of a guild of some size; a file of these, so that one size can be measured alone."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_origin

import msgspec

from bench.costs import SWEEPS
from bench.guilds import Cost
from bench.prices import REGIONS, Usage, bill

REGION = "us-east-1"
NOTHING_FREE = Usage()


@dataclass(frozen=True, slots=True)
class Run:
    """One sweep to its end. `peaks`: bytes of the steps that were traced. `commit`: where it was measured.

    `cpu`: seconds of this process, in which the simulated world's are contained, and those of tracing.
    """

    linked: int
    drifted: int
    cost: Cost
    used: Usage
    chain: int
    peaks: tuple[float, ...]
    cpu: float
    commit: str = ""

    @property
    def dollars(self) -> float:
        """What the sweep costs, if nothing is free."""
        return sum(bill(self.used, REGIONS[REGION], NOTHING_FREE).values())

    @property
    def dollars_a_month(self) -> float:
        """What such a sweep costs every hour of a month, beyond what is free."""
        month = {name: getattr(self.used, name) * SWEEPS for name in self.used.__dataclass_fields__}
        return sum(bill(Usage(**month), REGIONS[REGION]).values())

    @property
    def megabytes(self) -> float:
        """The memory of the step that needs most; 0 if it was not traced."""
        return max(self.peaks, default=0.0) / 1e6


class KeptRuns:
    """Runs in a file, by size in ascending order."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def runs(self) -> list[Run]:
        """All that are kept."""
        if not self._path.exists():
            return []
        return msgspec.convert(msgspec.json.decode(self._path.read_bytes()), list[Run], dec_hook=_counter)

    def keep(self, runs: Iterable[Run], commit: str) -> None:
        """Keep these, measured at that commit, in place of those of the same sizes."""
        new = [replace(run, commit=commit) for run in runs]
        others = [run for run in self.runs() if run.linked not in {one.linked for one in new}]
        found = sorted([*others, *new], key=lambda run: (run.linked, run.drifted))
        kept = msgspec.json.encode(found)
        self._path.write_bytes(msgspec.json.format(kept, indent=1) + b"\n")


def _counter(kind: type, value: Any) -> Any:  # noqa: ANN401 - msgspec's types
    if get_origin(kind) is not Counter:
        raise NotImplementedError(kind)
    return Counter(value)
