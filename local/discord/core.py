"""The local Discord without sockets and without a wall clock: `handle(Request) -> Answer`.

What stands in a request's way, in this order: an injected fault, Cloudflare (`cloudflare`), and for the API its
version, the route, who is calling, the rate limits (`api.pipeline`).
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace

from local.discord.config import Config
from local.discord.faults import Fault, instead, spoilt
from local.discord.limiter import Scope
from local.discord.messages import Answer, DiscordError, Request, not_found, redirect

Serve = Callable[[Fault | None, float], tuple[Answer, Scope | None]]


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where a request goes: the name it is counted under, and the function that serves it."""

    name: str
    serve: Serve


class Discord:
    """One guild, one application, its bot. Safe to call from several threads.

    `clock` returns epoch seconds; with the same config, the same clock and the same requests, everything is the same.
    What happens behind the API's back is `admin`.
    """

    def __init__(self, config: Config | None = None, clock: Callable[[], float] = time.time) -> None:
        _import_simcord()
        from local.discord.admin import Admin
        from local.discord.api import pipeline
        from local.discord.cloudflare import refusal
        from local.discord.control_server import ControlServer
        from local.discord.oauth import authorise, token
        from local.discord.page.page import PATH, GuildPage
        from local.discord.world import World

        self.config = config or Config()
        self.clock = clock
        self.admin = Admin(World(self.config, clock))
        self._world = self.admin.world
        self._control = ControlServer(self.admin)
        self._page, self._page_path = GuildPage(self.admin), PATH
        self._pipeline = pipeline
        self._cloudflare_refusal = refusal
        self._authorise = authorise
        self._token = token

    def handle(self, request: Request) -> Answer:
        """Answer one request.

        `Answer.delay` and `Answer.cut` say how the answer travels; the caller sees to that, so that nobody waits inside
        the lock.
        """
        with self._world.lock:
            if request.path.startswith("/control/"):
                return self._control.handle(request)
            if request.path == self._page_path:
                return self._page.handle(request)
            return self._noted(request)

    def _noted(self, request: Request) -> Answer:
        """Serve a request and log it."""
        world = self._world
        now = world.clock()
        fault = world.faults.take(request)
        destination = self._destination(request)
        answer, scope = self._stopped(request, fault, now), None
        if answer is None:
            answer, scope = destination.serve(fault, now)
        if fault is not None:
            answer = spoilt(fault, answer)
        world.request_log.write(
            request,
            destination.name,
            at=now,
            status=answer.status,
            answered=not answer.cut,
            scope=scope,
            fault=fault.kind if fault is not None else None,
        )
        latency = world.switches.latency
        return replace(answer, delay=answer.delay + latency) if latency else answer

    def _stopped(self, request: Request, fault: Fault | None, now: float) -> Answer | None:
        """The answer that an injected fault or Cloudflare gives before the request is served, or None."""
        if fault is not None and fault.kind != "rate_limit":
            answer = instead(fault, {}, scale=self._world.switches.scale)
            if answer is not None:
                return answer
        return self._cloudflare_refusal(self._world, request, now)

    def _destination(self, request: Request) -> _Destination:
        path, world = request.path, self._world
        if path == self._authorise.PATH:
            return _Destination(
                f"{request.method} {path}", self._plainly(lambda: self._authorise.handle(world, request))
            )
        if path == f"/api{self._authorise.PATH}":
            moved = redirect(self._authorise.address(request.query))
            return _Destination(f"{request.method} {path}", self._plainly(lambda: moved))
        if path in self._token.TOKEN_PATHS or path in self._token.REVOKE_PATHS:
            return _Destination(f"{request.method} {path}", self._plainly(lambda: self._token.handle(world, request)))
        try:
            route, args = self._pipeline.find(request)
        except DiscordError as error:
            refusal = error.answer()
            return _Destination("unknown", self._plainly(lambda: refusal))
        return _Destination(
            route.name, lambda fault, now: self._pipeline.serve(world, request, route, args, fault, now)
        )

    def _plainly(self, serve: Callable[[], Answer]) -> Serve:
        """Serve without rate limits, except an injected 429."""

        def served(fault: Fault | None, _now: float) -> tuple[Answer, Scope | None]:
            if fault is not None and fault.kind == "rate_limit":
                refusal = instead(fault, {}, scale=self._world.switches.scale) or not_found().answer()
                return refusal, fault.scope
            return serve(), None

        return served


def _import_simcord() -> None:
    """Import simcord and with it discord.py, which takes half a second, only when a Discord is made.

    discord.py imports audioop, which warns that Python will drop it; nothing here makes a sound.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import simcord.backend  # noqa: F401
