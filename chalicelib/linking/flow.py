"""What the HTTP routes do: start and finish linking, unlink, show an account. A refusal is raised as LinkRefused."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from chalicelib import log
from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.account import account_of
from chalicelib.linking.admission import Admission
from chalicelib.linking.attempts import open_attempt
from chalicelib.linking.callback import Callback
from chalicelib.linking.context import response_deadline
from chalicelib.linking.oauth import OAuth
from chalicelib.linking.single_use import accept_token
from chalicelib.linking.tokens import Purpose, Token
from chalicelib.linking.unlink import UNLINK_AGAIN, enqueue_unlinking, unlink_user
from chalicelib.members.guild import GuildView
from chalicelib.members.reconciler import Reconciler
from chalicelib.members.reporter import Reporter
from chalicelib.messages import UnlinkUser
from chalicelib.services import Services


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send a person, and the attempt's state and cookie."""

    url: str
    state: str
    cookie: str


class LinkFlow:
    """One method for each route. Discord is asked only as long as the person can still be answered."""

    def __init__(self, services: Services, oauth: OAuth, reconciler: Reconciler, view: GuildView) -> None:
        self._services = services
        self._oauth = oauth
        self._reconciler = reconciler
        self._view = view
        self.callback = Callback(services, view, oauth, Admission(services, reconciler, view), Reporter(services, view))

    def token(self, text: str | None, purpose: Purpose, *, use: bool = True) -> Token:
        """Accept a token; it is used up unless `use` is False. Raises LinkRefused."""
        return accept_token(self._services, text, purpose, use=use)

    def start(self, text: str | None) -> Started:
        """Accept the token and open an attempt. Raises LinkRefused."""
        token = self.token(text, Purpose.LINK)
        state, cookie = open_attempt(token, now=self._services.now())
        log.info("link_started", user_id=token.user_id)
        return Started(self._oauth.authorise_url(state), state, cookie)

    def start_again(self, user_id: str, *, issued_at: float) -> Started:
        """Open an attempt to link another account, at the wish of a user whom we know. Nothing is stated of them.

        `issued_at`: when the auth site last vouched for them; a deletion since then refuses the attempt.
        """
        now = self._services.now()
        token = Token(user_id, Purpose.LINK, "", issued_at, now, changed_at=None)
        state, cookie = open_attempt(token, now=now)
        log.info("link_started_again", user_id=user_id)
        return Started(self._oauth.authorise_url(state), state, cookie)

    def unlink_known(self, user_id: str) -> None:
        """Unlink at the wish of a user whom we know; the same as `unlink`. Raises LinkRefused."""
        self._unlink(user_id, 0.0, lambda: None)

    def finish(self, *, code: str | None, state: str | None, error: str | None, cookie: str | None) -> None:
        """Finish the attempt: the account is linked and a member, with roles and nickname now or soon.

        Raises LinkRefused.
        """
        with response_deadline(self._services):
            self.callback.finish(code=code, state=state, error=error, cookie=cookie)

    def unlink(self, text: str | None) -> None:
        """Remove the member from the guild and the link from the store. Raises LinkRefused."""
        token = self.token(text, Purpose.UNLINK, use=False)
        self._unlink(token.user_id, token.issued_at, lambda: self.token(text, Purpose.UNLINK))

    def _unlink(self, user_id: str, issued_at: float, use_token: Callable[[], object]) -> None:
        """Queued before the token is used up: if this process dies, the person need not ask again."""
        job = UnlinkUser(user_id=user_id, issued_at=issued_at, asked_at=self._services.now())
        enqueue_unlinking(self._services, job, delay=UNLINK_AGAIN)
        use_token()
        job = structs.replace(job, asked_at=self._services.now())
        with response_deadline(self._services):
            unlink_user(self._services, self._reconciler, job)

    def account(self, text: str | None, *user_ids: str) -> dict[str, Any] | None:
        """What the auth site's own page shows of a user; None if they have no link. Times are epoch milliseconds.

        `user_ids` are the possible readings of the request's path; the token must be for one of them. Raises
        LinkRefused.
        """
        token = self.token(text, Purpose.READ)
        if token.user_id not in user_ids:
            raise LinkRefused(Reason.BAD_TOKEN, "a token for another user")
        with response_deadline(self._services):
            return account_of(self._services, self._view, token.user_id)

    def add_bot_url(self, text: str | None) -> str:
        """Accept the token and return Discord's page to add the bot. Raises LinkRefused."""
        self.token(text, Purpose.ADD_BOT)
        return self._oauth.add_bot_url()
