"""What Cloudflare does in front of the API: it bans who sends too many invalid requests, and refuses unknown clients.

https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit
https://discord.com/developers/docs/reference#user-agent
"""

import re

from .limiter import cloudflare_429
from .messages import Answer, Request, blocked_by_cloudflare
from .world import World

BROWSERS_OWN = "/api/oauth2/authorize"
USER_AGENT = re.compile(r"DiscordBot \([^,()]+, ?[^()]+\).*")


def stopped(world: World, request: Request, now: float) -> Answer | None:
    """The answer of a request that does not get as far as Discord; None lets it pass."""
    if not request.path.startswith("/api/") or request.path == BROWSERS_OWN:
        return None
    if world.journal.invalid_lately(now) >= world.config.invalid_request_limit:
        return cloudflare_429()
    if world.switches.user_agent_check and not USER_AGENT.fullmatch(request.headers.get("user-agent", "")):
        return blocked_by_cloudflare().answer()
    return None
