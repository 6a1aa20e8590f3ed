"""The client itself: what it waits out for a person, and what it reads of answers that say less than most."""

import pytest

from chalicelib.discord.budget import Lane
from chalicelib.discord.client import Asking
from chalicelib.errors import LinkRefused, RateLimited, Reason
from chalicelib.linking.story import JOIN_PATIENCE, LINKING
from local.discord.faults import Fault
from local.simulated import World

MEMBER = "/members/[0-9]+$"
WORKER = Asking(Lane.URGENT)


def joins(world: World) -> list[int]:
    """What Discord answered to those whom the bot would let in."""
    return [one.status for one in world.asked() if one.route == "PUT member"]


# --- a 429 while a person waits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
def test_a_short_429_keeps_a_person_waiting_and_no_more(world: World, scope: str) -> None:
    world.link("100", "first", groups=["Member"])
    world.guild.inject(Fault(kind="rate_limit", method="PUT", path=MEMBER, scope=scope, retry_after=1.0))  # type: ignore[arg-type]
    began = world.clock.now()
    world.link("101", "kira", groups=["Member"])
    assert world.roles("kira") == {"Member"}
    assert joins(world) == [201, 429, 201]
    assert 1.0 <= world.clock.now() - began < 4.0  # three, where others may hold places in the bucket


@pytest.mark.parametrize("scope", ["user", "shared", "global"])
def test_a_long_429_is_said_to_a_person_at_once(world: World, scope: str) -> None:
    world.guild.inject(Fault(kind="rate_limit", method="PUT", path=MEMBER, scope=scope, retry_after=60.0))  # type: ignore[arg-type]
    began = world.clock.now()
    with pytest.raises(LinkRefused) as refused:
        world.link("101", "kira", groups=["Member"])
    assert (refused.value.reason, joins(world)) == (Reason.DISCORD_UNAVAILABLE, [429])
    assert world.clock.now() - began < 3.0


def test_429s_without_end_cost_a_person_no_more_than_their_patience_and_discord_few_requests(world: World) -> None:
    world.guild.inject(Fault(kind="rate_limit", method="GET", path=MEMBER, retry_after=0.01, times=None))
    began = world.clock.now()
    with pytest.raises(RateLimited):
        world.http.services.discord.member(1, LINKING)
    assert JOIN_PATIENCE - 1.0 <= world.clock.now() - began <= JOIN_PATIENCE + 1.0
    assert 2 < len(world.guild.received()) <= JOIN_PATIENCE * 2 + 1


def test_a_worker_does_not_wait_out_a_429(world: World) -> None:
    world.guild.inject(Fault(kind="rate_limit", method="GET", path=MEMBER, retry_after=1.0))
    began = world.clock.now()
    with pytest.raises(RateLimited):
        world.http.services.discord.member(1, WORKER)
    assert (len(world.guild.received()), world.clock.now() - began < 0.5) == (1, True)
