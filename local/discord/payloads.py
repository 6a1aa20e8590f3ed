"""Guild objects in Discord's wire format, with every field that its OpenAPI description (v10) requires."""

from typing import Any

from simcord.backend.models import AuditLogEntry, Member, Role, User

from local.discord.guild import GuildModel

MEMBER_INTENT_FLAG = 1 << 15  # GATEWAY_GUILD_MEMBERS_LIMITED: the intent of an app in fewer than 100 guilds


def user_payload(user: User) -> dict[str, Any]:
    """A user as others see it."""
    payload: dict[str, Any] = {
        "id": str(user.id),
        "username": user.name,
        "avatar": user.avatar,
        "discriminator": user.discriminator,
        "public_flags": 0,
        "flags": 0,
        "banner": None,
        "accent_color": None,
        "global_name": user.global_name,
        "avatar_decoration_data": None,
        "collectibles": None,
        "primary_guild": None,
    }
    if user.bot:
        payload["bot"] = True
    return payload


def own_user_payload(user: User) -> dict[str, Any]:
    """A user as it sees itself (`GET /users/@me`, scope identify: no e-mail)."""
    return {**user_payload(user), "mfa_enabled": False, "locale": "en-US", "premium_type": 0}


def member_payload(guild: GuildModel, member: Member) -> dict[str, Any]:
    """A member of the guild."""
    return {
        "avatar": member.avatar,
        "banner": None,
        "communication_disabled_until": member.timed_out_until,
        "flags": 0,
        "joined_at": member.joined_at,
        "nick": member.nick,
        "pending": member.pending,
        "premium_since": None,
        "roles": [str(role_id) for role_id in member.role_ids],
        "user": user_payload(guild.store.users[member.user_id]),
        "mute": member.mute,
        "deaf": member.deaf,
    }


def role_payload(guild: GuildModel, role: Role) -> dict[str, Any]:
    """A role. A tag with the value null counts as set."""
    payload: dict[str, Any] = {
        "id": str(role.id),
        "name": role.name,
        "description": None,
        "permissions": str(role.permissions),
        "position": role.position,
        "color": role.color,
        "colors": {"primary_color": role.color, "secondary_color": None, "tertiary_color": None},
        "hoist": role.hoist,
        "managed": role.managed,
        "mentionable": role.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    if role.id in guild.tags:
        payload["tags"] = dict(guild.tags[role.id])
    return payload


def roles_payload(guild: GuildModel) -> list[dict[str, Any]]:
    """All roles, ascending by id, as Discord lists them."""
    return [role_payload(guild, role) for _id, role in sorted(guild.guild.roles.items())]


_PLAIN_GUILD: dict[str, Any] = {
    "icon": None,
    "description": None,
    "home_header": None,
    "splash": None,
    "discovery_splash": None,
    "features": [],
    "banner": None,
    "application_id": None,
    "region": "deprecated",
    "afk_channel_id": None,
    "afk_timeout": 300,
    "system_channel_id": None,
    "system_channel_flags": 0,
    "widget_enabled": False,
    "widget_channel_id": None,
    "verification_level": 1,
    "default_message_notifications": 1,
    "explicit_content_filter": 0,
    "max_presences": None,
    "max_members": 500_000,
    "max_stage_video_channel_users": 50,
    "max_video_channel_users": 25,
    "vanity_url_code": None,
    "premium_tier": 0,
    "premium_subscription_count": 0,
    "preferred_locale": "en-US",
    "rules_channel_id": None,
    "safety_alerts_channel_id": None,
    "public_updates_channel_id": None,
    "premium_progress_bar_enabled": False,
    "nsfw": False,
    "nsfw_level": 0,
    "emojis": [],
    "stickers": [],
    "incidents_data": None,
}


def guild_payload(guild: GuildModel, *, requires_2fa: bool, with_counts: bool) -> dict[str, Any]:
    """The guild with its roles."""
    payload = {
        **_PLAIN_GUILD,
        "id": str(guild.id),
        "name": guild.guild.name,
        "owner_id": str(guild.guild.owner_id),
        "mfa_level": int(requires_2fa),
        "roles": roles_payload(guild),
    }
    if with_counts:
        payload["approximate_member_count"] = len(guild.guild.members)
        payload["approximate_presence_count"] = 0
    return payload


def ban_payload(guild: GuildModel, user_id: int) -> dict[str, Any]:
    """A ban."""
    return {"user": user_payload(guild.store.users[user_id]), "reason": guild.guild.bans[user_id]}


def audit_entry_payload(entry: AuditLogEntry) -> dict[str, Any]:
    """One entry of the audit log; absent fields are left out, as Discord does."""
    payload: dict[str, Any] = {
        "id": str(entry.id),
        "action_type": entry.action_type,
        "user_id": str(entry.user_id),
        "target_id": None if entry.target_id is None else str(entry.target_id),
    }
    if entry.changes:
        payload["changes"] = list(entry.changes)
    if entry.reason is not None:
        payload["reason"] = entry.reason
    return payload


def application_payload(
    guild: GuildModel,
    *,
    name: str,
    redirect_uris: tuple[str, ...],
    member_intent: bool,
    verify_key: str,
    endpoint: str,
) -> dict[str, Any]:
    """The application as its own bot sees it; the flags tell whether the member intent is on (bits 14 and 15)."""
    flags = MEMBER_INTENT_FLAG if member_intent else 0
    return {
        "id": str(guild.bot_id),
        "name": name,
        "icon": None,
        "description": "",
        "type": None,
        "bot": user_payload(guild.store.bot_user),
        "bot_public": True,
        "bot_require_code_grant": False,
        "verify_key": verify_key,
        "flags": flags,
        "flags_new": str(flags),
        "redirect_uris": list(redirect_uris),
        "interactions_endpoint_url": endpoint or None,
        "role_connections_verification_url": None,
        "owner": user_payload(guild.store.users[guild.guild.owner_id]),
        "approximate_guild_count": int(guild.bot_id in guild.guild.members),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "team": None,
        "eligible_oauth2_scopes": [],
    }
