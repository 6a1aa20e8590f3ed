"""What a job's work is done under: whose it is, what the settings allow; and how it ends when it ends well."""

from dataclasses import dataclass, replace
from enum import StrEnum

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.rate_limit import Lane
from chalicelib.discord.rate_limiter import PATIENCE, Reservation
from chalicelib.errors import Ticket
from chalicelib.members.removal_limit import SweepAllowance

PERSON_PATIENCE = 8.0  # seconds; for whom a person waits (API Gateway ends after 29), and for what has no second chance
ROUNDS = 4  # looks at one user in one job; each further one means that something moved meanwhile


class Outcome(StrEnum):
    """How a message ended. Handlers return the first two; `delivery` decides on the others."""

    DONE = "done"
    NOTHING = "nothing_to_do"
    REFUSED = "refused"  # for a reason that no retry fixes
    RETRY_LATER = "later"
    DEAD_LETTERED = "dead_lettered"
    BROKEN = "broken"  # a bug of ours or a fault of AWS: SQS delivers the message again


@dataclass(frozen=True, slots=True)
class JobContext:
    """Whose work this is: lane and ticket for Discord's limits, cause for the audit trail."""

    lane: Lane
    cause: str
    ticket: Ticket | None = None
    already_recorded: bool = False  # an earlier delivery stored what the message says
    since: float | None = None  # a look at the member that began after this answers for the message, too
    may_take: bool = True
    allowance: SweepAllowance | None = None  # set while this member still counts against it
    patience: float = PATIENCE
    reservation: Reservation | None = None  # a place for the write that was taken already

    def options(self, *, takes: bool = False) -> RequestOptions:
        """How requests are made. Taking access goes first; among bulk work each keeps its own turn."""
        lane = Lane.URGENT if takes and self.lane is Lane.NORMAL else self.lane
        return RequestOptions(lane, self.ticket, self.patience, f"Rolecall: {self.cause}", self.reservation)

    def spent(self) -> "JobContext":
        """The same, with ticket and place used up."""
        return replace(self, ticket=None, reservation=None)
