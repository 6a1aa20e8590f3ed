"""What operators see of the members who differ: some examples, which a sweep keeps."""

import json
from dataclasses import replace
from typing import Any

from chalicelib.discord.models import Account, Guild, Member
from chalicelib.members.plan import Change
from chalicelib.members.unlinked import Holder
from chalicelib.store.removals import Cause
from chalicelib.store.sweeps import Difference, Sweep

MAX_EXAMPLES = 200
MAX_RENAMED = 100  # of these, how many may show nothing but a new username: the rest is for members who differ
EXAMPLES_ROOM = 100_000  # bytes; an item of DynamoDB holds 400 KB


def with_example(sweep: Sweep, example: dict[str, Any] | None, *, most: int = MAX_EXAMPLES) -> Sweep:
    """The sweep with one more example, if it fits: all of them are stored in one item, beside the sweep."""
    if example is None or len(sweep.examples) >= most:
        return sweep
    if sum(map(_size, sweep.examples)) + _size(example) > EXAMPLES_ROOM:
        return sweep
    return replace(sweep, examples=(*sweep.examples, example))


def _size(example: dict[str, Any]) -> int:
    return len(json.dumps(example))  # as it is stored


def user_example(difference: Difference) -> dict[str, Any]:
    """A user of whom no member is shown."""
    spared = {"spared": Cause.FIRST_RUN.value} if difference.locked else {}
    return {"user_id": difference.user_id, "discord_id": str(difference.discord_id)} | spared


def member_example(
    difference: Difference, member: Member, change: Change, guild: Guild, renamed: str
) -> dict[str, Any]:
    """A member, and what changes. `renamed`: the old username, empty if it has not changed."""
    nickname = {"nickname": {"from": member.nick, "to": change.nickname}} if change.nickname is not None else {}
    return {
        **user_example(difference),
        "username": member.user.shown,
        **({"renamed_from": renamed} if renamed else {}),
        "give": [*_names(guild, change.give), *change.create],
        "take": _names(guild, change.take),
        **nickname,
    }


def holder_example(holder: Holder, guild: Guild) -> dict[str, Any]:
    """A member without a link who holds roles of groups."""
    return {
        "user_id": None,
        "unlinked": True,
        "discord_id": str(holder.member.id),
        "username": holder.member.user.shown,
        "give": [],
        "take": _names(guild, holder.take),
    }


def renamed_from(stored: Account, account: Account) -> str:
    """The old username as shown; empty if it is the same, or if a part of it was never known."""
    return stored.shown if stored.shown != account.shown else ""


def _names(guild: Guild, role_ids: frozenset[int]) -> list[str]:
    return sorted(guild.by_id[role_id].name for role_id in role_ids)
