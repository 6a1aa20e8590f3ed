"""What Discord's failed answers lead to, where it is more than an error to be raised."""

import pytest

from chalicelib.discord.errors import blocks_address
from chalicelib.discord.halts import BAN_PAUSE
from local.discord.faults import Fault
from local.simulated import World

BLOCKED = b'{"message": "internal network error", "code": 40333}'


@pytest.mark.parametrize(
    ("status", "content", "expected"),
    [
        pytest.param(429, b"<html>Error 1015</html>", True, id="Cloudflare's page"),
        pytest.param(429, b"", True, id="a 429 that says nothing"),
        pytest.param(429, b'{"message": "slower", "retry_after": 1.0}', False, id="a 429 of Discord's own"),
        pytest.param(429, b'{"retry_after": "soon"}', False, id="a 429 of Discord's own, oddly spelt"),
        pytest.param(429, b"[" * 100_000, True, id="a 429 nested without end"),
        pytest.param(403, BLOCKED, True, id="blocked"),
        pytest.param(400, BLOCKED, True, id="blocked, by another status"),
        pytest.param(403, b'{"message": "Missing Permissions", "code": 50013}', False, id="another 403"),
        pytest.param(403, b"<html>", False, id="a page that is no 429"),
        pytest.param(200, BLOCKED, False, id="no failure"),
    ],
)
def test_cloudflares_block_is_told_apart(status: int, content: bytes, expected: bool) -> None:
    assert blocks_address(status, content) is expected


@pytest.mark.parametrize(
    "block",
    [
        pytest.param({"kind": "answer", "status": 403, "code": 40333}, id="code 40333"),
        pytest.param({"kind": "cloudflare"}, id="Cloudflare's page"),
    ],
)
def test_a_change_waits_where_cloudflare_blocks_and_is_made_afterwards(world: World, block: dict[str, object]) -> None:
    for user_id in ("101", "102"):
        world.link(user_id, f"pilot{user_id}", groups=["Member", "Blue"])
    world.run()
    asked, began = len(world.asked()), world.clock.now()
    world.guild.inject(Fault(**{"method": "PATCH|PUT|DELETE"} | block))  # type: ignore[arg-type]  # as each kind needs
    world.site.groups("101", ["Member"])
    world.run(seconds=30)
    world.site.groups("102", ["Member"])
    world.run(seconds=BAN_PAUSE - 60)
    assert [one.status for one in world.asked()[asked:]] == [200, 403 if "code" in block else 429]
    world.run()
    assert [world.roles(f"pilot{user_id}") for user_id in ("101", "102")] == [{"Member"}, {"Member"}]
    assert world.clock.now() >= began + BAN_PAUSE
    assert list(world.dead_letters()) == []
