"""Comparing users who wait for that with the members whom Discord lists, a page of the list at a time.

Each page begins with the next user who waits, so that it costs no more requests than there are users waiting, nor more
than the whole list has pages. The facts of the guild are those that single changes use, not read anew for this.

Marks and users are read before the list. Who is marked meanwhile may be so because of what the list does not show any
more, and what is stated meanwhile may be of a member as they are not any more: both are for the next comparison.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from chalicelib import log
from chalicelib.discord.client import PAGE
from chalicelib.discord.models import Member
from chalicelib.errors import IntentMissing, Ticket
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Rules
from chalicelib.members.reporter import Reporter
from chalicelib.messages import ComparePage, Parts
from chalicelib.problems import Problems, of_parts
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.sweeps import NO_LIST, Difference, Sweep
from chalicelib.store.users import Look, User
from chalicelib.store.waiting import Mark, WaitingStore
from chalicelib.sweeps.compare import LAST_ID, counted
from chalicelib.sweeps.page_rules import SWEEPING, PageRules
from chalicelib.sweeps.pairs import Pair, PairComparer

NO_LIST_FOR = 3600.0  # seconds for which nothing is handed over after Discord refused to list members
CLOCKS_DIFFER = 2.0  # seconds, at most, between those of two workers
MAX_MARKS = 4 * PAGE  # read at once, less than 1 MB of them; a user may have several


@dataclass(frozen=True, slots=True)
class ComparedWaiting:
    """The sweep with the page counted, who differs, whose marks are done with, and the next page if there is one."""

    sweep: Sweep
    found: list[Difference]
    marks: list[Mark]
    following: ComparePage | None


class WaitingComparer:
    """Compares those who wait, page by page."""

    def __init__(self, services: Services, view: GuildView, store: WaitingStore) -> None:
        self._services = services
        self._view = view
        self._store = store
        self._reporter = Reporter(services, view)
        self._pair_comparer = PairComparer(services, self._reporter)
        self._page_rules = PageRules(services, view)

    def compare_page(self, sweep: Sweep, job: ComparePage, ticket: Ticket | None = None) -> ComparedWaiting:
        """Compare one page. Raises Wait if Discord's limits do not admit the request now."""
        if not sweep.unlisted:
            self._view.facts(SWEEPING)  # first: what is read after it must not be read again if that has to wait
        marks, last = of_one_page(self._store.between(job.after, LAST_ID, most=MAX_MARKS))
        if not marks:
            return ComparedWaiting(replace(sweep, pages=sweep.pages + 1), [], [], None)
        self._note_age(marks)
        known = users.several((mark.user_id for mark in marks), now=self._services.now())
        if sweep.unlisted:
            return self._one_by_one(sweep, job, marks, known, last=last)
        look = Look(self._services.now(), Parts.ALL.value)
        try:
            members = self._services.discord.members(marks[0].discord_id - 1, replace(SWEEPING, ticket=ticket))
        except IntentMissing:
            self._note_no_list()
            return self._one_by_one(sweep, job, marks, known, last=last)
        last = min(last, members[-1].id) if members else last
        marks = [mark for mark in marks if mark.discord_id <= last]
        pairs, others = self._pairs(marks, known, members)
        found = [*self._compare(pairs, sweep, look), *map(_to_be_read, others)]
        return self._page(sweep, job, marks, found, members=members, last=last)

    def _pairs(self, marks: list[Mark], known: dict[str, User], members: list[Member]) -> tuple[list[Pair], list[User]]:
        """Those to compare with the list, and those of whom it says nothing: a callback runs, or ran meanwhile."""
        listed = {member.id: member for member in members}
        marked_at = {mark.user_id: mark.since for mark in sorted(marks, key=lambda mark: mark.since)}
        pairs, others, now = list[Pair](), list[User](), self._services.now()
        for user_id, discord_id in _distinct(marks):
            user = known.get(user_id)
            if user is None or user.link is None or not self._view.is_its_own(user.link):
                continue
            if _is_answered(user, marked_at[user_id]):
                continue
            if user.link.account.id != discord_id or user.link.joining_until > now:
                others.append(user)
            else:
                pairs.append(Pair(user, listed.get(discord_id)))
        return pairs, others

    def _compare(self, pairs: list[Pair], sweep: Sweep, look: Look) -> Iterator[Difference]:
        """Those who differ. The others are recorded as synced, unless their desired state has changed meanwhile."""
        for one in self._pair_comparer.compare(pairs, self._rules(pairs, sweep), sweep):
            if one.difference:
                yield one.difference
            elif one.pair.member:
                self._settled(one.pair.user, one.problems, look)

    def _settled(self, user: User, problems: Problems, look: Look) -> None:
        made_right = user.wanted is not None and not user.kept and not of_parts(problems, Parts.GROUPS)
        self._reporter.synced(replace(user, problems=problems), problems, looked=look, made_right=made_right)

    def _rules(self, pairs: list[Pair], sweep: Sweep) -> Rules:
        """The rules; the guild's facts are read anew if somebody holds a role that they lack."""
        guild = self._view.facts(SWEEPING)
        held = frozenset[int]().union(*(pair.member.roles for pair in pairs if pair.member))
        if not held <= guild.by_id.keys():
            guild = self._view.refresh(SWEEPING)
        return self._page_rules.of([pair.user for pair in pairs], guild, sweep)

    def _one_by_one(
        self, sweep: Sweep, job: ComparePage, marks: list[Mark], known: dict[str, User], *, last: int
    ) -> ComparedWaiting:
        """Every user who waits is to be read."""
        waiting = dict.fromkeys(mark.user_id for mark in marks)
        linked = [user for user_id in waiting if (user := known.get(user_id)) and user.link]
        noted = replace(sweep, note=NO_LIST)
        return self._page(noted, job, marks, list(map(_to_be_read, linked)), members=[], last=last)

    def _note_no_list(self) -> None:
        """Discord refuses to list members: for a while nobody is handed over."""
        self._view.refresh(SWEEPING)  # raises if the bot is not in the guild, which Discord refuses in the same way
        log.warning("member_intent_missing", fix="Discord developer portal → Bot → Server Members Intent")
        self._store.note_no_list(until=self._services.now() + NO_LIST_FOR)

    def _page(
        self,
        sweep: Sweep,
        job: ComparePage,
        marks: list[Mark],
        found: list[Difference],
        *,
        members: list[Member],
        last: int,
    ) -> ComparedWaiting:
        """The page as a step of the sweep."""
        sweep = replace(counted(sweep, members, len(marks), found), cursor=last)
        if sweep.first_page_only or last == LAST_ID or self._store.first_after(last) is None:
            return ComparedWaiting(sweep, found, marks, None)
        return ComparedWaiting(sweep, found, marks, ComparePage(sweep_id=sweep.sweep_id, page=job.page + 1, after=last))

    def _note_age(self, marks: list[Mark]) -> None:
        """Count for the alarm how long the oldest of them has waited: before the list, which may have to wait, too."""
        self._services.metrics.seconds("ChangeAge", self._services.now() - min(mark.since for mark in marks))


def _is_answered(user: User, since: float) -> bool:
    """Whether the user was compared since then, perhaps by a worker that did not get through this page in time."""
    if user.looked is None or not user.settled:
        return False
    return user.looked.at >= since + CLOCKS_DIFFER and Parts.ALL in Parts(user.looked.parts)


def _to_be_read(user: User) -> Difference:
    """A difference of which nothing is known: the member is read when the turn for that has come."""
    return Difference(user.user_id, user.link.account.id if user.link else 0, user.version)


def of_one_page(marks: list[Mark]) -> tuple[list[Mark], int]:
    """The first of `marks`, of no more users than a page can hold who differ, and the Discord id up to which they are.

    Further marks of the last user are the next sweep's.
    """
    ids = list(dict.fromkeys(mark.discord_id for mark in marks))
    if len(ids) <= PAGE and len(marks) < MAX_MARKS:
        return marks, LAST_ID
    last = ids[:PAGE][-1]
    return [mark for mark in marks if mark.discord_id <= last], last


def _distinct(marks: Iterable[Mark]) -> list[tuple[str, int]]:
    return list(dict.fromkeys((mark.user_id, mark.discord_id) for mark in marks))
