"""What happens when Discord sends a person back: the account is linked and brought into the guild."""

from contextlib import suppress

from chalicelib import log
from chalicelib.discord.models import Account
from chalicelib.errors import LinkRefused, Reason, RolecallError
from chalicelib.linking.admission import Admission
from chalicelib.linking.attempts import claim_of, is_refused, note_refusal, use_attempt
from chalicelib.linking.follow_ups import FollowUps
from chalicelib.linking.oauth import Authorisation, OAuth
from chalicelib.linking.refusals import JoinUnknown, page_refusal, refusal_for
from chalicelib.members.context import MAX_ROUNDS
from chalicelib.members.guild import GuildView
from chalicelib.members.reporter import Reporter
from chalicelib.services import Services
from chalicelib.store import users
from chalicelib.store.attempts import Attempt

MAX_CODE = 1000  # characters; Discord's have 30
MAX_PARTING_WAIT = 5  # seconds that a callback waits for the removal of its account from the guild; it takes one
MAX_REPEAT_WAIT = 15  # seconds that a repeated call waits for the first one


class Callback:
    """Finishes attempts to link."""

    def __init__(
        self, services: Services, view: GuildView, oauth: OAuth, admission: Admission, reporter: Reporter
    ) -> None:
        self._services = services
        self._view = view
        self._oauth = oauth
        self._follow_ups = FollowUps(services)
        self._reporter = reporter
        self.admission = admission

    def finish(self, *, code: str | None, state: str | None, error: str | None, cookie: str | None) -> None:
        """Use the attempt up, exchange the code, link the account. The OAuth token is revoked whatever happens.

        A repeated call ends as the first one does. Raises LinkRefused.
        """
        attempt, first = use_attempt(state, cookie, now=self._services.now())
        if state is None or not first:
            self._repeated(attempt, state or "")
            return
        try:
            self._finish_once(attempt, code, state, error)
        except LinkRefused:
            note_refusal(state, attempt)
            raise

    def _repeated(self, attempt: Attempt, state: str) -> None:
        """Wait for the call that came first. Raises LinkRefused unless it linked the account."""
        for _ in range(MAX_REPEAT_WAIT):
            user = users.get(attempt.user_id, now=self._services.now())
            link = user.link if user else None
            if link and link.claim == claim_of(state) and link.joining_until <= self._services.now():
                log.info("callback_repeated", user_id=attempt.user_id)
                return
            if is_refused(state):
                break
            self._services.clock.sleep(1.0)
        raise LinkRefused(Reason.BAD_STATE, "used before")

    def _finish_once(self, attempt: Attempt, code: str | None, state: str, error: str | None) -> None:
        if error:
            raise page_refusal(error)
        if not code or len(code) > MAX_CODE:
            raise LinkRefused(Reason.BAD_STATE, "no code")
        authorisation = self._oauth.exchange(code, state)
        try:
            self._link(attempt, claim_of(state), authorisation)
        finally:
            self._oauth.revoke(authorisation.access_token)

    def _link(self, attempt: Attempt, claim: str, authorisation: Authorisation) -> None:
        """Store the link, then bring the account in: a crash in between leaves a link that the next job examines,
        never a member whom nobody knows.
        """
        account = authorisation.user
        before = self._prepare(attempt, claim, account)
        try:
            follows = self.admission.bring_in(attempt.user_id, authorisation)
        except JoinUnknown:
            # Without a link they could be a member with roles whom nobody looks after. VerifyLink finds out.
            self._reporter.linked(attempt.user_id, account)
            raise
        except RolecallError as error:
            self._undo(attempt, claim, before)
            raise refusal_for(error) from error
        self._reporter.linked(attempt.user_id, account)
        if follows:
            self._follow_ups.compare(attempt.user_id)
        log.info("linked", user_id=attempt.user_id, discord_id=account.id)

    def _prepare(self, attempt: Attempt, claim: str, account: Account) -> users.User | None:
        """Queue the follow-ups, store the link and what the auth site stated; return the user as before it."""
        self._follow_ups.verify(attempt.user_id)
        try:
            return self._store_link(attempt, claim, account)
        except LinkRefused as refused:
            if refused.reason is not Reason.EXPIRED:  # else it is older than the removal, and must not cancel it
                self._record_statement(attempt)  # it is no less true
            raise

    def _store_link(self, attempt: Attempt, claim: str, account: Account) -> users.User | None:
        """Link the account; return the user as before. The account that it replaces must not keep its roles."""
        known: set[int] = set()
        for _ in range(MAX_ROUNDS):
            try:
                return self._store_link_once(attempt, claim, account, known)
            except users.ReplacesAnother as another:
                known.add(another.link.account.id)
                if self._view.is_its_own(another.link):
                    self._follow_ups.remove_replaced(attempt.user_id, another.link)
        raise LinkRefused(Reason.DISCORD_UNAVAILABLE, "the user's account changed meanwhile, again and again")

    def _store_link_once(self, attempt: Attempt, claim: str, account: Account, known: set[int]) -> users.User | None:
        """Link the account; return the user as before. If the account is being removed just now, wait for the end."""
        by = users.Claim(issued_at=attempt.issued_at, opened_at=attempt.opened_at, attempt=claim)
        guild_id, user_id, stated = self._services.settings.guild_id, attempt.user_id, None
        if attempt.changed_at is not None:
            stated = users.Statement(attempt.groups, attempt.nickname, attempt.changed_at)
        try:
            for _ in range(MAX_PARTING_WAIT):
                with suppress(users.AccountParting):
                    now = self._services.now()
                    return users.link(user_id, guild_id, account, by, now=now, known=known, stated=stated)
                self._services.clock.sleep(1.0)
            raise LinkRefused(Reason.DISCORD_UNAVAILABLE, f"account {account.id} is being removed from the guild")
        except users.AccountTaken:
            raise LinkRefused(Reason.ALREADY_LINKED, f"account {account.id}") from None
        except users.UserDeletedSince:
            raise LinkRefused(Reason.EXPIRED, "the user was removed meanwhile") from None

    def _record_statement(self, attempt: Attempt) -> None:
        """Record what the auth site stated of a user whose link was not stored."""
        if attempt.changed_at is not None:
            now = self._services.now()
            users.record_groups(attempt.user_id, attempt.groups, attempt.changed_at, now=now)
            users.record_nickname(attempt.user_id, attempt.nickname, attempt.changed_at, now=now)

    def _undo(self, attempt: Attempt, claim: str, before: users.User | None) -> None:
        """Restore the link, or its absence, as before: the account could not be brought in.

        If the link is no longer this callback's claim, another callback of the same user may have brought it in, and
        VerifyLink decides. No job gave the account anything: jobs wait while a callback is at work.
        """
        old = before.link if before else None
        for _ in range(MAX_ROUNDS):
            now = self._services.now()
            user = users.get(attempt.user_id, now=now)
            if user is None or user.link is None or user.link.claim != claim:
                return
            account = user.link.account
            if old is None or not self._view.is_its_own(old):
                if users.unlink(user.user_id, account.id, now=now, version=user.version):
                    return
            elif old.account.id == account.id:
                users.end_joining(user.user_id, claim)
                return
            elif self._put_back(attempt, claim, old, before.imported_at if before else 0):
                return

    def _put_back(self, attempt: Attempt, claim: str, old: users.Link, imported_at: int) -> bool:
        """Link the account of before again. Returns False if it is somebody else's, or is to go, by now.

        It may be that of another callback, which is at work, or died before the account was seen in the guild.
        """
        by = users.Claim(
            issued_at=attempt.issued_at,
            opened_at=attempt.opened_at,
            attempt=old.claim,
            activated_at=old.activated_at,
            notify=old.notify_pending,
            imported_at=imported_at,
            joining_until=old.joining_until,
            previous=old.previous,
        )
        try:
            users.link(attempt.user_id, old.guild_id, old.account, by, now=self._services.now(), instead_of=claim)
        except (users.AccountTaken, users.UserDeletedSince):
            return False
        return True
