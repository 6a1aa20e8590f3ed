"""The clock that is passed in: the system's in Lambda, a simulated one in tests and benchmarks."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time, and sleeps."""

    def now(self) -> float:
        """Return the seconds since the epoch."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        ...


class SystemClock:
    """The system's clock."""

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        time.sleep(seconds)
