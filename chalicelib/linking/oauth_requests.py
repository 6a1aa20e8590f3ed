"""Requests to Discord's OAuth2 endpoints: as careful with the address that they leave by as the bot's own requests."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import requests

from chalicelib.discord.client import USER_AGENT, Request, log_request, may_be_repeated, watch_address
from chalicelib.discord.halts import GLOBAL_LIMIT, TOKEN_REFUSED
from chalicelib.errors import CallsHalted, LinkRefused, Reason
from chalicelib.services import Services

if TYPE_CHECKING:
    from requests_oauthlib import OAuth2Session

MAX_WAIT = (3.0, 8.0)  # seconds to connect, to read, whatever the settings say: a person waits


class OAuthRequests:
    """Makes the requests of one process. `transport`: whose adapters are used; the seam for tests."""

    def __init__(self, services: Services, transport: requests.Session | None) -> None:
        self._services = services
        self._settings = services.settings
        self._transport = transport

    def session(self) -> "OAuth2Session":
        """A new session of requests-oauthlib, which is imported only where somebody links."""
        from requests_oauthlib import OAuth2Session

        session = OAuth2Session(str(self._settings.app_id), redirect_uri=self._settings.callback_url)
        session.headers["User-Agent"] = USER_AGENT
        session.max_redirects = 0  # Discord redirects no such request, and secrets must not follow one
        if self._transport is not None:
            session.adapters = self._transport.adapters
        return session

    @property
    def basic(self) -> tuple[str, str]:
        """The application's id and secret, for HTTP Basic."""
        return (str(self._settings.app_id), self._settings.app_secret)

    def timeouts(self) -> tuple[float, float]:
        """Seconds to connect, and to wait for an answer."""
        return self._services.discord.timeouts(*MAX_WAIT)

    def send(self, route: str, send: Callable[[], requests.Response]) -> requests.Response:
        """Call `send` for a request on `route`, once more where it is idempotent and its connection was cut.

        Raises LinkRefused where calls are halted, no time is left, or no answer comes.
        """
        self.check(with_token=False)
        if self._services.discord.seconds_left <= 0:
            raise LinkRefused(Reason.DISCORD_UNAVAILABLE, f"no time is left for {route}")
        try:
            answer = self._logged(route, send)
        except requests.ConnectionError as error:
            if not may_be_repeated(route.partition(" ")[0], error):
                raise no_answer(error) from None
            answer = self._once_more(route, send)
        except requests.RequestException as error:
            raise no_answer(error) from None
        self.heed(answer)
        return answer

    def _once_more(self, route: str, send: Callable[[], requests.Response]) -> requests.Response:
        """The answer by another connection: the one before was cut."""
        try:
            return self._logged(route, send)
        except requests.RequestException as error:
            raise no_answer(error) from None

    def _logged(self, route: str, send: Callable[[], requests.Response]) -> requests.Response:
        began, status = self._services.now(), 0
        try:
            answer = send()
            status = answer.status_code
        finally:
            log_request(Request(route, status, self._services.now() - began))
        return answer

    def check(self, *, with_token: bool) -> None:
        """Raise LinkRefused if calls are halted; `with_token`: those with the bot's token.

        Discord's limit on the bot's own requests does not count here: it ends before the bot lets the person in.
        """
        try:
            self._services.discord.halts.check(with_token=with_token)
        except CallsHalted as halted:
            if halted.reason != GLOBAL_LIMIT:
                raise stopped(halted) from None

    def heed(self, answer: requests.Response) -> None:
        """These requests come from the address that the bot uses, so they count in its limits."""
        try:
            watch_address(self._services.discord.halts, answer, oauth=True)
        except CallsHalted as halted:
            raise stopped(halted) from None
        self._services.discord.halts.let_through(with_token=False)


def stopped(halted: CallsHalted) -> LinkRefused:
    """The refusal while all calls are halted. A refused token stays refused until an operator replaces it."""
    lasting = halted.reason == TOKEN_REFUSED
    return LinkRefused(Reason.MISCONFIGURED if lasting else Reason.DISCORD_UNAVAILABLE, str(halted))


def no_answer(error: requests.RequestException) -> LinkRefused:
    """The refusal where Discord did not answer."""
    return LinkRefused(Reason.DISCORD_UNAVAILABLE, type(error).__name__)
