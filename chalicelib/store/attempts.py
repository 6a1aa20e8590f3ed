"""What may happen once: an attempt to link (by its state), the use of a token (by its `jti`)."""

from typing import Any

from pynamodb.exceptions import DoesNotExist

from chalicelib.store.rows import AttemptRow, written

RETENTION_AFTER_EXPIRY = 60  # seconds that a row outlives what it is about, for clocks that differ


def use_once(key: str, *, expires_at: float) -> bool:
    """Claim `key`, for good until it expires; False where it was claimed before."""
    return put(key, {}, expires_at=expires_at)


def put(key: str, data: dict[str, Any], *, expires_at: float) -> bool:
    """Keep `data` under `key`; False where that key is taken. A key is never free again before it expires."""
    row = AttemptRow(key, data=data, expires_at=int(expires_at) + RETENTION_AFTER_EXPIRY)
    return written(lambda: row.save(condition=AttemptRow.key.does_not_exist()))


def find(key: str) -> dict[str, Any] | None:
    """What is kept under `key`, used or not; None where nothing is."""
    try:
        return dict(AttemptRow.get(key, consistent_read=True).data or {})
    except DoesNotExist:
        return None


def take(key: str) -> bool:
    """Use up `key`: True for exactly one caller, however many ask at once."""
    return written(lambda: AttemptRow(key).delete(condition=AttemptRow.key.exists()))
