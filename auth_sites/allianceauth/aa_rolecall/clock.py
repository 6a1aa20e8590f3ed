"""What time it is."""

import time
from datetime import datetime, timezone


def now_ms() -> int:
    """Epoch milliseconds, as `changed_at` and stamps are."""
    return int(time.time() * 1000)


def moment(ms: int) -> datetime:
    """That time as Django stores it."""
    return datetime.fromtimestamp(ms / 1000, tz=timezone.utc)
