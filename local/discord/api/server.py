"""The guild itself: name, owner, bans. https://discord.com/developers/docs/resources/guild"""

from local.discord.api.routes import routes
from local.discord.messages import Answer, json_answer
from local.discord.payloads import ban_payload, guild_payload
from local.discord.world import Call


@routes.add("GET", "/guilds/{guild_id}")
def get_guild(call: Call) -> Answer:
    guild = call.guild
    with_counts = call.request.query.get("with_counts") in ("true", "1")
    requires_2fa = call.world.switches.requires_2fa
    return json_answer(200, guild_payload(guild, requires_2fa=requires_2fa, with_counts=with_counts))


@routes.add("GET", "/guilds/{guild_id}/bans")
def list_bans(call: Call) -> Answer:
    guild = call.guild
    call.require("ban_members")
    return json_answer(200, [ban_payload(guild, user_id) for user_id in sorted(guild.guild.bans)])
