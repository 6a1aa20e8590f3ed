"""The commands as they are registered at Discord, in English and German. Pure.

https://discord.com/developers/docs/interactions/application-commands#application-command-object
"""

from typing import Any

from chalicelib.commands.interaction import MANAGE_ROLES, Name

CHAT_INPUT = 1  # the type of a slash command
USER_OPTION = 6  # the type of an option that names a user
COMMANDS: tuple[dict[str, Any], ...] = (
    {
        "name": Name.WHOAMI.value,
        "type": CHAT_INPUT,
        "description": "Which roles you have, which group gives each, and what could not be done",
        "description_localizations": {
            "de": "Welche Rollen du hast, welche Gruppe sie dir gibt, und was nicht ging",
        },
    },
    {
        "name": Name.REFRESH.value,
        "type": CHAT_INPUT,
        "description": "Bring your roles and your nickname in step with your alliance’s site now",
        "description_localizations": {
            "de": "Deine Rollen und deinen Nickname jetzt an die Seite deiner Allianz angleichen",
        },
    },
    {
        "name": Name.WHOIS.value,
        "type": CHAT_INPUT,
        "description": "Why a member has the roles they have; for those who may manage roles",
        "description_localizations": {
            "de": "Warum ein Mitglied seine Rollen hat; für alle, die Rollen verwalten dürfen",
        },
        "default_member_permissions": MANAGE_ROLES,  # Discord answers with text
        "options": [
            {
                "type": USER_OPTION,
                "name": "member",
                "description": "The member",
                "description_localizations": {"de": "Das Mitglied"},
                "required": True,
            }
        ],
    },
)


def is_registered(wanted: dict[str, Any], found: dict[str, Any]) -> bool:
    """Whether a command that Discord lists is the wanted one; what Discord adds does not count."""
    return all(_same(value, found.get(name)) for name, value in wanted.items())


def _same(wanted: Any, found: Any) -> bool:  # noqa: ANN401 - whatever JSON can say
    if isinstance(wanted, dict):
        return isinstance(found, dict) and is_registered(wanted, found)
    if isinstance(wanted, list):
        return (
            isinstance(found, list)
            and len(wanted) == len(found)
            and all(_same(one, other) for one, other in zip(wanted, found, strict=True))
        )
    return wanted is not None and str(wanted) == str(found)
