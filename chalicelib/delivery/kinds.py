"""The table of message kinds: one row for each struct of `messages.Job`, and all that `delivery` knows of it.

A new kind is a struct in `messages.py` and a row here; tests/delivery/test_kinds.py names what was forgotten.
Every kind may be redriven from the dead letters: handling a message twice changes nothing the second time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from chalicelib.commands.commands import Commands
from chalicelib.delivery.failures import FailureRecorder
from chalicelib.discord.rate_limit import Lane
from chalicelib.members.context import JobContext, Outcome
from chalicelib.members.officers_channel import OfficersChannel
from chalicelib.members.reconciler import Reconciler
from chalicelib.messages import (
    AnswerCommand,
    ComparePage,
    DeleteUser,
    Job,
    PostToOfficers,
    ReleaseRemoval,
    RemoveReplacedAccount,
    RepairMember,
    RepairPage,
    StartSweep,
    StripUnlinked,
    UnlinkUser,
    UpdateAll,
    UpdateGroups,
    UpdateNickname,
    UpdateUsername,
    UserJob,
    VerifyLink,
    VerifyRemoval,
)
from chalicelib.store.sweeps import is_narrow
from chalicelib.sweeps.sweeper import Sweeper

J = TypeVar("J", bound=Job)


@dataclass(frozen=True, slots=True)
class Delivered:
    """One delivery of a message. `redelivered`: SQS delivered the same message before; its worker may have died."""

    reconciler: Reconciler
    sweeper: Sweeper
    commands: Commands
    officers: OfficersChannel
    context: JobContext
    redelivered: bool


def _message_from_auth_site(_: Job) -> str:
    return "message from the auth site"


def _sweep(job: RepairMember | StripUnlinked) -> str:
    return _message_from_auth_site(job) if is_narrow(job.sweep_id) else f"sweep {job.sweep_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Generic[J]):
    """What is known of one kind of message.

    `summary`: what it asks for, in words for the operator; it completes the sentence "The message asks to …".
    `queue`: where it is sent, and where `ops dead-letters redrive` sends it if its origin is not known otherwise.
    `lane`: its priority at Discord's rate limits; an urgent ticket goes before it.
    `handle`: does the work. Raises RolecallError; `delivery` decides by its type how the message ends.
    `record`: records why the message was given up.
    `record_bugs`: record internal errors too, since nothing else would show that the work has stopped.
    `dead_letter_refusals`: Discord's refusal is for a person to look at, since no later job tries the same.
    `cause`: why a member was changed, for the audit trail.
    """

    struct: type[J]
    summary: str
    queue: Literal["jobs", "bulk"]
    lane: Lane
    handle: Callable[[J, Delivered], Outcome]
    record: Callable[[FailureRecorder, J, str], None]
    record_bugs: bool = False
    dead_letter_refusals: bool = False
    cause: Callable[[J], str] = _message_from_auth_site

    @property
    def name(self) -> str:
        """The kind as it is written in messages."""
        return str(self.struct.__struct_config__.tag)


def _change(job: UserJob, to: Delivered) -> Outcome:
    return to.reconciler.change(job, to.context)


_ROWS = (
    # --- what the auth site sends ---
    Kind(
        struct=UpdateGroups,
        summary="store the user's groups, if given, and reconcile the member's roles",
        queue="jobs",
        lane=Lane.NORMAL,
        handle=_change,
        record=FailureRecorder.on_user,
    ),
    Kind(
        struct=UpdateNickname,
        summary="store the user's nickname, if given, and reconcile the member's nickname",
        queue="jobs",
        lane=Lane.NORMAL,
        handle=_change,
        record=FailureRecorder.on_user,
    ),
    Kind(
        struct=UpdateUsername,
        summary="read the member's Discord username and store it",
        queue="jobs",
        lane=Lane.NORMAL,
        handle=_change,
        record=FailureRecorder.on_user,
    ),
    Kind(
        struct=UpdateAll,
        summary="reconcile the member's roles, nickname and username",
        queue="jobs",
        lane=Lane.NORMAL,
        handle=_change,
        record=FailureRecorder.on_user,
    ),
    Kind(
        struct=DeleteUser,
        summary="remove the member from the guild and delete the link",
        queue="jobs",
        lane=Lane.URGENT,
        handle=_change,
        record=FailureRecorder.on_deleted_user,
        dead_letter_refusals=True,  # sweeps remove nobody
    ),
    # --- what Rolecall sends itself ---
    Kind(
        struct=RemoveReplacedAccount,
        summary="remove an account from the guild that its user replaced by another one",
        queue="bulk",
        lane=Lane.URGENT,
        handle=lambda job, to: to.reconciler.remove_replaced_account(job, to.context),
        record=FailureRecorder.on_replaced_account,
        dead_letter_refusals=True,  # sweeps remove nobody
        cause=lambda _: "linked another account",
    ),
    Kind(
        struct=UnlinkUser,
        summary="remove the member from the guild and delete the link, as the person asked",
        queue="bulk",
        lane=Lane.URGENT,
        handle=lambda job, to: to.reconciler.unlink(job, to.context),
        record=FailureRecorder.on_deleted_user,
        dead_letter_refusals=True,  # sweeps remove nobody
        cause=lambda _: "unlink",
    ),
    Kind(
        struct=VerifyLink,
        summary="finish what a callback left to do",
        queue="bulk",
        lane=Lane.URGENT,
        handle=lambda job, to: to.reconciler.verify_link(job, to.context),
        record=FailureRecorder.on_link,
    ),
    Kind(
        struct=VerifyRemoval,
        summary="look at a member from whom a role was taken, and take it again if Discord lost that",
        queue="bulk",
        lane=Lane.NORMAL,
        handle=lambda job, to: to.reconciler.verify_removal(job, to.context),
        record=FailureRecorder.on_user,
    ),
    Kind(
        struct=ReleaseRemoval,
        summary="take what the removal limit held, because a person allowed it",
        queue="bulk",
        lane=Lane.NORMAL,
        handle=lambda job, to: to.reconciler.release(job, to.context),
        record=FailureRecorder.on_released_user,
        dead_letter_refusals=True,  # sweeps remove nobody
        cause=lambda job: job.cause,
    ),
    Kind(
        struct=AnswerCommand,
        summary="bring the answer to a command, which is good for a quarter of an hour",
        queue="bulk",
        lane=Lane.NORMAL,
        handle=lambda job, to: to.commands.finish(job),
        record=FailureRecorder.nowhere,
    ),
    Kind(
        struct=PostToOfficers,
        summary="post to the officers' channel",
        queue="bulk",
        lane=Lane.BULK,
        handle=lambda job, to: to.officers.post(job, sent_at=to.context.sent_at),
        record=FailureRecorder.nowhere,
    ),
    Kind(
        struct=StartSweep,
        summary="start a sweep that had to wait, for another one or for the end of a storm",
        queue="bulk",
        lane=Lane.BULK,
        handle=lambda job, to: to.sweeper.start_later(job),
        record=FailureRecorder.nowhere,
    ),
    Kind(
        struct=ComparePage,
        summary="compare one page of the guild's members with the links",
        queue="bulk",
        lane=Lane.BULK,
        handle=lambda job, to: to.sweeper.compare(job, redelivered=to.redelivered, ticket=to.context.ticket),
        record=FailureRecorder.on_sweep,
        record_bugs=True,
    ),
    Kind(
        struct=RepairPage,
        summary="queue the repairs of one page of a sweep",
        queue="bulk",
        lane=Lane.BULK,
        handle=lambda job, to: to.sweeper.repair(job, redelivered=to.redelivered),
        record=FailureRecorder.on_sweep,
        record_bugs=True,
    ),
    Kind(
        struct=RepairMember,
        summary="reconcile a member whom a sweep found to differ",
        queue="bulk",
        lane=Lane.BULK,
        handle=lambda job, to: to.reconciler.repair(job, to.context),
        record=FailureRecorder.on_user,
        cause=_sweep,
    ),
    Kind(
        struct=StripUnlinked,
        summary="take the roles of groups from a member without a link, whom a sweep found",
        queue="bulk",
        lane=Lane.BULK,
        handle=lambda job, to: to.reconciler.strip_unlinked(job, to.context),
        record=FailureRecorder.nowhere,
        cause=_sweep,
    ),
)


def _by_struct(rows: tuple[Kind[Any], ...]) -> dict[type[Job], Kind[Any]]:
    return {row.struct: row for row in rows}


KINDS: Mapping[type[Job], Kind[Any]] = _by_struct(_ROWS)


def kind_of(job: Job) -> Kind[Any]:
    """Return the row of the job's kind."""
    return KINDS[type(job)]
