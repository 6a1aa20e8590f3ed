"""What the auth site states in a message: recorded in the store, and what of the member has to be compared then."""

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from msgspec import UNSET

from chalicelib.discord.client import MEMBER_PATCH
from chalicelib.discord.rate_limit import Lane
from chalicelib.discord.rate_limiter import RateLimiter
from chalicelib.members.context import JobContext
from chalicelib.messages import (
    Parts,
    RepairMember,
    UpdateAll,
    UpdateGroups,
    UpdateNickname,
    UserJob,
    parts_of,
)
from chalicelib.store import users
from chalicelib.store.users import User

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Stated(Generic[Value]):
    """What a message states, as of `changed_at` (epoch milliseconds)."""

    value: Value
    changed_at: int


def stated_groups(job: UserJob) -> Stated[tuple[str, ...]] | None:
    """The groups that the message states; None if it states none."""
    if not isinstance(job, UpdateGroups | UpdateAll) or job.groups is UNSET or job.changed_at is UNSET:
        return None
    return Stated(tuple(job.groups), job.changed_at)


def stated_nickname(job: UserJob) -> Stated[str | None] | None:
    """The nickname that the message states, None in it for no nickname; None if it does not state one."""
    if not isinstance(job, UpdateNickname | UpdateAll) or job.nickname is UNSET or job.changed_at is UNSET:
        return None
    return Stated(job.nickname, job.changed_at)


def record_statement(job: UserJob, context: JobContext, *, now: float, waits_after: int | None = None) -> User | None:
    """Store the groups and the nickname that the message states; return the user as stored then.

    `waits_after`: the comparison is handed over to one of many users, if nothing else was stated since that version.
    """
    user, sent_at = None, context.sent_at or 0.0
    if not context.already_recorded:
        if groups := stated_groups(job):
            user = users.record_groups(
                job.user_id, groups.value, groups.changed_at, now=now, sent_at=sent_at, waits_after=waits_after
            )
            waits_after = user.version if still_waits(user, waits_after) else None
        if nickname := stated_nickname(job):
            user = users.record_nickname(
                job.user_id, nickname.value, nickname.changed_at, now=now, sent_at=sent_at, waits_after=waits_after
            )
    return user or users.get(job.user_id, now=now)


def still_waits(user: User, after: int | None) -> bool:
    """Whether the comparison of the user is still to be handed over: nothing that must not wait was stated since the
    version `after`.
    """
    return after is not None and user.version in (after, user.waiting_version)


def takes_groups(job: UserJob, before: User) -> bool:
    """Whether the message takes a group away from the user as stored before it. Two may have the same `changed_at`."""
    stated = stated_groups(job)
    if stated is None:
        return False
    return stated.changed_at >= before.groups_at and not set(before.groups or ()) <= set(stated.value)


def prioritised(
    job: UserJob, context: JobContext, rate_limiter: RateLimiter, *, now: float, before: User | None = None
) -> JobContext:
    """The context; in the urgent lane if the message takes a group away, so that it waits behind no additions.

    `before`: the user as stored before, if the caller knows; else they are read, but only while many requests are
    waiting. Call it before `record_statement`.
    """
    if stated_groups(job) is None:
        return context
    if context.lane is not Lane.NORMAL or not rate_limiter.is_far_off(MEMBER_PATCH, context.lane):
        return context
    before = before or users.get(job.user_id, now=now)
    return replace(context, lane=Lane.URGENT) if before and takes_groups(job, before) else context


def is_answered(user: User, parts: Parts, context: JobContext) -> bool:
    """Was the member reconciled, in these parts, by a look that began after the message was sent?

    Of many messages about one user, the first that is worked on answers for all.
    """
    if context.since is None or user.looked is None or not user.settled:
        return False
    return user.looked.at >= context.since and parts in Parts(user.looked.parts)


def parts_to_compare(job: UserJob | RepairMember, user: User) -> Parts:
    """The parts that the job is about; all parts if another change has not been brought to Discord yet.

    Once this job records the newest version as synced, nothing else would look for what was left undone.
    """
    parts, is_newest = parts_of(job), False
    match job:
        case UpdateGroups():
            is_newest = job.changed_at == user.groups_at
        case UpdateNickname():
            is_newest = job.changed_at == user.nickname_at
    undone = user.version - (user.synced_version or 0) - is_newest
    if parts == Parts.USERNAME or undone <= 0:  # comparing the username says nothing about versions
        return parts
    return Parts.ALL
