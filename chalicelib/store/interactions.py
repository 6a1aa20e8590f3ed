"""Commands that are still to be answered: with the secret that the answer needs, which no queue carries."""

from dataclasses import asdict, dataclass, field

from chalicelib.store.rows import AttemptRow, read_as, stored

PREFIX = "interaction:"  # of the keys; the table holds attempts to link, used tokens and sessions, too


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A command to be answered before `until` (epoch seconds), when Discord forgets its `token`.

    It is about the account `discord_id`; `roles` and `nickname` are what Discord said of the member in the command,
    `present` False if they are none. Ids are text.
    """

    name: str
    language: str
    discord_id: str
    username: str
    discriminator: str
    present: bool
    roles: tuple[str, ...]
    nickname: str | None
    asked_at: float
    until: float
    token: str = field(repr=False)


def keep(interaction_id: str, pending: Pending) -> None:
    """Store it until it is answered, or until its time is over."""
    AttemptRow(PREFIX + interaction_id, data=asdict(pending), expires_at=int(pending.until)).save()


def find(interaction_id: str, *, now: float) -> Pending | None:
    """The command that is to be answered; None if it was, or if its time is over."""
    row = stored(AttemptRow, PREFIX + interaction_id)
    pending = read_as(Pending, row.data) if row and row.data else None
    return pending if pending and now < pending.until else None


def answered(interaction_id: str) -> None:
    """Forget it, and its secret."""
    AttemptRow(PREFIX + interaction_id).delete()
