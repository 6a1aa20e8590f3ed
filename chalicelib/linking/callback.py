"""What happens when Discord sends a person back: the account is linked and brought into the guild."""

from chalicelib import log
from chalicelib.discord.models import Account
from chalicelib.errors import LinkRefused, Reason, RolecallError
from chalicelib.linking.admission import Admission
from chalicelib.linking.attempts import claim_attempt
from chalicelib.linking.follow_ups import FollowUps
from chalicelib.linking.oauth import Authorisation, OAuth
from chalicelib.linking.refusals import JoinUnknown, page_refusal, refusal_for
from chalicelib.members.reporter import Reporter
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.attempts import Attempt

MAX_CODE = 1000  # characters; Discord's have 30


class Callback:
    """Finishes attempts to link."""

    def __init__(self, services: Services, oauth: OAuth, admission: Admission, reporter: Reporter) -> None:
        self._services = services
        self._oauth = oauth
        self._follow_ups = FollowUps(services)
        self._reporter = reporter
        self.admission = admission

    def finish(self, *, code: str | None, state: str | None, error: str | None, cookie: str | None) -> None:
        """Claim the attempt, exchange the code, link the account. The OAuth token is revoked whatever happens.

        Raises LinkRefused.
        """
        attempt = claim_attempt(state, cookie, now=self._services.now())
        if error:
            raise page_refusal(error)
        if not code or not state or len(code) > MAX_CODE:
            raise LinkRefused(Reason.BAD_STATE, "no code")
        authorisation = self._oauth.exchange(code, state)
        try:
            self._link(attempt, authorisation)
        finally:
            self._oauth.revoke(authorisation.access_token)

    def _link(self, attempt: Attempt, authorisation: Authorisation) -> None:
        """Store the link, then bring the account in: a crash in between leaves a link that the next job examines,
        never a member whom nobody knows.
        """
        account = authorisation.user
        before = self._prepare(attempt, account)
        try:
            self.admission.bring_in(attempt.user_id, authorisation)
        except JoinUnknown:
            # Without a link they could be a member with roles whom nobody looks after. VerifyLink finds out.
            self._reporter.linked(attempt.user_id, account)
            raise
        except RolecallError as error:
            self._undo(attempt, account, before)
            raise refusal_for(error) from error
        self._reporter.linked(attempt.user_id, account)
        log.info("linked", user_id=attempt.user_id, discord_id=account.id)

    def _prepare(self, attempt: Attempt, account: Account) -> users.User | None:
        """Record what the auth site stated, queue the follow-ups and store the link; return the user as before it."""
        user_id, now = attempt.user_id, self._services.now()
        if attempt.changed_at is not None:
            users.record_groups(user_id, attempt.groups, attempt.changed_at, now=now)
            users.record_nickname(user_id, attempt.nickname, attempt.changed_at, now=now)
        stated = users.get(user_id, now=now)
        self._follow_ups.verify(user_id)
        if stated and stated.link and stated.link.account.id != account.id:
            # The account that this one replaces must not keep its roles.
            self._follow_ups.remove_replaced(user_id, stated.link.account.id)
        return self._store_link(attempt, account)

    def _store_link(
        self, attempt: Attempt, account: Account, *, activated_at: int | None = None, imported_at: int = 0
    ) -> users.User | None:
        """Link the account; return the user as before."""
        try:
            return users.link(
                attempt.user_id,
                self._services.settings.guild_id,
                account,
                began_at=attempt.issued_at,
                opened_at=attempt.opened_at,
                now=self._services.now(),
                activated_at=activated_at,
                imported_at=imported_at,
            )
        except users.AccountTaken:
            raise LinkRefused(Reason.ALREADY_LINKED, f"account {account.id}") from None
        except users.UserDeletedSince:
            raise LinkRefused(Reason.EXPIRED, "the auth site deleted the user meanwhile") from None

    def _undo(self, attempt: Attempt, account: Account, before: users.User | None) -> None:
        """Restore the link, or its absence, as before: the account could not be brought in.

        If anything changed since, another callback of the same user may have brought it in, and VerifyLink decides.
        No job gave the account anything: jobs wait while a callback is at work.
        """
        user = users.get(attempt.user_id, now=self._services.now())
        unchanged = user is not None and user.version == (before.version if before else 0) + 1
        if not unchanged or not user or not user.link or user.link.account.id != account.id:
            return
        if before is None or before.link is None:
            users.unlink(attempt.user_id, account.id, now=self._services.now(), version=user.version)
        elif before.link.account.id != account.id:
            self._store_link(
                attempt,
                before.link.account,
                activated_at=before.link.activated_at,
                imported_at=before.imported_at,
            )
