"""What a person's first click needs: tokens are accepted, attempts opened, addresses given. Discord is not asked.

Apart from `flow`, since that imports all that can be done to a member, and the person of a cold start waits.
"""

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib import log
from chalicelib.linking.addresses import add_bot_url, authorise_url
from chalicelib.linking.attempts import open_attempt
from chalicelib.linking.single_use import accept_token
from chalicelib.linking.tokens import Purpose, Token
from chalicelib.settings import Settings


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send a person, and the attempt's state and cookie."""

    url: str
    state: str
    cookie: str


class Entrance:
    """One method for each thing. `now` returns the seconds since the epoch."""

    def __init__(self, settings: Settings, now: Callable[[], float]) -> None:
        self._settings = settings
        self._now = now

    def token(self, text: str | None, purpose: Purpose, *, use: bool = True) -> Token:
        """Accept a token; it is used up unless `use` is False. Raises LinkRefused."""
        return accept_token(text, purpose, secret=self._settings.auth_site_secret, now=self._now(), use=use)

    def start(self, text: str | None) -> Started:
        """Accept the token and open an attempt. Raises LinkRefused."""
        token = self.token(text, Purpose.LINK)
        started = self._opened(token)
        log.info("link_started", user_id=token.user_id)
        return started

    def start_again(self, user_id: str, *, issued_at: float) -> Started:
        """Open an attempt to link another account, at the wish of a user whom we know. Nothing is stated of them.

        `issued_at`: when the auth site last vouched for them; a deletion since then refuses the attempt.
        """
        started = self._opened(Token(user_id, Purpose.LINK, "", issued_at, self._now(), changed_at=None))
        log.info("link_started_again", user_id=user_id)
        return started

    def add_bot_url(self, text: str | None) -> str:
        """Accept the token and return Discord's page to add the bot. Raises LinkRefused."""
        self.token(text, Purpose.ADD_BOT)
        return add_bot_url(self._settings.oauth_base_url, self._settings.app_id, self._settings.guild_id)

    def _opened(self, token: Token) -> Started:
        state, cookie = open_attempt(token, now=self._now())
        return Started(authorise_url(self._settings, state), state, cookie)
