"""The guild's members. https://discord.com/developers/docs/resources/guild#get-guild-member"""

from typing import Any

from simcord.backend.models import Member, Role

from local.discord import validation
from local.discord.api import audit
from local.discord.api.routes import routes
from local.discord.guild import MAX_GUILD_COUNT, GuildModel
from local.discord.messages import (
    NO_CONTENT,
    Answer,
    banned,
    invalid_form,
    invalid_oauth_token,
    invalid_role,
    json_answer,
    missing_access,
    too_many_guilds,
    unknown_role,
)
from local.discord.oauth.grants import JOIN_SCOPE
from local.discord.payloads import member_payload
from local.discord.world import Call

MAX_ID = (1 << 63) - 1


@routes.add("GET", "/guilds/{guild_id}/members")
def list_members(call: Call) -> Answer:
    """A page of members, ascending by id; refused without the member intent, which HTTP requests need too."""
    guild = call.guild
    query = call.request.query
    limit = validation.number("limit", query.get("limit", "1"), low=1, high=1000)
    after = validation.number("after", query.get("after", "0"), low=0, high=MAX_ID)
    if not call.world.switches.member_intent:
        raise missing_access()
    switches = call.world.switches
    known_before = call.world.clock() - switches.list_lag if switches.list_lag else None
    members = guild.members_after(after, min(limit, switches.member_page), joined_before=known_before)
    return json_answer(200, [member_payload(guild, member) for member in members])


@routes.add("GET", "/guilds/{guild_id}/members/{user_id}")
def get_member(call: Call) -> Answer:
    guild = call.guild
    return json_answer(200, member_payload(guild, guild.member(call.id("user_id"))))


@routes.add("PUT", "/guilds/{guild_id}/members/{user_id}")
def join(call: Call) -> Answer:
    """Add a person with their own access token: 201 and the member, with roles and nickname as sent.

    204 for one who is there already, and then roles and nickname are *not* applied.
    """
    guild = call.guild
    user_id = call.id("user_id")
    body = validation.json_object(call.request)
    if "access_token" not in body:
        raise invalid_form("access_token", "BASE_TYPE_REQUIRED", "This field is required")
    access_token = validation.text("access_token", body["access_token"])
    nick, role_ids = validation.nick(body), validation.role_ids(body)
    guild.person(user_id)
    grants = call.world.grants
    if not grants.allows(access_token, user_id, JOIN_SCOPE, now=call.world.clock()):
        raise invalid_oauth_token()
    call.require("create_instant_invite")
    if user_id in guild.guild.bans:
        raise banned()
    if user_id in guild.guild.members:
        return NO_CONTENT
    if guild.guild_count(user_id) >= MAX_GUILD_COUNT:
        raise too_many_guilds()
    if nick is not None:
        call.require("manage_nicknames")
    if role_ids:
        call.require("manage_roles")
        for role in _listed(guild, role_ids):
            guild.require_assignable(role)
    nick = call.world.stored_nickname(nick, user_id)
    member = guild.store.add_member(guild.id, user_id, roles=role_ids or (), nick=nick)
    return json_answer(201, member_payload(guild, member))


@routes.add("PATCH", "/guilds/{guild_id}/members/{user_id}")
def change_member(call: Call) -> Answer:
    """Set nickname and the whole list of roles. Everything is checked first, so a refused PATCH changes nothing."""
    guild = call.guild
    reason = validation.audit_reason(call.request)
    body = validation.json_object(call.request)
    nick, role_ids = validation.nick(body), validation.role_ids(body)
    member = guild.member(call.id("user_id"))
    changes: dict[str, Any] = {}
    if "nick" in body:
        _require_renamable(call, member)
        changes["nick"] = call.world.stored_nickname(nick, member.user_id)
    if "roles" in body:
        if call.world.switches.leaves_out_unknown_roles:
            role_ids = [role_id for role_id in role_ids or [] if role_id in guild.guild.roles]
        changes["role_ids"] = role_ids or []
        _require_exchangeable(call, member, role_ids or [])
    before = (member.nick, list(member.role_ids))
    guild.store.edit_member(guild.id, member.user_id, changes)
    _log_change(guild, member, before, reason)
    return json_answer(200, member_payload(guild, member))


