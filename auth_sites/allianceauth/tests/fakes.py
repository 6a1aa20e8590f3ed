"""An SQS and a Rolecall with state, over HTTP on loopback: the app speaks to them by its own boto3 and requests."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

SECRET = "a secret of tests, 32 bytes or more"
RETURN = "http://127.0.0.1:8000/rolecall/returned/"


@dataclass
class Queue:
    """A queue: what was sent, what waits. Messages are seen until they are deleted."""

    messages: dict[str, str] = field(default_factory=dict)
    sent: int = 0

    def put(self, message: dict[str, Any] | str) -> None:
        """Send a message."""
        self.sent += 1
        self.messages[f"receipt-{self.sent}"] = message if isinstance(message, str) else json.dumps(message)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        """What waits."""
        return [json.loads(body) for body in self.messages.values()]

    def take(self) -> list[dict[str, Any]]:
        """What waits; then nothing does."""
        bodies = self.bodies
        self.messages.clear()
        return bodies


@dataclass
class World:
    """Both, behind one address."""

    url: str = ""
    jobs: Queue = field(default_factory=Queue)
    notices: Queue = field(default_factory=Queue)
    links: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: list[dict[str, Any]] = field(default_factory=list)
    """The claims of each token that held."""
    sqs_down: bool = False
    refuse: Callable[[dict[str, Any]], bool] = lambda _body: False
    """Which messages SQS does not take."""
    web_status: int = 0
    """What Rolecall's pages answer instead; 0: as they should."""
    unlink_reason: str = ""
    date: str = ""
    """What its clock says; empty: the right time."""
    on_read: Callable[[str], None] = lambda _user_id: None
    on_unlink: Callable[[], None] = lambda: None
    on_send: Callable[[], None] = lambda: None

    def link(
        self, user_id: int | str, discord_id: int = 80351110224678912, username: str = "@kira", **said: Any
    ) -> None:
        """Rolecall has this link from now on."""
        usual = {"user_id": str(user_id), "discord_id": str(discord_id), "username": username}
        rest = {"activated_at": 1767225600000, "synced_at": None, "last_error": None, "server_name": "The Guild"}
        self.links[str(user_id)] = usual | rest | said

    def unlink(self, user_id: int | str) -> None:
        """Rolecall has no such link any more."""
        self.links.pop(str(user_id), None)

    def tell(self, kind: str, user_id: int | str, reason: str = "", at: int = 1767225600000) -> None:
        """Rolecall sends a notice."""
        self.notices.put(
            {
                "kind": kind,
                "user_id": str(user_id),
                "discord_id": "",
                "username": "",
                "reason": reason or None,
                "at": at,
            }
        )

    def token(self, text: str, purpose: str) -> dict[str, Any] | None:
        """The claims, if the token holds for that purpose and was not used before."""
        try:
            claims: dict[str, Any] = jwt.decode(text, SECRET, algorithms=["HS256"])
        except jwt.InvalidTokenError:
            return None
        if claims["purpose"] != purpose or any(one["jti"] == claims["jti"] for one in self.tokens):
            return None
        self.tokens.append(claims)
        return claims


@contextmanager
def running() -> Iterator[World]:
    """A world, until the block ends."""
    world = World()

    class Handler(_Handler):
        here = world

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    world.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield world
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    here: World
    protocol_version = "HTTP/1.1"

    def log_message(self, *_said: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Rolecall: an account."""
        url = urlsplit(self.path)
        if url.path == "/health":
            self._json(200, {"status": "ok"})
            return
        user_id = url.path.removeprefix("/discord/users/")
        claims = self.here.token(self.headers.get("Authorization", "").removeprefix("Bearer "), "read")
        if self.here.web_status:
            self._answer(self.here.web_status, b"")
        elif claims is None or claims["sub"] != user_id:
            self._json(401, {"error": "bad_token"})
        else:
            found = self.here.links.get(user_id)
            self.here.on_read(user_id)
            self._json(200 if found else 404, found or {"error": "not_linked"})

    def do_POST(self) -> None:
        """Rolecall: unlinking. SQS: everything."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        target = self.headers.get("X-Amz-Target")
        if target:
            self._sqs(target.partition(".")[2], body)
        else:
            self._unlink(body)

    def _unlink(self, body: dict[str, Any]) -> None:
        claims = self.here.token(body["token"], "unlink")
        self.here.on_unlink()
        if self.here.web_status:
            self._answer(self.here.web_status, b"")
        elif claims is None or self.here.unlink_reason:
            reason = self.here.unlink_reason or "bad_token"
            self._answer(302, b"", Location=f"{RETURN}?discord=failed&reason={reason}")
        else:
            self.here.unlink(claims["sub"])
            self._answer(302, b"", Location=f"{RETURN}?discord=unlinked")

    def _sqs(self, what: str, body: dict[str, Any]) -> None:
        if self.here.sqs_down:
            self._json(503, {"__type": "com.amazonaws.sqs#ServiceUnavailable", "message": "down"})
            return
        queue = self.here.jobs if body["QueueUrl"].endswith("jobs") else self.here.notices
        self._json(200, getattr(self, f"_{what}")(queue, body))

    def _SendMessageBatch(self, queue: Queue, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802 - SQS's name
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in body["Entries"]:
            if self.here.refuse(json.loads(entry["MessageBody"])):
                answer["Failed"].append({"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"})
            else:
                queue.put(entry["MessageBody"])
                answer["Successful"].append(
                    {"Id": entry["Id"], "MessageId": f"id-{queue.sent}", "MD5OfMessageBody": ""}
                )
        self.here.on_send()
        return {name: found for name, found in answer.items() if found}

    def _ReceiveMessage(self, queue: Queue, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        waiting = list(queue.messages.items())[: body.get("MaxNumberOfMessages", 1)]
        found = [{"MessageId": key, "ReceiptHandle": key, "Body": text} for key, text in waiting]
        return {"Messages": found} if found else {}

    def _DeleteMessage(self, queue: Queue, body: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        queue.messages.pop(body["ReceiptHandle"], None)
        return {}

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The header Date."""
        return self.here.date or super().date_time_string(timestamp)

    def _json(self, status: int, said: object) -> None:
        self._answer(status, json.dumps(said).encode(), **{"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def claims_of(address: str) -> dict[str, Any]:
    """The claims of the token in an address."""
    token = parse_qs(urlsplit(address).query)["token"][0]
    claims: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"])
    return claims
