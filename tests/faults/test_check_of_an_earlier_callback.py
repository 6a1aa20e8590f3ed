"""The check after a callback comes due while a later callback for the same user is at work.

If the check does not wait, it gives roles; the later callback then fails and undoes the link, and the member keeps the
roles, linked to nobody. If it waits, whoever lets callbacks fail once a minute must not hold up a removal without end.
"""

from local.discord.messages import Answer, DiscordError, Request
from local.simulated import World
from tests.faults.support import joins, outcome
from tests.members.support import deliver, linked

DAY = 86_400.0
EXPIRED = DiscordError(400, 50025, "Invalid OAuth2 access token").answer()


def test_a_check_gives_nothing_that_a_failing_callback_leaves_behind() -> None:
    world = World()
    world.guild.create_role("Director")
    world.guild.add_member("ben")
    handle, attempts = world.discord.handle, list[float]()

    def refuse(request: Request) -> Answer:
        if joins(request):
            attempts.append(world.clock.now())
            if len(attempts) == 2:  # it takes Discord ten seconds; meanwhile the first attempt's check comes due
                world.clock.advance(10)
                deliver(world, world.container(), "bulk")
            return EXPIRED
        return handle(request)

    world.discord.handle = refuse  # type: ignore[method-assign]
    outcome(world, "2", "ben", groups=["Director"])
    world.clock.advance(82)
    outcome(world, "2", "ben", groups=["Director"])
    world.discord.handle = handle  # type: ignore[method-assign]
    world.run(seconds=7200)
    world.site.groups("2", [])
    world.run(seconds=7200)
    world.sweep(force=True)
    world.run(seconds=DAY)
    assert linked(world, "2") or not world.roles("ben")


def test_failing_callbacks_do_not_hold_up_a_removal() -> None:
    world = World()
    world.guild.create_role("Director")
    world.link("1", "anna", groups=["Director"])
    world.run(seconds=600)
    world.clock.advance(600)
    handle = world.discord.handle
    world.discord.handle = lambda request: EXPIRED if joins(request) else handle(request)  # type: ignore[method-assign]
    posted, kept = world.clock.now(), 0.0
    world.site.groups("1", [])
    for number in range(1, 61):
        outcome(world, "1", "anna", groups=[])
        world.run(seconds=posted + 45 * number - world.clock.now())
        world.clock.move_to(max(world.clock.now(), posted + 45 * number))
        if world.roles("anna") == {"Director"}:
            kept = world.clock.now() - posted
    assert kept <= 600
