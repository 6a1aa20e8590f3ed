"""What the world looks like after a link: who is linked, and which OAuth tokens are alive."""

from chalicelib.store import users
from local.simulated import World

TOKEN, REVOKE = "POST /api/oauth2/token", "POST /api/oauth2/token/revoke"


def linked_id(world: World, user_id: str = "101") -> str | None:
    user = users.get(user_id, now=world.clock.now())
    return str(user.link.account.id) if user and user.link else None


def id_of(world: World, who: str) -> str:
    return next(person.id for person in world.guild.people() if person.username == who)


def tokens_alive(world: World) -> int:
    return world.guild.counts().living_tokens
