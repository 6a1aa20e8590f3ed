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


def test_a_sweep_of_a_guild_of_many_pages_ends(plain: World) -> None:
    plain.guild.create_role("Member")
    plain.guild.turn(member_page=20)
    users = crowd(plain, 400, roles=["Member"], groups=["Member"])
    let_sweeps_take(plain)
    last = users[-1].removeprefix("u-")
    plain.guild.change_member(last, take=["Member"])
    plain.sweep()
    plain.run(seconds=HOUR)
    assert plain.roles(last) == {"Member"}
    assert list(plain.dead_letters()) == []
    assert plain.counts.longest_chain <= MAX_INVOCATIONS
    assert plain.counts.stopped == 0


def test_a_sweep_corrects_hundreds_of_members(plain: World) -> None:
    for role in ("Member", "Logistics", "Blue"):
        plain.guild.create_role(role)
    users = crowd(plain, 300, roles=["Blue"], groups=["Member", "Logistics"])
    let_sweeps_take(plain)
    plain.sweep(force=True)
    plain.run(seconds=HOUR)
    wrong = [user for user in users if plain.roles(user.removeprefix("u-")) != {"Member", "Logistics"}]
    assert wrong == []
    assert list(plain.dead_letters()) == []
    assert plain.counts.longest_chain <= MAX_INVOCATIONS


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
