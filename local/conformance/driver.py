"""The auth site's driver: an endpoint for tests only, by which its users change, click and are removed."""

from typing import Any, Protocol

import requests

TIMEOUT = 60.0  # seconds


class DriverError(Exception):
    """The driver did not do what it was asked to; says why."""


class Driver(Protocol):
    """What the auth site can be made to do. Each raises DriverError.

    | `do` | said with it | answer |
    |---|---|---|
    | `user` | `name`, `groups`, `nickname` | `user_id`: the user of that name, made or changed, entitled to Discord |
    | `link` | `user_id` | `url`: where the site sends the browser that clicks *Link Discord* |
    | `unlink` | `user_id` | `url`: where it sends the browser, or nothing: it has told Rolecall by itself |
    | `remove` | `user_id` | nothing; the user may no longer be on the server |
    | `linked` | `user_id` | `discord_id`: the account that the site shows as linked, or null |
    | `work` | | nothing; what the site does in the background (send changes, read notices) is done once |
    """

    def ask(self, do: str, **said: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Let the auth site do this; its answer."""


class HttpDriver:
    """A driver behind a URL: each request is one POST of JSON."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False  # it is on this machine, or near it

    def ask(self, do: str, **said: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Raises DriverError."""
        try:
            answer = self._session.post(self._url, json={"do": do, **said}, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise DriverError(f"the driver cannot be reached ({type(error).__name__})") from None
        if not answer.ok:
            raise DriverError(f"the driver answers {do!r} by {answer.status_code}: {answer.text[:300]}")
        try:
            found = answer.json() if answer.content.strip() else {}
        except ValueError:
            raise DriverError(f"the driver answers {do!r} by what is not JSON: {answer.text[:300]}") from None
        return found if isinstance(found, dict) else {}
