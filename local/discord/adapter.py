"""The local Discord as a `requests` transport: the same client code, no sockets, and waiting that may be virtual.

    session = requests.Session()
    session.mount("https://discord.com", DiscordAdapter(discord))

A cut connection and one left hanging raise what they raise on a real network: ConnectionError, ReadTimeout.
"""

import io
import time
from collections.abc import Callable, Mapping
from email.message import Message
from types import SimpleNamespace
from typing import Any

import requests
from requests.adapters import BaseAdapter, HTTPAdapter
from urllib3 import HTTPResponse

from local.discord.core import Discord
from local.discord.messages import Answer, Request


class DiscordAdapter(BaseAdapter):
    """Calls `discord` in this process. `sleep` waits the seconds that an answer takes, perhaps on a simulated clock."""

    def __init__(self, discord: Discord, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__()
        self._discord = discord
        self._sleep = sleep
        self._builder = HTTPAdapter()

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: ARG002 - requests passes it; nothing to stream
        timeout: Any = None,  # noqa: ANN401 - requests' own type is as wide: a number, a pair, None
        verify: bool | str = True,  # noqa: ARG002 - no TLS without sockets
        cert: Any = None,  # noqa: ANN401, ARG002 - no TLS without sockets
        proxies: Mapping[str, str] | None = None,  # noqa: ARG002 - nor proxies
    ) -> requests.Response:
        """Answer `request` as a connection to Discord would.

        Raises:
            requests.ReadTimeout: the answer takes longer than the read timeout; this long was waited.
            requests.ConnectionError: the connection was cut.
        """
        answer = self._discord.handle(_received(request))
        patience = read_timeout(timeout)
        if patience is not None and answer.delay > patience:
            self._sleep(patience)
            raise requests.ReadTimeout(f"Read timed out. (read timeout={patience})", request=request)
        if answer.delay > 0:
            self._sleep(answer.delay)
        if answer.cut:
            raise requests.ConnectionError("Remote end closed connection without response", request=request)
        return self._builder.build_response(request, _raw(answer))

    def close(self) -> None:
        """Nothing to close."""


def _received(request: requests.PreparedRequest) -> Request:
    body = request.body or b""
    if not isinstance(body, str | bytes):
        raise TypeError("only bodies that are text or bytes are taken")
    raw = body.encode() if isinstance(body, str) else body
    headers = {name: _text(value) for name, value in request.headers.items()}
    return Request.of(request.method or "GET", request.url or "", headers, raw)


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def read_timeout(timeout: Any) -> float | None:  # noqa: ANN401 - see `send`
    """The seconds that the client waits for an answer."""
    if isinstance(timeout, tuple):
        return None if timeout[1] is None else float(timeout[1])
    return None if timeout is None else float(timeout)


def _raw(answer: Answer) -> HTTPResponse:
    """The answer as urllib3 would have read it; requests takes cookies from the original's message."""
    message = Message()
    for name, value in answer.headers.items():
        message[name] = value
    original: Any = SimpleNamespace(msg=message, isclosed=lambda: True, close=lambda: None)
    return HTTPResponse(
        body=io.BytesIO(answer.body),
        headers=dict(answer.headers),
        status=answer.status,
        original_response=original,
        preload_content=False,
    )
