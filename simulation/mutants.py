"""Whether the simulation finds bugs: plant one at a time, and run seeds until one catches it.

    python -m simulation.mutants             which seed catches which
    python -m simulation.mutants --only NAME --seeds 500

Each bug replaces one function for as long as its block lasts; nothing on disk changes. README.md lists the seeds that
caught them, and a test checks that these, or the ones after them, still do.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from pynamodb.expressions.update import Action

from chalicelib.delivery.delivery import Delivery
from chalicelib.discord import requester
from chalicelib.discord.models import Account, Member
from chalicelib.discord.rate_limit import Lane
from chalicelib.discord.rate_limiter import RateLimiter, Reservation
from chalicelib.linking.callback import Callback
from chalicelib.members import link_check, reconciler, removal, removal_gate, repair, replaced_accounts, storms
from chalicelib.members.account_removal import AccountRemoval
from chalicelib.members.context import Outcome
from chalicelib.members.departures import Departures
from chalicelib.members.link_check import LinkCheck
from chalicelib.members.plan import Change, Uncreatable
from chalicelib.members.removal_limiter import RemovalLimiter
from chalicelib.members.replaced_accounts import ReplacedAccounts
from chalicelib.members.reporter import Reporter
from chalicelib.members.role_creation import RoleCreator
from chalicelib.members.roles import RolePolicy
from chalicelib.members.waiting import WaitingChanges
from chalicelib.messages import ComparePage
from chalicelib.notices import Kind, Unlinked
from chalicelib.queues import Queues
from chalicelib.store import accounts, audit, leaving, links, user_statements, users
from chalicelib.store.cutoff import NO_CUTOFF, Cutoff
from chalicelib.store.guild import RoleCreationMemory
from chalicelib.store.rows import UserRow
from chalicelib.store.sweeps import Sweep
from chalicelib.store.users import Link, User
from chalicelib.store.waiting import Driver, WaitingStore
from chalicelib.sweeps import compare, pairs
from chalicelib.sweeps.compare import ComparedPage, GuildComparer
from chalicelib.sweeps.waiting_compare import ComparedWaiting, WaitingComparer
from chalicelib.sweeps.waiting_start import WaitingStarter
from simulation.explorer.interleaving import Schedule
from simulation.explorer.search import Failure, attempt, overlaps
from simulation.run import Result, run

TESTS_FAILED = 1  # what pytest ends with then; other numbers mean that it could not run them
Replacement = Callable[..., Any]
Places = list[tuple[Any, str, Any]]  # owner, name, replacement


@dataclass(frozen=True)
class Mutant:
    """A planted bug. `shows` are the letters of the checks that show it, `seed` the first seed that catches it."""

    name: str
    what: str
    places: Callable[[], Places]
    shows: str
    seed: int = 0
    only: tuple[str, ...] | None = None  # conditions of the seeds
    overlap: tuple[str, str, str | None] | None = None  # a state, an operation, one inside it; then no seed is run
    test: str = ""  # a file of tests that shows it, where neither seeds nor overlaps do

    @contextmanager
    def planted(self) -> Iterator[None]:
        """Plant the bug while the block runs."""
        kept = [(owner, name, owner.__dict__[name]) for owner, name, _ in self.places()]
        for owner, name, wrong in self.places():
            setattr(owner, name, wrong)
        try:
            yield
        finally:
            for owner, name, right in kept:
                setattr(owner, name, right)

    def caught_by(self, seeds: list[int]) -> Result | None:
        """The first of these seeds that shows the bug. Raises RuntimeError if the bug crashes the run instead."""
        with self.planted():
            for seed in seeds:
                result = run(seed, only=self.only)
                if crashes := [breach for breach in result.breaches if breach.startswith("(crash)")]:
                    raise RuntimeError(f"{self.name} breaks the run of seed {seed}, which proves nothing: {crashes[0]}")
                if any(breach[1] in self.shows for breach in result.breaches):
                    return result
        return None

    def is_caught_by_its_test(self) -> bool:
        """Whether a test of its file fails with the bug: in a process of its own."""
        program = (
            "import sys, pytest; from simulation.mutants import MUTANTS;"
            "bug = next(one for one in MUTANTS if one.name == sys.argv[1]);"
            "context = bug.planted(); context.__enter__();"
            "sys.exit(pytest.main(['-q', '-x', '-p', 'no:cacheprovider', bug.test]))"
        )
        ended = subprocess.run([sys.executable, "-c", program, self.name], capture_output=True, check=False)  # noqa: S603 - our own
        return ended.returncode == TESTS_FAILED

    def overlap_that_catches_it(self) -> Schedule | None:
        """The first schedule of the overlap that shows the bug, and passes without it."""
        assert self.overlap is not None  # noqa: S101 - the caller chose a bug that an overlap shows
        for schedule in overlaps(*self.overlap):
            if self._breaks(schedule) and attempt(schedule)[0] is None:
                return schedule
        return None

    def _breaks(self, schedule: Schedule) -> Failure | None:
        """What the bug breaks in this schedule of the explorer, if it shows there as it should."""
        with self.planted():
            failure, _ = attempt(schedule)
        if failure and any(breach.startswith("(crash)") for breach in failure.breaches):
            raise RuntimeError(f"{self.name} breaks the run of {schedule}, which proves nothing: {failure}")
        shown = failure and any(breach[1] in self.shows for breach in failure.breaches)
        return failure if shown else None


# --- the bugs ---------------------------------------------------------------------------------------------------


def _no_recheck() -> Places:
    mark_synced = users.mark_synced

    def believe(user: User, **more: Any) -> bool:  # noqa: ANN401 - as the function that it replaces
        mark_synced(user, **more)
        return True

    return [(users, "mark_synced", believe)]


def _older_wins() -> Places:
    def tell(user_id: str, name: str, value: Any, changed_at: int, now: float, _sent_at: float, **_: Any) -> User:  # noqa: ANN401 - groups or a name
        column = getattr(UserRow, name)
        actions: list[Action] = [
            column.remove() if value is None else column.set(value),
            getattr(UserRow, f"{name}_at").set(changed_at),
            UserRow.version.set((UserRow.version | 0) + 1),
        ]
        UserRow(user_id).update(actions)
        found = users.get(user_id, now=now)
        assert found is not None  # noqa: S101 - it was stored in the line before
        return found

    return [(user_statements, "_record", tell)]


def _no_lock() -> Places:
    return [(RoleCreationMemory, "lock", lambda *_, **__: True)]


def _no_dead_letters() -> Places:
    return [(Queues, "dead_letter", lambda *_, **__: None)]


def _no_retries() -> Places:
    return [(Queues, "again", lambda *_, **__: None)]


def _broken_is_done() -> Places:
    return [(Delivery, "_broken", lambda *_, **__: Outcome.DONE)]


def _no_budget() -> Places:
    def acquire(self: RateLimiter, route: str, lane: Lane, *_: Any, **__: Any) -> Reservation:  # noqa: ANN401 - as above
        self.halts.check()
        key = self.buckets.names.current_bucket_of(route)
        self.buckets.read(key)  # so that limits are still learnt from answers
        return Reservation(key, lane, 0, float("inf"))

    return [(RateLimiter, "acquire", acquire), (RateLimiter, "defer_if_far_off", lambda *_: None)]


def _leaver_kept() -> Places:
    return [(Departures, "left", lambda *_: Outcome.NOTHING)]


def _whole_list_forgets() -> Places:
    def roles_after(self: Change, member: Member) -> frozenset[int]:
        return (member.roles & frozenset(self.role_by_group.values())) | self.give

    return [(Change, "roles_after", roles_after)]


def _deletion_forgotten() -> Places:
    begin = leaving.begin

    def forgetful(user_id: str, user: User | None, _cutoff: Cutoff, **more: Any) -> bool:  # noqa: ANN401 - as above
        return begin(user_id, user, NO_CUTOFF, **more)

    return [(leaving, "begin", forgetful)]


def _reserved_touched() -> Places:
    return [(RolePolicy, "reserves", lambda *_: False)]


def _protected_touched() -> Places:
    return [(RolePolicy, "protects", lambda *_: False)]


def _replaced_account_kept() -> Places:
    return [(ReplacedAccounts, "remove", lambda *_: Outcome.DONE)]


def _no_verification() -> Places:
    return [(LinkCheck, "verify", lambda *_: Outcome.DONE)]


def _ends_as_left(self: Departures, user: User, link: Link, *_: Any) -> None:  # noqa: ANN401 - as `_put_back`
    self._unlinked(user, link, Unlinked.LEFT_SERVER, notify=True)


def _no_undo() -> Places:
    # What the callback does not undo, the check afterwards puts back: without both of them nothing is as before.
    return [(Callback, "_undo", lambda *_, **__: None), (Departures, "_put_back", _ends_as_left)]


def _not_put_back() -> Places:
    return [(Departures, "_put_back", _ends_as_left)]


def _unlinks_newer_links() -> Places:
    unlink = users.unlink

    def careless(user_id: str, discord_id: int, **more: Any) -> bool:  # noqa: ANN401 - as above
        return unlink(user_id, discord_id, **(more | {"version": None}))

    return [(users, "unlink", careless)]


def _older_attempts_link() -> Places:
    get = users.get

    def unbarred(user_id: str, *, now: float) -> User | None:
        user = get(user_id, now=now)
        return user and replace(user, barred=NO_CUTOFF)

    return [(links, "_current", unbarred)]


def _silent_links() -> Places:
    def silent(_: Reporter, user_id: str, account: Account) -> None:
        users.mark_notified(user_id, account.id)

    return [(Reporter, "linked", silent)]


def _no_audit_trail() -> Places:
    mark_synced = users.mark_synced

    def without_entry(user: User, **more: Any) -> bool:  # noqa: ANN401 - as above
        return mark_synced(user, **(more | {"entry": None}))

    return [(users, "mark_synced", without_entry), (audit, "keep", lambda _: None)]


def _stale_usernames() -> Places:
    return [(Reporter, "username_seen", lambda *_: None)]


def _one_page() -> Places:
    compare_page = GuildComparer.compare_page

    def first_only(*given: Any, **more: Any) -> ComparedPage:  # noqa: ANN401 - as above
        return replace(compare_page(*given, **more), following=None)

    return [(GuildComparer, "compare_page", first_only)]


def _no_repetition() -> Places:
    return [(requester, "may_be_repeated", lambda *_: False)]


def _no_removal_limit() -> Places:
    return [
        (RemovalLimiter, "admit", lambda *_, **__: True),
        (RemovalLimiter, "foresee", lambda *_, **__: True),
        (RemovalLimiter, "would_admit", lambda *_, **__: True),
    ]


def _no_waiting_for_callbacks() -> Places:
    places = (reconciler, repair, link_check, replaced_accounts)
    return [(place, "wait_for_callback", lambda *_, **__: None) for place in places]


def _nothing_taken_back() -> Places:
    return [(AccountRemoval, "revoke_given", lambda *_: None)]


def _links_what_is_removed() -> Places:
    return [(accounts, "begin_parting", lambda *_, **__: True)]


def _tells_what_may_not_be() -> Places:
    unlinked = Reporter.unlinked

    def too_early(self: Reporter, user: User, link: Link, reason: Unlinked, **more: Any) -> bool:  # noqa: ANN401 - as above
        notice = users.PendingNotice(
            Kind.UNLINKED, str(link.account.id), link.account.shown, reason, self._services.now()
        )
        self._notify(user.user_id, notice)
        return unlinked(self, user, link, reason, **(more | {"notify": False}))

    return [(Reporter, "unlinked", too_early)]


def _no_first_run_lock() -> Places:
    return [(place, "is_locked", lambda *_: False) for place in (removal_gate, compare, pairs)]


def _no_grace() -> Places:
    return [(place, "days_after", lambda *_: 0.0) for place in (removal, replaced_accounts)]


def _tries_what_is_refused() -> Places:
    return [(RoleCreator, "uncreatable", lambda _: Uncreatable())]


def _mark_dropped() -> Places:
    return [(WaitingStore, "add", lambda *_, **__: None)]


def _no_following_sweep() -> Places:
    return [(WaitingChanges, "drive_later", lambda *_, **__: None)]


def _driver_leaves() -> Places:
    def dismiss(self: WaitingStore, _: Driver) -> bool:
        self.name_driver("", lease=0.0)
        return True

    return [(WaitingStore, "dismiss_driver", dismiss)]


def _marks_deleted_first() -> Places:
    compare_page = WaitingComparer.compare_page

    def delete_first(self: WaitingComparer, *given: Any, **more: Any) -> ComparedWaiting:  # noqa: ANN401 - as above
        page = compare_page(self, *given, **more)
        self._store.remove(page.marks)
        return page

    return [(WaitingComparer, "compare_page", delete_first)]


def _later_marks_deleted() -> Places:
    compare_page = WaitingComparer.compare_page

    def with_later(self: WaitingComparer, sweep: Sweep, job: ComparePage, *more: Any) -> ComparedWaiting:  # noqa: ANN401 - as above
        page = compare_page(self, sweep, job, *more)
        return replace(page, marks=self._store.between(job.after, page.sweep.cursor))

    return [(WaitingComparer, "compare_page", with_later)]


def _never_woken() -> Places:
    return [(WaitingStarter, "_wake", lambda *_: None)]


def _not_marked_again() -> Places:
    return [(WaitingStarter, "_promise_again", lambda *_: None)]


def _removals_wait() -> Places:
    return [(storms, "takes_groups", lambda *_: False), (storms, "_lacks_nothing_but_gifts", lambda _: True)]


MUTANTS = (
    Mutant("no_removal_limit", "whatever is to be taken is taken", _no_removal_limit, "r", 0, only=("removal_limit",)),
    Mutant(
        "no_waiting",
        "jobs do not wait for a callback that is at work",
        _no_waiting_for_callbacks,
        "c",
        overlap=("new", "callback of a member that fails", "message that gives"),
    ),
    Mutant(
        "nothing_taken_back",
        "roles that were given while the link ended stay",
        _nothing_taken_back,
        "c",
        overlap=("linked", "message that gives", "end of the link, and coming back"),
    ),
    Mutant(
        "no_first_run_lock",
        "imported members lose what nobody stated, before a person has seen it",
        _no_first_run_lock,
        "l",
        0,
        only=("imported_links",),
    ),
    Mutant("no_grace", "grace days are not waited for", _no_grace, "w", 3, only=("grace_days",)),
    Mutant(
        "links_what_is_removed",
        "an account can be linked while it is removed",
        _links_what_is_removed,
        "a",
        overlap=("new", "removal of a replaced account", "callback"),
    ),
    Mutant(
        "tells_too_early",
        "the end of a link is notified before it is stored",
        _tells_what_may_not_be,
        "n",
        overlap=("left", "message that takes", "new link"),
    ),
    Mutant(
        "tries_what_is_refused",
        "a role that cannot be created is a difference",
        _tries_what_is_refused,
        "a",
        102,
        only=("refused_role_name",),
    ),
    Mutant(
        "no_recheck", "a worker does not check whether the desired state changed while it wrote", _no_recheck, "a", 181
    ),
    Mutant("mark_dropped", "a change that waits for a list is not marked", _mark_dropped, "b", 5),
    Mutant("no_following_sweep", "no sweep follows for marks that are left", _no_following_sweep, "b", 12),
    Mutant(
        "driver_leaves",
        "the driver of narrow sweeps goes, though somebody is marked meanwhile",
        _driver_leaves,
        "a",
        overlap=("linked", "driver of narrow sweeps goes", "request that waits"),
    ),
    Mutant(
        "marks_deleted_first",
        "marks are deleted before it is stored who differs",
        _marks_deleted_first,
        "a",
        overlap=("linked", "narrow sweep compares", None),
    ),
    Mutant(
        "later_marks_deleted",
        "a page deletes marks that were stored after its list",
        _later_marks_deleted,
        "a",
        overlap=("linked", "narrow sweep compares", "request that waits"),
    ),
    Mutant(
        "never_woken",
        "a narrow sweep whose first message was never sent is not woken",
        _never_woken,
        "a",
        overlap=("linked", "narrow sweep begins", None),
    ),
    Mutant(
        "not_marked_again",
        "whom a narrow sweep found that failed is not marked again",
        _not_marked_again,
        "",
        test="tests/sweeps/test_storm_races.py",
    ),
    Mutant(
        "removals_wait",
        "what takes something away in a storm waits for a list",
        _removals_wait,
        "",
        test="tests/sweeps/test_storms.py",
    ),
    Mutant("older_wins", "an older changed_at overwrites a newer one", _older_wins, "b", 0),
    Mutant("no_lock", "roles are created without the lock", _no_lock, "e", 22),
    Mutant("no_dead_letters", "dead letters are dropped", _no_dead_letters, "h", 0),
    Mutant("no_retries", "deferred messages are dropped", _no_retries, "h", 0),
    Mutant("broken_is_done", "a message that met a store failure counts as done", _broken_is_done, "b", 22),
    Mutant("no_budget", "requests are made without asking the shared rate limiter", _no_budget, "f", 1),
    Mutant("leaver_kept", "10007 on a member does not unlink", _leaver_kept, "a", 0),
    Mutant(
        "whole_list_forgets", "a PATCH of all roles leaves out those that are not ours", _whole_list_forgets, "ad", 2
    ),
    Mutant(
        "deletion_forgotten",
        "delete_user does not record when, older attempts link again",
        _deletion_forgotten,
        "a",
        14,
    ),
    Mutant("reserved_touched", "reserved roles are given and taken", _reserved_touched, "d", 4),
    Mutant("protected_touched", "protected members are changed", _protected_touched, "d", 0),
    Mutant(
        "no_verification",
        "nothing is checked after a callback",
        _no_verification,
        "n",
        overlap=("new", "callback", None),
    ),
    Mutant(
        "no_undo",
        "a link whose account was refused stands, and the one before it is not put back",
        _no_undo,
        "a",
        overlap=("linked", "callback that is refused", None),
    ),
    Mutant(
        "not_put_back",
        "an account is not put back if the one that replaces it never came",
        _not_put_back,
        "a",
        overlap=("linked", "callback that is refused", None),
    ),
    Mutant(
        "older_attempts_link",
        "an attempt from before a deletion links",
        _older_attempts_link,
        "a",
        overlap=("linked", "callback", "delete"),
    ),
    Mutant(
        "unlinks_newer_links",
        "who finds a member gone removes whatever link there is by then",
        _unlinks_newer_links,
        "ac",
        overlap=("left", "message that takes", "new link"),
    ),
    Mutant("silent_links", "the auth site is not notified of links", _silent_links, "n", 0),
    Mutant("no_audit_trail", "changes are not recorded", _no_audit_trail, "t", 4, only=()),
    Mutant("stale_usernames", "new usernames are not stored", _stale_usernames, "u", 21),
    Mutant("one_page", "sweeps compare the first page only", _one_page, "a", 114, only=("small_pages",)),
    Mutant(
        "no_repetition",
        "a request on a dead connection is not repeated",
        _no_repetition,
        "",
        test="tests/discord/test_dead_connections.py",
    ),
    Mutant(
        "replaced_account_kept", "an account that its user replaced stays in the guild", _replaced_account_kept, "c", 3
    ),
)


def main(arguments: list[str] | None = None) -> int:
    """Search the first seed that catches each bug; 0 if all were caught."""
    parser = argparse.ArgumentParser(prog="python -m simulation.mutants", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, metavar="N", help="tried for each: %(default)s")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="SEED", help="the first: %(default)s")
    parser.add_argument("--only", metavar="NAME", help="this bug only")
    options = parser.parse_args(arguments)
    if options.only not in (None, *(mutant.name for mutant in MUTANTS)):
        parser.error(f"there is no bug {options.only}: {', '.join(mutant.name for mutant in MUTANTS)}")
    missed = 0
    for mutant in MUTANTS:
        if options.only in (None, mutant.name):
            missed += not _show(mutant, list(range(options.first, options.first + options.seeds)))
    return 1 if missed else 0


def _show(mutant: Mutant, seeds: list[int]) -> bool:
    began = time.perf_counter()
    if mutant.test:
        caught = mutant.is_caught_by_its_test()
        print(f"{mutant.name:22} {mutant.test if caught else f'NOT CAUGHT by {mutant.test}'}", flush=True)
        return caught
    if mutant.overlap:
        schedule = mutant.overlap_that_catches_it()
        print(f"{mutant.name:22} {schedule or f'NOT CAUGHT by {mutant.overlap}'}", flush=True)
        return schedule is not None
    result = mutant.caught_by(seeds)
    took = time.perf_counter() - began
    if result is None:
        print(f"{mutant.name:22} NOT CAUGHT by {len(seeds)} seeds ({took:.1f} s): {mutant.what}", flush=True)
        return False
    print(f"{mutant.name:22} seed {result.seed:4} ({took:5.1f} s)  {result.breaches[0][:150]}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
