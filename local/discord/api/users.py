"""Who am I, who is that, and which application is this? https://discord.com/developers/docs/topics/oauth2"""

from datetime import UTC, datetime

from local.discord.api.routes import routes
from local.discord.messages import Answer, json_answer, missing_access
from local.discord.oauth.grants import IDENTIFY_SCOPE
from local.discord.payloads import application_payload, own_user_payload, user_payload
from local.discord.world import Call


@routes.add("GET", "/users/@me", "either")
def get_me(call: Call) -> Answer:
    """The bot, or the person whose token this is (scope identify)."""
    guild = call.world.guild
    if call.grant is None:
        return json_answer(200, own_user_payload(guild.store.bot_user))
    if IDENTIFY_SCOPE not in call.grant.scopes:
        raise missing_access()
    return json_answer(200, own_user_payload(guild.person(call.grant.user_id)))


@routes.add("GET", "/users/{user_id}")
def get_user(call: Call) -> Answer:
    return json_answer(200, user_payload(call.world.guild.person(call.id("user_id"))))


@routes.add("GET", "/oauth2/@me", "bearer")
def get_authorisation(call: Call) -> Answer:
    """The token's scopes, expiry and owner."""
    guild, grant = call.world.guild, call.own_grant
    answer = {
        "application": {
            "id": str(guild.bot_id),
            "name": call.world.config.app_name,
            "icon": None,
            "description": "",
            "type": None,
            "bot": user_payload(guild.store.bot_user),
            "bot_public": True,
            "bot_require_code_grant": False,
            "verify_key": "0" * 64,
            "flags": 0,
            "flags_new": "0",
        },
        "expires": datetime.fromtimestamp(grant.expires_at, UTC).isoformat(),
        "scopes": list(grant.scopes),
    }
    if IDENTIFY_SCOPE in grant.scopes:
        answer["user"] = user_payload(guild.person(grant.user_id))
    return json_answer(200, answer)


def _application(call: Call) -> Answer:
    switches = call.world.switches
    payload = application_payload(
        call.world.guild,
        name=call.world.config.app_name,
        redirect_uris=switches.redirect_uris,
        member_intent=switches.member_intent,
    )
    return json_answer(200, payload)


routes.add("GET", "/applications/@me")(_application)
routes.add("GET", "/oauth2/applications/@me")(_application)
