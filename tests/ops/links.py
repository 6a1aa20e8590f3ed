"""Users in the store."""

import time

from chalicelib.discord.models import Account
from chalicelib.store import users
from chalicelib.store.users import User
from tests.ops.world import DISCORD, World

GUILD, APP = int(DISCORD.guild_id), int(DISCORD.app_id)


def linked(
    _world: World,
    user_id: str,
    discord_id: int,
    *,
    groups: tuple[str, ...] | None = None,
    nickname: str | None = None,
    username: str = "",
    imported: bool = False,
) -> User:
    """A linked user, as the store has them."""
    now = time.time()
    if groups is not None:
        users.record_groups(user_id, groups, int(now * 1000), now=now)
    if nickname is not None:
        users.record_nickname(user_id, nickname, int(now * 1000), now=now)
    account = Account(discord_id, username or f"user{user_id}")
    claim = users.Claim(issued_at=now, activated_at=int(now), imported_at=int(now) * imported)
    users.link(user_id, GUILD, account, claim, now=now)
    user = users.get(user_id, now=now)
    assert user is not None
    return user
