"""Storms: where changes of many users wait, which of them may be compared with listed members, 1,000 to a request.

Everything else keeps its own request, at once: a change alone, whatever takes something away, and a change that gives
something as long as its turn is near. See docs/explanation/storms.md.
"""

from chalicelib.discord.client import MEMBER_GET, MEMBER_PATCH, ROLE_GIVE
from chalicelib.discord.rate_limit import Lane
from chalicelib.members.context import JobContext
from chalicelib.members.statements import stated_groups, stated_nickname, takes_groups
from chalicelib.members.waiting import WaitingChanges
from chalicelib.messages import DeleteUser, UserJob
from chalicelib.problems import ProblemKind
from chalicelib.services import Services
from chalicelib.store.users import User

MANY = 3  # messages received at once, or members read by single changes in one window: no longer a change alone
REMEMBERED = 10.0  # seconds after a change was handed over in which the storm goes on, as far as this process knows


class Storms:
    """Decides for one process which changes wait for a comparison with listed members."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._waiting = WaitingChanges(services)
        self._handed_over_at = float("-inf")

    def is_near(self, job: UserJob, context: JobContext) -> bool:
        """Whether many changes seem to wait. Asks nobody: a change alone must not pay for storms."""
        if isinstance(job, DeleteUser) or context.lane is not Lane.NORMAL or context.ticket:
            return False
        if context.since != context.sent_at:  # an earlier delivery may have written, and that may arrive yet
            return False
        now, limiter = self._services.now(), self._services.discord.rate_limiter
        if now < self._waiting.no_list_until:
            return False
        if context.received_together >= MANY or now < self._handed_over_at + REMEMBERED:
            return True
        busy = self._services.discord.scheduler.is_busy(MEMBER_GET, Lane.NORMAL, MANY)
        return busy or limiter.is_far_off(MEMBER_GET, Lane.NORMAL)

    def may_wait(self, job: UserJob, before: User | None) -> bool:
        """Whether the change may be handed over. `before`: the user as stored before it."""
        if before is None or before.link is None or before.is_deleted or not _lacks_nothing_but_gifts(before):
            return False
        if takes_groups(job, before) or _may_take_what_nobody_stated(job, before):
            return False
        return not _asks_for_more(job, before) or self._is_turn_far_off()

    def hand_over(self, user: User) -> None:
        """Have the user compared with the list of members."""
        if user.link:
            self._waiting.add(user.user_id, user.link.account.id)
            self._handed_over_at = self._services.now()

    def _is_turn_far_off(self) -> bool:
        limiter = self._services.discord.rate_limiter
        return any(limiter.is_far_off(route, Lane.NORMAL) for route in (MEMBER_GET, MEMBER_PATCH, ROLE_GIVE))


def _lacks_nothing_but_gifts(user: User) -> bool:
    """Whether nothing is known to be taken from the user yet: what was stated was brought to Discord, or waits."""
    if any(problem.kind is ProblemKind.REMOVAL_HELD for problem in user.problems):
        return False
    return user.version in (user.synced_version, user.waiting_version) or _was_never_told(user)


def _was_never_told(user: User) -> bool:
    """Whether the link was imported, and the auth site has stated nothing yet: it cannot have taken it back either."""
    return user.imported_at > 0 and user.synced_version is None and not (user.groups_at or user.nickname_at)


def _may_take_what_nobody_stated(job: UserJob, before: User) -> bool:
    """Whether it is the first statement of groups about a link that was not imported: what it takes is not known."""
    if before.groups is not None or _was_never_told(before):
        return False
    return stated_groups(job) is not None


def _asks_for_more(job: UserJob, before: User) -> bool:
    """Whether the message states something that was not stated before, so that a person may wait for it."""
    if _was_never_told(before):
        return False
    return _asks_for_groups(job, before) or _asks_for_nickname(job, before)


def _asks_for_groups(job: UserJob, before: User) -> bool:
    stated = stated_groups(job)
    if stated is None:
        return False
    return stated.changed_at >= before.groups_at and not set(stated.value) <= set(before.groups or ())


def _asks_for_nickname(job: UserJob, before: User) -> bool:
    stated = stated_nickname(job)
    if stated is None:
        return False
    return stated.changed_at >= before.nickname_at and stated.value != before.nickname
