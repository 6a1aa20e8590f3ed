"""The local Discord on a socket: one thread per connection, kept alive between requests.

It stands on the standard library's server: waitress cannot cut a connection, and werkzeug's server closes
each one after a single answer; both matter here.
"""

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from local.discord.core import Discord
from local.discord.messages import Answer, Request

MAX_BODY_SIZE = 10_000_000  # bytes


@dataclass(frozen=True)
class Running:
    """A local Discord that is being served; `stop` ends it."""

    url: str
    discord: Discord
    _server: "_Server"
    _thread: threading.Thread

    @property
    def port(self) -> int:
        return self._server.server_port

    def stop(self) -> None:
        """Close the socket and every connection, also those left hanging."""
        self._server.stopping.set()
        self._server.shutdown()
        self._server.close_connections()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def serve(discord: Discord | None = None, *, host: str = "127.0.0.1", port: int = 0) -> Running:
    """Serve `discord` (a new one, if none is given) in threads of this process; port 0 means any free port."""
    discord = discord or Discord()
    server = _Server((host, port), discord)
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="local-discord", daemon=True
    )
    thread.start()
    return Running(f"http://{host}:{server.server_port}", discord, server, thread)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], discord: Discord) -> None:
        self.discord = discord
        self.stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(address, _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's types
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - socketserver's type
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Close the connections that clients keep alive, so that none outlives the server."""
        with self._guard:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - socketserver's types
        """Ignore clients that disconnect; report all other errors."""
        import sys

        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Connection(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or each answer waits 40 ms for the client's acknowledgement
    wbufsize = -1  # head and body leave together

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - http.server looks for do_GET and so on
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY_SIZE:
            self.send_error(413)
            return
        body = self.rfile.read(length) if length else b""
        answer = self.server.discord.handle(Request.of(self.command, self.path, dict(self.headers.items()), body))
        if answer.delay > 0:
            self.server.stopping.wait(answer.delay)
        if answer.cut or self.server.stopping.is_set():
            self.close_connection = True
            return
        self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status, responses.get(answer.status, ""))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)
        self.wfile.flush()

    def version_string(self) -> str:
        """The Server header."""
        return "local-discord"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Nothing: requests are in the request log."""
