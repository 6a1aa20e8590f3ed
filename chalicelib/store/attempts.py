"""What may happen once: an attempt to link (by its state), the use of a token (by its `jti`)."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from chalicelib.store.rows import AttemptRow, read_as, stored, written

RETENTION_AFTER_EXPIRY = 60  # seconds that a row outlives what it is about, for clocks that differ
UNUSED = AttemptRow.key.exists() & AttemptRow.progress.does_not_exist()
TAKEN = "taken"  # its callback came
REFUSED = "refused"  # and was refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt to link. Times are epoch seconds, `changed_at` is epoch milliseconds.

    `issued_at` is by the auth site's clock, `opened_at` by ours. `groups`, `nickname` and `changed_at` are what the
    auth site's token stated, `changed_at` None if nothing. `opened_at` and `trace` are None for attempts begun by an
    older version. `progress`: None until the callback came, then TAKEN or REFUSED.
    """

    user_id: str
    groups: tuple[str, ...]
    nickname: str | None
    changed_at: int | None
    issued_at: float
    opened_at: float | None = None
    trace: str | None = None  # id of the request that opened it
    cookie: str = field(repr=False)  # digest of the cookie that binds it to a browser
    until: float
    progress: str | None = None


def use_once(key: str, *, expires_at: float) -> bool:
    """Claim `key`, for good until it expires; return False if it was claimed before."""
    return _create(key, {}, expires_at=expires_at)


def claim_until(key: str, until: float, *, now: float) -> bool:
    """Claim `key` until then; return False if it is claimed. Unlike the others, it is free again at that moment."""
    row = AttemptRow(key, data={}, expires_at=int(until))
    return written(lambda: row.save(condition=AttemptRow.key.does_not_exist() | (AttemptRow.expires_at <= int(now))))


def is_used(key: str) -> bool:
    """Whether `key` was claimed."""
    return stored(AttemptRow, key) is not None


def put(key: str, attempt: Attempt) -> bool:
    """Store the attempt; return False if `key` is taken. A key is never free again before it expires."""
    return _create(key, asdict(attempt), expires_at=attempt.until, cookie=attempt.cookie)


def find(key: str) -> Attempt | None:
    """The attempt stored under `key`, used up or not; None if there is none."""
    row = stored(AttemptRow, key)
    attempt = read_as(Attempt, row.data) if row and row.data else None
    return replace(attempt, progress=row.progress) if attempt and row else None


def take(key: str, cookie: str) -> Attempt | None:
    """Use the attempt with that digest of a cookie up, and return it: to exactly one caller, however many ask at once.

    It is kept until it expires. None if it was used before, if there is none with that cookie, and for attempts of an
    older version, which `take_found` takes.
    """
    row = AttemptRow(key)
    if not written(
        lambda: row.update([AttemptRow.progress.set(TAKEN)], condition=UNUSED & (AttemptRow.cookie == cookie))
    ):
        return None
    return read_as(Attempt, row.data) if row.data else None


def take_found(key: str, attempt: Attempt) -> bool:
    """Use up an attempt that was found, whose row has no cookie to ask for; True for exactly one caller."""
    row = _used(key, attempt, TAKEN)
    return written(lambda: row.save(condition=UNUSED))


def refuse(key: str, attempt: Attempt) -> None:
    """Record that the callback was refused, for a repeated one."""
    _used(key, attempt, REFUSED).save()


def _used(key: str, attempt: Attempt, progress: str) -> AttemptRow:
    expires_at = int(attempt.until) + RETENTION_AFTER_EXPIRY
    return AttemptRow(key, data=asdict(attempt), expires_at=expires_at, progress=progress)


def _create(key: str, data: dict[str, Any], *, expires_at: float, cookie: str | None = None) -> bool:
    row = AttemptRow(key, data=data, expires_at=int(expires_at) + RETENTION_AFTER_EXPIRY, cookie=cookie)
    return written(lambda: row.save(condition=AttemptRow.key.does_not_exist()))
