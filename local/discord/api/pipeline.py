"""From a request to an API route's answer: version, route, who is calling, rate limits, handler."""

import hmac
import re
from dataclasses import replace

from local.discord import messages
from local.discord.api import audit, commands, members, roles, server, users
from local.discord.api.routes import routes
from local.discord.deviations import carry_out
from local.discord.faults import Fault, instead
from local.discord.limiter import Ruling, Scope
from local.discord.messages import Answer, DiscordError, Request
from local.discord.oauth.grants import Grant
from local.discord.router import Auth, Route
from local.discord.world import Call, World

BASE = "/api/v10"
FILLED_BY = (audit, commands, members, roles, server, users)
"""The modules that register routes when they are imported."""

_WEBHOOK = re.compile(r"/api/webhooks/[0-9]+/[^/]+")  # as Discord hands its address out, without a version
_OTHER_VERSION = re.compile(r"/api(/v[0-9]+)?(/.*)?")


def find(request: Request) -> tuple[Route[Call], dict[str, str]]:
    """The route of a request and the variables of its path.

    Raises:
        DiscordError: 50041, it is not version 10 (without a version it would be the deprecated v6); 404; 405.
    """
    if request.path.startswith(f"{BASE}/"):
        return routes.find(request.method, request.path.removeprefix(BASE))
    if _WEBHOOK.fullmatch(request.path):
        return routes.find(request.method, request.path.removeprefix("/api"))
    if _OTHER_VERSION.fullmatch(request.path):
        raise messages.invalid_api_version()
    raise messages.not_found()


def serve(
    world: World, request: Request, route: Route[Call], args: dict[str, str], fault: Fault | None, now: float
) -> tuple[Answer, Scope | None]:
    """The answer with its rate-limit headers, and the scope of a 429."""
    try:
        grant = _caller(world, request, route.auth, now)
    except DiscordError as error:
        return error.answer(), None
    struck = fault is not None and fault.kind == "rate_limit"
    ruling = _rule(world, route, args, grant, now, look=struck)
    if fault is not None and struck:
        return instead(fault, ruling.headers, scale=world.switches.scale) or messages.NO_CONTENT, fault.scope
    if ruling.refusal is not None:
        return ruling.refusal, ruling.scope
    try:
        answer = carry_out(Call(world, request, args, grant), route.handler, fault)
    except DiscordError as error:
        answer = error.answer()
    return replace(answer, headers={**answer.headers, **ruling.headers}), None


def _caller(world: World, request: Request, auth: Auth, now: float) -> Grant | None:
    """The caller: None for the bot's token, a grant for a person's token (401 otherwise).

    None, too, where the path holds the secret: the route's handler looks at it.
    """
    if auth == "token":
        return None
    scheme, _blank, secret = request.headers.get("authorization", "").partition(" ")
    is_bot = scheme == "Bot" and hmac.compare_digest(secret.encode(), world.switches.bot_token.encode())
    if is_bot and auth != "bearer":
        return None
    if scheme == "Bearer" and auth != "bot":
        grant = world.grants.look_up(secret, now=now)
        if grant is not None:
            return grant
    raise messages.unauthorized()


def _rule(
    world: World, route: Route[Call], args: dict[str, str], grant: Grant | None, now: float, *, look: bool
) -> Ruling:
    if not world.switches.rate_limits:
        return Ruling({})
    major = args.get("guild_id") or args.get("token", "")
    caller = f"user {grant.user_id}" if grant else "bot" if route.auth != "token" else f"webhook {major}"
    return world.limiter.rule(route.name, major, caller, now=now, scale=world.switches.scale, look=look)
