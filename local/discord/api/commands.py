"""Commands of the guild, and answers to them. https://discord.com/developers/docs/interactions/application-commands"""

import json
import re
from typing import Any

from local.discord.api.routes import routes
from local.discord.messages import Answer, DiscordError, invalid_form, json_answer, missing_access
from local.discord.validation import text
from local.discord.webhooks import message_content
from local.discord.world import Call

MAX_COMMANDS = 100
MAX_DESCRIPTION = 100  # characters
_NAME = re.compile(r"[-_'\w]{1,32}")
_COMMANDS = "/applications/{application_id}/guilds/{guild_id}/commands"


@routes.add("GET", _COMMANDS)
def list_commands(call: Call) -> Answer:
    return json_answer(200, _own(call))


@routes.add("PUT", _COMMANDS)
def replace_commands(call: Call) -> Answer:
    """All commands anew: those that are not in the list are gone; one that keeps its name keeps its id."""
    _own(call)
    wanted = json.loads(call.request.body or b"null")
    if not isinstance(wanted, list) or len(wanted) > MAX_COMMANDS:
        raise invalid_form("", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    ids = {one["name"]: one["id"] for one in call.world.interactions.commands}
    call.world.interactions.commands = [_stored(call, place, one, ids) for place, one in enumerate(wanted)]
    return json_answer(200, call.world.interactions.commands)


def _own(call: Call) -> list[dict[str, Any]]:
    """The commands, if the path names this application and its guild (50001 and 10004 otherwise)."""
    if call.id("application_id") != call.guild.bot_id:
        raise missing_access()
    return call.world.interactions.commands


def _stored(call: Call, place: int, wanted: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """A command as Discord keeps it."""
    name = text(f"{place}.name", wanted.get("name"))
    if not _NAME.fullmatch(name) or name != name.lower():
        raise invalid_form(f"{place}.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    _check_description(f"{place}.description", wanted.get("description"))
    for number, option in enumerate(wanted.get("options") or []):
        _check_description(f"{place}.options.{number}.description", option.get("description"))
    return {
        "name_localizations": None,
        "description_localizations": None,
        "default_member_permissions": None,
        "options": [],
        **wanted,
        **_permissions(wanted),
        "id": ids.get(name) or str(call.world.new_id()),
        "application_id": str(call.guild.bot_id),
        "guild_id": str(call.guild.id),
        "version": str(call.world.new_id()),
        "nsfw": False,
    }


def _permissions(wanted: dict[str, Any]) -> dict[str, str]:
    """Permissions come as a number or as text, and are answered as text."""
    needed = wanted.get("default_member_permissions")
    return {} if needed is None else {"default_member_permissions": str(needed)}


def _check_description(field: str, value: object) -> None:
    if not 1 <= len(text(field, value)) <= MAX_DESCRIPTION:
        message = f"Must be between 1 and {MAX_DESCRIPTION} in length."
        raise invalid_form(field, "BASE_TYPE_BAD_LENGTH", message)


@routes.add("PATCH", "/webhooks/{application_id}/{token}/messages/@original", "token")
def edit_answer(call: Call) -> Answer:
    """Edit the answer to an interaction, whose token is in the path: good for 15 minutes."""
    message = json.loads(call.request.body or b"{}")
    content = message_content(message)
    done = call.world.interactions.edit(call.args["token"], message)
    if done is None:
        raise DiscordError(401, 50027, "Invalid Webhook Token")
    if not done:
        raise DiscordError(404, 10015, "Unknown Webhook")
    return json_answer(200, {"id": str(call.world.new_id()), "content": content})


@routes.add("POST", "/webhooks/{webhook_id}/{token}", "token")
def post_to_webhook(call: Call) -> Answer:
    """Post to a channel, without the bot. https://discord.com/developers/docs/resources/webhook#execute-webhook"""
    call.world.webhooks.post(call.args["webhook_id"], call.args["token"], json.loads(call.request.body or b"{}"))
    return Answer(204)
