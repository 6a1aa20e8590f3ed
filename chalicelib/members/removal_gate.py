"""Decides whether a job may take something from a member, and records what it must leave.

Three things stand in the way: an operator decided to keep what the member has; the first-run lock, for imported members
whom Rolecall has never seen as they should be; and the removal limit. Giving is never held up.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from chalicelib import log
from chalicelib.errors import RolecallError
from chalicelib.members.context import JobContext, Removals
from chalicelib.members.plan import Change
from chalicelib.members.removal_limiter import Counted, RemovalLimiter
from chalicelib.members.reporter import PROBLEM_OF, Reporter
from chalicelib.messages import DeleteUser, encode
from chalicelib.problems import NO_PROBLEMS, Problem, Problems, withheld
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.cutoff import Cutoff
from chalicelib.store.removals import Cause, Loss, RemovalStore, Withheld
from chalicelib.store.users import User

COUNT_TTL = 3600.0  # seconds after which a member who loses something again counts once more


def is_locked(user: User, released_at: float | None) -> bool:
    """Whether the first-run lock holds for the user. `released_at`: when an operator released imported members last."""
    return user.imported_at > 0 and (released_at is None or user.imported_at > released_at)


def counted_at(user: User, now: float) -> float | None:
    """When the user was counted in the removal limit, if they still count."""
    return user.lost_at if user.lost_at is not None and now - user.lost_at < COUNT_TTL else None


class RemovalGate:
    """Admits removals, one member at a time."""

    def __init__(self, services: Services, reporter: Reporter, limiter: RemovalLimiter) -> None:
        self._services = services
        self._reporter = reporter
        self._limiter = limiter
        self._store = RemovalStore(services.settings.guild_id)

    # --- before anything is taken ---

    def within(self, user: User, change: Change, context: JobContext) -> Change:
        """The part of the change that may be made. What must be left is noted in the context's permit."""
        if not change.take or (not user.kept and self.admits(user, context)):
            return change
        if context.permit.refused:
            context.permit.roles = self._reporter.entries.names(change.take)
        return replace(change, take=frozenset())

    def admits(self, user: User, context: JobContext) -> bool:
        """Whether something may be taken from the user now; counts them in the removal limit, once for each job."""
        permit = context.permit
        if permit.admitted or context.removals is Removals.EXEMPT:
            return True
        permit.refused = self._refusal(user, context)
        permit.admitted = permit.refused is None
        return permit.admitted

    def _refusal(self, user: User, context: JobContext) -> Cause | None:
        if user.imported_at and is_locked(user, self._services.memory.sweeps.taking_allowed_since()):
            return Cause.FIRST_RUN
        if context.removals is Removals.COUNTED_BEFORE:
            return None
        now = self._services.now()
        counted = self._limiter.admit(1, counted_at=counted_at(user, now))
        if counted is None:
            return Cause.LIMIT
        context.permit.counted_at, context.permit.moved_from = counted.at, counted.moved_from
        return None

    def give_back(self, context: JobContext) -> None:
        """Nothing was taken: the job runs again, or its member keeps everything. Without effect after `taken`."""
        permit = context.permit
        if permit.counted_at is not None and not permit.stands and context.removals is Removals.COUNTED_NOW:
            self._limiter.give_back(1, Counted(permit.counted_at, permit.moved_from))
            permit.admitted, permit.counted_at, permit.moved_from = False, None, None

    def taken(self, context: JobContext) -> None:
        """Something was taken: the count stands, whatever becomes of the rest of the job."""
        context.permit.stands = True

    # --- when something had to be left ---

    def problems(self, user: User, context: JobContext) -> Problems:
        """What waits for an operator, after the roles of the member were compared; it is recorded here."""
        if user.deletion_held:  # that is on record
            return withheld(user.problems)
        if context.permit.refused is None:
            return NO_PROBLEMS
        self._record(user, context, context.permit.refused, Loss.ROLES)
        return frozenset({Problem(PROBLEM_OF[context.permit.refused])})

    def as_recorded(self, user: User, context: JobContext) -> User:
        """A user who was read anew, with the problem that this job recorded: if it is gone, its record must go too."""
        recorded = context.permit.recorded
        if recorded is None:
            return user
        return replace(user, problems=user.problems | {Problem(PROBLEM_OF[recorded])})

    def may_unlink(self, user: User, context: JobContext) -> bool:
        """Whether the link of a user who seems to have left may end; if not, that is recorded."""
        if user.kept:
            return False
        if self.admits(user, context):
            return True
        self._record(user, context, context.permit.refused or Cause.LIMIT, Loss.UNLINK)
        self._reporter.failed(user, _with_refusal(user, context))
        return False

    def may_delete(self, user: User, job: DeleteUser, cutoff: Cutoff, context: JobContext) -> bool | None:
        """Whether the user may be removed; if not, that is recorded, and the link stays. None if the user changed.

        `cutoff`: which attempts to link are older than the deletion.
        """
        if self.admits(user, context):
            return True
        self._record(user, context, context.permit.refused or Cause.LIMIT, Loss.KICK, encode(job).decode())
        held = users.hold_deletion(user, cutoff, _with_refusal(user, context), now=self._services.now())
        return False if held else None

    def _record(self, user: User, context: JobContext, cause: Cause, loss: Loss, deletion: str = "") -> None:
        if user.link is None:
            return
        permit, account = context.permit, user.link.account
        permit.recorded = cause
        record = Withheld(
            user_id=user.user_id,
            discord_id=str(account.id),
            username=account.shown,
            loss=loss,
            cause=cause,
            since=self._services.now(),
            by=context.cause,
            version=user.version,
            roles=permit.roles if loss is Loss.ROLES else (),
            number=len(permit.roles) if loss is Loss.ROLES else 0,
            deletion=deletion,
        )
        self._store.withhold(record)
        log.info("removal_withheld", user_id=user.user_id, loss=loss, cause=cause)

    @contextmanager
    def refunded_unless(self, written: Callable[[], bool], user: User, context: JobContext) -> Iterator[None]:
        """Give back what was counted if an error ends the block, unless something was, or may have been, `written`.

        Then the user goes on to count, and counts once, however often the job is tried: Discord may be away for long.
        """
        try:
            yield
        except RolecallError:
            if not written():
                self.give_back(context)
            elif context.permit.counted_at is not None and context.removals is Removals.COUNTED_NOW:
                users.mark_counted(user.user_id, context.permit.counted_at)
            raise


def _with_refusal(user: User, context: JobContext) -> Problems:
    """The user's problems, and why nothing may be taken from them."""
    refused = context.permit.refused or Cause.LIMIT
    return (user.problems - withheld(user.problems)) | {Problem(PROBLEM_OF[refused])}
