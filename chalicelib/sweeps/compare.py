"""Comparing one page of members with the links of the same ids: who differs.

Discord lists members, and the store links, in ascending Discord id. A merge join of the two holds one page of each,
can resume at any id, and renews usernames on the way.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from chalicelib import log
from chalicelib.discord.client import PAGE, RequestOptions
from chalicelib.discord.models import Account, Guild, Member
from chalicelib.errors import IntentMissing, Ticket
from chalicelib.members.guild import GuildView
from chalicelib.members.plan import Change, Desired, Rules, plan_change
from chalicelib.members.removal_gate import counted_at, is_locked
from chalicelib.members.reporter import Reporter
from chalicelib.members.roles import RoleRules
from chalicelib.members.unlinked import Holder
from chalicelib.messages import ComparePage, Parts
from chalicelib.problems import Problems, outside, withheld
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.removals import Cause
from chalicelib.store.sweeps import NO_LIST, Difference, Sweep
from chalicelib.store.tally import Tally
from chalicelib.store.users import Link, User
from chalicelib.sweeps.census import Census
from chalicelib.sweeps.page_rules import SWEEPING, PageRules
from chalicelib.sweeps.spared import spared_example
from chalicelib.sweeps.tally import tally_of
from chalicelib.sweeps.unlinked import UnlinkedSearch, example_of

MAX_EXAMPLES = 200
MAX_RENAMED = 100  # of these, how many may show nothing but a new username: the rest is for members who differ
EXAMPLES_ROOM = 100_000  # bytes; an item of DynamoDB holds 400 KB
LAST_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Pair:
    """A linked user and their member; None if the guild has no such member."""

    user: User
    member: Member | None


def merge(members: list[Member], links: Iterator[User]) -> Iterator[Pair]:
    """Join members and links, both ascending by Discord id. Members without a link are skipped."""
    listed = iter(members)
    member = next(listed, None)
    for user in links:
        if user.link is None:
            continue
        while member and member.id < user.link.account.id:
            member = next(listed, None)
        yield Pair(user, member if member and member.id == user.link.account.id else None)


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
        self._reporter = Reporter(services, view)
        self._unlinked = UnlinkedSearch(services, self._reporter)
        self._census = Census(services, view)
        self._page_rules = PageRules(services, view)
        self._guild_id = services.settings.guild_id

    def compare_page(self, sweep: Sweep, job: ComparePage, ticket: Ticket | None = None) -> ComparedPage:
        """Compare one page. Raises Wait if Discord's limits do not admit the request now."""
        after = job.after
        if job.page == 0:
            first = next(users.links_between(self._guild_id, 0, LAST_ID, most=1), None)
            if first is None or first.link is None:
                return ComparedPage(replace(sweep, pages=1), [], None, tally=Tally(at=self._services.now()))
            after = 0 if self._looks_at_everybody(sweep) else first.link.account.id - 1
        if sweep.without_list and job.page > 0:
            return self._compare_without_list(sweep, job, after)
        try:
            members = self._services.discord.members(after, replace(SWEEPING, ticket=ticket))
        except IntentMissing:
            return self._compare_without_list(sweep, job, after)
        # A short page need not be the last one: people linked beyond it may be on the next. If there are none, no more
        # is read.
        last = members[-1].id if members else LAST_ID
        links = list(users.links_between(self._guild_id, after, last, most=PAGE))
        if len(links) == PAGE and links[-1].link:  # many have left: a page holds no more links than members
            last = min(last, links[-1].link.account.id)
        guild = self._guild(job, members, replace(SWEEPING, ticket=ticket))
        found: list[Difference] = []
        pairs = list(merge(members, iter(links)))
        rules = self._page_rules.of([pair.user for pair in pairs], guild, sweep)
        released_at = released_since(self._services, pairs)
        noted: dict[str, Problems] = {}
        for pair in pairs:
            difference, example = self.compare_pair(pair, rules, sweep, released_at, noted)
            if difference:
                found.append(difference)
                sweep = _recounted(sweep, pair.user, difference, self._services.now())
            if sweep.dry_run and example is None:
                now = self._services.now()
                example = spared_example(pair.user, pair.member, rules, Parts(sweep.parts), now=now)
            if example and _has_room(sweep, example, most=MAX_EXAMPLES if difference else MAX_RENAMED):
                sweep = replace(sweep, examples=(*sweep.examples, example))
        whole_page = len(members) == PAGE
        members = [member for member in members if member.id <= last]
        unlinked = self._unlinked.search(sweep, members, links, rules.roles)
        for holder in unlinked:
            example = example_of(holder, guild)
            if _has_room(sweep, example, most=MAX_EXAMPLES):
                sweep = replace(sweep, examples=(*sweep.examples, example))
        sweep = self._with_roles_in_use(sweep, members, pairs, rules.roles)
        linked_ids = {user.link.account.id for user in links if user.link}
        sweep = self._census.with_unlinked(sweep, members, linked_ids, rules.roles)
        more = self._is_more(last, sweep, whole_page=whole_page)
        sweep = counted(replace(sweep, unlinked=sweep.unlinked + len(unlinked)), members, len(pairs), found)
        following = ComparePage(sweep_id=sweep.sweep_id, page=job.page + 1, after=last) if more else None
        if not more and not sweep.dry_run and self._forgets(sweep):
            self._view.group_roles.forget_unused(frozenset(sweep.in_use))
        tally = tally_of((pair.user for pair in pairs), noted, now=self._services.now())
        return ComparedPage(replace(sweep, cursor=last), found, following, unlinked, tally)

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

    def compare_pair(
        self, pair: Pair, rules: Rules, sweep: Sweep, released_at: float | None, noted: dict[str, Problems]
    ) -> tuple[Difference | None, dict[str, Any] | None]:
        """Whether the member differs, and how, for operators; problems that were recorded on the way are `noted`."""
        user, member = pair.user, pair.member
        now = self._services.now()
        if user.link is None or (member is None and (user.link.joining_until > now or _is_kept(user, now))):
            return None, None
        locked = is_locked(user, released_at) and not sweep.force
        discord_id = user.link.account.id
        if user.goes_at is not None and user.goes_at <= now and Parts.GROUPS in Parts(sweep.parts):
            shown = {"user_id": user.user_id, "discord_id": str(discord_id), "goes": True}
            return Difference(user.user_id, discord_id, user.version, take=1), shown
        if member is None:
            return self._compare_missing(user, user.link, locked=locked)
        parts = Parts(sweep.parts)
        before = ""
        if Parts.USERNAME in parts and sweep.dry_run:
            before = _renamed_from(user.link.account, member.user)
        elif Parts.USERNAME in parts:
            self._reporter.username_seen(user, member.user)
        desired = Desired(user.wanted, user.nickname, user.answers)
        change, guild = plan_change(member, desired, rules, parts=parts), rules.roles.guild
        if user.kept:
            change = replace(change, take=frozenset())
        if not sweep.dry_run:
            self._note_problem(user, change, parts, noted)
        if not change and not user.absent:  # perhaps a new username, but that is renewed on the way
            if self._is_right(user, sweep):
                users.mark_right(user)
            return None, _example(user, member, change, guild, before) if before else None
        one = None if change.create or user.absent else change.only_role  # who is back must be seen to be back
        difference = Difference(
            user_id=user.user_id,
            discord_id=member.id,
            version=user.version,
            give=len(change.give) + len(change.create),
            take=len(change.take),
            nickname=change.nickname is not None,
            role=one[0] if one else None,
            locked=locked and bool(change.take),
            on_record=_is_on_record(user),
        )
        return difference, _example(user, member, change, guild, before) | _spared(difference)

    def _is_right(self, user: User, sweep: Sweep) -> bool:
        """Whether an imported member holds what the stated groups give, and does not only keep what they hold."""
        compared = Parts.GROUPS in Parts(sweep.parts) and user.wanted is not None and not sweep.dry_run
        return compared and user.imported_at > 0 and not user.kept

    def _compare_missing(
        self, user: User, link: Link, *, locked: bool
    ) -> tuple[Difference | None, dict[str, Any] | None]:
        if user.kept:
            return None, None
        shown = {"user_id": user.user_id, "discord_id": str(link.account.id), "left": True}
        on_record = _is_on_record(user)
        difference = Difference(
            user.user_id, link.account.id, user.version, gone=True, locked=locked, on_record=on_record
        )
        return difference, shown | _spared(difference)

    def _note_problem(self, user: User, change: Change, parts: Parts, noted: dict[str, Problems]) -> None:
        """Report a problem that no sweep can fix, once, and record when it is fixed; what was recorded is `noted`."""
        problems = change.problems | outside(user.problems, parts)
        if change.take or user.deletion_held:  # what waits for an operator still does
            problems |= withheld(user.problems)
        if user.link is None or problems == user.problems:
            return
        if change.problems:
            self._reporter.failed(user, problems)
            noted[user.user_id] = problems
        elif not change and (parts == Parts.ALL or user.synced_version == user.version):
            self._reporter.synced(user, problems)
            noted[user.user_id] = problems


