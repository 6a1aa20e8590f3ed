"""What stops all calls of the bot, and what lets them go on."""

from chalicelib.store.halts import DynamoHaltStore
from local.discord.faults import Fault
from local.simulated import World
from tests.discord.test_rate_limiter import linked


def halt_store(world: World) -> DynamoHaltStore:
    return DynamoHaltStore(world.settings.app_id, world.settings.guild_id)


def test_a_refused_token_stops_all_calls_until_the_token_changes(world: World) -> None:
    linked(world, 5)
    world.guild.turn(bot_token="another-token-now")
    before = len(world.asked())
    for number in range(5):
        world.site.groups(str(number), ["Member", "Blue"])
    world.run(seconds=3600)
    refused = [one for one in world.asked()[before:] if one.status == 401]
    assert 1 <= len(refused) <= world.workers
    assert len(world.asked()) == before + len(refused)
    world.guild.turn(bot_token=world.settings.bot_token)
    halt_store(world).refuse_token("the fingerprint of another token")
    world.run(seconds=3600)
    assert all(world.roles(f"pilot-{number}") == {"Member", "Blue"} for number in range(5))


def test_the_page_of_a_banned_address_stops_all_calls_for_a_quarter_of_an_hour(world: World) -> None:
    linked(world, 3)
    world.guild.inject(Fault(kind="cloudflare", times=1))
    before = len(world.asked())
    for number in range(3):
        world.site.groups(str(number), ["Member", "Blue"])
    world.run(seconds=890)
    assert len(world.asked()) - before <= world.workers
    world.run(seconds=3600)
    assert all(world.roles(f"pilot-{number}") == {"Member", "Blue"} for number in range(3))


def test_work_pauses_well_before_cloudflare_bans_the_address(world: World) -> None:
    linked(world, 1)
    for _ in range(4999):
        halt_store(world).count_invalid(world.clock.now())
    world.guild.inject(Fault(kind="answer", method="GET", path=".*/members/.*", times=1, status=403, code=50013))
    world.site.groups("0", ["Member", "Blue"])
    world.run(seconds=30)
    before = len(world.asked())
    world.site.groups("0", ["Blue"])
    world.run(seconds=500)
    assert len(world.asked()) == before
    world.run(seconds=3600)
    assert world.roles("pilot-0") == {"Blue"}
