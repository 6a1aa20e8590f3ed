"""Plain requests to Discord that only an operator's commands make, most of them reads.

They bypass the shared rate limiter and do not change it: checking a wrong token must not halt the functions, which
may have the right one. They are few, and none uses a route whose rate limit is scarce.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests

from chalicelib.discord.client import USER_AGENT
from chalicelib.settings import Settings
from ops.errors import CommandError

NO_CODE = "rolecall-doctor"  # an OAuth2 code that nobody was given


@dataclass(frozen=True)
class Answer:
    """Discord's answer. `code` is its JSON error code, `body` the JSON, None if it was not JSON."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether the request succeeded."""
        return self.status < HTTPStatus.BAD_REQUEST

    @property
    def code(self) -> int:
        """Discord's JSON error code; 0 if there is none."""
        return int(self.body.get("code", 0)) if isinstance(self.body, dict) else 0


class Probe:
    """Sends requests to Discord as the bot or as the application."""

    def __init__(self, settings: Settings, session: requests.Session | None = None) -> None:
        self._settings = settings
        self._session = session or requests.Session()
        self._timeout = (settings.timeout_connect, settings.timeout_read)

    def get(self, path: str) -> Answer:
        """Read `path` as the bot. Raises CommandError if no answer comes."""
        headers = {"Authorization": f"Bot {self._settings.bot_token}", "User-Agent": USER_AGENT}
        return self._ask("GET", self._settings.api_base_url + path, headers=headers)

    def send(self, method: str, path: str, body: object) -> Answer:
        """Change something as the bot. Raises CommandError if no answer comes."""
        headers = {"Authorization": f"Bot {self._settings.bot_token}", "User-Agent": USER_AGENT}
        return self._ask(method, self._settings.api_base_url + path, headers=headers, json=body)

    def buy_with_no_code(self) -> Answer:
        """Request a token with a made-up code: Discord's refusal tells whether it accepts the application's secret."""
        return self._ask(
            "POST",
            self._settings.oauth_token_url,
            headers={"User-Agent": USER_AGENT},
            data={"grant_type": "authorization_code", "code": NO_CODE, "redirect_uri": self._settings.callback_url},
            auth=(str(self._settings.app_id), self._settings.app_secret),
        )

    def page(self, url: str) -> Answer:
        """Read any address without authorization."""
        return self._ask("GET", url, headers={"User-Agent": USER_AGENT})

    def _ask(self, method: str, url: str, **more: Any) -> Answer:  # noqa: ANN401 - what requests takes
        try:
            answer = self._session.request(method, url, timeout=self._timeout, allow_redirects=False, **more)
        except requests.RequestException as error:
            host = urlsplit(url).hostname
            raise CommandError(f"no answer from {host} ({type(error).__name__})") from None
        try:
            body = answer.json()
        except ValueError:
            body = None
        return Answer(answer.status_code, body, answer.headers)