def released_since(services: Services, pairs: list[Pair]) -> float | None:
    """When imported members were released last; read only if somebody may be under the first-run lock."""
    if not any(pair.user.imported_at for pair in pairs):
        return None
    return services.memory.sweeps.taking_allowed_since()


def _is_kept(user: User, now: float) -> bool:
    """Is the link of the missing member kept for their grace days?"""
    until = user.goes_at or (user.absent.until if user.absent else 0.0)
    return until > now


def _is_on_record(user: User) -> bool:
    """Whether it is on record that something is not taken from the user."""
    return bool(withheld(user.problems))


def _spared(difference: Difference) -> dict[str, Any]:
    return {"spared": Cause.FIRST_RUN.value} if difference.locked else {}


def _has_room(sweep: Sweep, example: dict[str, Any], *, most: int) -> bool:
    """Whether one more example fits: all of them are stored in one item, beside the sweep."""
    if len(sweep.examples) >= most:
        return False
    return sum(map(_size, sweep.examples)) + _size(example) <= EXAMPLES_ROOM


def _size(example: dict[str, Any]) -> int:
    return len(json.dumps(example))  # as it is stored


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


def _renamed_from(stored: Account, account: Account) -> str:
    """The old username as shown; empty if it is the same, or if a part of it was never known."""
    return stored.shown if stored.shown != account.shown else ""


def _example(user: User, member: Member, change: Change, guild: Guild, before: str) -> dict[str, Any]:
    """The member as operators see them. `before` is the old username, empty if it has not changed."""

    def names(role_ids: frozenset[int]) -> list[str]:
        return sorted(guild.by_id[role_id].name for role_id in role_ids)

    return {
        "user_id": user.user_id,
        "discord_id": str(member.id),
        "username": member.user.shown,
        **({"renamed_from": before} if before else {}),
        "give": [*names(change.give), *change.create],
        "take": names(change.take),
        **({"nickname": {"from": member.nick, "to": change.nickname}} if change.nickname is not None else {}),
    }
