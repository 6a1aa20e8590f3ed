"""Requests whose address is their secret: answers to commands, and posts to a webhook. None bears the bot's token.

They have rate limits of their own, one bucket for each webhook and each interaction:
https://discord.com/developers/docs/topics/rate-limits. An address never reaches a log line or an error.
"""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

from chalicelib.clock import Clock
from chalicelib.discord.answers import scope_in, seen_in, wait_of, watch_address
from chalicelib.discord.errors import error_of
from chalicelib.discord.halts import Halts
from chalicelib.discord.requester import USER_AGENT, Request
from chalicelib.discord.time_left import TimeLeft
from chalicelib.errors import DiscordUnavailable, RateLimited, Refused, Wait
from chalicelib.settings import Settings

EDIT, POST = "PATCH command answer", "POST officers' webhook"  # in the log
EARLY = 2.0  # seconds until an answer is edited again that Discord does not know yet
MAX_SLEEP = 1.0  # seconds for a webhook's turn; for a longer one the message goes back to the queue
TIMEOUTS = (3.0, 8.0)  # seconds to connect, to read, whatever the settings say


class Webhooks:
    """Makes these requests for one process."""

    def __init__(
        self,
        settings: Settings,
        halts: Halts,
        clock: Clock,
        time: TimeLeft,
        *,
        session: requests.Session,
        on_request: Callable[[Request], None],
    ) -> None:
        self._settings = settings
        self._halts = halts
        self._clock = clock
        self._time = time
        self._session = session
        self._on_request = on_request
        self._opens_at = 0.0  # epoch seconds; when the officers' webhook takes the next post

    def edit_answer(self, token: str, message: dict[str, Any], *, may_be_early: bool) -> None:
        """Put `message` in the place of a deferred answer. `token`: the interaction's.

        `may_be_early`: Discord may still be at that answer; then 404 raises Wait.
        """
        path = f"/webhooks/{self._settings.app_id}/{quote(token, safe='')}/messages/@original"
        try:
            self._send(EDIT, "PATCH", self._settings.api_base_url + path, message)
        except Refused as refused:
            if may_be_early and refused.status == HTTPStatus.NOT_FOUND:
                raise Wait("Discord does not know the answer yet", retry_after=EARLY) from None
            raise

    def post(self, url: str, message: dict[str, Any]) -> None:
        """Post `message` to a webhook, in its turn."""
        wait = self._opens_at - self._clock.now()
        if wait > MAX_SLEEP:
            raise RateLimited(retry_after=wait, scope="user")
        if wait > 0:
            self._clock.sleep(wait)
        answer = self._send(POST, "POST", url, message)
        seen = seen_in(answer, self._clock.now())
        if seen and seen.remaining == 0:
            self._opens_at = self._clock.now() + seen.reset_after

    def _send(self, route: str, method: str, url: str, message: dict[str, Any]) -> requests.Response:
        """Discord's answer, which is a success. Raises RateLimited, DiscordUnavailable, Refused or CallsHalted."""
        self._halts.check(with_token=False)
        if self._time.left <= 0:
            raise Wait(f"no time is left for {route}")
        answer = self._logged(route, method, url, message)
        status = answer.status_code
        watch_address(self._halts, answer)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            wait = wait_of(answer)
            self._opens_at = max(self._opens_at, self._clock.now() + wait if route == POST else 0.0)
            raise RateLimited(retry_after=wait, scope=scope_in(answer) or "user")
        self._halts.let_through(with_token=False)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            raise Refused(status=status, code=0, message=f"to {route}: it is gone, or its secret is wrong")
        if status not in range(200, 300):
            raise error_of(status, answer.content)
        return answer

    def _logged(self, route: str, method: str, url: str, message: dict[str, Any]) -> requests.Response:
        began, status = self._clock.now(), 0
        try:
            answer = self._session.request(
                method,
                url,
                json=message,
                headers={"Accept": "application/json", "User-Agent": USER_AGENT},
                timeout=self._time.timeouts(*TIMEOUTS),
                allow_redirects=False,
            )
            status = answer.status_code
        except requests.RequestException as error:
            raise DiscordUnavailable(f"no answer to {route}: {type(error).__name__}") from None
        finally:
            self._on_request(Request(route, status, self._clock.now() - began))
        return answer
