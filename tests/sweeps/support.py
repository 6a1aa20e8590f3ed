"""What the tests of sweeps share: guilds that drifted, and a look at the newest sweep."""

from chalicelib.store.sweeps import Sweep
from local.simulated import World
from tests.members.support import (
    crowd,
)

LIST = "/members$"


def names(world: World, prefix: str = "pilot") -> list[str]:
    return [m.username for m in world.guild.state().members if m.username.startswith(prefix)]


def roles_of_all(world: World, prefix: str = "pilot") -> set[frozenset[str]]:
    return {frozenset(world.roles(name) or ()) for name in names(world, prefix)}


def latest(world: World) -> Sweep:
    """The newest sweep."""
    return world.http.delivery.sweeper.sweeps.latest(1)[0]


def losers(world: World, count: int, of: int) -> None:
    """`of` linked members who should be Member; `count` of them are Old as well, the others as they should be."""
    world.guild.create_role("Member")
    world.guild.create_role("Old")
    crowd(world, count, roles=["Member", "Old"], groups=["Member"], prefix="loser")
    crowd(world, of - count, roles=["Member"], groups=["Member"])
