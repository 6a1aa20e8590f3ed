"""Comparing one page of members with the links of the same ids: who differs.

Discord lists members, and the store links, in ascending Discord id. A merge join of the two holds one page of each,
can resume at any id, and renews usernames on the way.
"""

from dataclasses import dataclass, field, replace
from itertools import chain

from chalicelib import log
from chalicelib.discord.client import PAGE, RequestOptions
from chalicelib.discord.models import Guild, Member
from chalicelib.errors import IntentMissing, Ticket
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Rules
from chalicelib.members.removal_gate import counted_at, is_locked
from chalicelib.members.reporter import Reporter
from chalicelib.members.roles import RoleRules
from chalicelib.members.unlinked import Holder
from chalicelib.messages import ComparePage, Parts
from chalicelib.problems import Problems
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.sweeps import NO_LIST, Difference, Sweep
from chalicelib.store.tally import Tally
from chalicelib.store.users import User
from chalicelib.sweeps.census import Census
from chalicelib.sweeps.examples import MAX_EXAMPLES, MAX_RENAMED, holder_example, with_example
from chalicelib.sweeps.page_rules import SWEEPING, PageRules
from chalicelib.sweeps.pairs import Pair, PairComparer, merge
from chalicelib.sweeps.spared import spared_example
from chalicelib.sweeps.tally import tally_of
from chalicelib.sweeps.unlinked import UnlinkedSearch

LAST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ComparedPage:
    """The sweep with the page counted, who differs, and the next page if there is one.

    `unlinked`: members without a link who hold roles of groups, if they are looked for. `tally`: of the linked users.
    """

    sweep: Sweep
    found: list[Difference]
    following: ComparePage | None
    unlinked: list[Holder] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


