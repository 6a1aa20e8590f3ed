"""Recording why a message was given up, where people look for it: on the user, or on the sweep."""

from chalicelib.messages import (
    ComparePage,
    DeleteUser,
    Job,
    RemoveReplacedAccount,
    RepairMember,
    RepairPage,
    UserJob,
    VerifyLink,
)
from chalicelib.problems import problem_of
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.users import User
from chalicelib.sweeps.sweeper import Sweeper


class FailureRecorder:
    """Each method records the failure of some kinds of messages; `kinds.KINDS` says which."""

    def __init__(self, services: Services, sweeper: Sweeper) -> None:
        self._services = services
        self._sweeper = sweeper

    def on_user(self, job: UserJob | VerifyLink | RepairMember, why: str) -> None:
        """Store it on the linked user; notify the auth site unless the same was stored before."""
        user = users.get(job.user_id, now=self._services.now())
        if user and user.link:
            self._store(user, why, notify=user.last_error != why)

    def on_deleted_user(self, job: DeleteUser, why: str) -> None:
        """The user keeps the link but no groups; always notify, whatever failed before is another matter."""
        now = self._services.now()
        user = users.get(job.user_id, now=now)
        if user:
            users.mark_unwanted(user, now=now)
            self._store(user, why, notify=True)

    def on_replaced_account(self, job: RemoveReplacedAccount, why: str) -> None:
        """Notify only: the account that could not be removed is not the one the user has now."""
        now = self._services.now()
        user = users.get(job.user_id, now=now)
        if user and user.link:
            self._services.notices.sync_failed(user.user_id, job.discord_id, None, why, now=now)

    def on_sweep(self, job: ComparePage | RepairPage, why: str) -> None:
        """The sweep failed: it cannot go on without this step."""
        self._sweeper.fail(job.sweep_id, why)

    def nowhere(self, job: Job, why: str) -> None:
        """Record nothing: the log line of `delivery` has to do."""

    def _store(self, user: User, why: str, *, notify: bool) -> None:
        """Notify, then store: a second notice is better than none."""
        if user.link is None:
            return
        now, account = self._services.now(), user.link.account
        if notify:
            self._services.notices.sync_failed(user.user_id, account.id, account.shown, why, now=now)
        users.mark_failed(user, frozenset({problem_of(why)}), now=now)
