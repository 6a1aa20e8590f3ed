"""The connection of one process to Discord: its address, its idle times, and outages."""

import io
from http.client import RemoteDisconnected
from typing import Any

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import ProtocolError

from chalicelib.clock import Clock
from local.discord.adapter import read_timeout
from local.discord.messages import ADDRESS_HEADER
from local.outages import Outages

MAX_HANG = 60.0  # seconds that a request hangs whose client sets no timeout


class Connection(BaseAdapter):
    """Sends requests through `wire`.

    Lambda freezes a process between invocations, and connections that are idle for long die meanwhile: then the first
    request after more than `idle_limit` seconds is cut before anything is done.
    """

    def __init__(
        self,
        wire: BaseAdapter,
        outages: Outages,
        clock: Clock,
        *,
        address: str = "",
        idle_limit: float | None = None,
    ) -> None:
        super().__init__()
        self._wire = wire
        self._outages = outages
        self._clock = clock
        self._address = address
        self._idle_limit = idle_limit
        self._used_at: float | None = None

    def send(self, request: requests.PreparedRequest, *rest: Any, **more: Any) -> requests.Response:  # noqa: ANN401
        """Answer `request`.

        Raises:
            requests.ConnectionError: the connection is dead, or Discord is away.
            requests.ReadTimeout: Discord is away and leaves the request hanging.
        """
        if self._address:
            request.headers[ADDRESS_HEADER] = self._address
        if self._is_dead():
            gone = RemoteDisconnected("Remote end closed connection without response")
            raise requests.ConnectionError(ProtocolError("Connection aborted.", gone), request=request)
        outage = self._outages.current("discord")
        if outage is None:
            return self._wire.send(request, *rest, **more)
        if outage.manner == "unreachable":
            raise requests.ConnectionError("Failed to establish a new connection", request=request)
        if outage.manner == "hangs":
            patience = read_timeout(more.get("timeout")) or MAX_HANG
            self._clock.sleep(patience)
            raise requests.ReadTimeout(f"Read timed out. (read timeout={patience})", request=request)
        return _unavailable(request)

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()

    def _is_dead(self) -> bool:
        now = self._clock.now()
        used_at, self._used_at = self._used_at, now
        return self._idle_limit is not None and used_at is not None and now - used_at > self._idle_limit


def _unavailable(request: requests.PreparedRequest) -> requests.Response:
    """A 503 of the load balancer in front of Discord."""
    answer = requests.Response()
    answer.status_code = 503
    answer.request = request
    answer.url = request.url or ""
    answer.headers["Content-Type"] = "text/html"
    answer.raw = HTTPResponse(body=io.BytesIO(b"<html>upstream connect error</html>"), preload_content=False)
    return answer
