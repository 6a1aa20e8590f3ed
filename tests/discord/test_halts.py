"""What stops all calls of the bot, or of one container, and what lets them go on."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chalicelib.discord.client import RequestOptions
from chalicelib.discord.halts import (
    BOT_PAUSE,
    CACHE_TTL,
    HAND_BACK,
    INVALID_WINDOW,
    MAX_ADDRESS_PAUSE,
    MAX_BLOCKED_CONTAINERS,
    MAX_INVALID,
    MIN_ADDRESS_PAUSE,
    PROBE_TIMEOUT,
    REPORT_WINDOW,
    TOKEN_PROBE_INTERVAL,
)
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import AddressBlocked, CallsHalted, DiscordUnavailable
from chalicelib.store.halts import DynamoHaltStore
from local.discord.faults import Fault
from local.simulated import Container, World
from tests.discord.test_rate_limiter import linked

WORKER = RequestOptions(Lane.URGENT)


def halt_store(world: World) -> DynamoHaltStore:
    return DynamoHaltStore(world.settings.app_id, world.settings.guild_id)


def ask(container: Container) -> None:
    """One request to Discord."""
    container.services.discord.guild(WORKER)


def meets_a_block(world: World, container: Container | None = None) -> Container:
    """A container, a new one unless it is given, whose request is answered by Cloudflare."""
    container = container or world.container()
    world.guild.inject(Fault(kind="cloudflare", path="/guilds/"))
    with pytest.raises(AddressBlocked) as blocked:
        ask(container)
    assert blocked.value.retry_after == HAND_BACK
    return container


@contextmanager
def nothing_is_asked(world: World) -> Iterator[None]:
    asked = len(world.asked())
    yield
    assert len(world.asked()) == asked


# --- one container ------------------------------------------------------------------------------------------------


def test_a_blocked_container_makes_no_call_for_a_minute_while_others_do(world: World) -> None:
    container = meets_a_block(world)
    with nothing_is_asked(world), pytest.raises(AddressBlocked):
        ask(container)
    ask(world.container())
    world.clock.advance(MIN_ADDRESS_PAUSE - 1)
    with nothing_is_asked(world), pytest.raises(AddressBlocked):
        ask(container)
    world.clock.advance(1)
    ask(container)


def test_a_container_that_is_blocked_again_and_again_waits_longer_each_time(world: World) -> None:
    container, pauses = world.container(), []
    for _ in range(6):
        meets_a_block(world, container)
        pauses.append(container.services.discord.halts.blocked_for)
        world.clock.advance(pauses[-1])
    assert pauses == [60, 120, 240, 480, MAX_ADDRESS_PAUSE, MAX_ADDRESS_PAUSE]
    ask(container)
    meets_a_block(world, container)
    assert container.services.discord.halts.blocked_for == MIN_ADDRESS_PAUSE


@pytest.mark.parametrize(("told", "pause"), [(10, MIN_ADDRESS_PAUSE), (300, 300), (86_400, MAX_ADDRESS_PAUSE)])
def test_cloudflares_own_word_of_how_long_counts_within_reason(world: World, told: float, pause: float) -> None:
    world.guild.inject(Fault(kind="cloudflare", path="/guilds/", retry_after=told))
    container = world.container()
    with pytest.raises(AddressBlocked):
        ask(container)
    assert container.services.discord.halts.blocked_for == pause


def test_a_place_that_a_blocked_container_holds_is_not_used(world: World) -> None:
    container = world.container()
    limiter = container.services.discord.rate_limiter
    ask(container)
    reservation = limiter.reserve("GET guild", Lane.URGENT)
    container.services.discord.halts.address_banned(0)
    with nothing_is_asked(world), pytest.raises(AddressBlocked):
        container.services.discord.guild(RequestOptions(Lane.URGENT, reservation=reservation))


def test_what_a_blocked_container_handed_back_is_taken_by_another_while_it_stays_busy(world: World) -> None:
    linked(world, 3)
    world.run()
    world.workers, began = 2, world.clock.now()
    world.guild.inject(Fault(kind="cloudflare", method="GET", path="/members/"))
    for number in range(3):
        world.site.groups(str(number), ["Member", "Blue"])
    world.run(until=lambda: all("Blue" in (world.roles(f"pilot-{number}") or ()) for number in range(3)))
    assert world.clock.now() - began < 10
    world.run(seconds=20)
    assert world._busy["jobs"] == 1  # the blocked one
    (report,) = halt_store(world).shared_state().reports
    assert (report.container.startswith("container-"), report.why) == (True, "address_banned")


def test_invalid_requests_are_counted_for_each_container(world: World) -> None:
    container, other = world.container(), world.container()
    for each in (container, other):
        for _ in range(MAX_INVALID - 1):
            each.services.discord.halts.invalid()
    ask(container)
    container.services.discord.halts.invalid()
    with nothing_is_asked(world), pytest.raises(AddressBlocked, match="too_many_invalid"):
        ask(container)
    ask(other)
    assert halt_store(world).invalid(world.clock.now()) == 2 * MAX_INVALID - 1
    world.clock.advance(INVALID_WINDOW)
    ask(container)
    container.services.discord.halts.invalid()
    ask(container)  # those of before are over


# --- all ----------------------------------------------------------------------------------------------------------


def test_several_blocked_containers_within_minutes_stop_everything_until_one_probe_gets_through(world: World) -> None:
    for _ in range(MAX_BLOCKED_CONTAINERS):
        meets_a_block(world)
        world.clock.advance(1)
    first, second = world.container(), world.container()
    with nothing_is_asked(world), pytest.raises(CallsHalted, match="all calls stopped: address_banned") as halted:
        ask(first)
    assert halted.value.retry_after == pytest.approx(BOT_PAUSE, abs=2)
    world.clock.advance(BOT_PAUSE)
    first.services.discord.halts.check()  # its probe
    with nothing_is_asked(world), pytest.raises(CallsHalted):
        ask(second)
    ask(first)
    ask(second)
    ask(world.container())


def test_a_probe_that_is_blocked_stops_everything_once_more(world: World) -> None:
    for _ in range(MAX_BLOCKED_CONTAINERS):
        meets_a_block(world)
    world.clock.advance(BOT_PAUSE + REPORT_WINDOW)
    meets_a_block(world)
    with nothing_is_asked(world), pytest.raises(CallsHalted, match="all calls") as halted:
        ask(world.container())
    assert halted.value.retry_after == pytest.approx(BOT_PAUSE, abs=2)
    world.clock.advance(BOT_PAUSE)
    ask(world.container())


def test_a_probe_that_never_ends_holds_up_nobody_for_long(world: World) -> None:
    for _ in range(MAX_BLOCKED_CONTAINERS):
        meets_a_block(world)
    world.clock.advance(BOT_PAUSE)
    world.container().services.discord.halts.check()
    world.clock.advance(PROBE_TIMEOUT)
    ask(world.container())


def test_one_container_alone_or_few_over_a_long_time_stop_nobody_else(world: World) -> None:
    container = world.container()
    for _ in range(MAX_BLOCKED_CONTAINERS):
        meets_a_block(world, container)
        world.clock.advance(container.services.discord.halts.blocked_for)
    for _ in range(MAX_BLOCKED_CONTAINERS):
        meets_a_block(world)
        world.clock.advance(REPORT_WINDOW / (MAX_BLOCKED_CONTAINERS - 1) + 1)
    ask(world.container())


def test_lifting_spares_a_halt_that_was_set_meanwhile(world: World) -> None:
    store, now = halt_store(world), world.clock.now()
    store.halt_until(now + 10, "address_banned")
    container = world.container()
    world.clock.advance(11)
    container.services.discord.halts.check()
    store.halt_until(now + 500, "address_banned")
    container.services.discord.halts.let_through(with_token=True)
    assert store.shared_state().blocked_until == now + 500


@pytest.mark.parametrize("shape", [{"kind": "cloudflare"}, {"kind": "answer", "status": 403, "code": 40333}], ids=str)
def test_changes_wait_while_every_container_is_blocked_and_are_made_afterwards(
    world: World, shape: dict[str, object]
) -> None:
    linked(world, 5)
    world.run()
    asked = len(world.asked())
    world.guild.inject(Fault(**{"path": "/api/", "times": None} | shape))  # type: ignore[arg-type]  # as each kind needs
    for number in range(5):
        world.site.groups(str(number), ["Member", "Blue"])
    world.run(seconds=3600)
    refused = world.asked()[asked:]
    assert MAX_BLOCKED_CONTAINERS <= len(refused) <= world.workers + 3600 / BOT_PAUSE
    world.guild.clear_faults()
    world.run(seconds=BOT_PAUSE + 60)
    assert all(world.roles(f"pilot-{number}") == {"Member", "Blue"} for number in range(5))
    assert list(world.dead_letters()) == []


# --- the token ------------------------------------------------------------------------------------------------------


def test_a_refused_token_stops_all_calls_until_the_token_changes(world: World) -> None:
    linked(world, 5)
    world.guild.turn(bot_token="another-token-now")
    before = len(world.asked())
    for number in range(5):
        world.site.groups(str(number), ["Member", "Blue"])
    world.run(seconds=TOKEN_PROBE_INTERVAL - 60)
    refused = [one for one in world.asked()[before:] if one.status == 401]
    assert 1 <= len(refused) <= world.workers
    assert len(world.asked()) == before + len(refused)
    world.guild.turn(bot_token=world.settings.bot_token)
    halt_store(world).refuse_token("the fingerprint of another token", now=world.clock.now())
    world.run(seconds=3600)
    assert all(world.roles(f"pilot-{number}") == {"Member", "Blue"} for number in range(5))


def test_one_probe_an_hour_finds_out_whether_the_token_works_again(world: World) -> None:
    linked(world, 5)
    world.guild.turn(bot_token="another-token-now")
    for number in range(5):
        world.site.groups(str(number), ["Member", "Blue"])
    world.run(seconds=60)
    before, hours = len(world.asked()), 5
    world.run(seconds=hours * TOKEN_PROBE_INTERVAL)
    probes = [one.status for one in world.asked()[before:]]
    assert hours - 1 <= len(probes) <= hours  # each comes some seconds later than the hour
    assert set(probes) == {401}
    world.guild.turn(bot_token=world.settings.bot_token)
    world.run(seconds=TOKEN_PROBE_INTERVAL + 60)
    assert all(world.roles(f"pilot-{number}") == {"Member", "Blue"} for number in range(5))
    assert halt_store(world).shared_state().halted_token == ""


def test_an_answer_to_a_call_without_the_bots_token_says_nothing_of_it(world: World) -> None:
    store, container = halt_store(world), world.container()
    world.guild.inject(Fault(kind="answer", path="/guilds/", status=401))
    with pytest.raises(CallsHalted):
        ask(container)
    world.clock.advance(TOKEN_PROBE_INTERVAL)
    container.services.discord.halts.check()
    container.services.discord.halts.let_through(with_token=False)
    assert store.shared_state().halted_token
    container.services.discord.halts.let_through(with_token=True)
    assert not store.shared_state().halted_token
    world.clock.advance(CACHE_TTL)
    ask(world.container())


def test_a_fault_of_discords_own_does_not_prove_the_token(world: World) -> None:
    world.guild.inject(Fault(kind="answer", path="/guilds/", status=401))
    with pytest.raises(CallsHalted):
        ask(world.container())
    world.clock.advance(TOKEN_PROBE_INTERVAL)
    container = world.container()
    world.guild.inject(Fault(kind="answer", path="/guilds/", status=503))
    with pytest.raises(DiscordUnavailable):
        ask(container)
    with nothing_is_asked(world), pytest.raises(CallsHalted):
        ask(world.container())
    ask(container)  # it is still the one that may find out
    ask(world.container())


def test_a_probe_of_the_address_spares_the_halt_of_another_token(world: World) -> None:
    store, now = halt_store(world), world.clock.now()
    store.refuse_token("another", now=now)
    store.halt_until(now + 10, "address_banned")
    world.clock.advance(11)
    ask(world.container())
    state = store.shared_state()
    assert (state.halted_token, state.blocked_until) == ("another", 0)
