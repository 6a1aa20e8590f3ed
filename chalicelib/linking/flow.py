"""The OAuth story: start, finish, unlink; and what the auth site reads. Who cannot be served, LinkRefused says why."""

import hashlib
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from chalicelib import log
from chalicelib.delivery.delivery import Delivery
from chalicelib.discord.errors import BAD_OAUTH_TOKEN, BANNED, GUILD_LIMIT
from chalicelib.discord.models import Account, Member
from chalicelib.discord.rate_limit import Lane
from chalicelib.errors import (
    CallsHalted,
    DiscordUnavailable,
    Failure,
    GiveUp,
    LinkRefused,
    NotPermitted,
    Reason,
    Refused,
    RolecallError,
    TryAgain,
    UnknownMember,
    UnknownRole,
    Wait,
)
from chalicelib.linking.attempts import Attempt, claim_attempt, open_attempt
from chalicelib.linking.oauth import Authorisation, OAuth, stopped
from chalicelib.linking.tokens import Purpose, Token, read_token
from chalicelib.members.context import PERSON_PATIENCE, JobContext, rules_of
from chalicelib.members.plan import Change, Desired, news, plan_change
from chalicelib.members.reporter import Reporter
from chalicelib.messages import DeleteUser, Parts, RemoveReplacedAccount, UpdateAll, VerifyLink, encode
from chalicelib.queues import Progress
from chalicelib.services import Services
from chalicelib.store import attempts, audit, users

JOIN_CONTEXT = JobContext(Lane.URGENT, "link", patience=PERSON_PATIENCE)
JOIN_OPTIONS = replace(JOIN_CONTEXT.options(), reason="Rolecall: linked by the member")
PART_AFTER = 30  # seconds until an account that was replaced is removed: by then the new link stands or never will
CHECK_AFTER = 90  # seconds until it is looked at whether the callback did it all; none lasts that long
ANSWERED_WITHIN = 27.0  # seconds; API Gateway and the function end after 29, of which a new process takes some to begin
LETTING_IN = 8.0  # seconds that must be left to let somebody in: what has no answer in time may happen all the same
JOINED = "joined"  # in the audit trail
PERHAPS_JOINED = "perhaps joined"  # Discord was asked to let them in with this, and did not answer
# What Discord's page says by sending a person back with an error (RFC 6749, section 4.1.2.1).
AT_DISCORD = {
    "access_denied": Reason.DENIED,
    "server_error": Reason.DISCORD_UNAVAILABLE,
    "temporarily_unavailable": Reason.DISCORD_UNAVAILABLE,
}


class UnlinkedSince(LinkRefused):
    """The link went while the callback ran."""


class JoinUnknown(LinkRefused):
    """Discord did not say whether it let the person in."""


@dataclass(frozen=True, slots=True)
class Started:
    """Where to send a person, and the attempt's state and cookie."""

    url: str
    state: str
    cookie: str


