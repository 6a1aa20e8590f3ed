"""Capacity units that DynamoDB counts for reading and writing, on demand as otherwise. Pure.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
"""

from dataclasses import dataclass
from math import ceil

READ = 4096  # bytes that a unit reads, consistently; twice as many otherwise
WRITE = 1024  # bytes that a unit writes
TRANSACTION = 2  # times as many units


@dataclass
class Consumed:
    """Units so far, of a database with all its indexes."""

    reads: float = 0.0
    writes: float = 0.0

    def read(self, size: int, *, consistent: bool) -> None:
        """An item, or all items of a Query or Scan together, was read: bytes. Nothing found counts as one."""
        self.reads += max(1, ceil(size / READ)) * (1.0 if consistent else 0.5)

    def write(self, before: int, after: int, *, times: int = 1) -> None:
        """An item was written in a table or in an index: its bytes before and after, 0 where it was not there."""
        self.writes += max(1, ceil(max(before, after) / WRITE)) * times
