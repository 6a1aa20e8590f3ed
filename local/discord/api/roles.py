"""The guild's roles. https://discord.com/developers/docs/resources/guild#create-guild-role"""

from collections import Counter
from typing import Any

from local.discord.api import audit
from local.discord.api.routes import routes
from local.discord.guild import GuildModel, simcord_errors
from local.discord.messages import NO_CONTENT, Answer, invalid_role, json_answer, missing_permissions, too_many_roles
from local.discord.payloads import role_payload, roles_payload
from local.discord.validation import MAX_COLOUR, audit_reason, flag, json_object, number, role_name
from local.discord.world import Call

ALL_PERMISSIONS = (1 << 53) - 1


@routes.add("GET", "/guilds/{guild_id}/roles")
def list_roles(call: Call) -> Answer:
    return json_answer(200, roles_payload(call.guild))


@routes.add("GET", "/guilds/{guild_id}/roles/member-counts")
def count_members(call: Call) -> Answer:
    """How many members hold each role; @everyone is not counted."""
    guild = call.guild
    held = Counter(role_id for member in guild.guild.members.values() for role_id in member.role_ids)
    return json_answer(200, {str(role.id): held[role.id] for role in guild.roles() if role.id != guild.id})


@routes.add("GET", "/guilds/{guild_id}/roles/{role_id}")
def get_role(call: Call) -> Answer:
    return json_answer(200, role_payload(call.guild, call.guild.role(call.id("role_id"))))


@routes.add("POST", "/guilds/{guild_id}/roles")
def create_role(call: Call) -> Answer:
    """A new role, just above @everyone; without `permissions` it has those of @everyone."""
    guild = call.guild
    reason = audit_reason(call.request)
    fields = _role_fields(json_object(call.request))
    call.require("manage_roles")
    _require_grantable(guild, fields)
    if len(guild.guild.roles) >= guild.role_limit:
        raise too_many_roles(guild.role_limit)
    name = fields.pop("name", "new role")
    permissions = fields.pop("permissions", guild.guild.everyone_role.permissions)
    role = guild.store.create_role(guild.id, name, permissions=permissions, **fields)
    guild.log(audit.ROLE_CREATE, role.id, reason, [{"key": "name", "new_value": name}])
    return json_answer(200, role_payload(guild, role))


@routes.add("PATCH", "/guilds/{guild_id}/roles/{role_id}")
def change_role(call: Call) -> Answer:
    guild = call.guild
    reason = audit_reason(call.request)
    fields = _role_fields(json_object(call.request))
    call.require("manage_roles")
    role = guild.role(call.id("role_id"))
    with simcord_errors():
        guild.store.require_role_assignable(guild.id, guild.bot_id, role.id)
    _require_grantable(guild, fields)
    old = {key: getattr(role, key) for key in fields}
    guild.store.edit_role(guild.id, role.id, fields)
    changes = [
        {"key": key, "old_value": old[key], "new_value": value} for key, value in fields.items() if old[key] != value
    ]
    if changes:
        guild.log(audit.ROLE_UPDATE, role.id, reason, changes)
    return json_answer(200, role_payload(guild, role))


@routes.add("DELETE", "/guilds/{guild_id}/roles/{role_id}")
def delete_role(call: Call) -> Answer:
    """Delete a role, which takes it from everybody; @everyone and managed roles cannot be deleted."""
    guild = call.guild
    reason = audit_reason(call.request)
    call.require("manage_roles")
    role = guild.role(call.id("role_id"))
    if role.id == guild.id:
        raise invalid_role()
    if role.managed:
        raise missing_permissions()
    guild.require_assignable(role)
    guild.store.delete_role(guild.id, role.id)
    guild.log(audit.ROLE_DELETE, role.id, reason, [{"key": "name", "old_value": role.name}])
    return NO_CONTENT


def _role_fields(body: dict[str, Any]) -> dict[str, Any]:
    """The fields of a role that were sent, validated; null counts as absent."""
    sent = {key: value for key, value in body.items() if value is not None}
    fields: dict[str, Any] = {}
    if "name" in sent:
        fields["name"] = role_name(sent)
    if "permissions" in sent:
        fields["permissions"] = number("permissions", sent["permissions"], low=0, high=ALL_PERMISSIONS)
    if "color" in sent:
        fields["color"] = number("color", sent["color"], low=0, high=MAX_COLOUR)
    for key in ("hoist", "mentionable"):
        if key in sent:
            fields[key] = flag(key, sent[key])
    return fields


def _require_grantable(guild: GuildModel, fields: dict[str, Any]) -> None:
    """Refuse permissions that the bot does not hold itself (50013)."""
    with simcord_errors():
        guild.store.require_can_grant(guild.id, guild.bot_id, fields.get("permissions", 0))
