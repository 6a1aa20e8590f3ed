"""Links of auth users to Discord accounts: a user has one at most, and so has an account."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass

from pynamodb.exceptions import TransactWriteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.discord.models import Account
from chalicelib.store import accounts, audit
from chalicelib.store.audit import Entry
from chalicelib.store.rows import AccountRow, UserRow, stored
from chalicelib.store.user import Link, PendingNotice, Previous, Statement, User
from chalicelib.store.user_rows import (
    MAX_ATTEMPTS,
    UNLINKED_RETENTION,
    connection,
    drop_expired,
    get,
    is_expired,
    owner_of,
    raise_unless_cancelled,
    updated,
    user_of,
)
from chalicelib.store.user_statements import statement_actions

JOIN_TIMEOUT = 60  # seconds; longer than API Gateway lets a callback run
LINK_COLUMNS = (  # what a row holds about its link, and about what was brought to Discord for it
    UserRow.guild_id,
    UserRow.discord_id,
    UserRow.username,
    UserRow.discriminator,
    UserRow.activated_at,
    UserRow.joining_until,
    UserRow.synced_at,
    UserRow.synced_version,
    UserRow.last_error,
    UserRow.problems,
    UserRow.failed_at,
    UserRow.looked_at,
    UserRow.looked_for,
    UserRow.answers,
    UserRow.untold_id,
    UserRow.claim,
    UserRow.issued_at,
    UserRow.opened_at,
    UserRow.previous,
    UserRow.leaving,
    UserRow.absent,
    UserRow.imported_at,
    UserRow.held_version,
    UserRow.kept_version,
    UserRow.waiting_version,
)


class AccountTaken(Exception):
    """The Discord account belongs to another auth user."""


class AccountParting(AccountTaken):
    """The Discord account is being removed from the guild just now, and can be linked afterwards."""


class UserDeletedSince(Exception):
    """The attempt to link is older than the last removal of the user."""


class ReplacesAnother(Exception):
    """The user has an account that the caller does not know of, and which the link would replace: `link`."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.link = link


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """By whom a link is stored, and when. Times are epoch seconds.

    `issued_at`: when the auth site issued the token, by its clock. `opened_at`: when Rolecall received it. `attempt`:
    the attempt's id; None if no callback is at work. `activated_at`: since when the account counts as linked, if not
    since now; then the link is put back. `notify`: the auth site is to be notified of a link that is put back.
    `imported_at`, `joining_until`, `previous`: of a link that is put back (see User, Link). Its own callback may be at
    work, or have died before its account was seen in the guild.
    """

    issued_at: float
    opened_at: float | None = None
    attempt: str | None = None
    activated_at: int | None = None
    notify: bool = False
    imported_at: int = 0
    joining_until: float = 0.0
    previous: Previous | None = None


def link(
    user_id: str,
    guild_id: int,
    account: Account,
    claim: Claim,
    *,
    now: float,
    known: Collection[int] | None = None,
    instead_of: str | None = None,
    stated: Statement | None = None,
) -> User | None:
    """Link the account to the user. Returns the user as stored before, None if the store had nothing about them.

    The link is marked as not yet notified, until `mark_notified`, unless it is put back. `known`: the accounts that
    the link may replace, any if None. `instead_of`: only if the link is still that attempt's. `stated`: stored with the
    link, where it is newer than what is stored. Raises AccountTaken if the account is another user's, AccountParting if
    it is just being removed from the guild, UserDeletedSince if the claim is older than a removal, ReplacesAnother.
    """
    for _ in range(MAX_ATTEMPTS):
        before = _current(user_id, now=now)
        # What is put back was there before the deletion that is held, and goes or stays with its answer.
        put_back = before is not None and before.deletion_held and claim.activated_at is not None
        if before and not put_back and before.barred.bars(claim.issued_at, claim.opened_at):
            raise UserDeletedSince
        old = before.link if before else None
        if instead_of is not None and (old is None or old.claim != instead_of):
            return before
        if known is not None and old and old.account.id not in (account.id, *known):
            raise ReplacesAnother(old)
        actions = _link_actions(guild_id, account, old, claim, now)
        if stated is not None:
            actions += statement_actions(before, stated)
        goes = old is not None and old.guild_id == guild_id and claim.activated_at is None
        if _link(user_id, account, before, actions, now=now, goes=goes):
            return before
        if owner_of(account.id) not in (None, user_id):
            raise AccountTaken
        if accounts.parting_until(account.id) > now:
            raise AccountParting
    raise AccountTaken


def _current(user_id: str, *, now: float) -> User | None:
    """The user as stored now; what is left of an expired one is dropped."""
    row = stored(UserRow, user_id)
    if row is None:
        return None
    if is_expired(row, now):
        drop_expired(user_id, now)
        return None
    return user_of(row)


def _link(
    user_id: str, account: Account, before: User | None, actions: list[Action], *, now: float, goes: bool
) -> bool:
    """Store the link in one transaction. `goes`: an account that it replaces is to be removed from the guild.

    Returns False if the user changed, or the account is another user's.
    """
    unchanged = _unchanged(before) if before else UserRow.user_id.does_not_exist()
    old = before.link if before else None
    try:
        with TransactWrite(connection=connection()) as write:
            write.save(
                AccountRow(account.id, user_id=user_id),
                condition=accounts.may_belong_to(user_id, now=now),
            )
            if old is not None and old.account.id != account.id:
                mine: Condition = AccountRow.user_id == user_id
                if goes:
                    write.save(accounts.replaced(old.account.id), condition=mine)
                else:
                    write.delete(AccountRow(old.account.id), condition=mine)
            write.update(UserRow(user_id), actions=actions, condition=unchanged)
    except TransactWriteError as error:
        raise_unless_cancelled(error)
        return False
    return True


