"""The context a job runs in (lane, cause, ticket), and its successful outcomes."""

from dataclasses import dataclass, field, replace
from enum import StrEnum

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.rate_limit import Lane
from chalicelib.discord.rate_limiter import PATIENCE, Reservation
from chalicelib.errors import Ticket
from chalicelib.store.removals import Cause

PERSON_PATIENCE = 8.0  # seconds; while a person waits (API Gateway ends after 29), and for what has no second chance
MAX_ROUNDS = 4  # times one job compares one user; each further one means that the desired state changed meanwhile


class Outcome(StrEnum):
    """How a message ended. Handlers return the first four; `delivery` decides on the others."""

    DONE = "done"
    NOTHING = "nothing_to_do"
    WAITING = "waiting"  # it was handed over: the user is compared with listed members, together with others
    HELD = "held"  # what it would have taken waits for an operator; everything else is done
    REFUSED = "refused"  # for a reason that no retry fixes
    RETRY_LATER = "later"
    DEAD_LETTERED = "dead_lettered"
    BROKEN = "broken"  # a bug of ours or a fault of AWS: SQS delivers the message again


class Removals(StrEnum):
    """How the job counts in the removal limit, if it takes something."""

    COUNTED_NOW = "now"
    COUNTED_BEFORE = "before"  # by the verdict of the sweep
    EXEMPT = "exempt"  # the member asked for it, or an operator allowed it


@dataclass(slots=True)
class Permit:
    """What one job may take from one member. `counted_at`: when it was counted in the removal limit (epoch seconds).

    `moved_from`: when the member had been counted before, if that count was moved. `stands`: something was taken.
    `refused`: why something was not taken, and `roles`, the names of the roles that it was about. `recorded`: the
    cause under which that was recorded.
    """

    admitted: bool = False
    counted_at: float | None = None
    moved_from: float | None = None
    stands: bool = False
    refused: Cause | None = None
    roles: tuple[str, ...] = ()
    recorded: Cause | None = None


@dataclass(frozen=True, slots=True)
class JobContext:
    """How the work is done: lane and ticket for Discord's rate limits, cause for the audit trail."""

    lane: Lane
    cause: str
    ticket: Ticket | None = None
    already_recorded: bool = False  # an earlier delivery stored what the message states
    since: float | None = None  # epoch seconds; a comparison that began later answers this message, too
    sent_at: float | None = None  # epoch seconds; when the message was first sent, None if there is none
    may_take: bool = True
    removals: Removals = Removals.COUNTED_NOW
    permit: Permit = field(default_factory=Permit)
    patience: float = PATIENCE
    reservation: Reservation | None = None  # the slot for the write, if one is reserved already
    received_together: int = 1  # messages from the auth site that this function received together with this one
    sees_answer: bool = False  # write only by PATCH, whose answer shows what Discord made of it

    def options(self, *, takes: bool = False) -> RequestOptions:
        """How requests are made. Taking access away goes first, except in bulk work, where each job keeps its turn.

        With the ticket, whichever request it is: it counts in its own bucket only. A job that made one of its requests
        without it would wait for a new turn there, each time that it comes, for as long as many others do the same.
        """
        lane = Lane.URGENT if takes and self.lane is Lane.NORMAL else self.lane
        return RequestOptions(lane, self.ticket, self.patience, f"Rolecall: {self.cause}", self.reservation)

    def spent(self) -> "JobContext":
        """The same, with the reservation used up. The ticket stays: see `options`."""
        return replace(self, reservation=None)
