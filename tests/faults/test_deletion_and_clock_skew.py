"""The auth site's clock is 50 s ahead, which is allowed: a token from before a deletion links nobody."""

from contextlib import suppress

from chalicelib.errors import LinkRefused
from local.simulated import World
from tests.members.support import linked

AHEAD = 50  # seconds; CLOCK_SKEW allows 60


def test_a_token_from_before_the_deletion_links_nobody_though_the_auth_site_is_ahead() -> None:
    world = World()
    world.link("1", "anna", groups=["Director"])
    world.clock.advance(100)
    now = int(world.clock.now())
    times = {"iat": now + AHEAD, "exp": now + AHEAD + 600, "changed_at": (now + AHEAD) * 1000}
    token = world.site.token("1", "link", groups=["Director"], nickname=None, **times)
    world.clock.advance(5)
    world.site.delete("1")
    world.run()
    assert not linked(world, "1")
    world.clock.advance(5)
    with suppress(LinkRefused):
        started = world.http.linking.start(token)
        world.http.linking.finish(cookie=started.cookie, **world.consent(started.url, "anna"))
    assert not linked(world, "1")
    assert world.roles("anna") is None
