"""Who am I, who is that, and which application is this? https://discord.com/developers/docs/topics/oauth2"""

from datetime import UTC, datetime

from local.discord.api.routes import routes
from local.discord.keys import public_key
from local.discord.messages import Answer, invalid_form, json_answer, missing_access
from local.discord.oauth.grants import IDENTIFY_SCOPE
from local.discord.payloads import application_payload, own_user_payload, user_payload
from local.discord.validation import json_object, text
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
            "verify_key": public_key(call.world.config.app_id),
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
        verify_key=public_key(call.world.config.app_id),
        endpoint=call.world.interactions.endpoint,
    )
    return json_answer(200, payload)


@routes.add("PATCH", "/applications/@me")
def change_application(call: Call) -> Answer:
    """Save the interactions endpoint, once it was seen to answer a PING and to refuse a wrong signature.

    https://discord.com/developers/docs/resources/application#edit-current-application
    """
    url = json_object(call.request).get("interactions_endpoint_url", call.world.interactions.endpoint) or ""
    if url and not call.world.interactions.verify(text("interactions_endpoint_url", url)):
        message = "The specified interactions endpoint url could not be verified."
        raise invalid_form("interactions_endpoint_url", "APPLICATION_INTERACTIONS_ENDPOINT_URL_INVALID", message)
    call.world.interactions.endpoint = url
    return _application(call)


routes.add("GET", "/applications/@me")(_application)
routes.add("GET", "/oauth2/applications/@me")(_application)
