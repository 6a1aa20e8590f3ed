"""A user relinks between the kick and the unlinking of their deletion (Discord answers the kick slowly).

The new link was deleted then, and the member stayed with all roles, linked to nobody, for ever. Seeds 7000334 (the
callback died) and 7200044 (it ended well) of the simulation of that time showed it.
"""

from contextlib import suppress

import pytest

from chalicelib.errors import LinkRefused
from local.discord.messages import Answer, Request
from local.simulated import WorkerDied, World
from tests.faults.support import is_member
from tests.members.support import linked

DAY = 86_400.0


def relink(world: World, *, dies: bool) -> None:
    """Link again in another process; with `dies`, it dies right after Discord let the person in."""
    container = world.container()
    started = container.linking.start(world.site.token("1", "link", groups=["Director"], nickname=None))
    back = world.consent(started.url, "anna")

    def die(*_: object) -> None:
        if dies and world.roles("anna") is not None:
            raise WorkerDied

    world.dynamodb.before = die
    try:
        with suppress(WorkerDied, LinkRefused):
            container.linking.finish(cookie=started.cookie, **back)
    finally:
        world.dynamodb.before = None


def relink_during_kick(world: World, *, dies: bool) -> None:
    """Let the next kick's answer travel for three seconds, while the person relinks."""
    handle, kicks = world.discord.handle, list[str]()

    def slow(request: Request) -> Answer:
        answer = handle(request)
        if request.method == "DELETE" and is_member(request) and not kicks:
            kicks.append(request.path)
            world.clock.advance(3)
            relink(world, dies=dies)
        return answer

    world.discord.handle = slow  # type: ignore[method-assign]


@pytest.mark.parametrize("dated", [False, True], ids=["without a date", "dated"])
@pytest.mark.parametrize("dies", [False, True], ids=["the callback ends well", "the callback dies"])
def test_nobody_keeps_roles_without_a_link(dies: bool, dated: bool) -> None:
    world = World()
    world.link("1", "anna", groups=["Director"])
    world.clock.advance(60)
    relink_during_kick(world, dies=dies)
    date = {"changed_at": world.site.stamp()} if dated else {}
    world.site.post({"kind": "delete_user", "user_id": "1"} | date)
    world.run(seconds=7200)
    assert linked(world, "1") is dated, "the newer link stands; without a date it may be older"
    assert world.roles("anna") == ({"Director"} if dated else None)
    for _ in range(3):
        world.sweep(force=True)
        world.run(seconds=DAY)
    assert linked(world, "1") or not world.roles("anna")
    world.site.groups("1", [])
    world.run(seconds=7200)
    assert not world.roles("anna")
