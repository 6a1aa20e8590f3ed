"""Comparing linked users with their members: who differs, how, and which problems no sweep can fix.

Both kinds of sweeps do it: those of the guild, and those of users who wait for a list.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.discord.models import Member
from chalicelib.members.plan import Change, Desired, Rules, plan_change
from chalicelib.members.removal_gate import is_locked
from chalicelib.members.reporter import Reporter
from chalicelib.messages import Parts
from chalicelib.problems import Problems, outside, withheld
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.sweeps import Difference, Sweep
from chalicelib.store.users import Link, User
from chalicelib.sweeps.examples import member_example, renamed_from, user_example


@dataclass(frozen=True, slots=True)
class Pair:
    """A linked user and their member; None if the guild has no such member."""

    user: User
    member: Member | None


@dataclass(frozen=True, slots=True)
class Compared:
    """A pair, and the user's problems that are on record after the comparison.

    `difference`: None if there is nothing to do. `example`: what operators see of it, or of a new username alone.
    """

    pair: Pair
    problems: Problems
    difference: Difference | None = None
    example: dict[str, Any] | None = None


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


class PairComparer:
    """Compares pairs."""

    def __init__(self, services: Services, reporter: Reporter) -> None:
        self._services = services
        self._reporter = reporter

    def compare(self, pairs: list[Pair], rules: Rules, sweep: Sweep) -> Iterator[Compared]:
        """Compare each. Except in a dry run, usernames are renewed, and problems that no sweep can fix recorded."""
        released_at = self._released_at(pairs)
        return (self._compare(pair, rules, sweep, released_at) for pair in pairs)

    def _released_at(self, pairs: list[Pair]) -> float | None:
        """When imported members were released last; read only if somebody may be under the first-run lock."""
        if not any(pair.user.imported_at for pair in pairs):
            return None
        return self._services.memory.sweeps.taking_allowed_since()

    def _compare(self, pair: Pair, rules: Rules, sweep: Sweep, released_at: float | None) -> Compared:
        user, link, now = pair.user, pair.user.link, self._services.now()
        same = Compared(pair, user.problems)
        if link is None or (pair.member is None and (link.joining_until > now or _is_kept(user, now))):
            return same
        if user.goes_at is not None and user.goes_at <= now and Parts.GROUPS in Parts(sweep.parts):
            goes = Difference(user.user_id, link.account.id, user.version, take=1)
            return replace(same, difference=goes, example=user_example(goes) | {"goes": True})
        locked = is_locked(user, released_at) and not sweep.force
        if pair.member is not None:
            return self._compare_member(pair, pair.member, rules, sweep, locked=locked)
        if user.kept:
            return same
        left = _left(user, link, locked=locked)
        return replace(same, difference=left, example=user_example(left) | {"left": True})

    def _compare_member(self, pair: Pair, member: Member, rules: Rules, sweep: Sweep, *, locked: bool) -> Compared:
        user, parts = pair.user, Parts(sweep.parts)
        renamed = self._renamed_from(user, member, sweep)
        change = plan_change(member, Desired(user.wanted, user.nickname, user.answers), rules, parts=parts)
        if user.kept:
            change = replace(change, take=frozenset())
        problems = user.problems if sweep.dry_run else self._note_problems(user, change, parts)
        if change or user.absent:
            difference = _difference(user, member, change, locked=locked)
            example = member_example(difference, member, change, rules.roles.guild, renamed)
            return Compared(pair, problems, difference, example)
        if _is_right(user, sweep):
            users.mark_right(user)
        if not renamed:
            return Compared(pair, problems)
        nothing = Difference(user.user_id, member.id, user.version)
        return Compared(pair, problems, None, member_example(nothing, member, change, rules.roles.guild, renamed))

    def _renamed_from(self, user: User, member: Member, sweep: Sweep) -> str:
        """Renew the username; in a dry run return the old one, as shown, instead. Empty if there is nothing to show."""
        if user.link is None or Parts.USERNAME not in Parts(sweep.parts):
            return ""
        if sweep.dry_run:
            return renamed_from(user.link.account, member.user)
        self._reporter.username_seen(user, member.user)
        return ""

    def _note_problems(self, user: User, change: Change, parts: Parts) -> Problems:
        """Report a problem that no sweep can fix, once, and record when it is fixed; return what is on record."""
        problems = change.problems | outside(user.problems, parts)
        if change.take or user.deletion_held:  # what waits for an operator still does
            problems |= withheld(user.problems)
        if user.link is None or problems == user.problems:
            return user.problems
        if change.problems:
            self._reporter.failed(user, problems)
            return problems
        if not change and (parts == Parts.ALL or user.synced_version == user.version):
            self._reporter.synced(user, problems)
            return problems
        return user.problems


def _difference(user: User, member: Member, change: Change, *, locked: bool) -> Difference:
    one = None if change.create or user.absent else change.only_role  # who is back must be seen to be back
    return Difference(
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


def _left(user: User, link: Link, *, locked: bool) -> Difference:
    return Difference(
        user.user_id, link.account.id, user.version, gone=True, locked=locked, on_record=_is_on_record(user)
    )


def _is_kept(user: User, now: float) -> bool:
    """Is the link of the missing member kept for their grace days?"""
    until = user.goes_at or (user.absent.until if user.absent else 0.0)
    return until > now


def _is_on_record(user: User) -> bool:
    """Whether it is on record that something is not taken from the user."""
    return bool(withheld(user.problems))


def _is_right(user: User, sweep: Sweep) -> bool:
    """Whether an imported member holds what the stated groups give, and does not only keep what they hold."""
    compared = Parts.GROUPS in Parts(sweep.parts) and user.wanted is not None and not sweep.dry_run
    return compared and user.imported_at > 0 and not user.kept
