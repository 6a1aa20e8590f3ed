"""What the removal limit and the first-run lock withhold, and how a person answers: release it, or drop it.

The operator's commands, the officers' page and forced sweeps answer through this module. Every answer is recorded in
the audit trail of each user, with the name of who gave it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from chalicelib import log
from chalicelib.members.removal_limit import NO_LIMIT, max_removals
from chalicelib.members.reporter import Reporter
from chalicelib.messages import DeleteUser, ReleaseRemoval, encode, read_job
from chalicelib.problems import withheld
from chalicelib.queues import BATCH, Progress
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.removals import Cause, Loss, RemovalStore, Withheld
from chalicelib.store.users import User

UNMARKED = (
    900.0  # seconds for which a record counts before the user is marked: a worker writes first one, then the other
)
READ_AT_ONCE = 100  # users; DynamoDB gives no more in one call
RELEASED, DROPPED = "removal released", "removal dropped"  # in the audit trail


@dataclass(frozen=True, slots=True)
class Standing:
    """How the removal limit stands. `held_since`: epoch seconds; None without a hold. `limit` None: there is none."""

    lost: int
    limit: int | None
    linked: int
    held_since: float | None


@dataclass(frozen=True, slots=True)
class Answered:
    """The users for whom an answer counted, and those who had changed since what was shown."""

    done: tuple[str, ...]
    changed: tuple[str, ...] = ()


class WithheldRemovals:
    """What is withheld in the guild."""

    def __init__(self, services: Services, reporter: Reporter) -> None:
        self._services = services
        self._reporter = reporter
        self._store = RemovalStore(services.settings.guild_id)

    # --- looking ---

    def standing(self) -> Standing:
        """How the removal limit stands now."""
        window, percent = self._store.window(), self._services.settings.removal_limit_percent
        limit = None if percent >= NO_LIMIT else max_removals(window.linked, percent)
        return Standing(window.lost(self._services.now()), limit, window.linked, window.held_since)

    def all(self, *causes: Cause) -> Iterator[Withheld]:
        """What is withheld for these causes (by default all), deletions first. Outdated records are left out."""
        records = [one for cause in causes or tuple(Cause) for one in self._store.withheld(cause)]
        ordered = sorted(records, key=lambda one: (one.loss is not Loss.KICK, one.since, one.user_id))
        for start in range(0, len(ordered), READ_AT_ONCE):
            some, now = ordered[start : start + READ_AT_ONCE], self._services.now()
            known = users.several((one.user_id for one in some), now=now)
            yield from (one for one in some if _if_current(one, known.get(one.user_id), now))

    def of_user(self, user_id: str) -> Withheld | None:
        """What is withheld from this user."""
        found = self._store.withheld_from(user_id)
        return found if found and self._is_current(found) else None

    def _is_current(self, one: Withheld) -> bool:
        return self._linked(one) is not None

    def _linked(self, one: Withheld) -> User | None:
        """The user, if they are still linked to that account and something is withheld from them."""
        now = self._services.now()
        return _if_current(one, users.get(one.user_id, now=now), now)

    def forget_outdated(self) -> None:
        """Drop records of users who were unlinked or linked anew; a hold that nobody is left in ends."""
        for one in self._store.withheld(Cause.LIMIT):
            if not self._is_current(one):
                self._store.forget(one.user_id, one.cause)
        self._close_hold(by="nothing is held any more", forget_losses=False)

    # --- answering ---

    def release(self, several: Iterable[Withheld], *, by: str) -> Answered:
        """Let what is withheld from these users be taken, whatever the limit; `by` is who allows it.

        Each is reconciled by a message of their own: who should lose nothing any more loses nothing. Once nothing is
        held any more, the hold ends, and what was lost so far does not count any more.
        """
        done: list[str] = []
        chosen = list(several)
        for start in range(0, len(chosen), BATCH):
            some, now = chosen[start : start + BATCH], self._services.now()
            jobs = [(encode(_release_job(one, by)), Progress(log.bound(), now), 0.0) for one in some]
            self._services.queues.bulk_many(jobs)
            for one in some:
                self._reporter.answered(one.user_id, int(one.discord_id), RELEASED, by)
                self._store.forget(one.user_id, one.cause)
                done.append(one.user_id)
        self._close_hold(by=by, forget_losses=bool(done))
        return Answered(tuple(done))

    def drop(self, several: Iterable[Withheld], *, by: str) -> Answered:
        """Let these users keep what is withheld until the auth site states something newer; `by` is who decides it."""
        done, changed = list[str](), list[str]()
        for one in several:
            user = self._linked(one)
            kept = user is not None and user.version == one.version
            if user and kept and users.mark_kept(user, user.problems - withheld(user.problems)):
                self._reporter.answered(one.user_id, int(one.discord_id), DROPPED, by)
                self._store.forget(one.user_id, one.cause)
                done.append(one.user_id)
            else:
                changed.append(one.user_id)
        self._close_hold(by=by, forget_losses=False)
        return Answered(tuple(done), tuple(changed))

    def release_imported(self, *, by: str) -> Answered:
        """End the first-run lock of all members who were imported so far, and release what it withholds."""
        self._services.memory.sweeps.allow_taking(by=by, now=self._services.now())
        return self.release(self.all(Cause.FIRST_RUN), by=by)

    def answer_by_sweep(self) -> None:
        """An operator forces a sweep of all roles: it takes what is withheld, and deletions are released."""
        self.release((one for one in self.all() if one.loss is Loss.KICK), by="a forced sweep")
        if self._store.close_hold(forget_losses=True):
            log.info("removals_released", by="a forced sweep")

    def _close_hold(self, *, by: str, forget_losses: bool) -> None:
        if self._store.close_hold_if_empty(forget_losses=forget_losses):
            log.info("removals_released", by=by)


def _if_current(one: Withheld, user: User | None, now: float) -> User | None:
    """The user as read, if the record is still about them."""
    if user is None or user.link is None or str(user.link.account.id) != one.discord_id:
        return None
    return user if withheld(user.problems) or one.since > now - UNMARKED else None


def _release_job(one: Withheld, by: str) -> ReleaseRemoval:
    deletion = read_job(one.deletion, now=float("inf"), own=False) if one.deletion else None
    return ReleaseRemoval(
        user_id=one.user_id,
        cause=f"removal released by {by}",
        version=one.version,
        deletion=deletion if isinstance(deletion, DeleteUser) else None,
    )