class LinkFlow:
    """What the HTTP routes do."""

    def __init__(self, services: Services, oauth: OAuth, delivery: Delivery) -> None:
        self._services = services
        self._oauth = oauth
        self._reconciler = delivery.reconciler
        self._view = delivery.view
        self._rules = rules_of(services)
        self._reporter = Reporter(services, delivery.view)

    # --- tokens ---

    def token(self, text: str | None, purpose: Purpose, *, use: bool = True) -> Token:
        """The token, used up unless `use` is False. Raises LinkRefused."""
        now = self._services.now()
        token = read_token(text, purpose, secret=self._services.settings.auth_site_secret, now=now)
        log.about(token.user_id)
        key = f"jti:{hashlib.sha256(token.jti.encode()).hexdigest()}"
        fresh = attempts.use_once(key, expires_at=token.expires_at) if use else attempts.find(key) is None
        if not fresh:
            raise LinkRefused(Reason.BAD_TOKEN, "used before")
        return token

    # --- linking ---

    def start(self, text: str | None) -> Started:
        """Check the token, open an attempt."""
        token = self.token(text, Purpose.LINK)
        state, cookie = open_attempt(token, now=self._services.now())
        log.info("link_started", user_id=token.user_id)
        return Started(self._oauth.authorise_url(state), state, cookie)

    def finish(self, *, code: str | None, state: str | None, error: str | None, cookie: str | None) -> None:
        """Finish the attempt: the account is linked, in the guild, with roles and nickname, or will have them soon."""
        with self._in_time():
            self._finish(code, state, error, cookie)

    def _in_time(self) -> AbstractContextManager[None]:
        """Discord is asked only as long as the person can still be answered."""
        return self._services.discord.until(self._services.now() + ANSWERED_WITHIN)

    def _finish(self, code: str | None, state: str | None, error: str | None, cookie: str | None) -> None:
        attempt = claim_attempt(state, cookie, now=self._services.now())
        if error:
            raise LinkRefused(AT_DISCORD.get(error, Reason.MISCONFIGURED), "said by Discord's page")
        if not code or not state or len(code) > 1000:
            raise LinkRefused(Reason.BAD_STATE, "no code")
        authorisation = self._oauth.exchange(code, state)
        try:
            self._link(attempt, authorisation)
        finally:
            self._oauth.revoke(authorisation.access_token)

    def _link(self, attempt: Attempt, authorisation: Authorisation) -> None:
        """The link is stored first: a crash leaves a link that the next job examines, never a member unknown to us."""
        now, account = self._services.now(), authorisation.user
        users.record_groups(attempt.user_id, attempt.groups, attempt.changed_at, now=now)
        told = users.record_nickname(attempt.user_id, attempt.nickname, attempt.changed_at, now=now)
        self._promise(VerifyLink(user_id=attempt.user_id), CHECK_AFTER)
        if told.link and told.link.account.id != account.id:
            # The account that this one replaces must not keep its roles.
            self._promise(RemoveReplacedAccount(user_id=attempt.user_id, discord_id=told.link.account.id), PART_AFTER)
        before = self._claim(attempt, account)
        try:
            self._bring_in(attempt.user_id, authorisation)
        except JoinUnknown:
            # Unlinked, they would be a member with roles whom nobody looks after. CheckLink finds out.
            self._notify_linked(attempt.user_id, account)
            raise
        except RolecallError as error:
            self._undo(attempt, account, before)
            raise _refusal_for(error) from error
        self._notify_linked(attempt.user_id, account)
        log.info("linked", user_id=attempt.user_id, discord_id=account.id)

    def _notify_linked(self, user_id: str, account: Account) -> None:
        """Tell the auth site of the link. Whoever dies in between is told of twice: better than never."""
        self._services.notices.linked(user_id, account.id, account.shown, now=self._services.now())
        users.mark_notified(user_id, account.id)

    def _undo(self, attempt: Attempt, account: Account, before: users.User | None) -> None:
        """The account could not be brought in: all is as it was, the account that was linked before included.

        Where anything moved since, another callback of the same user may have brought it in: CheckLink decides then.
        Jobs gave it nothing: they wait as long as a callback is at work.
        """
        user = users.get(attempt.user_id, now=self._services.now())
        unmoved = user is not None and user.version == (before.version if before else 0) + 1
        if not unmoved or not user or not user.link or user.link.account.id != account.id:
            return
        if before is None or before.link is None:
            users.unlink(attempt.user_id, account.id, now=self._services.now(), version=user.version)
        elif before.link.account.id != account.id:
            self._claim(attempt, before.link.account, activated_at=before.link.activated_at)

    def _promise(self, job: VerifyLink | RemoveReplacedAccount, delay: int) -> None:
        """A job that looks at what became of this callback, even if it dies half-way."""
        self._services.queues.bulk(encode(job), Progress(log.bound(), self._services.now()), delay=delay)

    def _claim(self, attempt: Attempt, account: Account, *, activated_at: int | None = None) -> users.User | None:
        """Link the account; the user as they were before."""
        now = self._services.now()
        try:
            return users.link(
                attempt.user_id,
                self._services.settings.guild_id,
                account,
                began_at=attempt.issued_at,
                opened_at=attempt.opened_at,
                now=now,
                activated_at=activated_at,
            )
        except users.AccountTaken:
            raise LinkRefused(Reason.ALREADY_LINKED, f"account {account.id}") from None
        except users.UserDeletedSince:
            raise LinkRefused(Reason.EXPIRED, "the auth site deleted the user meanwhile") from None

    def _bring_in(self, user_id: str, authorisation: Authorisation) -> None:
        """Join with roles and nickname in one request (201); a member who is there already is made right (204)."""
        account = authorisation.user
        user = self._linked(user_id, account.id)
        change = self._on_joining(user, authorisation)
        joined, whole = self._join(user, authorisation, change)
        writes = self._reconciler.writes
        try:
            if not whole or change.create or not self._settled(user, change):
                self._reconciler.reconcile(self._linked(user_id, account.id), Parts.ALL, JOIN_CONTEXT)
        except TryAgain as later:
            # They are in and linked; the rest can follow without them waiting for it.
            log.info("link_completed_later", user_id=user_id, why=str(later))
            self._complete_later(user_id, self._services.settings.retry_pause if isinstance(later, Failure) else 0)
        except UnlinkedSince:
            self._promise(RemoveReplacedAccount(user_id=user_id, discord_id=account.id), 0)
            raise
        except GiveUp as error:
            if not joined and self._reconciler.writes == writes:
                raise
            # Who was brought in, or given something, stays linked: else nobody would look after them.
            log.warning("link_incomplete", user_id=user_id, why=str(error))
            self._complete_later(user_id, 0)

    def _complete_later(self, user_id: str, pause: float) -> None:
        """A job does the rest, after `pause` seconds and by a look of its own: what had no answer may arrive late."""
        now = self._services.now()
        users.end_joining(user_id)
        progress = Progress(log.bound(), now, touched=now, due=now + pause)
        self._services.queues.jobs(encode(UpdateAll(user_id=user_id)), progress, delay=pause)

    def _settled(self, user: users.User, change: Change) -> bool:
        """Record that they are as they should be. False where what should be has changed meanwhile.

        A problem is told before it is on record: who dies in between tells it again, not never.
        """
        self._view.remember(change.role_by_group)
        if user.link:
            for problem in news(change.problem, user.last_error):
                self._reporter.report(user, user.link, problem)
        return users.mark_synced(user, now=self._services.now(), error=change.problem)

    def _join(self, user: users.User, authorisation: Authorisation, change: Change) -> tuple[bool, bool]:
        """Whether they joined now, or may have (else they were in), and whether they are known to have all of `change`.

        Raises MaybeIn where Discord did not say.
        """
        try:
            return self._let_in(user, authorisation, change)
        except (UnknownRole, NotPermitted) as refused:
            # A role that is gone, or a nickname that may not be set, must keep nobody out: they join bare.
            log.warning("joins_bare", discord_id=authorisation.user.id, code=refused.code)
            self._view.refresh(JOIN_OPTIONS)
            bare = replace(change, give=frozenset(), nickname=None)
            return self._let_in(user, authorisation, bare)[0], False

    def _let_in(self, user: users.User, authorisation: Authorisation, change: Change) -> tuple[bool, bool]:
        """Let them in with what `change` gives, on record. Where they were in, nothing was changed."""
        if self._services.discord.seconds_left < LETTING_IN:
            raise Wait("too little time is left to let them in")
        account = authorisation.user
        newcomer = Member(account, None, frozenset())
        entry = self._reporter.entry(user, newcomer, change, JOIN_CONTEXT)  # before, while the roles are called so
        try:
            joined = self._services.discord.join(
                account.id, authorisation.access_token, change.give, change.nickname, JOIN_OPTIONS
            )
        except DiscordUnavailable as error:
            is_in = self._is_in(account.id) if error.answered else None
            if error.undone or is_in is False:
                raise  # nothing happened, and nothing will
            audit.keep(replace(entry, what=PERHAPS_JOINED))
            if is_in is None:
                raise JoinUnknown(Reason.DISCORD_UNAVAILABLE, str(error)) from error
            return True, False
        if joined:
            audit.keep(replace(entry, what=JOINED))
        return joined, joined

    def _is_in(self, discord_id: int) -> bool | None:
        """Are they a member? None where Discord does not say."""
        try:
            self._services.discord.member(discord_id, JOIN_OPTIONS)
        except UnknownMember:
            return False
        except RolecallError:
            return None
        return True

    def _linked(self, user_id: str, discord_id: int) -> users.User:
        """The user as stored now. Raises UnlinkedMeanwhile where they are no longer linked to this account."""
        user = users.get(user_id, now=self._services.now())
        if user is None or user.link is None or user.link.account.id != discord_id:
            raise UnlinkedSince(Reason.EXPIRED, "unlinked while linking")
        return user

    def _on_joining(self, user: users.User, authorisation: Authorisation) -> Change:
        """What a new member starts with. Roles are created before, so that one request is enough.

        Where they cannot be created just now, because another worker is at it, say, or in time, they are left in
        `create`.
        """
        newcomer = Member(authorisation.user, None, frozenset())
        desired = Desired(user.groups, user.nickname)

        def plan() -> Change:
            guild = self._view.facts(JOIN_OPTIONS)
            return plan_change(newcomer, desired, guild, self._rules, known_role_ids=self._view.known_role_ids)

        change = plan()
        if not change.create:
            return change
        spare = self._services.discord.seconds_left - LETTING_IN
        try:
            with self._services.discord.until(self._services.now() + spare):
                problem = self._view.create_roles(change.create, JOIN_OPTIONS)
        except TryAgain as later:
            log.info("roles_follow_later", user_id=user.user_id, why=str(later))
            return change
        change = plan()
        return replace(change, create=(), problem=problem or change.problem)

    # --- unlinking, reading ---

    def unlink(self, text: str | None) -> None:
        """Remove the member from the guild and the link from the store; the auth site is told."""
        token = self.token(text, Purpose.UNLINK)
        job = DeleteUser(user_id=token.user_id, notify=True)
        try:
            with self._in_time():
                self._reconciler.change(job, JobContext(Lane.URGENT, "unlink", patience=PERSON_PATIENCE))
        except TryAgain as later:
            # Asked for is asked for: the queue goes on where this request had to stop.
            log.info("unlink_queued", user_id=token.user_id, why=str(later))
            progress = Progress(trace=log.bound(), since=self._services.now())
            self._services.queues.jobs(encode(job), progress)
        except GiveUp as error:
            raise _refusal_for(error) from error

    def account(self, text: str | None, *user_ids: str) -> dict[str, Any] | None:
        """What the auth site's own page shows of a user; None where they have no link. Times are epoch ms.

        `user_ids`: whom the request may mean. The token decides, and must be for one of them.
        """
        token = self.token(text, Purpose.READ)
        if token.user_id not in user_ids:
            raise LinkRefused(Reason.BAD_TOKEN, "a token for another user")
        user = users.get(token.user_id, now=self._services.now())
        if user is None or user.link is None:
            return None
        with self._in_time():
            server_name = self._view.name(JOIN_OPTIONS)
        return {
            "user_id": user.user_id,
            "discord_id": str(user.link.account.id),
            "username": user.link.account.shown,
            "activated_at": user.link.activated_at * 1000,
            "synced_at": None if user.synced_at is None else user.synced_at * 1000,
            "last_error": user.last_error,
            "server_name": server_name,
        }

    def add_bot_url(self, text: str | None) -> str:
        """Discord's page to add the bot, for the holder of the token."""
        self.token(text, Purpose.ADD_BOT)
        return self._oauth.add_bot_url()


def _refusal_for(error: RolecallError) -> LinkRefused:
    """Discord's no, as one of the reasons that a person is told."""
    if isinstance(error, LinkRefused):
        return error
    if isinstance(error, CallsHalted):
        return stopped(error)
    if isinstance(error, TryAgain):
        return LinkRefused(Reason.DISCORD_UNAVAILABLE, str(error))
    code = error.code if isinstance(error, Refused) else 0
    known = {BANNED: Reason.BANNED, GUILD_LIMIT: Reason.GUILD_LIMIT, BAD_OAUTH_TOKEN: Reason.EXPIRED}
    return LinkRefused(known.get(code, Reason.MISCONFIGURED), str(error))
