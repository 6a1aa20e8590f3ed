"""The messages that ask for work: the contract's five kinds, and Rolecall's own for whole-guild repairs. Pure."""

from enum import CONFORM, Flag, auto
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from chalicelib.errors import BadMessage
from chalicelib.queues import MAX_BODY

Name = Annotated[str, Meta(max_length=1000)]  # characters; roles are cut to 100, nicknames to 32 when they are used
UserId = Annotated[str, Meta(min_length=1, max_length=256)]
Groups = Annotated[list[Name], Meta(max_length=1000)]
Millis = Annotated[int, Meta(ge=0, le=10**14)]  # epoch milliseconds
MAX_FUTURE = 24 * 3600  # seconds that a change may lie ahead of our clock; further ahead it would block all others


class Parts(Flag, boundary=CONFORM):
    """Which parts of a member a job makes right. Of a number that another version kept, those count that are known."""

    GROUPS = auto()
    NICKNAME = auto()
    USERNAME = auto()
    ALL = GROUPS | NICKNAME | USERNAME


# --- what the auth site sends --------------------------------------------------------------------------------


class _ForUser(Struct, frozen=True, tag_field="kind", kw_only=True):
    user_id: UserId


class UpdateGroups(_ForUser, frozen=True, kw_only=True, tag="update_groups"):
    """Store the groups if given; make the member's roles right."""

    groups: Groups | UnsetType = UNSET
    changed_at: Millis | UnsetType = UNSET


class UpdateNickname(_ForUser, frozen=True, kw_only=True, tag="update_nickname"):
    """Store the nickname if given; make the member's nickname right."""

    nickname: Name | UnsetType | None = UNSET
    changed_at: Millis | UnsetType = UNSET


class UpdateUsername(_ForUser, frozen=True, kw_only=True, tag="update_username"):
    """Read the Discord username and store it."""


class UpdateAll(_ForUser, frozen=True, kw_only=True, tag="update_all"):
    """All three."""

    groups: Groups | UnsetType = UNSET
    nickname: Name | UnsetType | None = UNSET
    changed_at: Millis | UnsetType = UNSET


class DeleteUser(_ForUser, frozen=True, kw_only=True, tag="delete_user"):
    """Remove from the guild, delete the link; tell the user if `notify`."""

    notify: bool = False


# --- what Rolecall sends itself ------------------------------------------------------------------------------


class RemoveReplacedAccount(Struct, frozen=True, tag_field="kind", tag="part_with", kw_only=True):
    """Remove a Discord account from the guild unless it is linked to anybody: its user linked another one."""

    user_id: UserId
    discord_id: int


class VerifyLink(Struct, frozen=True, tag_field="kind", tag="check_link", kw_only=True):
    """A callback should have finished by now: make the member right unless it did."""

    user_id: UserId


class StartSweep(Struct, frozen=True, tag_field="kind", tag="start_sweep", kw_only=True):
    """Start a sweep, once the one that runs is done."""

    parts: int
    force: bool = False
    tries: int = 0


class ComparePage(Struct, frozen=True, tag_field="kind", tag="survey", kw_only=True):
    """One page of a sweep: compare members and links from `after` on, note who differs."""

    sweep_id: str
    page: int = 0
    after: int = 0


class RepairPage(Struct, frozen=True, tag_field="kind", tag="repair", kw_only=True):
    """Send the jobs of a sweep's page, from `offset` on, as far as the rate limit looks ahead.

    In the first `phase` those who lose something, in the second the others. `step` is the sweep's.
    """

    sweep_id: str
    step: int
    phase: int = 0
    page: int = 0
    offset: int = 0


class RepairMember(Struct, frozen=True, tag_field="kind", tag="repair_member", kw_only=True):
    """Make one member right. `version` is what the sweep compared with.

    `role`, with `give`, is the one role that differs, where that is all: it needs no fresh look at the member.
    `take` False: the sweep may take nothing. `brake`: from how many members it may take roles, where nobody could see
    beforehand from how many it would; 0 where that was seen.
    """

    user_id: UserId
    sweep_id: str
    parts: int
    version: int
    role: int | None = None
    give: bool = False
    take: bool = True
    brake: int = 0


UserJob = UpdateGroups | UpdateNickname | UpdateUsername | UpdateAll | DeleteUser
Own = RemoveReplacedAccount | VerifyLink | StartSweep | ComparePage | RepairPage | RepairMember
Job = UserJob | Own


def read_job(body: str, *, now: float, own: bool) -> Job:
    """The job in a message's body. `own`: Rolecall's own kinds are understood too.

    Raises BadMessage, which says what is wrong without quoting the message.
    """
    raw = body.encode("utf-8", "surrogatepass")
    if len(raw) > MAX_BODY:
        raise BadMessage(f"over-long: {len(raw)} bytes, at most {MAX_BODY}")
    try:
        job: Job = _ANY.decode(raw) if own else _CHANGES.decode(raw)
    except msgspec.MsgspecError as error:
        raise BadMessage(_plain(error)) from None
    except (UnicodeDecodeError, RecursionError):
        raise BadMessage("not JSON in UTF-8") from None
    _check_stamp(job, now)
    return job


def _check_stamp(job: Job, now: float) -> None:
    """`changed_at` goes with what changed, and does not lie in the future."""
    told = [getattr(job, name, UNSET) is not UNSET for name in ("groups", "nickname")]
    changed_at = getattr(job, "changed_at", UNSET)
    if any(told) and changed_at is UNSET:
        raise BadMessage("changed_at is missing: groups and nicknames are ordered by it")
    if isinstance(changed_at, int):
        if not any(told):
            raise BadMessage("changed_at is given, but nothing that changed")
        if changed_at > (now + MAX_FUTURE) * 1000:
            raise BadMessage("changed_at lies more than a day ahead; it is in milliseconds since 1970")


def _plain(error: msgspec.MsgspecError) -> str:
    """What msgspec found wrong. It names types and fields, and quotes of the message at most an unknown kind."""
    text = str(error)
    if "Invalid value" in text and "kind" in text:
        return "unknown kind"
    return text[:300]


_CHANGES = msgspec.json.Decoder(UserJob)
_ANY = msgspec.json.Decoder(Job)


def parts_of(job: Job) -> Parts:
    """Which parts of a member the job is about."""
    match job:
        case UpdateGroups():
            return Parts.GROUPS
        case UpdateNickname():
            return Parts.NICKNAME
        case UpdateUsername():
            return Parts.USERNAME
        case RepairMember():
            return Parts(job.parts)
        case _:
            return Parts.ALL


def encode(job: Job) -> bytes:
    """The job as a message's body."""
    return msgspec.json.encode(job)
