"""What a user should have on Discord, read from Alliance Auth."""

from dataclasses import dataclass

from allianceauth.authentication.models import User
from allianceauth.services.hooks import NameFormatter, get_extension_logger

from .app_settings import Server
from .contract import digest

logger = get_extension_logger(__name__)

NAME_FORMAT = "{character_name}"  # where no name format is configured; as Alliance Auth's own service has it


@dataclass(frozen=True)
class Wanted:
    """What Rolecall is told of a user."""

    groups: list[str]
    nickname: str | None

    @property
    def digest(self) -> str:
        """Differs wherever two of them differ."""
        return digest(self.groups, self.nickname)


class _Formatted:
    """What NameFormatter wants to know of a service."""

    name_format = NAME_FORMAT

    def __init__(self, server: Server) -> None:
        self.name = server.service_name


def fresh(user_id: int) -> User | None:
    """The user as stored now; never an instance from a signal, which remembers permissions from before."""
    return (
        User.objects.select_related("profile__state", "profile__main_character")
        .prefetch_related("groups")
        .filter(pk=user_id)
        .first()
    )


def in_good_standing(user: User) -> bool:
    """Are they active, with a main character?"""
    profile = getattr(user, "profile", None)
    return bool(user.is_active and profile and profile.main_character)


def entitled(user: User, server: Server) -> bool:
    """May they have an account on this server?"""
    return in_good_standing(user) and user.has_perm(server.permission)


def wanted(user: User, server: Server) -> Wanted:
    """Their groups, with the state's name among them, and their nickname."""
    names = {group.name for group in user.groups.all()} | {user.profile.state.name}
    return Wanted(sorted(names), nickname(user, server))


def nickname(user: User, server: Server) -> str | None:
    """The main character's name in the format that is configured; None without a main character.

    A format that cannot be applied must not hold back roles: then it is the plain name.
    """
    main = user.profile.main_character
    if main is None:
        return None
    try:
        return NameFormatter(_Formatted(server), user).format_name() or main.character_name
    except Exception:
        logger.exception("The name format of %s cannot be applied", server.service_name)
        return main.character_name
