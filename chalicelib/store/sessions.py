"""Sessions of people who look at a page: found by the digest of their cookie, which cannot be read back from here."""

from dataclasses import asdict, dataclass
from functools import partial

from chalicelib.store.rows import AttemptRow, read_as, stored, written

PREFIX = "session:"  # of the keys; the table holds attempts to link and used tokens, too


@dataclass(frozen=True, slots=True)
class Sight:
    """A member as Discord last showed them, at an epoch second. Ids are text. `present` False: not in the server."""

    at: float
    present: bool
    roles: tuple[str, ...] = ()
    nickname: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Whose session it is, and for which page (the purpose of the token). Times are epoch seconds.

    `issued_at`: when the auth site signed the token that opened it. `name`: an officer's, for the audit trail.
    `sight`: what was seen of the member last.
    """

    user_id: str
    purpose: str
    issued_at: float
    until: float
    name: str = ""
    sight: Sight | None = None


def create(digest: str, session: Session) -> bool:
    """Store a new session; return False if there is one."""
    return written(partial(_row(digest, session).save, condition=AttemptRow.key.does_not_exist()))


def find(digest: str, *, now: float) -> Session | None:
    """The session; None if there is none, or if its time is over."""
    row = stored(AttemptRow, PREFIX + digest)
    session = read_as(Session, row.data) if row and row.data else None
    return session if session and now < session.until else None


def update(digest: str, session: Session) -> bool:
    """Store what changed; return False if the session was ended meanwhile."""
    return written(partial(_row(digest, session).save, condition=AttemptRow.key.exists()))


def end(digest: str) -> None:
    """End it, whether there is one or not."""
    AttemptRow(PREFIX + digest).delete()


def _row(digest: str, session: Session) -> AttemptRow:
    return AttemptRow(PREFIX + digest, data=asdict(session), expires_at=int(session.until))
