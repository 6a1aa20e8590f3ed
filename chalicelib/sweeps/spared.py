"""What dry runs show of members from whom a sweep takes nothing, though the desired state alone would ask for it."""

from collections.abc import Iterable
from dataclasses import replace
from enum import StrEnum
from typing import Any

from chalicelib.discord.models import Member
from chalicelib.members.plan import Change, Desired, Rules, plan_change
from chalicelib.messages import Parts
from chalicelib.store.sweeps import Sweep
from chalicelib.store.users import User


class Why(StrEnum):
    """Why a member is spared; the first-run lock is shown by the comparison itself."""

    PROTECTED = "protected"  # DISCORD_PROTECTED_MEMBERS
    DROPPED = "dropped"  # an operator let the member keep everything until the auth site states something newer
    GRACE = "grace"  # the roles are gone already; kick or unlinking follow at the end of the grace days
    REMOVAL_LIMIT = "removal_limit"  # a hold is open, or this sweep would open one


def spared_example(
    user: User, member: Member | None, rules: Rules, parts: Parts, *, now: float
) -> dict[str, Any] | None:
    """The member as a dry run shows them, if a sweep spares them; None if it does not."""
    if user.link is None:
        return None
    shown: dict[str, Any] = {"user_id": user.user_id, "discord_id": str(user.link.account.id)}
    until = user.goes_at or (user.absent.until if user.absent else 0.0)
    if until > now:
        return shown | {"left": member is None, "spared": Why.GRACE, "until": int(until * 1000)}
    if member is None:
        return shown | {"left": True, "spared": Why.DROPPED} if user.kept else None
    policy = rules.roles.policy
    unprotected = replace(rules, roles=replace(rules.roles, policy=replace(policy, protected=frozenset())))
    change = plan_change(member, Desired(user.wanted, user.nickname, user.answers), unprotected, parts=parts)
    shown |= {"username": member.user.shown, "take": _names(change, rules)}
    if policy.protects(member.id) and change:
        return shown | {"spared": Why.PROTECTED}
    return shown | {"spared": Why.DROPPED} if user.kept and change.take else None


def with_limit(sweep: Sweep) -> Sweep:
    """The examples of a judged sweep: those who would lose something are marked, if the removal limit keeps it."""
    if sweep.may_take:
        return sweep
    return replace(sweep, examples=tuple(_marked(sweep.examples)))


def _marked(examples: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for one in examples:
        loses = one.get("take") or one.get("left") or one.get("goes")
        yield one | {"spared": Why.REMOVAL_LIMIT} if loses and "spared" not in one and "unlinked" not in one else one


def _names(change: Change, rules: Rules) -> list[str]:
    by_id = rules.roles.guild.by_id
    return sorted(by_id[role_id].name for role_id in change.take if role_id in by_id)
