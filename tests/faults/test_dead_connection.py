"""A kept connection died while the function was frozen: nobody may notice.

Lambda drops idle connections over time, so the first request after a thaw ends with a reset and the next one works.
Idempotent requests may be sent again at once over a new connection (RFC 9110, 9.2.2; RFC 9112, 9.3.1).
"""

from local.discord.faults import Fault
from local.simulated import World
from tests.faults.support import outcome

SOON = 5.0  # seconds


def idle(world: World) -> None:
    """Twenty minutes pass; the next request of the bot meets a dead connection."""
    world.clock.advance(1200)
    world.guild.inject(Fault(kind="cut", method="GET|PUT|PATCH|DELETE", path=r"/api/v10/guilds/", times=1))


def test_a_change_after_an_idle_time_arrives_within_seconds(world: World) -> None:
    world.link("101", "kira", groups=["Member", "Director"])
    world.run()
    idle(world)
    began = world.clock.now()
    world.site.groups("101", ["Member"])
    world.run(seconds=600, until=lambda: world.roles("kira") == {"Member"})
    assert world.roles("kira") == {"Member"}
    assert world.clock.now() - began <= SOON


def test_a_person_who_links_after_an_idle_time_is_linked(world: World) -> None:
    world.link("100", "other", groups=["Member"])
    world.run()
    idle(world)
    assert outcome(world, "101", "kira", groups=["Member"]) == "linked"
    world.run(seconds=900)
    assert world.roles("kira") == {"Member"}


def test_a_user_deleted_after_an_idle_time_is_removed_within_seconds(world: World) -> None:
    world.link("101", "kira", groups=["Member"])
    world.run()
    idle(world)
    began = world.clock.now()
    world.site.delete("101")
    world.run(seconds=600, until=lambda: world.roles("kira") is None)
    assert world.roles("kira") is None
    assert world.clock.now() - began <= SOON
