"""Rolecall as an auth site sees it by HTTP. Who is linked is what the checks say."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.tokens import Purpose, Token, read_token

MAX_TOKEN = 8000  # characters; API Gateway takes 10,240 bytes of request line and headers
FIRST_DISCORD_ID = 80351110224678912
PREFIX = "/api"  # the stage's name, as API Gateway has it before each path
PURPOSES = {
    "/discord/link": Purpose.LINK,
    "/discord/unlink": Purpose.UNLINK,
    "/discord/add_bot": Purpose.ADD_BOT,
    "/discord/me": Purpose.ME,
    "/discord/admin": Purpose.ADMIN,
}


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: Mapping[str, Any] | str


@dataclass(frozen=True)
class Link:
    """A user's linked account. `since` is in epoch milliseconds."""

    discord_id: str
    username: str
    since: int


class FakeRolecall:
    """Checks every token as Rolecall does, by the same code, and remembers what was wrong with any."""

    def __init__(self, *, secret: str, now: Callable[[], float]) -> None:
        self.links: dict[str, Link] = {}
        self.faults: list[str] = []
        """What was wrong with a token or a request, in words."""
        self.reads = 0
        """How many accounts were read."""
        self._secret = secret
        self._now = now
        self._spent: set[str] = set()
        self._numbers = itertools.count(FIRST_DISCORD_ID)
        self._lock = Lock()

    def link(self, user_id: str, username: str) -> Link:
        """The user has linked an account."""
        made = Link(str(next(self._numbers)), username, int(self._now() * 1000))
        self.links[user_id] = made
        return made

    def accept(self, text: str | None, purpose: Purpose, *, use: bool = True) -> Token:
        """The token, used up unless `use` is False. Raises LinkRefused, and notes the fault."""
        if len(text or "") > MAX_TOKEN:
            fault = f"a token for {purpose} has {len(text or '')} characters, more than {MAX_TOKEN}"
            self.faults.append(fault)
            raise LinkRefused(Reason.BAD_TOKEN, fault)
        try:
            token = read_token(text, purpose, secret=self._secret, now=self._now())
            if use:
                self._use(token)
        except LinkRefused as refused:
            self.faults.append(f"a token for {purpose} does not hold: {refused.detail}")
            raise
        return token

    def _use(self, token: Token) -> None:
        with self._lock:
            if token.jti in self._spent:
                self.faults.append(f"two tokens have the same jti (the second was for {token.purpose})")
            self._spent.add(token.jti)

    def handle(self, method: str, url: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Answer a request; header names are in lower case."""
        parts = urlsplit(url)
        path = parts.path.removeprefix(PREFIX).rstrip("/")
        if (method, path) == ("GET", "/health"):
            return Answer(200, {"status": "ok"})
        try:
            if method == "GET" and path.startswith("/discord/users/"):
                return self._account(path.rpartition("/")[2], parts.query, headers)
            if (method, path) == ("POST", "/discord/unlink"):
                return self._unlink(_token_in(headers, body))
            if method == "GET" and path in PURPOSES:
                self.accept(parse_qs(parts.query).get("token", [""])[0], PURPOSES[path], use=False)
                return Answer(200, "This is where a browser would see Rolecall's page.")
        except LinkRefused as refused:
            return Answer(401, {"error": str(refused.reason)})
        self.faults.append(f"Rolecall has no route {method} {path}")
        return Answer(404, {"error": "not_found"})

    def _account(self, user_id: str, query: str, headers: Mapping[str, str]) -> Answer:
        if query:
            self.faults.append("an account was read with a query; the token belongs into the header Authorization")
        kind, _, text = headers.get("authorization", "").partition(" ")
        token = self.accept(text if kind.lower() == "bearer" else None, Purpose.READ)
        self.reads += 1
        if token.user_id != user_id:
            self.faults.append("an account was read with another user's token")
            return Answer(401, {"error": "bad_token"})
        link = self.links.get(user_id)
        if link is None:
            return Answer(404, {"error": "not_linked"})
        return Answer(200, account(user_id, link))

    def _unlink(self, text: str) -> Answer:
        self.unlink(self.accept(text, Purpose.UNLINK).user_id)
        return Answer(200, "You are unlinked.")

    def unlink(self, user_id: str) -> Link | None:
        """The link is ended; what it was."""
        return self.links.pop(user_id, None)


def account(user_id: str, link: Link) -> dict[str, Any]:
    """The answer to `GET /discord/users/{user_id}`, with a field that is not in the contract yet."""
    return {
        "user_id": user_id,
        "discord_id": link.discord_id,
        "username": link.username,
        "activated_at": link.since,
        "synced_at": None,
        "last_error": None,
        "in_step": True,
        "roles": [],
        "problems": [],
        "absent_since": None,
        "removal_at": None,
        "server_name": "Conformance",
        "a_field_of_tomorrow": True,
    }


def _token_in(headers: Mapping[str, str], body: bytes) -> str:
    text = body.decode(errors="replace")
    if "json" in headers.get("content-type", ""):
        try:
            said = json.loads(text)
        except ValueError:
            return ""
        return str(said.get("token", "")) if isinstance(said, dict) else ""
    return parse_qs(text).get("token", [""])[0]


@contextmanager
def serving(rolecall: FakeRolecall, port: int) -> Iterator[str]:
    """Serve it on a port of loopback; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = rolecall.handle(self.command, self.path, headers, body)
            is_page = isinstance(answer.body, str)
            content = str(answer.body).encode() if is_page else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "text/plain; charset=utf-8" if is_page else "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            """URLs hold tokens."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
