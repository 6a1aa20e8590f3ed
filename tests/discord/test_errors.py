"""What Discord's failed answers lead to, where it is more than an error to be raised."""

from collections.abc import Mapping

import msgspec
import pytest

from chalicelib.discord.errors import blocks_address
from local.discord.faults import Fault
from local.simulated import World

LIMITS = {"x-ratelimit-limit": "5"}
BLOCKED = b'{"message": "internal network error", "code": 40333}'
CLOUDFLARE = msgspec.json.encode({"title": "Error 1020", "error_code": 1020, "cloudflare_error": True})
OTHER_WORDS = b'{"message": "You are being blocked from accessing our API temporarily", "code": 0}'
SLOWER = b'{"message": "You are being rate limited.", "retry_after": 1.0, "global": false}'


@pytest.mark.parametrize(
    ("status", "headers", "content", "expected"),
    [
        pytest.param(429, {}, b"<html>Error 1015</html>", True, id="Cloudflare's page"),
        pytest.param(403, {}, b"<html>Error 1020</html>", True, id="Cloudflare's page, as 403"),
        pytest.param(429, LIMITS, b"<html>Error 1015</html>", True, id="a page, whatever its headers"),
        pytest.param(429, {}, b"", True, id="a 429 that says nothing"),
        pytest.param(429, {}, SLOWER, True, id="a 429 without rate-limit headers"),
        pytest.param(429, LIMITS, SLOWER, False, id="a 429 of Discord's own"),
        pytest.param(429, {"X-RateLimit-Scope": "global"}, SLOWER, False, id="of the global limit"),
        pytest.param(429, LIMITS, b'{"retry_after": "soon"}', False, id="a 429 of Discord's own, oddly spelt"),
        pytest.param(429, {}, b'{"message": "overloaded", "code": 130000}', False, id="Discord is overloaded"),
        pytest.param(429, LIMITS, b"[" * 100_000, True, id="a 429 nested without end"),
        pytest.param(403, {}, CLOUDFLARE, True, id="Cloudflare's 1020 as JSON"),
        pytest.param(429, {"Retry-After": "30"}, CLOUDFLARE, True, id="Cloudflare's 1015 as JSON"),
        pytest.param(403, {}, b'{"cloudflare_error": true}', True, id="JSON that names Cloudflare"),
        pytest.param(403, {}, b'{"error_code": 1010}', True, id="JSON that names one of its errors"),
        pytest.param(503, {}, CLOUDFLARE, False, id="Cloudflare speaks for a Discord that is away"),
        pytest.param(403, LIMITS, OTHER_WORDS, True, id="blocked, in other words"),
        pytest.param(403, {}, b'{"message": "Forbidden", "code": 0}', False, id="another 403 with code 0"),
        pytest.param(403, LIMITS, BLOCKED, True, id="blocked"),
        pytest.param(400, LIMITS, BLOCKED, True, id="blocked, by another status"),
        pytest.param(403, {}, b'{"message": "Missing Permissions", "code": 50013}', False, id="another 403"),
        pytest.param(502, {}, b"<html>", False, id="a page that is neither 403 nor 429"),
        pytest.param(200, {}, BLOCKED, False, id="no failure"),
    ],
)
def test_cloudflares_block_is_told_apart(
    status: int, headers: Mapping[str, str], content: bytes, expected: bool
) -> None:
    assert blocks_address(status, headers, content) is expected


def test_oauth_endpoints_send_no_rate_limit_headers_and_block_nobody_by_that() -> None:
    assert not blocks_address(429, {}, SLOWER, oauth=True)
    assert blocks_address(429, {}, b"<html>", oauth=True)
    assert blocks_address(429, {}, CLOUDFLARE, oauth=True)


@pytest.mark.parametrize(
    "block",
    [
        pytest.param({"kind": "answer", "status": 403, "code": 40333}, id="code 40333"),
        pytest.param({"kind": "cloudflare"}, id="Cloudflare's page"),
        pytest.param({"kind": "answer", "status": 403, "body": "<html>Access denied</html>"}, id="its page, as 403"),
        pytest.param({"kind": "answer", "status": 403, "body": {"error_code": 1020}}, id="its JSON"),
    ],
)
def test_a_change_that_meets_one_block_is_made_by_another_container(world: World, block: dict[str, object]) -> None:
    world.link("101", "kira", groups=["Member", "Blue"])
    world.run()
    asked, began = len(world.asked()), world.clock.now()
    world.guild.inject(Fault(**{"method": "PATCH|PUT|DELETE"} | block))  # type: ignore[arg-type]  # as each kind needs
    world.site.groups("101", ["Member"])
    world.run(until=lambda: world.roles("kira") == {"Member"})
    assert world.roles("kira") == {"Member"}
    assert world.clock.now() - began < 10
    assert len([one for one in world.asked()[asked:] if one.status >= 400]) == 1
    world.run()
    assert list(world.dead_letters()) == []
    assert [line for line in world.metrics if "CallsStopped" in str(line)] == []
