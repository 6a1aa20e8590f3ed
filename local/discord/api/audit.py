"""The audit log: the entries that Discord makes for the bot's changes, and the route that lists them.

https://discord.com/developers/docs/resources/audit-log
"""

from collections.abc import Iterable
from typing import Any

from simcord.backend.models import Role

from local.discord.api.routes import routes
from local.discord.messages import Answer, json_answer
from local.discord.payloads import audit_entry_payload, user_payload
from local.discord.validation import number, snowflake
from local.discord.world import Call

MEMBER_KICK = 20
MEMBER_UPDATE = 24
MEMBER_ROLE_UPDATE = 25
ROLE_CREATE = 30
ROLE_UPDATE = 31
ROLE_DELETE = 32


def role_changes(added: Iterable[Role], removed: Iterable[Role]) -> list[dict[str, Any]]:
    """The changes of a MEMBER_ROLE_UPDATE entry."""
    both = (("$add", list(added)), ("$remove", list(removed)))
    return [
        {"key": key, "new_value": [{"id": str(role.id), "name": role.name} for role in roles]}
        for key, roles in both
        if roles
    ]


@routes.add("GET", "/guilds/{guild_id}/audit-logs")
def list_audit_log(call: Call) -> Answer:
    """The newest entries first; after `after` the oldest first, as Discord does."""
    guild = call.guild
    call.require("view_audit_log")
    query = call.request.query
    limit = number("limit", query.get("limit", "50"), low=1, high=100)
    entries = guild.guild.audit_log_entries
    for key, name in (("user_id", "user_id"), ("target_id", "target_id"), ("action_type", "action_type")):
        if key in query:
            wanted = snowflake(key, query[key])
            entries = [entry for entry in entries if getattr(entry, name) == wanted]
    if "before" in query:
        before = snowflake("before", query["before"])
        entries = [entry for entry in entries if entry.id < before]
    if "after" in query:
        after = snowflake("after", query["after"])
        entries = [entry for entry in entries if entry.id > after][:limit]
    else:
        entries = entries[::-1][:limit]
    known = guild.store.users
    named = {entry.user_id for entry in entries} | {entry.target_id or 0 for entry in entries}
    answer: dict[str, Any] = {
        "audit_log_entries": [audit_entry_payload(entry) for entry in entries],
        "users": [user_payload(known[user_id]) for user_id in sorted(named) if user_id in known],
    }
    others = "integrations webhooks guild_scheduled_events threads application_commands auto_moderation_rules"
    answer.update({kind: [] for kind in others.split()})
    return json_answer(200, answer)
