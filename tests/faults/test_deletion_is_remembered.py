"""An unlinking outlives a newer attempt that is refused and undone: no attempt older than it may link afterwards."""

from chalicelib.errors import LinkRefused
from chalicelib.linking.entrance import Started
from local.simulated import World
from tests.members.support import fault, linked


def start(world: World) -> tuple[Started, dict[str, str | None]]:
    started = world.http.linking.start(world.site.token("1", "link", groups=["Member"], nickname=None))
    return started, world.consent(started.url, "anna")


def finish(world: World, started: Started, back: dict[str, str | None]) -> str:
    try:
        world.http.linking.finish(cookie=started.cookie, **back)
    except LinkRefused as refused:
        return str(refused.reason)
    return "linked"


def test_an_attempt_from_before_an_unlinking_never_links() -> None:
    world = World()
    world.link("1", "anna", groups=["Member"])
    world.clock.advance(10)
    old = start(world)  # a tab that stays open
    world.clock.advance(5)
    world.http.linking.unlink(world.site.token("1", "unlink"))
    assert world.roles("anna") is None
    world.clock.advance(5)
    new = start(world)
    world.guild.inject(fault(method="PUT", status=400, code=30001, message="Maximum number of guilds reached"))
    assert finish(world, *new) == "guild_limit"
    assert finish(world, *old) != "linked"
    assert not linked(world, "1")
