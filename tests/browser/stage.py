"""Three web sites on loopback for a real browser: Rolecall's routes, Discord's consent page, an auth site.

Time is the world's own and stands still but for what an answer takes; one request is served at a time.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from urllib.parse import urlsplit

from local.discord.messages import Request
from local.simulated import World
from tests.linking.doors import Doors

Reply = tuple[int, list[tuple[str, str]], bytes]
Site = Callable[[str, str, dict[str, str], bytes], Reply]
STAGE = "/_aws/execute-api/local/api"  # before each path; the app hears of no more than its end, "/api"


@dataclass
class Stage:
    """What is played on."""

    world: World
    rolecall: str
    auth_site: str
    sites: dict[str, Site]
    """What serves each of them: `r`, `d` and `a`. A test may replace one."""

    def opening(self, purpose: str, user_id: str = "101", **claims: object) -> str:
        """The address on which a user of the auth site clicks."""
        path = {"link": "link", "unlink": "unlink", "add_bot": "add_bot", "me": "me", "admin": "admin"}[purpose]
        return f"{self.rolecall}/discord/{path}?token={self.world.site.token(user_id, purpose, **claims)}"


@contextmanager
def stage(*, returns: bool, **settings: str) -> Iterator[Stage]:
    """All three sites. `returns`: people go back to the auth site afterwards, else they get a page of Rolecall's."""
    with ExitStack() as open_sites:
        sites: dict[str, Site] = {}
        rolecall, discord, auth_site = (open_sites.enter_context(serving(sites, name)) for name in ("r", "d", "a"))
        callback = f"{rolecall}{STAGE}/discord/callback"
        world = World(
            {
                "DISCORD_OAUTH_BASE_URL": f"{discord}/oauth2/authorize",
                "DISCORD_CALLBACK_URL": callback,
                "AUTH_SITE_URL": f"{auth_site}/services?tab=discord" if returns else "",
                **settings,
            }
        )
        world.clock.on_sleep = None  # nobody else is to run meanwhile: to sleep is to move the clock
        world.guild.turn(redirect_uris=[callback])
        sites["r"] = through(Doors(world))
        sites["d"] = lambda method, url, headers, body: at_discord(world, method, url, headers, body)
        sites["a"] = lambda _method, url, _headers, _body: (
            200,
            [("Content-Type", "text/html; charset=utf-8")],
            f"<!doctype html><title>Auth</title><p id=said>{urlsplit(url).query}</p>".encode(),
        )
        yield Stage(world, f"{rolecall}{STAGE}", auth_site, sites)


def through(doors: Doors) -> Site:
    """Rolecall's routes, below the stage's path."""

    def serve(method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
        if not url.startswith(f"{STAGE}/discord/"):
            return 403, [], b'{"message":"Missing Authentication Token"}'
        answer = doors.send(doors.event(method, url.removeprefix(STAGE), headers=headers, body=body))
        return answer.status, list(answer.headers.items()), answer.body.encode()

    return serve


def at_discord(world: World, method: str, url: str, headers: dict[str, str], body: bytes) -> Reply:
    """The local Discord."""
    answer = world.discord.handle(Request.of(method, url, headers, body))
    return answer.status, list(answer.headers.items()), answer.body


@contextmanager
def serving(sites: dict[str, Site], name: str) -> Iterator[str]:
    """Serve `sites[name]` on a free port of loopback; its address."""

    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # seconds; browsers open connections ahead of need

        def do_GET(self) -> None:
            if self.path == "/favicon.ico":
                self.reply((204, [], b""))
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {key.title(): value for key, value in self.headers.items()}
            with turn:
                self.reply(sites[name](self.command, self.path, headers, body))

        do_POST = do_GET  # noqa: N815 - the names that http.server looks for

        def reply(self, reply: Reply) -> None:
            status, headers, body = reply
            self.send_response(status)
            for key, value in headers:
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing to anybody."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.block_on_close = True, False
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


turn = Lock()