@routes.add("DELETE", "/guilds/{guild_id}/members/{user_id}")
def kick(call: Call) -> Answer:
    guild = call.guild
    reason = validation.audit_reason(call.request)
    call.require("kick_members")
    member = guild.member(call.id("user_id"))
    guild.require_above(member.user_id)
    guild.store.remove_member(guild.id, member.user_id)
    guild.log(audit.MEMBER_KICK, member.user_id, reason, [])
    return NO_CONTENT


@routes.add("PUT", "/guilds/{guild_id}/members/{user_id}/roles/{role_id}")
def give_role(call: Call) -> Answer:
    """Give a role; not an error if the member holds it already."""
    guild, member, role, reason = _one_role(call)
    if role.id not in member.role_ids:
        guild.store.add_member_role(guild.id, member.user_id, role.id)
        guild.log(audit.MEMBER_ROLE_UPDATE, member.user_id, reason, audit.role_changes([role], []))
    return NO_CONTENT


@routes.add("DELETE", "/guilds/{guild_id}/members/{user_id}/roles/{role_id}")
def take_role(call: Call) -> Answer:
    """Take a role; not an error if the member does not hold it."""
    guild, member, role, reason = _one_role(call)
    if role.id in member.role_ids:
        guild.store.remove_member_role(guild.id, member.user_id, role.id)
        guild.log(audit.MEMBER_ROLE_UPDATE, member.user_id, reason, audit.role_changes([], [role]))
    return NO_CONTENT


def _one_role(call: Call) -> tuple[GuildModel, Member, Role, str | None]:
    """The checks of both single-role routes. @everyone is an unknown role here (discord-api-docs#1587)."""
    guild = call.guild
    reason = validation.audit_reason(call.request)
    call.require("manage_roles")
    member = guild.member(call.id("user_id"))
    role_id = call.id("role_id")
    if role_id == guild.id:
        raise unknown_role()
    role = guild.role(role_id)
    guild.require_assignable(role)
    return guild, member, role, reason


def _require_renamable(call: Call, member: Member) -> None:
    """The bot may rename itself, and members ranked below it; never the owner."""
    guild = call.world.guild
    if member.user_id == guild.bot_id:
        call.require("change_nickname")
    else:
        call.require("manage_nicknames")
        guild.require_above(member.user_id)


def _require_exchangeable(call: Call, member: Member, role_ids: list[int]) -> None:
    """Only the roles added or removed are checked, not the member's rank, so the owner's roles can be changed too."""
    guild = call.world.guild
    call.require("manage_roles")
    wanted = _listed(guild, role_ids)
    held = [guild.role(role_id) for role_id in member.role_ids]
    for role in wanted + held:
        if (role.id in role_ids) != (role.id in member.role_ids):
            guild.require_assignable(role)


def _listed(guild: GuildModel, role_ids: list[int]) -> list[Role]:
    """The roles of a list; an unknown role or @everyone refuses the whole list (50028)."""
    known = guild.guild.roles
    if any(role_id not in known or role_id == guild.id for role_id in role_ids):
        raise invalid_role()
    return [known[role_id] for role_id in role_ids]


def _log_change(guild: GuildModel, member: Member, before: tuple[str | None, list[int]], reason: str | None) -> None:
    old_nick, old_roles = before
    if member.nick != old_nick:
        change = {"key": "nick", "old_value": old_nick, "new_value": member.nick}
        guild.log(audit.MEMBER_UPDATE, member.user_id, reason, [change])
    added = [guild.role(role_id) for role_id in member.role_ids if role_id not in old_roles]
    removed = [guild.role(role_id) for role_id in old_roles if role_id not in member.role_ids]
    if added or removed:
        guild.log(audit.MEMBER_ROLE_UPDATE, member.user_id, reason, audit.role_changes(added, removed))
