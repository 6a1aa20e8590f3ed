"""Cloudflare blocks the address and says so in JSON: wait, lose nothing, blame nobody.

Since 11 March 2026 Cloudflare answers its 1xxx errors as JSON to clients that accept it, as the bot does.
https://developers.cloudflare.com/changelog/post/2026-03-11-json-rfc9457-responses-for-1xxx-errors/
"""

from local.discord.messages import Answer, Request
from local.simulated import World
from tests.faults.support import before, outcome, reasons, refusal

HOUR = 3600.0
PROBLEM = {
    "type": "https://developers.cloudflare.com/support/troubleshooting/http-status-codes/cloudflare-1xxx-errors/error-1020/",
    "title": "Error 1020: Access denied",
    "status": 403,
    "detail": "Access denied",
    "instance": "9d99a4434fz2d168",
    "error_code": 1020,
    "error_name": "access_denied",
    "error_category": "access_denied",
    "ray_id": "9d99a4434fz2d168",
    "timestamp": "2026-11-25T00:00:00Z",
    "zone": "discord.com",
    "cloudflare_error": True,
    "retryable": False,
    "owner_action_required": True,
}


def block(world: World, *, seconds: float = HOUR) -> list[str]:
    """Block every request for that long; the paths that were blocked."""
    until, paths = world.clock.now() + seconds, list[str]()

    def change(request: Request) -> Answer | None:
        if world.clock.now() >= until or not request.path.startswith("/api/") or "authorize" in request.path:
            return None
        paths.append(request.path)
        return refusal(403, PROBLEM)

    before(world, change)
    return paths


def test_changes_wait_for_the_end_of_the_block_and_nobody_hears_that_they_failed(world: World) -> None:
    for number in range(12):
        world.link(str(100 + number), f"pilot{number}", groups=["Member"])
    world.run()
    world.site.notices()
    blocked = block(world)
    wanted = {number: {"Member", "Logistics"} if number % 2 else set() for number in range(12)}
    for number, groups in wanted.items():
        world.site.groups(str(100 + number), sorted(groups))
    world.run(seconds=4 * HOUR)
    assert {number: world.roles(f"pilot{number}") for number in range(12)} == wanted
    assert list(world.dead_letters()) == []
    assert reasons(world) == []
    assert len(blocked) <= 40  # each request of the hour counts against the address


def test_a_person_who_links_is_told_that_discord_does_not_answer(world: World) -> None:
    world.link("100", "other", groups=["Member"])
    block(world)
    assert outcome(world, "101", "kira", groups=["Member"]) == "discord_unavailable"


def test_a_deleted_user_is_removed_after_the_block(world: World) -> None:
    world.link("100", "pilot", groups=["Member"])
    world.run()
    block(world)
    world.site.delete("100")
    world.run(seconds=4 * HOUR)
    assert world.roles("pilot") is None
