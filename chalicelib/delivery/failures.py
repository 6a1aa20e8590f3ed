"""Recording why a message was given up, where people look for it: on the user, or on the sweep."""

from chalicelib.members.reporter import Reporter
from chalicelib.messages import (
    ComparePage,
    DeleteUser,
    Job,
    ReleaseRemoval,
    RemoveReplacedAccount,
    RepairMember,
    RepairPage,
    UnlinkUser,
    UserJob,
    VerifyLink,
    VerifyRemoval,
)
from chalicelib.problems import problem_of
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.sweeps.sweeper import Sweeper


class FailureRecorder:
    """Each method records the failure of some kinds of messages; `kinds.KINDS` says which."""

    def __init__(self, services: Services, sweeper: Sweeper, reporter: Reporter) -> None:
        self._services = services
        self._sweeper = sweeper
        self._reporter = reporter

    def on_user(self, job: UserJob | VerifyLink | VerifyRemoval | RepairMember | ReleaseRemoval, why: str) -> None:
        """Store it on the linked user; notify the auth site unless the same was stored before."""
        user = users.get(job.user_id, now=self._services.now())
        if user and user.link:
            self._reporter.failed(user, frozenset({problem_of(why)}))

    def on_link(self, job: VerifyLink, why: str) -> None:
        """The link stands, whatever its member lacks: notify of it unless that was done. Then as on a user."""
        self._reporter.linked_unless_notified(job.user_id)
        self.on_user(job, why)

    def on_deleted_user(self, job: DeleteUser | UnlinkUser, why: str) -> None:
        """The user keeps the link but no groups; always notify, whatever failed before is another matter."""
        user = users.get(job.user_id, now=self._services.now())
        if user:
            self._reporter.failed(user, frozenset({problem_of(why)}), always=True)

    def on_released_user(self, job: ReleaseRemoval, why: str) -> None:
        """As for the message that was held."""
        if job.deletion:
            self.on_deleted_user(job.deletion, why)
        else:
            self.on_user(job, why)

    def on_replaced_account(self, job: RemoveReplacedAccount, why: str) -> None:
        """Notify only: the account that could not be removed is not the one the user has now."""
        user = users.get(job.user_id, now=self._services.now())
        if user and user.link:
            self._reporter.problem(user.user_id, job.discord_id, None, problem_of(why))

    def on_sweep(self, job: ComparePage | RepairPage, why: str) -> None:
        """The sweep failed: it cannot go on without this step."""
        self._sweeper.fail(job.sweep_id, why)

    def nowhere(self, job: Job, why: str) -> None:
        """Record nothing: the log line of `delivery` has to do."""