def _unchanged(user: User) -> Condition:
    """The user is as it was read, and no deletion was held since: that leaves the version as it is."""
    hold: Condition = UserRow.held_version.does_not_exist()
    if user.held_version is not None:
        hold = UserRow.held_version == user.held_version
    unchanged: Condition = (UserRow.version == user.version) & hold
    return unchanged


def _link_actions(guild_id: int, account: Account, old: Link | None, claim: Claim, now: float) -> list[Action]:
    """The new values of the row. `old`: the link before."""
    put_back = claim.activated_at is not None  # no callback brings the member in
    again = old is not None and old.account.id == account.id
    activated_at = old.activated_at if old and again and not put_back else claim.activated_at
    actions: list[Action] = [
        UserRow.version.set((UserRow.version | 0) + 1),
        UserRow.guild_id.set(str(guild_id)),
        UserRow.discord_id.set(account.id),
        UserRow.username.set(account.username),
        UserRow.discriminator.set(account.discriminator),
        UserRow.activated_at.set(int(now) if activated_at is None else activated_at),
        _joining_action(int(claim.joining_until) if put_back else int(now) + JOIN_TIMEOUT),
        UserRow.claim.remove() if claim.attempt is None else UserRow.claim.set(claim.attempt),
        UserRow.issued_at.set(claim.issued_at),
        UserRow.opened_at.remove() if claim.opened_at is None else UserRow.opened_at.set(claim.opened_at),
        _previous_action(claim.previous if put_back else _replaced(old, guild_id, account)),
        UserRow.last_error.remove(),
        UserRow.problems.remove(),
        UserRow.deleted_at.remove(),
        UserRow.imported_at.set(claim.imported_at),
        UserRow.deleted_sent.remove(),
        UserRow.leaving.remove(),
        UserRow.absent.remove(),
        UserRow.expires_at.remove(),
    ]
    if not again:  # of an account that was linked before, the auth site was notified, or will be
        told = put_back and not claim.notify
        actions.append(UserRow.untold_id.remove() if told else UserRow.untold_id.set(account.id))
        actions.append(UserRow.answers.remove())
    return actions


def _replaced(old: Link | None, guild_id: int, account: Account) -> Previous | None:
    """The last account of the user that was seen in the guild, unless it is the one that is linked now."""
    if old is None or old.guild_id != guild_id:
        return None
    here = None if old.account.id == account.id else Previous(old.account, old.activated_at)
    previous = old.previous or here
    return None if previous and previous.account.id == account.id else previous


def _previous_action(previous: Previous | None) -> Action:
    return UserRow.previous.remove() if previous is None else UserRow.previous.set(asdict(previous))


def _joining_action(until: int) -> Action:
    return UserRow.joining_until.set(until) if until else UserRow.joining_until.remove()


def end_joining(user_id: str, claim: str | None) -> bool:
    """The callback of that attempt has ended: jobs need not wait for it any more.

    Returns False if the user's link is not that attempt's.
    """
    return claim is not None and updated(user_id, [UserRow.joining_until.remove()], UserRow.claim == claim)


def mark_seen(user: User) -> bool:
    """The account was seen in the guild: the one that it replaces can go. Returns False if the user has changed."""
    return updated(user.user_id, [UserRow.previous.remove()], UserRow.version == user.version)


def mark_notified(user_id: str, discord_id: int) -> None:
    """The auth site was notified that this account was linked to the user."""
    updated(user_id, [UserRow.untold_id.remove()], UserRow.untold_id == discord_id)


def notice_sent(user_id: str, notice: PendingNotice) -> None:
    """The auth site was notified of this."""
    updated(user_id, [UserRow.pending_notice.remove()], UserRow.pending_notice == asdict(notice))


def unlink(
    user_id: str,
    discord_id: int,
    *,
    now: float,
    version: int | None = None,
    notice: PendingNotice | None = None,
    entries: Iterable[Entry] = (),
) -> bool:
    """Remove the link to that account. Returns False if the user is not linked to it (any more).

    What the auth site stated is kept for a while. `version`: only if the user has not changed since then. `notice`:
    what the auth site is to be notified of then; it stays on the row until `notice_sent`. `entries`: of the audit
    trail, recorded in the same transaction.
    """
    actions: list[Action] = [
        UserRow.version.set(UserRow.version + 1),
        UserRow.expires_at.set(int(now) + UNLINKED_RETENTION),
        *(column.remove() for column in LINK_COLUMNS),
    ]
    if notice is not None:
        actions.append(UserRow.pending_notice.set(asdict(notice)))
    condition: Condition = UserRow.discord_id == discord_id
    if version is not None:
        condition &= UserRow.version == version
    try:
        with TransactWrite(connection=connection()) as write:
            write.update(UserRow(user_id), actions=actions, condition=condition)
            write.delete(
                AccountRow(discord_id),
                condition=AccountRow.discord_id.does_not_exist() | (AccountRow.user_id == user_id),
            )
            for entry in entries:
                write.save(audit.row(entry))
    except TransactWriteError as error:
        raise_unless_cancelled(error)
        return False
    return True


def of_account(discord_id: int, *, now: float) -> User | None:
    """The user to whom this Discord account is linked."""
    user_id = owner_of(discord_id)
    return get(user_id, now=now) if user_id else None


def links_between(guild_id: int, after: int, upto: int, *, most: int | None = None) -> Iterator[User]:
    """The guild's linked users, ascending by Discord id, above `after`, up to `upto`. May lag a moment behind."""
    span = UserRow.discord_id.between(after + 1, upto)
    return (user_of(row) for row in UserRow.links.query(str(guild_id), span, limit=most))
