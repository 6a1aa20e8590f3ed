"""What tests of storms share: a crowd that is as stated, and statements about many."""

from collections.abc import Sequence

from chalicelib.store.waiting import WaitingStore
from local.simulated import GUILD, World
from tests.members.support import crowd, stored

MEMBERS = 60
STORE = WaitingStore(int(GUILD))


def settled_crowd(world: World, count: int = MEMBERS) -> list[str]:
    """Members who are as the auth site stated: each is Member. The guild's facts were just read."""
    for name in ("Member", "Blue", "Old"):
        world.guild.create_role(name)
    user_ids = crowd(world, count, roles=["Member"], groups=["Member"], imported=False)
    world.sweep()
    world.run()
    for user_id in user_ids:
        world.site.groups(user_id, ["Member"])
    world.run()
    assert STORE.first_after(0) is None
    return user_ids


def state_all(world: World, user_ids: Sequence[str], groups: Sequence[str] = ("Member",)) -> None:
    for user_id in user_ids:
        world.site.groups(user_id, groups)


def all_settled(world: World, user_ids: Sequence[str]) -> bool:
    return all(user.settled for one in user_ids if (user := stored(world, one)))


def name_of(user_id: str) -> str:
    return user_id.removeprefix("u-")
