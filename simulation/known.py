"""What Rolecall does not survive yet: conditions that ordinary seeds leave out, with the seed that shows it and why.

`python -m simulation --only NAME` runs seeds with such a condition. A test runs each seed on record, so that a line
that is no longer true shows; the fix of a fault removes its line.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """A seed that fails under a condition, and why."""

    seed: int
    reason: str


KNOWN: dict[str, Known] = {}
