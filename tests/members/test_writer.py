"""Bringing a change to Discord: what can be done at once does not wait for what cannot."""

from collections.abc import Callable

import pytest

from chalicelib.discord.client import ROLES_NEW, RequestOptions
from chalicelib.discord.rate_limit import Lane
from chalicelib.store import audit
from chalicelib.store.rate_limits import DynamoRateLimitStore
from local.discord.config import Config
from local.simulated import APP, GUILD, World
from tests.members.support import Meter, fault, stored

CREATIONS = 250  # roles that Discord lets a bot create in two days
WAIT = 600.0  # seconds until a role can be created; a longer limit than a quarter of an hour is no reason to wait


def somebody_else_was_refused(world: World) -> None:
    """A 429 for another user has closed the bucket."""
    world.guild.inject(fault(method="POST", path="/roles$", kind="rate_limit", retry_after=WAIT))
    world.link("102", "liam", groups=["Fresh"])


def they_are_refused_themselves(world: World) -> None:
    """Theirs is the first request that finds the limit."""
    world.guild.inject(fault(method="POST", path="/roles$", kind="rate_limit", retry_after=WAIT))


def as_many_as_may_be_were_made(world: World) -> None:
    """The bucket was full for nearly two days. A moderator has deleted what was made."""
    discord = world.http.services.discord
    for number in range(CREATIONS):
        discord.create_role(f"Short-lived {number}", RequestOptions(Lane.NORMAL))
    for number in range(CREATIONS):
        world.guild.delete_role(f"Short-lived {number}")
    bucket = DynamoRateLimitStore(int(GUILD), int(APP)).get(discord.rate_limiter.bucket_of(ROLES_NEW))
    assert sum(bucket.used) == bucket.limit == CREATIONS
    world.clock.move_to(bucket.reopens_at - WAIT)


def settled(world: World) -> bool:
    """Is Kira as the auth site wants, by what is stored?"""
    user = stored(world, "101")
    assert user
    return user.settled


@pytest.mark.parametrize(
    ("limit", "asked"),
    [
        pytest.param(somebody_else_was_refused, [200], id="a 429 for somebody else"),
        pytest.param(they_are_refused_themselves, [429, 200], id="a 429"),
        pytest.param(as_many_as_may_be_were_made, [200], id="a full bucket"),
    ],
)
def test_roles_that_are_there_are_given_at_once_though_another_must_wait_to_be_created(
    limit: Callable[[World], None], asked: list[int]
) -> None:
    world = World(discord=Config(role_limit=2 * CREATIONS))
    world.guild.create_role("Member")
    world.guild.create_role("Blue")
    world.link("101", "kira", groups=["Member"])
    world.run()
    limit(world)
    began, meter = world.clock.now(), Meter(world)
    world.site.groups("101", ["Member", "Blue", "Fresh"])
    world.run(seconds=5)
    assert world.roles("kira") == {"Member", "Blue"}
    assert audit.of_user("101", now=world.clock.now())[0]["given"] == ["Blue"]
    assert not settled(world), "nobody takes it for done"
    world.run(until=lambda: world.roles("kira") == {"Member", "Blue", "Fresh"})
    assert WAIT - 1 < world.clock.now() - began < WAIT + 10
    world.run()
    assert settled(world)
    assert meter.statuses("POST role") == asked, "once the limit is known nobody asks in vain"
