"""What Discord has been seen to do with requests that it accepts: not all that it says.

A change that was answered as a success and did not happen (discord-api-docs#6074, #6289), a role left out of a PATCH
that was answered 200, a page of members that ends early.
"""

import json
from collections.abc import Callable

from simcord.backend.models import Member

from local.discord.faults import Fault
from local.discord.messages import Answer, json_answer
from local.discord.payloads import member_payload
from local.discord.world import Call


def carry_out(call: Call, handler: Callable[[Call], Answer], fault: Fault | None) -> Answer:
    """Let `handler` carry the request out, as far as `fault` lets it."""
    match fault.kind if fault is not None else None:
        case "ignore":
            return _ignore(call, handler)
        case "leave_out":
            return _leave_out(call, handler)
        case "short_page":
            return _shorten(handler(call))
        case _:
            return handler(call)


def _member(call: Call) -> Member | None:
    user_id = call.args.get("user_id", "")
    return call.world.guild.guild.members.get(int(user_id)) if user_id.isdecimal() else None


def _ignore(call: Call, handler: Callable[[Call], Answer]) -> Answer:
    """Answer as usual, and leave the member as they were. Requests that change no member are carried out."""
    member = _member(call)
    if member is None:
        return handler(call)
    nick, role_ids = member.nick, list(member.role_ids)
    answer = handler(call)
    if call.request.method == "DELETE" and "role_id" not in call.args:  # a kick: they are in again
        call.world.guild.store.add_member(call.world.guild.id, member.user_id, roles=role_ids, nick=nick)
        return answer
    member.nick, member.role_ids = nick, role_ids
    return answer if answer.status != 200 else json_answer(200, member_payload(call.world.guild, member))


def _leave_out(call: Call, handler: Callable[[Call], Answer]) -> Answer:
    """Leave out the last role that is to be given."""
    member = _member(call)
    before = set(member.role_ids) if member else set()
    answer = handler(call)
    if member is None or answer.status != 200 or call.request.method != "PATCH":
        return answer
    given = [role_id for role_id in member.role_ids if role_id not in before]
    member.role_ids = [role_id for role_id in member.role_ids if role_id not in given[-1:]]
    return json_answer(200, member_payload(call.world.guild, member))


def _shorten(answer: Answer) -> Answer:
    """The first half of a list, but at least one entry."""
    entries = json.loads(answer.body) if answer.status == 200 else None
    return json_answer(200, entries[: max(1, len(entries) // 2)]) if isinstance(entries, list) else answer
