"""What Cloudflare does in front of the API: it blocks an address after too many invalid requests, and unknown clients.

https://discord.com/developers/docs/topics/rate-limits#invalid-request-limit
https://discord.com/developers/docs/reference#user-agent
"""

import re

from local.discord.blocks import block
from local.discord.messages import Answer, Request, blocked_by_cloudflare
from local.discord.world import World

BROWSERS_OWN = "/api/oauth2/authorize"
USER_AGENT = re.compile(r"DiscordBot \([^,()]+, ?[^()]+\).*")


def refusal(world: World, request: Request, now: float) -> Answer | None:
    """Cloudflare's refusal of this request, or None if the request reaches Discord."""
    if not request.path.startswith("/api/") or request.path == BROWSERS_OWN:
        return None
    if world.request_log.invalid_lately(now, request.address) >= world.config.invalid_request_limit:
        return block("html")
    if world.switches.user_agent_check and not USER_AGENT.fullmatch(request.headers.get("user-agent", "")):
        return blocked_by_cloudflare().answer()
    return None
