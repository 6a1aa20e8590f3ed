"""What must hold after any schedule, before and after a forced sweep."""

import json
from typing import Any

from chalicelib.store import users
from local.simulated import STAGE
from simulation.explorer.operations import USER, Case

HOUR = 3600.0
BOT_ROLE = "Rolecall"


def check(case: Case) -> list[str]:
    """Let everything end, with an ordinary sweep and then a forced one; what does not hold, as sentences."""
    case.world.run(seconds=3 * HOUR)
    found = _lost(case) + _unanswered(case)
    case.world.clock.advance(HOUR)
    case.world.sweep()
    case.world.run(seconds=3 * HOUR)
    found += _states(case)
    case.world.sweep(force=True)
    case.world.run(seconds=3 * HOUR)
    found += [f"{breach} (after a forced sweep)" for breach in _states(case) if breach not in found]
    return found


def _lost(case: Case) -> list[str]:
    """Messages that end without a reason, or never."""
    found = [f"(b) a dead letter without a reason: {body}" for body, reason in case.world.dead_letters() if not reason]
    for queue in ("jobs", "bulk"):
        found += [f"(h) still waiting: {one.body}" for one in case.world.sqs.waiting(f"rolecall-{STAGE}-{queue}")]
    return found


def _unanswered(case: Case) -> list[str]:
    """Before any sweep: a message that was posted after the last change by hand answers for what that changed.

    Not one that was posted before a link was imported: imported members wait for a sweep.
    """
    user, posted = users.get(USER, now=case.world.clock.now()), case.posted[case.posted_before_import :]
    if not posted or max(posted) < max(case.by_hand, default=0.0) or user is None or user.link is None:
        return []
    member = case.world.guild.member(str(user.link.account.id))
    if member is None or user.wanted is None or user.problems or _explained(case):
        return []
    if set(member.roles) != set(user.wanted):
        return [f"(a) {member.username} holds {sorted(member.roles)} and was stated to have {sorted(user.wanted)}"]
    return []


def _states(case: Case) -> list[str]:
    world = case.world
    rows = world.dynamodb.items("accounts")
    owners = {int(row["discord_id"]["N"]): row["user_id"]["S"] for row in rows if row["user_id"]["S"]}
    user = users.get(USER, now=world.clock.now())
    linked_to = user.link.account.id if user and user.link else None
    found = []
    if owners != ({linked_to: USER} if linked_to else {}):
        found.append(f"(g) accounts say {owners}, the user is linked to {linked_to}")
    for member in world.guild.state().members:
        roles = set(member.roles) - {BOT_ROLE}
        if not member.bot and int(member.id) not in owners and roles and not _explained(case):
            found.append(f"(c) {member.username} is linked to nobody and holds {sorted(roles)}")
    if user and user.link:
        found += _linked(case, user)
    return found + _wanted(case, linked=linked_to is not None)


def _linked(case: Case, user: users.User) -> list[str]:
    assert user.link is not None  # noqa: S101 - the caller checked
    member = case.world.guild.member(str(user.link.account.id))
    if user.problems or _explained(case):
        return []
    if member is None:
        return [f"(a) the user is linked to {user.link.account.username}, who is not in the server"]
    if user.wanted is None:
        return []
    if set(member.roles) != set(user.wanted):
        return [f"(a) {member.username} holds {sorted(member.roles)} and should have {sorted(user.wanted)}"]
    newest = max(case.statements, default=None)
    if newest and user.groups_at < newest[0]:
        return [f"(b) the newest statement, {newest[1]}, never reached the store"]
    kinds = [n["kind"] for n in _notices(case) if n["discord_id"] == member.id]
    if not case.imported and (not kinds or kinds[-1] != "linked"):
        return [f"(n) {member.username} is linked; the auth site heard {kinds}"]
    return []


def _wanted(case: Case, *, linked: bool) -> list[str]:
    """Whether the user is linked as they should be, by what ended well."""
    removed, linked_by = max(case.removals, default=None), max(case.tokens, default=None)
    if _explained(case):
        return []
    if linked and removed is not None and (linked_by is None or linked_by < removed) and not case.imported:
        return ["(a) the user was removed, and is linked by something older"]
    was_linked = case.base != "new" or linked_by is not None
    ended = max([*case.removals, *case.asked, *case.left], default=None)
    stands = ended is None or (linked_by is not None and linked_by > ended)
    if not linked and was_linked and stands:
        return ["(a) the user was linked, nobody asked for the end of it, and it is gone"]
    return []


def _notices(case: Case) -> list[dict[str, Any]]:
    bodies = [json.loads(one.body) for one in case.world.sqs.sent if one.queue.endswith("notices")]
    bodies.sort(key=lambda body: body["at"])  # a standard queue has no order
    return [body for body in bodies if body["kind"] in ("linked", "unlinked")]


def _explained(case: Case) -> bool:
    """Whether a dead letter says why something could not be done."""
    return any(reason for _, reason in case.world.dead_letters())
