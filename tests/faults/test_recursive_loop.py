"""Lambda stops chains of more than 16 invocations: nothing may be lost to that.

Sweeps and deferred jobs are such chains. The simulated functions may loop only if the deployed ones may.
https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html (also boto/boto3#3899, DataBiosphere/azul#5368)
"""

import pytest

from local.discord.messages import Answer, Request
from local.recursion import MAX_INVOCATIONS
from local.simulated import World
from tests.faults.support import before, refusal
from tests.members.support import crowd, let_sweeps_take

HOUR = 3600.0


@pytest.fixture
def plain() -> World:
    return World({"DISCORD_SYNC_NAMES": "False"})


@pytest.fixture
def strict() -> World:
    """The functions may not loop, as after a deployment that did not allow it."""
    return World({"DISCORD_SYNC_NAMES": "False"}, loops=())


def test_a_sweep_of_a_guild_of_many_pages_ends(strict: World) -> None:
    strict.guild.create_role("Member")
    strict.guild.turn(member_page=20)
    users = crowd(strict, 400, roles=["Member"], groups=["Member"])
    let_sweeps_take(strict)
    last = users[-1].removeprefix("u-")
    strict.guild.change_member(last, take=["Member"])
    strict.sweep()
    strict.run(seconds=HOUR)
    assert strict.roles(last) == {"Member"}
    assert list(strict.dead_letters()) == []
    assert strict.counts.longest_chain <= MAX_INVOCATIONS
    assert strict.counts.stopped == 0


def test_a_sweep_corrects_hundreds_of_members(strict: World) -> None:
    for role in ("Member", "Logistics", "Blue"):
        strict.guild.create_role(role)
    users = crowd(strict, 300, roles=["Blue"], groups=["Member", "Logistics"])
    let_sweeps_take(strict)
    strict.sweep(force=True)
    strict.run(seconds=HOUR)
    wrong = [user for user in users if strict.roles(user.removeprefix("u-")) != {"Member", "Logistics"}]
    assert wrong == []
    assert list(strict.dead_letters()) == []
    assert strict.counts.longest_chain <= MAX_INVOCATIONS


def test_a_change_that_waits_for_hours_is_made_afterwards(plain: World) -> None:
    plain.link("101", "kira", groups=["Member"])
    plain.run()
    until = plain.clock.now() + 6 * HOUR

    def change(request: Request) -> Answer | None:
        blocked = plain.clock.now() < until and request.path.startswith("/api/")
        return refusal(403, {"message": "internal network error", "code": 40333}) if blocked else None

    before(plain, change)
    plain.site.groups("101", [])
    plain.run(seconds=8 * HOUR)
    assert plain.roles("kira") == set()
    assert list(plain.dead_letters()) == []
