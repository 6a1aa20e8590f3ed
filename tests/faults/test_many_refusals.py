"""Many members of whom Discord refuses one part of a change: the rest is done for each, however many wait."""

from collections.abc import Callable

import pytest

from local.discord.messages import Answer, Request
from local.simulated import World
from tests.faults.support import before, body_of, refusal
from tests.members.support import crowd, waiting

MEMBERS = 60
ENOUGH = 300.0  # seconds; Discord takes a change of a member a second, and each of these needs two or more
Refusal = Callable[[Request], Answer | None]


def refused_nickname(request: Request) -> Answer | None:
    """AutoMod, for example."""
    changes_nickname = request.method == "PATCH" and "nick" in body_of(request)
    return refusal(400, {"code": 50035, "message": "Invalid Form Body"}) if changes_nickname else None


def forbidden_nickname(request: Request) -> Answer | None:
    changes_nickname = request.method == "PATCH" and "nick" in body_of(request)
    return refusal(403, {"code": 50013, "message": "Missing Permissions"}) if changes_nickname else None


def refused_list(request: Request) -> Answer | None:
    """A role of the list may be the reason: then each is given and taken by itself."""
    return refusal(400, {"code": 50035, "message": "Invalid Form Body"}) if request.method == "PATCH" else None


@pytest.mark.parametrize("refuse", [refused_nickname, forbidden_nickname, refused_list])
def test_what_is_not_refused_is_done_for_everybody_within_minutes(refuse: Refusal) -> None:
    world = World({"REMOVAL_LIMIT_PERCENT": "100", "DISCORD_SYNC_NAMES": "True"})
    for name in ("Member", "Blue"):
        world.guild.create_role(name)
    ids = crowd(world, MEMBERS, roles=["Member"], groups=["Member"], imported=False)
    before(world, refuse)
    more = {} if refuse is refused_list else {"nickname": "Kira"}
    for one in ids:
        body = {"kind": "update_all", "user_id": one, "changed_at": world.site.stamp(), "groups": ["Blue"]}
        world.site.post(body | more)
    world.run(seconds=ENOUGH)
    assert waiting(world, "jobs") == []
    assert all(world.roles(one.removeprefix("u-")) == {"Blue"} for one in ids)