class GuildComparer:
    """Compares the guild with the store, page by page."""

    def __init__(self, services: Services, view: GuildView) -> None:
        self._services = services
        self._view = view
        reporter = Reporter(services, view)
        self._pairs = PairComparer(services, reporter)
        self._unlinked = UnlinkedSearch(services, reporter)
        self._census = Census(services, view)
        self._page_rules = PageRules(services, view)
        self._guild_id = services.settings.guild_id

    def compare_page(self, sweep: Sweep, job: ComparePage, ticket: Ticket | None = None) -> ComparedPage:
        """Compare one page. Raises Wait if Discord's limits do not admit the request now."""
        after = self._start(sweep, job)
        if after is None:
            return ComparedPage(replace(sweep, pages=1), [], None, tally=Tally(at=self._services.now()))
        if sweep.without_list and job.page > 0:
            return self._compare_without_list(sweep, job, after)
        options = replace(SWEEPING, ticket=ticket)
        try:
            members = self._services.discord.members(after, options)
        except IntentMissing:
            return self._compare_without_list(sweep, job, after)
        links, last = self._links(after, members)
        guild = self._guild(job, members, options)
        pairs = list(merge(members, iter(links)))
        rules = self._page_rules.of([pair.user for pair in pairs], guild, sweep)
        sweep, found, problems = self._look_at_pairs(sweep, pairs, rules)
        whole_page = len(members) == PAGE
        members = [member for member in members if member.id <= last]
        sweep, unlinked = self._look_at_the_others(sweep, members, pairs, rules)
        sweep = counted(sweep, members, len(pairs), found)
        tally = tally_of((pair.user for pair in pairs), problems, now=self._services.now())
        if self._is_more(last, sweep, whole_page=whole_page):
            following = ComparePage(sweep_id=sweep.sweep_id, page=job.page + 1, after=last)
            return ComparedPage(replace(sweep, cursor=last), found, following, unlinked, tally)
        if not sweep.dry_run and self._forgets(sweep):
            self._view.group_roles.forget_unused(frozenset(sweep.in_use))
        return ComparedPage(replace(sweep, cursor=last), found, None, unlinked, tally)

    def _start(self, sweep: Sweep, job: ComparePage) -> int | None:
        """The Discord id after which the page begins; None if nobody is linked."""
        if job.page > 0:
            return job.after
        first = next(users.links_between(self._guild_id, 0, LAST_ID, most=1), None)
        if first is None or first.link is None:
            return None
        return 0 if self._looks_at_everybody(sweep) else first.link.account.id - 1

    def _links(self, after: int, members: list[Member]) -> tuple[list[User], int]:
        """The links beside these members, a page at most, and the last Discord id of what both of them show.

        A short page need not be the last one: people linked beyond it may be on the next. If there are none, no more
        is read.
        """
        last = members[-1].id if members else LAST_ID
        links = list(users.links_between(self._guild_id, after, last, most=PAGE))
        if len(links) == PAGE and links[-1].link:  # many have left: a page holds no more links than members
            last = min(last, links[-1].link.account.id)
        return links, last

    def _look_at_pairs(
        self, sweep: Sweep, pairs: list[Pair], rules: Rules
    ) -> tuple[Sweep, list[Difference], dict[str, Problems]]:
        """The sweep with examples of those who differ, these differences, and the problems on record, by user id."""
        found, problems, parts = list[Difference](), dict[str, Problems](), Parts(sweep.parts)
        for one in self._pairs.compare(pairs, rules, sweep):
            user, example, now = one.pair.user, one.example, self._services.now()
            problems[user.user_id] = one.problems
            if one.difference:
                found.append(one.difference)
                sweep = _recounted(sweep, user, one.difference, now)
            if sweep.dry_run and example is None:
                example = spared_example(user, one.pair.member, rules, parts, now=now)
            sweep = with_example(sweep, example, most=MAX_EXAMPLES if one.difference else MAX_RENAMED)
        return sweep, found, problems

    def _look_at_the_others(
        self, sweep: Sweep, members: list[Member], pairs: list[Pair], rules: Rules
    ) -> tuple[Sweep, list[Holder]]:
        """The sweep with what the page says of members without a link and of roles; and who of them holds roles."""
        linked_ids = {pair.user.link.account.id for pair in pairs if pair.user.link}
        unlinked = self._unlinked.search(sweep, members, [pair.user for pair in pairs], rules.roles)
        for holder in unlinked:
            sweep = with_example(sweep, holder_example(holder, rules.roles.guild))
        sweep = self._with_roles_in_use(sweep, members, pairs, rules.roles)
        sweep = self._census.with_unlinked(sweep, members, linked_ids, rules.roles)
        return replace(sweep, unlinked=sweep.unlinked + len(unlinked)), unlinked

    def _looks_at_everybody(self, sweep: Sweep) -> bool:
        """Whether members without a link count, too."""
        return self._unlinked.watches(sweep) or self._forgets(sweep)

    def _forgets(self, sweep: Sweep) -> bool:
        """Whether this sweep finds out which roles of groups nobody holds any more."""
        return self._view.role_policy.known_only and Parts.GROUPS in Parts(sweep.parts)

    def _with_roles_in_use(self, sweep: Sweep, members: list[Member], pairs: list[Pair], roles: RoleRules) -> Sweep:
        if not self._forgets(sweep):
            return sweep
        held = {one for member in members for one in member.roles if one in roles.guild.by_id}
        stated = roles.match(chain.from_iterable(pair.user.wanted or () for pair in pairs)).ids.values()
        known = {role_id for role_id in held if roles.is_known(roles.guild.by_id[role_id])}
        return replace(sweep, in_use=tuple(sorted({*sweep.in_use, *known, *stated})))

    def _is_more(self, last: int, sweep: Sweep, *, whole_page: bool) -> bool:
        """Whether there is somebody to look at beyond the id `last`."""
        if last == LAST_ID:
            return False
        if whole_page and self._looks_at_everybody(sweep):
            return True
        return next(users.links_between(self._guild_id, last, LAST_ID, most=1), None) is not None

    def _compare_without_list(self, sweep: Sweep, job: ComparePage, after: int) -> ComparedPage:
        """Discord refuses to list members (the GUILD_MEMBERS intent is off): every linked user becomes a difference."""
        if job.page == 0:
            self._view.refresh(SWEEPING)  # raises if the bot is not in the guild, which Discord refuses in the same way
        log.warning("member_intent_missing", fix="Discord developer portal → Bot → Server Members Intent")
        links = list(users.links_between(self._guild_id, after, LAST_ID, most=PAGE))
        released_at = self._services.memory.sweeps.taking_allowed_since()
        found = [
            Difference(
                user.user_id,
                user.link.account.id,
                user.version,
                locked=is_locked(user, released_at) and not sweep.force,
            )
            for user in links
            if user.link
        ]
        sweep = self._census.with_page(sweep, links, released_at, SWEEPING)
        sweep = replace(counted(sweep, [], len(found), found), note=NO_LIST)
        tally = tally_of(links, {}, now=self._services.now())
        if len(links) < PAGE:
            return ComparedPage(self._census.take(sweep, SWEEPING), found, None, tally=tally)
        last = found[-1].discord_id
        following = ComparePage(sweep_id=sweep.sweep_id, page=job.page + 1, after=last)
        return ComparedPage(replace(sweep, cursor=last), found, following, tally=tally)

    def _guild(self, job: ComparePage, members: list[Member], options: RequestOptions) -> Guild:
        """The guild's facts: read anew for the first page, with the bot's own roles if the page lists the bot."""
        if job.page > 0:
            return self._view.facts(options)
        app_id = self._services.settings.app_id
        bot_roles = next((member.roles for member in members if member.id == app_id), None)
        return self._view.refresh(options, bot_roles=bot_roles)


def _recounted(sweep: Sweep, user: User, difference: Difference, now: float) -> Sweep:
    """The sweep with the member, if they would lose something again within an hour."""
    again = difference.loses and not difference.locked and counted_at(user, now) is not None
    return replace(sweep, recounted=sweep.recounted + again)


def counted(sweep: Sweep, members: list[Member], linked: int, found: list[Difference]) -> Sweep:
    """The sweep with one more page."""
    return replace(
        sweep,
        pages=sweep.pages + 1,
        members=sweep.members + len(members),
        linked=sweep.linked + linked,
        differing=sweep.differing + len(found),
        losing=sweep.losing + sum(one.take > 0 for one in found),
        gone=sweep.gone + sum(one.gone for one in found),
        locked=sweep.locked + sum(one.locked for one in found),
        singles=sweep.singles + sum(one.role is not None for one in found),
    )
