"""What the HTTP routes do: start and finish linking, unlink, show an account. A refusal is raised as LinkRefused.

Tokens and the first click are in `entrance`.
"""

from collections.abc import Callable
from typing import Any

from msgspec import structs

from chalicelib.errors import LinkRefused, Reason
from chalicelib.linking.account import account_of
from chalicelib.linking.admission import Admission
from chalicelib.linking.callback import Callback
from chalicelib.linking.context import response_deadline
from chalicelib.linking.entrance import Entrance
from chalicelib.linking.oauth import OAuth
from chalicelib.linking.tokens import Purpose
from chalicelib.linking.unlink import UNLINK_AGAIN, enqueue_unlinking, unlink_user
from chalicelib.members.guild import GuildView
from chalicelib.members.reconciler import Reconciler
from chalicelib.members.reporter import Reporter
from chalicelib.messages import UnlinkUser
from chalicelib.services import Services


class LinkFlow(Entrance):
    """One method for each route, those of the entrance included.

    Discord is asked only as long as the person can still be answered.
    """

    def __init__(self, services: Services, oauth: OAuth, reconciler: Reconciler, view: GuildView) -> None:
        super().__init__(services.settings, services.now)
        self._services = services
        self._reconciler = reconciler
        self._view = view
        self.callback = Callback(services, view, oauth, Admission(services, reconciler, view), Reporter(services, view))

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
